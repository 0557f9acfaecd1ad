"""Modules in packages. After `import xml.dom.minidom` the variable only holds the package, so its value does not show which modules the
cell imported. The record of its run does (`clew.shell.environment`): if a move needs the package in a new process, it imports these modules
again."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable

_of_package: dict[str, list[list[str]]] = {}
"""The modules imported by the cells that led to the state under construction, by package and by run, oldest first. They are not part of
another state."""


def bring(of_runs: list[list[str]], look: Callable[[], object], *, is_whole: bool) -> None:
    """Sets the modules of packages. A package gets them when a value needs it (`import_within`). If the whole state is built, packages that
    are loaded get them at once. `look` notes the state of the user's own modules after each run."""
    # Imported here because processes that restore nothing do not need the analysis of code.
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
    """Imports a package with the modules that cells imported, in their order."""
    of_runs = _of_package.get(top)
    if of_runs is None:
        return
    if top not in sys.modules and top not in of_runs[0]:
        of_runs.insert(0, [top])
    for names in of_runs:
        for name in names:
            if name not in sys.modules:
                # It may no longer exist, or not allow a second import. Python reports that where the module is used.
                with contextlib.suppress(Exception, SystemExit):
                    importlib.import_module(name)
        look()
    # Only now: if the import is interrupted, the list is still complete.
    del _of_package[top]


def _top(name: str) -> str:
    return name.partition(".")[0]
