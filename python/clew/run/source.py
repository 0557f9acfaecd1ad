"""Reads the notebook: converts percent scripts to notebooks, and gives cells without an id a stable one."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from clew.run.mistakes import FAILED, Mistake

#: Suffixes of files that are not notebooks, but that jupytext may read.
SCRIPTS = (".py", ".r", ".R", ".jl", ".md", ".qmd", ".Rmd", ".ipy")
#: The first minor version of the format in which cells have ids.
WITH_IDS = 5
#: The tag of the markers of an earlier failure, which papermill removes before it runs a notebook again.
ERROR_MARKER = "papermill-error-cell-tag"


def is_script(path: str) -> bool:
    """Returns whether a path is that of a script."""
    return PurePath(path).suffix in SCRIPTS


def named_kernel(document: dict[str, Any]) -> str | None:
    """Returns the kernel that a notebook names."""
    metadata = document.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    name = spec.get("name") if isinstance(spec, dict) else None
    return name if isinstance(name, str) else None


def as_notebook(text: str, path: str) -> str:
    """Returns the text read from `path` as the text of a notebook whose cells have ids."""
    if is_script(path):
        document: Any = from_script(text, PurePath(path).suffix)
    else:
        document = parsed(text, path)
    if not is_current(document):
        return text
    return json.dumps(with_ids(document)) if lacks_ids(document) else json.dumps(document)


def parsed(text: str, path: str) -> Any:
    """Parses the text of a notebook."""
    try:
        return json.loads(text)
    except ValueError:
        raise Mistake(
            f"{path} is not a notebook: it is not JSON",
            "give a file that ends in .ipynb, or a script",
            FAILED,
        ) from None


def is_current(document: Any) -> bool:
    """Returns whether it has the version of the format in which cells have ids; nbformat upgrades other versions."""
    return isinstance(document, dict) and document.get("nbformat") == 4 and "cells" in document


def lacks_ids(document: dict[str, Any]) -> bool:
    """Returns whether any cell has no id."""
    return document.get("nbformat_minor", 0) < WITH_IDS or any("id" not in cell for cell in document["cells"])


def with_ids(document: dict[str, Any]) -> dict[str, Any]:
    """Adds ids computed from the cells' text: nbformat would draw different ones in every run."""
    taken = {cell["id"] for cell in document["cells"] if "id" in cell}
    for cell in document["cells"]:
        if "id" not in cell:
            cell["id"] = free_id(cell, taken)
            taken.add(cell["id"])
    document["nbformat_minor"] = max(document.get("nbformat_minor", 0), WITH_IDS)
    return document


def free_id(cell: dict[str, Any], taken: set[str]) -> str:
    """Returns an id for a cell. A second cell with the same text gets a different one."""
    source = cell.get("source", "")
    text = source if isinstance(source, str) else "".join(source)
    count = 0
    while True:
        digest = hashlib.sha256(f"{cell.get('cell_type')}:{count}:{text}".encode()).hexdigest()[:8]
        if digest not in taken:
            return digest
        count += 1


def from_script(text: str, suffix: str) -> dict[str, Any]:
    """Returns a script's cells as a notebook (jupytext's formats, including percent cells)."""
    try:
        import jupytext
    except ImportError:
        hint = f"`{sys.executable} -m pip install jupytext`, or give the notebook as .ipynb"
        raise Mistake("Reading a script needs the package jupytext, which is not installed", hint) from None
    notebook: dict[str, Any] = jupytext.reads(text, fmt=suffix.lstrip("."))
    for cell in notebook["cells"]:
        # jupytext draws new ones each time.
        cell.pop("id", None)
    specify_kernel(notebook, suffix)
    return notebook


def specify_kernel(notebook: dict[str, Any], suffix: str) -> None:
    """Sets the kernel of a Python script whose header does not name one."""
    if suffix in (".py", ".ipy"):
        spec = notebook["metadata"].setdefault("kernelspec", {"name": "python3", "display_name": "Python 3"})
        spec.setdefault("language", "python")


def without_markers(cells: Sequence[Any]) -> list[Any]:
    """Returns the cells without the markers of an earlier failure."""
    return [cell for cell in cells if ERROR_MARKER not in cell.get("metadata", {}).get("tags", ())]
