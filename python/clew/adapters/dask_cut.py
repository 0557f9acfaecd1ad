"""Cuts a graph where results are known; the remaining tasks store their results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from dask import get
from dask._task_spec import DataNode, Task, convert_legacy_graph

from .. import tasks
from ..counts import Counts
from ..tasks import Kept, Place, known
from .dask_graph import Description, inputs_first, is_of_workers, is_task

#: Larger results (in bytes) are read by workers, not sent through the client.
_SENT = 1 << 20


class Graph:
    """A graph as a scheduler receives it."""

    def __init__(
        self,
        dsk: Any,
        given: Mapping[Any, bytes | None],
        place: Place,
        is_sent: bool,
        is_shared: bool = False,
    ) -> None:
        annotations: dict[str, dict[Any, Any]] = getattr(dsk, "__dask_annotations__", dict)()
        self.never = {key for key, word in annotations.get("clew", {}).items() if word == "never"}
        plain = dsk.__dask_graph__() if hasattr(dsk, "__dask_graph__") else dsk
        self.nodes: dict[Any, Any] = convert_legacy_graph(dict(plain))
        self.place, self.is_sent, self.is_shared = place, is_sent, is_shared
        self.given = dict(given)
        described = Description(self.nodes, given, self.never)
        found, files = tasks.keyed(described.items)
        placed = [(key, at) for key, at in described.places.items() if at < len(found)]
        made = dict.fromkeys(described.places, "it is excluded") | {key: found[at] for key, at in placed}
        #: The files that are part of each key.
        self.files = {key: files[at] for key, at in placed}
        self.keys = {key: one for key, one in made.items() if isinstance(one, bytes)}
        self.whys = {key: one for key, one in made.items() if isinstance(one, str)}

    def cut(self, wanted: list[Any]) -> tuple[dict[Any, Any], dict[Any, bytes | None]]:
        needed = list(inputs_first(self.nodes, wanted))
        counted = Counts(total=sum(is_task(self.nodes[key]) for key in needed))
        lasts, made, waiting = self.lasts(wanted), dict[Any, Any](), list(wanted)
        while waiting:
            key = waiting.pop()
            node = self.nodes.get(key)
            if key in made or node is None:
                continue
            made[key] = self.stored(key, node) if self.is_kept(key, node) else None
            if made[key] is not None:
                counted.loaded += 1
                continue
            made[key] = self.keeping(key, node, key in lasts) if self.is_kept(key, node) else node
            waiting.extend(node.dependencies)
            if is_task(node):
                counted.run += 1
                if (why := self.whys.get(key)) is not None:
                    counted.keyless[why] = counted.keyless.get(why, 0) + 1
        tasks.count(counted)
        return made, {key: self.keys.get(key) for key in wanted}

    def lasts(self, wanted: Iterable[Any]) -> set[Any]:
        """Returns the keys of requested results, and of the inputs of tasks that run each time. Their results are stored however quick they
        were, so that nothing else needs to rerun."""
        found, waiting = set[Any](), list(wanted)
        while waiting:
            key = waiting.pop()
            if key in found or key not in self.nodes:
                continue
            found.add(key)
            if not self.is_kept(key, self.nodes[key]):
                waiting.extend(self.nodes[key].dependencies)
        return found

    def is_kept(self, key: Any, node: Any) -> bool:
        """Returns whether a node's result can be stored. The results of shuffles remain in their workers."""
        is_plain = key in self.keys and is_task(node) and not node.is_coro and not is_of_workers(node)
        return is_plain and not (self.is_shared and _is_given_memory(node))

    def keeping(self, key: Any, node: Any, is_last: bool) -> Any:
        made: Any = node.copy()
        inputs = [self.keys[one] for one in node.dependencies if one in self.keys]
        changed = None if self.is_sent else partial(self.changed, key, is_last)
        made.func = Kept(node.func, self.place, self.keys[key], is_last, self.files[key], inputs, changed)
        return made

    def changed(self, key: Any, is_last: bool) -> list[bytes]:
        """Returns the keys of tasks whose functions or arguments have changed since the keys were computed. Checks this task; for a last
        one, also all tasks that go into it, because it may have used their results without these being stored."""
        below = list(inputs_first(self.nodes, [key])) if is_last else [key]
        described = Description(
            {one: self.nodes[one] for one in below}, self.given | self.keys_beside(below), self.never
        )
        found = dict(enumerate(tasks.keys(described.items)))
        return [
            self.keys[one]
            for one in below
            if one in self.keys and found.get(described.places[one]) != self.keys[one]
        ]

    def keys_beside(self, nodes: list[Any]) -> dict[Any, bytes]:
        """Returns the keys of the inputs of nodes that are not among the nodes."""
        inputs = {one for key in nodes for one in self.nodes[key].dependencies} - set(nodes)
        return {one: self.keys[one] for one in inputs if one in self.keys}

    def stored(self, key: Any, node: Any) -> Any:
        """Returns a node that provides the known result; `None` if there is none."""
        found = tasks.known(self.place, self.keys[key])
        if found is None:
            return None
        if not self.is_sent or found.length <= _SENT:
            return DataNode(key, found.value)
        below = {one: self.nodes[one] for one in inputs_first(self.nodes, [key])}
        if any(one not in below for each in below.values() for one in each.dependencies):
            return None
        return Task(key, Loaded(self.place, self.keys[key], below, key))


def _is_given_memory(node: Any) -> bool:
    """Returns whether a task gets an array or frame directly. On workers in the session's process it may change the session's own
    object."""
    given = (one.value if isinstance(one, DataNode) else one for one in (*node.args, *node.kwargs.values()))
    return any(
        type(one).__module__.partition(".")[0] in ("numpy", "pandas") or type(one) is bytearray
        for one in given
    )


@dataclass(slots=True)
class Loaded:
    """Reads a known result where it is needed. Computes it if it is gone by then, or not accessible there."""

    place: Place
    key: bytes
    graph: dict[Any, Any]
    name: Any

    def __call__(self) -> Any:
        found = known(self.place, self.key)
        return get(self.graph, self.name) if found is None else found.value
