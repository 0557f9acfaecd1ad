"""Which notebook is this? Whatever the front end tells; the engine decides what follows from it.

Nothing is ever written into the user's notebook file.
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

#: Where front ends put the path: Jupyter's session variable, VS Code's name in the namespace.
VARIABLE = "JPY_SESSION_NAME"
NAME = "__vsc_ipynb_file__"
#: What VS Code puts behind the file's name in a session of a Jupyter server: ids that are new in each session.
SESSION_IDS = re.compile(r"-jvsc-[0-9a-f-]+(?=\.ipynb$)")
#: Services that start a machine for one notebook and give no path, by a variable that each sets.
HOSTED = {"COLAB_RELEASE_TAG": "colab", "KAGGLE_KERNEL_RUN_TYPE": "kaggle"}
#: Where a program says which history it means, by its id.
HISTORY = "CLEW_HISTORY"
#: Where some front ends put the name of the kernel's specification.
KERNEL = "JPY_KERNEL_NAME"
#: Where `clew run` notes in OUT where its run ended: the ids of the history and of the run.
BATCH = "batch"
#: Whether `clew run` started this kernel.
in_batch = False
#: Whether that writes the notebook that it reads.
in_place = False
#: Whether a program started this kernel beside its own (`clew.session().fork()`).
is_fork = False
#: Larger files are not read for their ids (bytes).
LARGEST_NOTEBOOK = 64 * 1024 * 1024


def notebook_of(shell: Any, name: str | None = None) -> Notebook:
    """The notebook of a session. `path` is what the front end tells, `name` what the user does. One that a batch run wrote
    belongs to the history of that run, unless it is itself run in a batch."""
    path = told_path(shell.user_ns)
    document = read(path) if path is not None else {}
    end = batch_end(document) if not in_batch else {}
    # Meant for this kernel alone, not for what it starts.
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
    """The notebook's absolute path, as the front end tells it."""
    for told in (namespace.get(NAME), os.environ.get(VARIABLE)):
        if type(told) is str and told.endswith(".ipynb"):
            return str(Path(SESSION_IDS.sub("", told)).absolute())
    return None


def hosted_id() -> str | None:
    """The service and the machine, where that has one notebook."""
    services = (service for variable, service in HOSTED.items() if variable in os.environ)
    service = next(services, None)
    return f"{service}-{platform.node()}" if service is not None else None


def read(path: str) -> dict[str, Any]:
    """The notebook file, or nothing if it can't be read now."""
    try:
        file = Path(path)
        if file.stat().st_size > LARGEST_NOTEBOOK:
            return {}
        document = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def identifier(document: dict[str, Any]) -> str | None:
    """The id that a notebook's own metadata carries, if it does."""
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        return None
    ours = metadata.get("clew")
    for found in (ours.get("id") if isinstance(ours, dict) else None, metadata.get("id")):
        if isinstance(found, str) and found:
            return found
    return None


def batch_end(document: dict[str, Any]) -> dict[str, str]:
    """Where the batch run ended that wrote a notebook: `history` and `run`, by their ids."""
    metadata = document.get("metadata")
    ours = metadata.get("clew") if isinstance(metadata, dict) else None
    end = ours.get(BATCH) if isinstance(ours, dict) else None
    found = {key: end.get(key) for key in ("history", "run")} if isinstance(end, dict) else {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def kernel_of(shell: Any) -> dict[str, Any]:
    """What is needed to speak to this kernel, or to start one like it."""
    connection = getattr(getattr(getattr(shell, "kernel", None), "parent", None), "abs_connection_file", None)
    return {
        "name": os.environ.get(KERNEL, ""),
        "executable": sys.executable,
        "language": "python",
        "version": platform.python_version(),
        "pid": os.getpid(),
        "connection": connection if isinstance(connection, str) else None,
    }
