"""Modules in packages. A variable that `import xml.dom.minidom` made holds the package alone, so its value does not tell what else the cell
imported: in a new kernel that is read from the cells of the history."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterable

from clew.shell.submodules import note_imported

_sources: list[str] = []
"""Cells of the history that were not read yet."""
_within: dict[str, dict[str, None]] = {}
"""Modules that those read imported by a name with dots, by the package that leads there."""


def expect(sources: list[str]) -> None:
    """Packages that are imported from now on were imported by these cells, too."""
    _sources.extend(sources)


def import_within(package: str) -> None:
    """Imports a package with the modules in it that cells had imported, if they had."""
    if _sources:
        from clew.run.code import submodules

        for name in submodules(_sources):
            _within.setdefault(name.partition(".")[0], {})[name] = None
        _sources.clear()
    names = _within.pop(package.partition(".")[0], {})
    note_imported(names)
    import_named(names)


def import_named(names: Iterable[str]) -> None:
    """Imports modules in packages."""
    for name in names:
        if name not in sys.modules:
            # A cell may have tried it in vain.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
