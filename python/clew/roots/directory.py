"""The working directory. Within the notebook's folder it is told from there (`.`, `./data`), so that it moves along with the notebook."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clew.roots.root import MISSING, Root


class _NotebookFolder:
    """The folder that the notebook lies in, where the front end tells it; also after it was renamed under its kernel."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: tuple[int, int] | None = None

    def move_to(self, path: str | None) -> None:
        """The notebook lies in `path`."""
        try:
            self._path = Path(path).resolve(strict=True) if path is not None else None
            self._file = _file(self._path) if self._path is not None else None
        except OSError:  # it is gone, or can't be looked into
            self._path, self._file = None, None

    def to_relative(self, path: Path) -> str:
        """A directory as it is recorded: from the notebook's folder if it is that or lies below, else whole."""
        if self._path is None:
            return str(path)
        if path != self._path and _file(path) == self._file:
            self._path = path
        if path == self._path:
            return "."
        return f"./{path.relative_to(self._path)}" if path.is_relative_to(self._path) else str(path)

    def to_absolute(self, recorded: str) -> str:
        """The directory that was recorded. One in the notebook's folder is the current one where that folder is not known."""
        if Path(recorded).is_absolute():
            return recorded
        return str((self._path or Path.cwd()) / recorded)


def _file(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


_notebook_folder = _NotebookFolder()
move_to = _notebook_folder.move_to


def collect(shell: Any) -> Iterator[Root]:
    current = _current()
    if current is not None:
        yield "directory", "cwd", current


def install(shell: Any, key: str, value: Any) -> None:
    if value is not MISSING and value != _current():
        os.chdir(_notebook_folder.to_absolute(value))


def _current() -> str | None:
    try:
        return _notebook_folder.to_relative(Path.cwd())
    except Exception:  # it is gone, or somebody replaced the function
        return None
