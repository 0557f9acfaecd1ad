"""Describes Dask graphs without Dask's names: functions, their arguments, and the dependencies between tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dask._task_spec import Alias, DataNode, GraphNode, Task, TaskRef, _execute_subgraph

from ..tasks import CALL, INPUT, KNOWN, NOWHERE, VALUE, is_kept_out

Item = tuple[Any, Any, list[int]]


def is_of_workers(node: Any) -> bool:
    """Returns whether a node has effects on its worker that no result contains, as a part of a shuffle has; also if it was fused with other
    nodes."""
    if isinstance(node, Task):
        if node.func is _execute_subgraph:
            return any(map(is_of_workers, (*node.args[0].values(), *node.args[3:])))
        module, name = (str(getattr(node.func, of, "")) for of in ("__module__", "__name__"))
        is_here = module.startswith("distributed.") or (
            module.startswith("dask.") and name.endswith("transfer")
        )
        return is_here or any(map(is_of_workers, (*node.args, *node.kwargs.values())))
    return False


def is_task(node: Any) -> bool:
    """Returns whether a node calls a function. Containers and aliases only hold the results of others."""
    return type(node) is Task


def inputs_first(nodes: Mapping[Any, Any], wanted: Iterable[Any] | None = None) -> Iterator[Any]:
    """Yields keys of nodes, each after its inputs; only those that the wanted ones need."""
    done: set[Any] = set()
    for first in list(nodes) if wanted is None else wanted:
        waiting = [first]
        while waiting:
            key = waiting[-1]
            node = nodes.get(key)
            missing = (
                () if node is None or key in done else [one for one in node.dependencies if one not in done]
            )
            if missing:
                waiting.extend(missing)
                continue
            waiting.pop()
            if key not in done:
                done.add(key)
                if node is not None:
                    yield key


class Description:
    """The tasks of a graph, in the form from which the engine computes keys, and the position of each node."""

    def __init__(self, nodes: Mapping[Any, Any], given: Mapping[Any, bytes | None], never: set[Any]) -> None:
        self.items: list[Item] = []
        self.given = given
        self.places: dict[Any, int] = {}
        for key in inputs_first(nodes):
            self.places[key] = NOWHERE if key in never else self.node(nodes[key], self.places)

    def node(self, node: Any, places: dict[Any, int]) -> int:
        if isinstance(node, Alias):
            return self.input(node.target, places)
        if isinstance(node, Task) and node.func is _execute_subgraph:
            return self.subgraph(node, places)
        if isinstance(node, Task):
            if is_kept_out(node.func):
                return NOWHERE
            inputs: list[int] = []
            return self.add((node.func, self.arguments(node, inputs, places), inputs))
        value = node.value if isinstance(node, DataNode) else node
        return self.add((None, (VALUE, value), []))

    def add(self, item: Item) -> int:
        self.items.append(item)
        return len(self.items) - 1

    def input(self, key: Any, places: dict[Any, int]) -> int:
        if key not in places:
            made = self.given.get(key)
            places[key] = NOWHERE if made is None else self.add((None, (KNOWN, made), []))
        return places[key]

    def subgraph(self, node: Any, places: dict[Any, int]) -> int:
        """Describes a task that runs its own graph like the last task of that graph, so that fusing does not change keys."""
        inner, last, names, *values = node.args
        inside = {}
        for name, value in zip(names, values, strict=True):
            inside[name] = (
                self.input(value.key, places)
                if isinstance(value, TaskRef)
                else self.node(value if isinstance(value, GraphNode) else DataNode(name, value), places)
            )
        for key in inputs_first(inner):
            inside[key] = self.node(inner[key], inside)
        return inside[last]

    def arguments(self, node: Any, inputs: list[int], places: dict[Any, int]) -> Any:
        named = node.kwargs
        return (
            [self.argument(one, inputs, places) for one in node.args],
            [(name, self.argument(named[name], inputs, places)) for name in named] if named else None,
        )

    def argument(self, one: Any, inputs: list[int], places: dict[Any, int]) -> Any:
        if isinstance(one, TaskRef):
            return self.reference(one.key, inputs, places)
        if not isinstance(one, GraphNode):
            return (VALUE, one)
        if isinstance(one, Alias):
            return self.reference(one.target, inputs, places)
        if isinstance(one, DataNode):
            return (VALUE, one.value)
        return (CALL, one.func, self.arguments(one, inputs, places))

    def reference(self, key: Any, inputs: list[int], places: dict[Any, int]) -> Any:
        inputs.append(self.input(key, places))
        return (INPUT, len(inputs) - 1)
