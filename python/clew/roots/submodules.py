"""Modules in packages. A variable that `import xml.dom.minidom` made holds the package alone, so its value does not tell what else the cell
imported. The record of its run does (`clew.shell.environment`): where a move needs the package in a new process, it gets these modules again."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable

_of_package: dict[str, list[list[str]]] = {}
"""What the cells that led to the state that is being built brought, by package and by run, the oldest first: no other state has it."""


def bring(of_runs: list[list[str]], look: Callable[[], object], *, is_whole: bool) -> None:
    """Packages have these modules from now on: they get them when a value needs them (`import_within`). If the whole state is built, those
    that are here get them at once. `look` notes what the user's own modules are like after each run."""
    # Processes that bring nothing back need nothing that reads code.
    from clew.analysis.submodules import note_brought

    _of_package.clear()
    for names in of_runs:
        note_brought(names)
        for top in dict.fromkeys(map(_top, names)):
            mine = [name for name in names if _top(name) == top]
            if not all(name in sys.modules for name in mine):
                _of_package.setdefault(top, []).append(mine)
    for top in [*_of_package] if is_whole else ():
        if top in sys.modules:
            import_within(top, look)


def import_within(top: str, look: Callable[[], object]) -> None:
    """Imports a package with the modules that cells brought, in their order."""
    of_runs = _of_package.get(top)
    if of_runs is None:
        return
    if top not in sys.modules and top not in of_runs[0]:
        of_runs.insert(0, [top])
    for names in of_runs:
        for name in names:
            if name not in sys.modules:
                # It may be gone, or not be meant to be imported twice. Whoever uses it is told by Python.
                with contextlib.suppress(Exception, SystemExit):
                    importlib.import_module(name)
        look()
    # Only now: who stops this finds all of it again.
    del _of_package[top]


def _top(name: str) -> str:
    return name.partition(".")[0]
