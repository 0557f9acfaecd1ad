"""Identifies the notebook from what the front end reports. The engine decides what follows from it.

The user's notebook file is never written.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew._engine import Notebook

#: Where front ends store the path: in Jupyter's session variable, and in VS Code's variable in the namespace.
VARIABLE = "JPY_SESSION_NAME"
NAME = "__vsc_ipynb_file__"
#: The suffix that VS Code adds to the file name in a session of a Jupyter server, with ids that are new in each session.
SESSION_IDS = re.compile(r"-jvsc-[0-9a-f-]+(?=\.ipynb$)")
#: Services that start a machine for one notebook and report no path, by a variable that each sets.
HOSTED = {"COLAB_RELEASE_TAG": "colab", "KAGGLE_KERNEL_RUN_TYPE": "kaggle"}
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
    for told in (namespace.get(NAME), os.environ.get(VARIABLE)):
        if type(told) is str and told.endswith(".ipynb"):
            return str(Path(SESSION_IDS.sub("", told)).absolute())
    return None


def hosted_id() -> str | None:
    """Returns an id of the service and the machine, if each machine has one notebook."""
    services = (service for variable, service in HOSTED.items() if variable in os.environ)
    service = next(services, None)
    return f"{service}-{platform.node()}" if service is not None else None


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
