"""Hears which modules are looked for on the search path, whatever name they go by: no event tells of those that are not imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


def hear(told: Callable[[str], None]) -> None:
    """Has `told` called with the name of each module that is looked for and not loaded. `sys.meta_path` stays as it is, since it is part of
    what a session holds."""
    find = PathFinder.find_spec

    @wraps(find)
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        told(fullname)
        return find(fullname, path, target)

    PathFinder.find_spec = staticmethod(find_spec)  # type: ignore[method-assign]
