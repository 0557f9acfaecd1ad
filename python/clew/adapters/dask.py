"""Dask: graphs are cut where results are known, and the tasks that still run store their results.

There are two hooks. The first is every `get` that `compute()` finds (`dask.base.get_scheduler`): local schedulers, and callables such as
DaskVine's. The second, if a supported version of `distributed` is installed, is `Client._graph_to_futures`, which `persist`, `submit`,
`map` and `compute` call.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from ..shell.warn import warn
from ..tasks import never, tried
from .hooks import Hooks

__all__ = ["cached", "disable", "enable", "never"]

#: The task keys of what clients were given, for tasks whose arguments are futures: by client and Dask key.
_given: WeakKeyDictionary[Any, dict[Any, bytes | None]] = WeakKeyDictionary()


def given(client: Any, key: Any) -> bytes | None:
    """Returns the task key of what a client was given under a Dask key, if it was submitted through this adapter."""
    return _given.get(client, {}).get(key)


def cached(get: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a `get` so that it runs only tasks with unknown results: for `compute(scheduler=cached(manager.get))`."""

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
    # The package is still being imported, and has no attribute `base` yet.
    base: Any = sys.modules["dask.base"]
    before = base.get_scheduler

    @wraps(before)
    def get_scheduler(*arguments: Any, **options: Any) -> Any:
        get = before(*arguments, **options)
        is_left = get is None or _hooks.place is None or hasattr(get, "__clew__") or _is_of_distributed(get)
        return get if is_left else cached(get)

    _hooks.replace(base, "get_scheduler", get_scheduler)


def _hook_clients() -> None:
    Client: Any = sys.modules["distributed.client"].Client
    name = "_graph_to_futures"
    hooked: Callable[..., Any] = _graph_to_futures
    found = getattr(Client, name, None)
    if found is None or list(inspect.signature(found).parameters)[:4] != [
        "self",
        "expr",
        "keys",
        "span_metadata",
    ]:
        warn(
            "Clew does not fully support this version of distributed: it caches tasks of compute(), but not those of persist, submit and map."
        )
        name, hooked = "get", _get
    before = getattr(Client, name)
    _hooks.replace(
        Client, name, wraps(before)(lambda self, *given, **options: hooked(before, self, *given, **options))
    )


_hooks = Hooks({"dask.base": _hook_schedulers, "distributed.client": _hook_clients})
enable, begin, disable = _hooks.enable, _hooks.begin, _hooks.disable


def _get(before: Any, client: Any, dsk: Any, keys: Any, *arguments: Any, **options: Any) -> Any:
    from dask.core import flatten

    cut = _cut(dsk, list(flatten([keys])), {})
    return before(client, dsk if cut is None else cut[0], keys, *arguments, **options)


def _graph_to_futures(before: Any, client: Any, expr: Any, keys: Any, *arguments: Any, **options: Any) -> Any:
    keys = list(keys)
    # Annotations specify where tasks run and how often they are retried. A cut graph would lose them.
    annotated = set(getattr(expr, "__dask_annotations__", dict)()) - {"clew"}
    if not options.get("actors") and not annotated:
        given = _given.setdefault(client, {})
        cut = _cut(expr, keys, given, is_sent=True, is_shared=_is_here(client))
        if cut is not None:
            from dask._expr import LLGExpr

            expr = LLGExpr(cut[0])
            given.update(cut[1])
    return before(client, expr, keys, *arguments, **options)


def _is_here(client: Any) -> bool:
    """Returns whether a client's workers run in this process. They then get the session's own arrays, not copies."""
    return str(getattr(client.scheduler, "address", "")).startswith("inproc:")


def _cut(
    dsk: Any,
    keys: list[Any],
    given: Mapping[Any, bytes | None],
    *,
    is_sent: bool = False,
    is_shared: bool = False,
) -> Any:
    """Returns the graph to run instead, and the keys of the requested results; `None` if the graph runs unchanged."""
    place = _hooks.place
    if place is None:
        return None

    def look() -> Any:
        from .dask_cut import Graph

        return Graph(dsk, given, place, is_sent, is_shared).cut(keys)

    return tried(look)
