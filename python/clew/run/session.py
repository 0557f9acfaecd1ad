"""Informs the kernel which notebook it records, through its environment variables."""

from __future__ import annotations

import os
from pathlib import Path

from clew.observer import preload
from clew.run.source import is_script
from clew.shell.identity import VARIABLE as SESSION
from clew.shell.start import OFF, is_on
from clew.shell.start import VARIABLE as SWITCH

#: Accesses the module in the kernel without binding a variable there.
BATCH = "__import__('clew.shell.batch', fromlist=['_'])"


def variables(input_path: str | None, output_path: str | None, base: str) -> dict[str, str]:
    """Returns the environment of a notebook's kernel; paths are relative to `base`.

    Clew stays disabled (`CLEW=off`) until it is requested to record: its messages about earlier sessions at the kernel's start would appear
    in the first cell's output. It restores nothing automatically.
    """
    environment = dict(os.environ)
    # This process may have been started by a cell.
    environment.pop(SESSION, None)
    notebook = notebook_path(input_path, base) or notebook_path(output_path, base)
    if notebook is not None:
        environment[SESSION] = notebook
    if is_on():
        environment[SWITCH] = next(iter(sorted(OFF)))
    # papermill's command sets this, too: the kernel's debugger would warn about frozen modules.
    environment.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    return preload(environment) | {"CLEW_RESUME_ON_START": "never"}


def found_by_cells(notebook: str) -> dict[str, str]:
    """Returns the environment that the cells of a notebook find, once Clew records."""
    found = variables(notebook, None, "/")
    found.pop(SWITCH, None)
    return found


def notebook_path(path: str | None, base: str) -> str | None:
    """Returns the absolute path of a local notebook. For a script, the path of the notebook that jupytext would pair with it."""
    if not isinstance(path, str) or "://" in path:
        return None
    if is_script(path):
        return str(Path(base, path).with_suffix(".ipynb"))
    return str(Path(base, path)) if path.endswith(".ipynb") else None
