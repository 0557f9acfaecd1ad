"""The working directory. Inside the notebook's folder it is recorded relative to that (`.`, `./data`), so that it remains valid if the
notebook is moved."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clew.roots.root import MISSING, Root


class _NotebookFolder:
    """The folder of the recorded notebook, if known. It is also found after it was renamed."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: tuple[int, int] | None = None

    def move_to(self, path: str | None) -> None:
        """Sets the notebook's folder."""
        self._path = Path(path).resolve() if path is not None else None
        self._file = _file(self._path) if self._path is not None else None
        if self._file is None:
            self._path = None

    def to_relative(self, path: Path) -> str:
        """Returns a directory as it is recorded: relative to the notebook's folder if it is inside, else absolute."""
        folder = self._found_from(path)
        if folder is None or not path.is_relative_to(folder):
            return str(path)
        below = path.relative_to(folder)
        return "." if path == folder else f"./{below}"

    def to_absolute(self, recorded: str) -> str:
        """Returns the directory that was recorded.

        Raises a `FileNotFoundError` for one in the notebook's folder if that cannot be found.
        """
        if Path(recorded).is_absolute():
            return recorded
        folder = self._found_from(Path.cwd())
        if folder is None:
            raise FileNotFoundError(f"the notebook's folder does not exist: {recorded}")
        return str(folder / recorded)

    def _found_from(self, path: Path) -> Path | None:
        """Returns the folder if it is unchanged, or if it is now above `path`."""
        if self._path is None or _file(self._path) == self._file:
            return self._path
        for above in (path, *path.parents):
            if _file(above) == self._file:
                self._path = above
                return above
        return None


def _file(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:  # it does not exist, or cannot be accessed
        return None
    return status.st_dev, status.st_ino


_notebook_folder = _NotebookFolder()
move_to = _notebook_folder.move_to


def collect(shell: Any) -> Iterator[Root]:
    current = _current()
    if current is not None:
        yield "directory", "cwd", _notebook_folder.to_relative(current)


def install(shell: Any, key: str, value: Any) -> None:
    if value is MISSING:
        return
    wanted, current = _notebook_folder.to_absolute(value), _current()
    if current is None or Path(wanted) != current:
        os.chdir(wanted)


def _current() -> Path | None:
    try:
        return Path.cwd()
    except Exception:  # it does not exist, or the function was replaced
        return None
