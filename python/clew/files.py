"""How a file that a run may have touched is known again: by its path, its size and time, and where that pays by what it holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Set
from typing import Any

from clew import _engine
from clew.installed import environment

LONGEST = 1024
"""Longer strings are no paths."""

NOT_FILES = ("/dev/", "/proc/", "/sys/")

HASHED = range(1 << 10, (16 << 20) + 1)
"""Files of such a size (bytes) are hashed: a larger one would take longer than it may, and what a smaller one holds could be guessed."""

HASHED_TOGETHER = 64 << 20
"""So many bytes a run."""

NAMES = "names:"
"""How the digest of a folder's listing begins."""

MOST_NAMES = 10_000
"""Folders with more entries are known by their times."""

COMPILED = "__pycache__"
"""Where importing keeps compiled code, beside the modules: that it made one is none of a cell's results."""

SCRATCH = "dask-scratch-space"
"""Where schedulers and workers of Dask keep what they can't hold, as long as they live."""

Given = tuple[str, str | None]
"""An absolute path, and how it was given, where that was relative to the working directory."""


def given(path: str) -> Given:
    """A path as it is kept."""
    return os.path.abspath(path), None if os.path.isabs(path) else path  # noqa: PTH100, PTH117 (links are left as they are)


def named(path: Any) -> Given | None:
    """What somebody calls a path, as it is kept, if it is one of a file."""
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    text = os.fsdecode(path)
    is_none = text.startswith(NOT_FILES) or COMPILED in text or SCRATCH in text
    return given(text) if text and text != ":memory:" and not is_none else None


def is_folder(path: str) -> bool:
    """Whether a folder lies there."""
    return os.path.isdir(path)  # noqa: PTH112


def described(file: Given) -> dict[str, Any]:
    """A file as the engine's evidence has it: `size` (bytes) and `modified` (ns) are `None` where nothing lies."""
    path, given = file
    told: dict[str, Any] = {"path": path} if given is None else {"path": path, "given": given}
    try:
        found = os.stat(path)  # noqa: PTH116 (a path object costs more than the call)
    except (OSError, ValueError):
        return told | {"size": None, "modified": None, "digest": None}
    told |= {"size": found.st_size, "modified": found.st_mtime_ns, "digest": None}
    return told | ({"of_environment": True} if path.startswith(environment()) else {})


def is_absent_of_environment(file: dict[str, Any]) -> bool:
    """Whether it is one of the many that libraries look for among what is installed."""
    is_absent: bool = file["size"] is None and file["path"].startswith(environment())
    return is_absent


def described_files(paths: Iterable[str]) -> list[dict[str, Any]]:
    """Files as evidence, with hashes where they are neither small nor large."""
    files = [described((path, None)) for path in paths]
    hash_files(files)
    return files


def hash_files(files: list[dict[str, Any]]) -> None:
    """Adds hashes, by which a file is known again on another machine. What lies behind a name with a dot may be a credential."""
    left = HASHED_TOGETHER
    for file in files:
        # What is asked for in a range without being a number is looked for in all of it.
        size, path = file["size"] or 0, file["path"]
        is_input = "of_environment" not in file and f"{os.sep}." not in path
        if not size or size > left or not is_input or file["digest"] is not None:
            continue
        if size in HASHED:
            file["digest"] = _engine.digest_of(path)
            left -= size
        elif size < HASHED.start:
            file["mark"] = _engine.mark_of(path)


def listed(folder: str, without: Set[str] = frozenset()) -> str | None:
    """What a folder's listing is known by; `None` where it can't be read. Of the names in `without` those count that are not there, and
    those that are do not."""
    names: list[bytes] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(os.fsencode(entry.name))
                if len(names) > MOST_NAMES:
                    return f"{NAMES}{os.stat(folder).st_mtime_ns}"  # noqa: PTH116
    except OSError:
        return None
    if without:
        names = list(set(names) ^ {os.fsencode(name) for name in without})
    return NAMES + hashlib.blake2b(b"\0".join(sorted(names)), digest_size=32).hexdigest()
