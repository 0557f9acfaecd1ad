"""How the kernel learns which notebook it records: through the variables it starts with."""

from __future__ import annotations

import os
from pathlib import Path

from clew.observer import preload
from clew.run.source import is_script
from clew.shell.identity import VARIABLE as SESSION
from clew.shell.start import OFF, is_on
from clew.shell.start import VARIABLE as SWITCH

#: The kernel's side, reached without leaving a name among the user's.
BATCH = "__import__('clew.shell.batch', fromlist=['_'])"


def variables(input_path: str | None, output_path: str | None, base: str) -> dict[str, str]:
    """The environment of the kernel of a notebook, whose paths are relative to `base`.

    Clew is held back (`CLEW=off`) until it is asked to record: what it says of earlier sessions while a kernel starts would
    stand in the first cell's output. It brings nothing back by itself.
    """
    environment = dict(os.environ)
    # This process may itself be a cell's child.
    environment.pop(SESSION, None)
    notebook = notebook_path(input_path, base) or notebook_path(output_path, base)
    if notebook is not None:
        environment[SESSION] = notebook
    if is_on():
        environment[SWITCH] = next(iter(sorted(OFF)))
    # papermill's command asks for it too: the kernel's debugger would warn of modules that are frozen.
    environment.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    return preload(environment) | {"CLEW_RESUME_ON_START": "never"}


def found_by_cells(notebook: str) -> dict[str, str]:
    """The environment as the cells of a notebook find it, once Clew records."""
    found = variables(notebook, None, "/")
    found.pop(SWITCH, None)
    return found


def notebook_path(path: str | None, base: str) -> str | None:
    """The absolute path of a notebook of this machine. A script's is the one that jupytext would pair with it."""
    if not isinstance(path, str) or "://" in path:
        return None
    if is_script(path):
        return str(Path(base, path).with_suffix(".ipynb"))
    return str(Path(base, path)) if path.endswith(".ipynb") else None
