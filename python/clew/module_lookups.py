"""Hears which modules and distributions are looked for on the search path, whatever name they go by: no event tells of those that are not
imported. `sys.meta_path` stays as it is, since it is part of what a session holds."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.machinery import ModuleSpec, PathFinder
from types import FunctionType, ModuleType
from typing import Any

from clew._engine import Listened


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


def hear_lookups(told: Callable[[str], None]) -> None:
    """Has `told` called with the name of each module that somebody has `importlib.import_module` bring, loaded or not."""

    def tell(name: str, package: Any = None, level: int = 0) -> None:
        above = package.split(".") if level and type(package) is str else []
        told(".".join([*above[: len(above) - level + 1], name]))

    # That function looks it up for each call, whoever took the function itself from there before.
    bootstrap: Any = importlib._bootstrap
    bootstrap._gcd_import = Listened(bootstrap._gcd_import, tell)


#: What finds distributions, also for whoever does not ask `PathFinder`: each keeps what it found in a folder, so that only the first look is
#: one into that folder.
_FINDING = ("importlib.metadata", "importlib_metadata")


def hear_distributions(told: Callable[[tuple[str, str]], None]) -> None:
    """Has `told` called with the folder and the name of each look for installed distributions, where what does that is loaded: an empty name
    where it is for all. May be called again."""
    for name in _FINDING:
        looking: Any = getattr(sys.modules.get(name), "FastPath", None)
        find = getattr(looking, "search", None)
        if type(find) is FunctionType and not hasattr(find, "__wrapped__"):
            looking.search = _heard(find, told)


def _heard(
    find: Callable[[Any, Any], Any], told: Callable[[tuple[str, str]], None]
) -> Callable[[Any, Any], Any]:
    @wraps(find)
    def search(folder: Any, wanted: Any) -> Any:
        told((str(folder.root), getattr(wanted, "name", None) or ""))
        return find(folder, wanted)

    return search
