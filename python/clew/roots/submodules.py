"""Modules in packages. A variable that `import xml.dom.minidom` made holds the package alone, so its value does not tell what else the cell
imported: in a new kernel that is read from the cells of the history."""

from __future__ import annotations

import ast
import contextlib
import importlib
from collections.abc import Iterable

from clew.shell.submodules import note_imported

_sources: list[str] = []
"""Cells of the history that were not read yet."""
_within: dict[str, list[str]] = {}
"""Modules that these imported by a name with dots, by the package that leads there."""


def expect(sources: list[str]) -> None:
    """Packages that are imported from now on were imported by these cells before."""
    _sources[:] = sources
    _within.clear()


def import_within(package: str) -> None:
    """Imports the modules of a package that cells had imported."""
    if _sources:
        for name in dict.fromkeys(_named(_sources)):
            _within.setdefault(name.partition(".")[0], []).append(name)
        _sources.clear()
    for name in _within.pop(package.partition(".")[0], ()):
        note_imported([name])
        # A cell may have tried it in vain.
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _named(sources: Iterable[str]) -> Iterable[str]:
    from clew.run.code import imports

    for one in imports(sources):
        if isinstance(one, ast.Import):
            yield from (alias.name for alias in one.names if "." in alias.name)
        elif one.module and not one.level and "." in one.module:
            yield one.module
