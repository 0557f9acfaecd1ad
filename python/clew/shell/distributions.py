"""Determines the distribution and version of an imported module, so that it can be installed elsewhere.

This runs after every cell that imported something, so it lists as little as possible. A distribution with the module's own name is found in
a folder that was listed already. Only for other modules, the lists of files of distributions are searched, once.
"""

from __future__ import annotations

import os
import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from clew import evidence
from clew.files import described_files
from clew.installation import edited, is_of_environment, is_standard, marked

if TYPE_CHECKING:
    from clew._engine import File

ENDING = ".dist-info"

#: Longer lists of files (in bytes) are not searched.
LONGEST_LIST = 16 * 1024 * 1024

#: The maximal number of files that are examined of a package that is in no list.
MOST_UNLISTED = 1000


class Distribution(NamedTuple):
    """An installed distribution: its name and version."""

    name: str
    version: str


class Distributions:
    """The distributions in the folders of imported modules. A folder is listed when the first module comes from it."""

    def __init__(self) -> None:
        self._listed: dict[str, tuple[int, dict[str, tuple[Distribution, str]]]] = {}
        self._found: dict[str, Distribution | None] = {}
        #: The metadata folders, by the module's name.
        self._places: dict[str, str] = {}
        self._edited: dict[str, str | None] = {}
        self._files: dict[str, list[File]] = {}
        #: By the paths.
        self._unlisted: dict[tuple[str, ...], list[File]] = {}

    def of(self, names: list[str]) -> dict[str, Distribution | None]:
        """Returns the distributions of top-level modules. Modules of the standard library are left out."""
        others: dict[str, list[str]] = {}
        for name in names:
            if name in self._found or is_standard(name):
                continue
            folder = _folder(sys.modules.get(name))
            there = {} if folder is None else self._in(folder)
            own = there.get(normalised(name))
            self._found[name] = None if own is None else own[0]
            if own is not None and folder is not None:
                self._places[name] = os.path.join(folder, own[1])  # noqa: PTH118
            if own is None and folder is not None and there:
                others.setdefault(folder, []).append(name)
        for folder, missing in others.items():
            self._search(folder, missing)
        return {name: self._found.get(name) for name in names}

    def _search(self, folder: str, names: list[str]) -> None:
        for distribution, place in self._in(folder).values():
            listed = _listed(os.path.join(folder, place, "RECORD"))  # noqa: PTH118 (asked of every one that is there)
            for name in names:
                if self._found[name] is None and _has(listed, name):
                    self._found[name] = distribution
                    self._places[name] = os.path.join(folder, place)  # noqa: PTH118

    def edited(self, name: str) -> str | None:
        """Returns what identifies those files of a module's distribution that differ from their installed state, computed once; `None` if
        none does."""
        place = self._places.get(name)
        if place is None:
            return None
        if place not in self._edited:
            with evidence.unwatched():
                self._edited[place] = edited(place)
        return self._edited[place]

    def files(self, name: str) -> list[File]:
        """Returns the evidence of a module's distribution in a folder of the user, where it cannot be found by name: its list of files,
        with a mark for these files, computed once. Empty for a distribution of the environment."""
        place = self._places.get(name)
        if place is None or is_of_environment(place):
            return []
        if place not in self._files:
            with evidence.unwatched():
                record = os.path.join(place, "RECORD")  # noqa: PTH118
                (file,) = described_files([record])
                mark = " ".join(filter(None, (marked(record), file.get("mark"))))
            self._files[place] = [file | {"mark": mark, "of_environment": True}]
        return self._files[place]

    def unlisted(self, name: str) -> list[File]:
        """Returns the loaded files of a module that belongs to no distribution: a copied module, or a package shared by several
        distributions. Empty for a module with a distribution."""
        if self._found.get(name) is not None or is_standard(name):
            return []
        start = f"{name}."
        modules = [
            module for key, module in list(sys.modules.items()) if key == name or key.startswith(start)
        ]
        files = (module.__dict__.get("__file__") for module in modules if type(module) is ModuleType)
        paths = tuple(sorted({path for path in files if type(path) is str and os.path.isabs(path)}))  # noqa: PTH117
        if paths not in self._unlisted:
            with evidence.unwatched():
                self._unlisted[paths] = described_files(paths[:MOST_UNLISTED], counts=True)
        return self._unlisted[paths]

    def _in(self, folder: str) -> dict[str, tuple[Distribution, str]]:
        """Returns the distributions in a folder by normalized name, each with its metadata folder."""
        try:
            changed = os.stat(folder).st_mtime_ns  # noqa: PTH116
            known = self._listed.get(folder)
            if known is not None and known[0] == changed:
                return known[1]
            entries = os.listdir(folder)  # noqa: PTH208
        except OSError:
            return {}
        found = {}
        for entry in entries:
            name, _, version = entry.removesuffix(ENDING).rpartition("-")
            if entry.endswith(ENDING) and name and version:
                found[normalised(name)] = Distribution(name.replace("_", "-"), version), entry
        self._listed[folder] = changed, found
        return found


def normalised(name: str) -> str:
    """Returns a distribution's name in normalized form (PEP 503)."""
    return re.sub("[-_.]+", "-", name).lower()


def _folder(module: Any) -> str | None:
    """Returns the folder of the search path that a module came from. Only plain modules are read: others may run code."""
    spec = module.__dict__.get("__spec__") if type(module) is ModuleType else None
    origin = getattr(spec, "origin", None)
    if type(origin) is not str or not os.path.isabs(origin):  # noqa: PTH117 (of the text alone)
        return None
    folder = os.path.dirname(origin)  # noqa: PTH120
    is_package = getattr(spec, "submodule_search_locations", None) is not None
    return os.path.dirname(folder) if is_package else folder  # noqa: PTH120


def _listed(record: str) -> bytes:
    """Returns a distribution's list of files, one on each line."""
    try:
        with open(record, "rb") as file:  # noqa: PTH123
            return b"\n" + file.read(LONGEST_LIST)
    except OSError:
        return b""


def _has(listed: bytes, name: str) -> bool:
    start = b"\n" + name.encode()
    endings = (b"/__init__.", b".py,", b".cpython-", b".abi3.", b".pyd,")
    return start in listed and any(start + ending in listed for ending in endings)
