"""Identifies the notebook from what the front end reports. The engine decides what follows from it.

The user's notebook file is never written.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew._engine import Notebook

#: Where front ends store the path: in Jupyter's session variable, and in VS Code's variable in the namespace.
VARIABLE = "JPY_SESSION_NAME"
NAME = "__vsc_ipynb_file__"
#: The end of a session's name that VS Code gives to a Jupyter server. It leaves out the folder, so notebooks of one name look alike.
VS_CODE_SESSION = re.compile(r"-(jvsc-[0-9a-f-]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\.ipynb$")
#: The beginning of cell ids of VS Code. The part after `#` counts the cells from zero each time that the notebook is opened.
VS_CODE_CELL = "vscode-notebook-cell:"
#: Distinguishes these ids from those that other kernels received.
KERNEL_ID = uuid.uuid4().hex[:8]
#: Services whose notebooks are no files of the kernel's machine, by a variable that each sets. Kaggle's image is built on Colab's.
HOSTED = {"KAGGLE_KERNEL_RUN_TYPE": "kaggle", "COLAB_RELEASE_TAG": "colab"}
#: The variable in which Colab stores the notebook's address, and the last part of the address of a notebook that the user saved. Pages
#: that everybody can open, such as the scratch page, have a name there instead.
COLAB_NOTEBOOK = "COLAB_NOTEBOOK_ID"
COLAB_ID = re.compile(r"[\w-]{20,}$", re.ASCII)
#: The variable in which a program specifies the history, by its id.
HISTORY = "CLEW_HISTORY"
#: The variable in which some front ends store the name of the kernel's specification.
KERNEL = "JPY_KERNEL_NAME"
#: The key under which `clew run` notes in OUT where its run ended: the ids of the history and of the run.
BATCH = "batch"
#: Whether `clew run` started this kernel.
in_batch = False
#: Whether that `clew run` overwrites the notebook that it reads.
in_place = False
#: Whether a program started this kernel besides its own (`clew.session().fork()`).
is_fork = False
#: Larger files are not read for their ids (bytes).
LARGEST_NOTEBOOK = 64 * 1024 * 1024


def notebook_of(shell: Any, name: str | None = None) -> Notebook:
    """Identifies the notebook of a session. `path` comes from the front end, `name` from the user. A notebook that a batch run wrote
    belongs to the history of that run, unless it is run in a batch itself."""
    path = told_path(shell.user_ns)
    document = read(path) if path is not None else {}
    end = batch_end(document) if not in_batch else {}
    # Only for this kernel, not for its child processes.
    meant = os.environ.pop(HISTORY, None)
    global is_fork
    is_fork = is_fork or meant is not None
    return {
        "path": path,
        "id": identifier(document) if path is not None else hosted_id(),
        "name": name,
        "history": meant or end.get("history"),
        "run": end.get("run"),
        "kernel": kernel_of(shell),
    }


def told_path(namespace: dict[str, Any]) -> str | None:
    """Returns the notebook's absolute path, as the front end reports it."""
    told = namespace.get(NAME)
    if type(told) is str and told.endswith(".ipynb"):
        return str(Path(told).absolute())
    told = os.environ.get(VARIABLE, "")
    if not told.endswith(".ipynb"):
        return None
    path = below_server(Path(told)).absolute()
    is_address = hosted() is not None or VS_CODE_SESSION.search(told) is not None
    return str(path) if path.exists() or not is_address else None


def below_server(path: Path) -> Path:
    """Returns a path that may be relative to the folder of a Jupyter server. The server starts the kernel in the notebook's folder."""
    folder, here = path.parent.parts, Path.cwd()
    is_here = not path.is_absolute() and here.parts[-len(folder) :] == folder
    return here / path.name if is_here else path


def hosted() -> str | None:
    """Returns the service on whose machine the kernel runs."""
    return next((service for variable, service in HOSTED.items() if variable in os.environ), None)


def hosted_id() -> str | None:
    """Returns the service and the id that it gave the notebook. Kaggle starts a machine for one notebook, so the machine's name serves."""
    service = hosted()
    if service == "colab":
        found = COLAB_ID.search(os.environ.get(COLAB_NOTEBOOK, ""))
        return f"colab-{found.group()}" if found else None
    return f"{service}-{platform.node()}" if service is not None else None


def cell_of(info: Any) -> str | None:
    """Returns the id of a cell, from what IPython reports about its execution. IPython 7 reports none."""
    cell: str | None = getattr(info, "cell_id", None)
    if isinstance(cell, str) and cell.startswith(VS_CODE_CELL):
        return f"vscode:{cell.rpartition('#')[2]}:{KERNEL_ID}"
    return cell


def read(path: str) -> dict[str, Any]:
    """Reads the notebook file; empty if it cannot be read now."""
    try:
        file = Path(path)
        if file.stat().st_size > LARGEST_NOTEBOOK:
            return {}
        document = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def identifier(document: dict[str, Any]) -> str | None:
    """Returns the id in a notebook's own metadata, if there is one."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        return None
    ours = metadata.get("clew")
    for found in (ours.get("id") if isinstance(ours, dict) else None, metadata.get("id")):
        if isinstance(found, str) and found:
            return found
    return None


def batch_end(document: dict[str, Any]) -> dict[str, str]:
    """Returns where the batch run ended that wrote a notebook: `history` and `run`, by their ids."""
    metadata = document.get("metadata")
    ours = metadata.get("clew") if isinstance(metadata, dict) else None
    end = ours.get(BATCH) if isinstance(ours, dict) else None
    found = {key: end.get(key) for key in ("history", "run")} if isinstance(end, dict) else {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def kernel_of(shell: Any) -> dict[str, Any]:
    """Returns what is needed to connect to this kernel, or to start a similar one."""
    connection = getattr(getattr(getattr(shell, "kernel", None), "parent", None), "abs_connection_file", None)
    return {
        "name": os.environ.get(KERNEL, ""),
        "executable": sys.executable,
        "language": "python",
        "version": platform.python_version(),
        "pid": os.getpid(),
        "connection": connection if isinstance(connection, str) else None,
    }
