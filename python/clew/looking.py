"""Hears which modules and distributions are looked for on the search path, whatever name they go by: no event tells of those that are not
imported. `sys.meta_path` stays as it is, since it is part of what a session holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


def hear_modules(told: Callable[[str], None]) -> None:
    """Has `told` called with the name of each module that is looked for and not loaded."""
    find = PathFinder.find_spec

    @wraps(find)
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        told(fullname)
        return find(fullname, path, target)

    PathFinder.find_spec = staticmethod(find_spec)  # type: ignore[method-assign]


def hear_distributions(told: Callable[[Any], None]) -> None:
    """Has `told` called with what each look for installed distributions is given: a name or `None`, and a path."""
    # `importlib_metadata` takes it away, and looks by itself.
    find: Any = getattr(PathFinder, "find_distributions", None)
    if find is None:
        return

    @wraps(find)
    def find_distributions(*given: Any, **named: Any) -> Any:
        told(given[0] if given else named.get("context"))
        return find(*given, **named)

    PathFinder.find_distributions = staticmethod(find_distributions)  # type: ignore[method-assign]
