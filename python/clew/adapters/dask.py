"""Dask: graphs are cut where results are known, and whoever runs the rest keeps what it comes to.

Two seams: every `get` that `compute()` finds (`dask.base.get_scheduler`), local schedulers and callables like DaskVine's alike; and,
where `distributed` is there in a version that is known, `Client._graph_to_futures`, by which `persist`, `submit`, `map` and `compute` go.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from .. import tasks
from ..shell.warn import describe, warn
from ..tasks import Counts, Kept, Place
from .arrival import when_imported

_place: Place | None = None
_hooked: dict[str, Callable[[], None]] = {}
#: Keys of what clients were given, for tasks that take futures: by client, from Dask's key.
_given: WeakKeyDictionary[Any, dict[Any, bytes | None]] = WeakKeyDictionary()
#: Larger results are read by workers, not sent through the client: bytes.
_SENT = 1 << 20


def enable(store: str | None = None, config: str | None = None, quick: float | None = None) -> None:
    """Caches tasks from now on, and imports nothing of Dask. `quick`: tasks that took less, in seconds, are kept only if somebody
    asked for them."""
    global _place
    _place = Place.here(store, config, quick)
    when_imported("dask.base", _hook_schedulers)
    when_imported("distributed.client", _hook_clients)


def disable() -> None:
    """Leaves Dask as it was."""
    global _place
    _place = None
    while _hooked:
        _hooked.popitem()[1]()


def never(function: Any) -> Any:
    """Keeps tasks that call a function out of the cache: they run every time, and so does what hangs on them."""
    function.__clew__ = "never"
    return function


def cached(get: Callable[..., Any]) -> Callable[..., Any]:
    """A `get` that has another one run what is not known: for `compute(scheduler=cached(manager.get))`."""

    @wraps(get)
    def cached_get(dsk: Any, keys: Any, **options: Any) -> Any:
        from dask.core import flatten

        cut = _cut(dsk, list(flatten([keys])), {})
        return get(dsk if cut is None else cut[0], keys, **options)

    cached_get.__clew__ = "cached"  # type: ignore[attr-defined]
    return cached_get


def _is_of_distributed(get: Any) -> bool:
    return type(getattr(get, "__self__", None)).__module__.startswith("distributed.")


def _hook_schedulers() -> None:
    # Its package is still being imported: it has no attribute `base` yet.
    base: Any = sys.modules["dask.base"]
    before = base.get_scheduler

    @wraps(before)
    def get_scheduler(*arguments: Any, **options: Any) -> Any:
        get = before(*arguments, **options)
        is_left = get is None or _place is None or hasattr(get, "__clew__") or _is_of_distributed(get)
        return get if is_left else cached(get)

    if "schedulers" not in _hooked:
        base.get_scheduler = get_scheduler
        _hooked["schedulers"] = lambda: setattr(base, "get_scheduler", before)


def _hook_clients() -> None:
    Client: Any = sys.modules["distributed.client"].Client
    if "clients" in _hooked:
        return
    name, hooked = "_graph_to_futures", _graph_to_futures
    found = getattr(Client, name, None)
    if found is None or list(inspect.signature(found).parameters)[:4] != [
        "self",
        "expr",
        "keys",
        "span_metadata",
    ]:
        warn(
            "this version of distributed is not known here: tasks of compute() are cached, those of persist, submit and map run."
        )
        name, hooked = "get", _get
    before = getattr(Client, name)
    setattr(
        Client, name, wraps(before)(lambda self, *given, **options: hooked(before, self, *given, **options))
    )
    _hooked["clients"] = lambda: setattr(Client, name, before)


def _get(before: Any, client: Any, dsk: Any, keys: Any, *arguments: Any, **options: Any) -> Any:
    from dask.core import flatten

    cut = _cut(dsk, list(flatten([keys])), {})
    return before(client, dsk if cut is None else cut[0], keys, *arguments, **options)


def _graph_to_futures(before: Any, client: Any, expr: Any, keys: Any, *arguments: Any, **options: Any) -> Any:
    keys = list(keys)
    # Where tasks are to run, and how often they are tried, is said by annotations that a cut graph would lose.
    annotated = set(getattr(expr, "__dask_annotations__", dict)()) - {"clew"}
    if not options.get("actors") and not annotated:
        given = _given.setdefault(client, {})
        cut = _cut(expr, keys, given, is_sent=True)
        if cut is not None:
            from dask._expr import LLGExpr

            expr = LLGExpr(cut[0])
            given.update(cut[1])
    return before(client, expr, keys, *arguments, **options)


def _cut(dsk: Any, keys: list[Any], given: Mapping[Any, bytes | None], *, is_sent: bool = False) -> Any:
    """What is to be run instead of a graph, and the keys of what is asked for; `None` if it runs as it is."""
    if _place is None:
        return None
    try:
        return _Graph(dsk, given, _place, is_sent).cut(keys)
    except BaseException as error:
        # A panic of the engine is no Exception.
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        warn(
            f"could not look for known tasks ({describe(error)}). All of them run, as they would without Clew."
        )
        return None


class _Graph:
    """A graph as a scheduler gets it."""

    def __init__(self, dsk: Any, given: Mapping[Any, bytes | None], place: Place, is_sent: bool) -> None:
        from dask._task_spec import convert_legacy_graph

        from .dask_graph import Description

        annotations = getattr(dsk, "__dask_annotations__", dict)()
        self.never = {key for key, word in annotations.get("clew", {}).items() if word == "never"}
        plain = dsk.__dask_graph__() if hasattr(dsk, "__dask_graph__") else dsk
        self.nodes: dict[Any, Any] = convert_legacy_graph(dict(plain))
        self.place, self.is_sent = place, is_sent
        described = Description(self.nodes, given, self.never)
        found = dict(enumerate(tasks.keys(described.items)))
        self.keys = {key: found.get(at, "it is kept out") for key, at in described.places.items()}

    def cut(self, wanted: list[Any]) -> tuple[dict[Any, Any], dict[Any, bytes | None]]:
        from .dask_graph import inputs_first, is_task

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
                if isinstance(why := self.keys[key], str):
                    counted.keyless[why] = counted.keyless.get(why, 0) + 1
        tasks.count(counted)
        return made, {key: made if isinstance(made := self.keys.get(key), bytes) else None for key in wanted}

    def lasts(self, wanted: Iterable[Any]) -> set[Any]:
        """What somebody asks for, or a task that runs each time: it is kept however quick it was, so that nothing else runs again."""
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
        """Whether a node's result can be kept: what shuffles leave lives in their workers."""
        from .dask_graph import is_task

        if not isinstance(self.keys.get(key), bytes) or not is_task(node) or node.is_coro:
            return False
        return not str(getattr(node.func, "__module__", "")).startswith("distributed.")

    def keeping(self, key: Any, node: Any, is_last: bool) -> Any:
        made = node.copy()
        made.func = Kept(node.func, self.place, self.keys[key], is_last)
        return made

    def stored(self, key: Any, node: Any) -> Any:
        """A node that gives the known result instead; `None` if there is none."""
        from dask._task_spec import DataNode, Task

        from .dask_graph import Loaded, inputs_first

        found = tasks.known(self.place, self.keys[key])
        if found is None:
            return None
        if not self.is_sent or found.length <= _SENT:
            return DataNode(key, found.value)
        below = {one: self.nodes[one] for one in inputs_first(self.nodes, [key])}
        if any(one not in below for each in below.values() for one in each.dependencies):
            return None
        return Task(key, Loaded(self.place, self.keys[key], below, key))
