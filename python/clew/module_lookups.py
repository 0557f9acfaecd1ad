"""Detects lookups of modules and distributions on the search path, under any name: no audit event reports lookups of modules that are not
imported. `sys.meta_path` is not changed, because it is part of the session's state."""

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
    """Calls `told` with the name of each module that is looked for and not loaded."""
    find = PathFinder.find_spec

    @wraps(find)
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        told(fullname)
        return find(fullname, path, target)

    PathFinder.find_spec = staticmethod(find_spec)  # type: ignore[method-assign]


def hear_lookups(told: Callable[[str], None]) -> None:
    """Calls `told` with the name of each module that is requested through `importlib.import_module`, loaded or not."""

    def tell(name: str, package: Any = None, level: int = 0) -> None:
        above = package.split(".") if level and type(package) is str else []
        told(".".join([*above[: len(above) - level + 1], name]))

    # `import_module` looks this function up at each call, so references to `import_module` from earlier are covered.
    bootstrap: Any = importlib._bootstrap
    bootstrap._gcd_import = Listened(bootstrap._gcd_import, tell)


#: Modules that find distributions, also for code that does not use `PathFinder`. Each caches the entries of a folder, so only the first
#: lookup reads the folder.
_FINDING = ("importlib.metadata", "importlib_metadata")


def hear_distributions(told: Callable[[tuple[str, str]], None]) -> None:
    """Calls `told` with the folder and the name of each lookup of installed distributions, if the modules for that are loaded. The name is
    empty in lookups of all. May be called again."""
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
