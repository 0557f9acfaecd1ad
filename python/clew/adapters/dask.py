"""Dask: graphs are cut where results are known, and whoever runs the rest keeps what it comes to.

Two seams: every `get` that `compute()` finds (`dask.base.get_scheduler`), local schedulers and callables like DaskVine's alike; and,
where `distributed` is there in a version that is known, `Client._graph_to_futures`, by which `persist`, `submit`, `map` and `compute` go.
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

#: Keys of what clients were given, for tasks that take futures: by client, from Dask's key.
_given: WeakKeyDictionary[Any, dict[Any, bytes | None]] = WeakKeyDictionary()


def given(client: Any, key: Any) -> bytes | None:
    """The key in the cache of what a client was given, as far as it went through here."""
    return _given.get(client, {}).get(key)


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
    # Where tasks are to run, and how often they are tried, is said by annotations that a cut graph would lose.
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
    """Whether a client's workers live in this process: they are given the very arrays that the session has."""
    return str(getattr(client.scheduler, "address", "")).startswith("inproc:")


def _cut(
    dsk: Any,
    keys: list[Any],
    given: Mapping[Any, bytes | None],
    *,
    is_sent: bool = False,
    is_shared: bool = False,
) -> Any:
    """What is to be run instead of a graph, and the keys of what is asked for; `None` if it runs as it is."""
    place = _hooks.place
    if place is None:
        return None

    def look() -> Any:
        from .dask_cut import Graph

        return Graph(dsk, given, place, is_sent, is_shared).cut(keys)

    return tried(look)
