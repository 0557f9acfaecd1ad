"""The notebook's finalizers (`weakref.finalize`): functions that are called when an object is deleted, and at the end of the process.

A registry stores each finalizer with a weak reference to its object. A move that replaces the object transfers the finalizer to the new
object before the old one is deleted. Otherwise the finalizer would be called.
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
    """Yields finalizers of objects of the user, or of values of variables, with the object and the stored information. Finalizers with
    which a library cleans up its own objects belong to those objects."""
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
    """Returns whether the state contains everything about a finalizer: it was called already, or this setting includes it."""
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
        # Creating a finalizer sets up what the registry of this Python version needs, including the call at the end of the process.
        made = weakref.finalize(target, called, *args, **(kwargs or {}))
        made.atexit = at_exit
        info = registry.pop(made)
        info.weakref = weakref.ref(target, finalizer)
        registry[finalizer] = info


SETTINGS = (Setting("finalizers", _read, _write, None, words("finalize"), nothing),)
