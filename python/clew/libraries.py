"""Messages for libraries that are missing, or that lack what a stored value needs."""

from __future__ import annotations

import importlib
import importlib.util
import platform
import sys
from functools import reduce

from clew.codecs.libraries import ALL
from clew.installation import is_standard, version_of

#: The names of packages that differ from the names of their modules.
PACKAGES = {one.name: one.package for one in ALL if one.package}


recorded: dict[str, tuple[str, str]] = {}
"""The modules of the resumed history: the package of each, and its version."""


def lacks(name: str) -> tuple[str, str, str | None] | None:
    """Returns the library that a dotted name belongs to, the package to install for it, and its version if it is installed; `None` if the
    name belongs to no library."""
    library = name.partition(".")[0]
    package = PACKAGES.get(library, library)
    if library in ("__main__", "builtins"):
        return None
    if is_standard(library):
        return "Python", "", platform.python_version()
    try:
        is_there = library in sys.modules or importlib.util.find_spec(library) is not None
    except (ImportError, ValueError):
        is_there = False
    if is_there:
        return library, package, _version(library, package)
    if library in recorded:
        package, then = recorded[library]
        return f"{package} {then}", f"{package}=={then}", None
    return library, package, None


#: Modules that have moved, in both directions.
MOVED = [names for one in ALL for names in one.moved.items()]


def elsewhere(module: str, path: str) -> object:
    """Returns the object that a library has under a name in another module than in the version that recorded it; `None` if there is
    none."""
    library = module.partition(".")[0]
    moved = [new + module[len(old) :] for old, new in MOVED if f"{module}.".startswith(f"{old}.")]
    for place in [*moved, module, f"{library}.exceptions", library]:
        found = _at(place, path)
        if getattr(found, "__name__", None) == path.rpartition(".")[2]:
            return found
    return None


def _at(module: str, path: str) -> object:
    """Returns the object at the end of a path whose first parts are modules."""
    parents = module.split(".")
    for count in range(len(parents), 0, -1):
        try:
            scope: object = importlib.import_module(".".join(parents[:count]))
        except ImportError:
            continue
        return reduce(
            lambda found, part: getattr(found, part, None), [*parents[count:], *path.split(".")], scope
        )
    return None


def _version(library: str, package: str) -> str:
    found = getattr(sys.modules.get(library), "__version__", None)
    return found if isinstance(found, str) else version_of(package) or "here"
