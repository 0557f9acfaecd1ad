"""Finalizers of the notebook's (`weakref.finalize`): what is called when an object goes, and at the end of the process.

They are kept in a registry beside the object they watch, which they know weakly. So a move that puts another object in its place
hangs them on that one, before the old one goes: else it would call them.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from clew.roots.root import MISSING
from clew.roots.setting import Setting, is_users, nothing, words


def _registry() -> dict[Any, Any]:
    return weakref.finalize._registry  # type: ignore[attr-defined,no-any-return]


def _of_notebook(shell: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Finalizers of objects that are the user's or that names are bound to, with the object and what is kept of them. Those with which
    a library cleans up after objects of its own are a part of these."""
    registry = _registry()
    if not registry:
        return
    named = {id(value) for value in list(shell.user_ns.values())}
    for finalizer, info in list(registry.items()):
        target = info.weakref()
        if target is None:
            continue
        kind, called = type(target), info.func
        is_of_library = getattr(called, "__module__", None) == kind.__module__ and not is_users(called)
        if not is_of_library and (
            is_users(called) or is_users(target) or {id(target), id(finalizer)} & named
        ):
            yield finalizer, target, info


_told: list[Any] = []


def has_value(finalizer: Any) -> bool:
    """Whether all that a finalizer is stands in the state: it was called, or the row tells of it."""
    return not finalizer.alive or any(finalizer is one for one in _told)


def _read(shell: Any) -> Any:
    found = [
        (finalizer, weakref.ref(target), info.func, info.args, info.kwargs, info.atexit)
        for finalizer, target, info in _of_notebook(shell)
    ]
    _told[:] = [finalizer for finalizer, *_ in found]
    return tuple(found) or MISSING


def _write(shell: Any, value: Any) -> None:
    registry = _registry()
    wanted = {id(finalizer) for finalizer, *_ in value}
    for finalizer, _, _ in list(_of_notebook(shell)):
        if id(finalizer) not in wanted:
            registry.pop(finalizer, None)
    for finalizer, reference, called, args, kwargs, at_exit in value:
        target = reference()
        if target is None:
            continue
        # A finalizer of its own makes what a registry of this Python needs, and hears of the end of the process.
        made = weakref.finalize(target, called, *args, **(kwargs or {}))
        made.atexit = at_exit
        info = registry.pop(made)
        info.weakref = weakref.ref(target, finalizer)
        registry[finalizer] = info


SETTINGS = (Setting("finalizers", _read, _write, None, words("finalize"), nothing),)
