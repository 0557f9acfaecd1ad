"""Modules in packages. A variable that `import xml.dom.minidom` made holds the package alone, so its value does not tell what else the cell
imported. The record of its run does (`clew.shell.environment`): where a move needs the package in a new process, it gets these modules again."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable

from clew.shell.submodules import note_imported

_of_runs: list[list[str]] = []
"""What the cells that led to the state that is being built brought, by run, the oldest first: no other state has it."""


def bring(of_runs: list[list[str]], look: Callable[[], object]) -> None:
    """Packages have these modules from now on: those that are here at once, others when they are imported (`import_within`). `look` notes what the
    user's own modules are like after each run."""
    _of_runs[:] = of_runs
    for top in dict.fromkeys(_top(name) for names in of_runs for name in names):
        if top in sys.modules:
            import_within(top, look)


def import_within(top: str, look: Callable[[], object]) -> None:
    """Imports a package with the modules that cells brought, in their order."""
    of_package = [mine for names in _of_runs if (mine := [name for name in names if _top(name) == top])]
    if of_package and top not in sys.modules and top not in of_package[0]:
        of_package.insert(0, [top])
    for names in of_package:
        note_imported(names)
        for name in names:
            if name not in sys.modules:
                # It may be gone, or not be meant to be imported twice. Whoever uses it is told by Python.
                with contextlib.suppress(Exception, SystemExit):
                    importlib.import_module(name)
        look()


def _top(name: str) -> str:
    return name.partition(".")[0]
