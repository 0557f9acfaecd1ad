"""Facts about libraries, one file for each library, or for several libraries with few facts. No file imports a library.

Each file in this folder has `LIBRARIES`, and is found by its place. It may contain the library's codecs, too, if these import the library
inside functions.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from clew.codecs.library import Library, Names


def _load() -> tuple[Library, ...]:
    names = sorted(file.stem for file in Path(__path__[0]).iterdir() if file.suffix == ".py")
    files = [import_module(f"{__name__}.{name}") for name in names if name != "__init__"]
    return tuple(one for file in files for one in file.LIBRARIES)


ALL: tuple[Library, ...] = _load()
"""The declarations of all libraries."""

PROCESS_GENERATORS = {name: one for library in ALL for name, one in library.process_generators.items()}
"""The process-wide random generators of all libraries."""


def by_module(field: str) -> dict[str, str]:
    """Returns one field of all libraries, by module."""
    declared: list[Names] = [getattr(one, field) for one in ALL]
    return {module: names for one in declared for module, names in one.items()}


def union(field: str) -> frozenset[str]:
    """Returns the names in one field of all libraries."""
    return frozenset(name for one in ALL for name in getattr(one, field).split())


def having(field: str) -> frozenset[str]:
    """Returns the names of libraries for which a field is set."""
    return frozenset(one.name for one in ALL if getattr(one, field))
