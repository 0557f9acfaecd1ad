"""How a file that a run may have touched is known again: by its path, its size and time, and where that pays by what it holds."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Set
from typing import TYPE_CHECKING, Any

from clew import _engine
from clew.installation import AS_INSTALLED, environment, marked, stat_of

if TYPE_CHECKING:
    from clew._engine import File

LONGEST = 1024
"""Longer strings are no paths."""

NOT_FILES = ("/dev/", "/proc/", "/sys/")

HASHED = range(1 << 10, (64 << 20) + 1)
"""Files of such a size (bytes) are hashed, 3 GB a second: a larger one would take longer than it may, and what a smaller one holds could be
guessed."""

HASHED_TOGETHER = 256 << 20
"""So many bytes a run."""

CHANGED, LOOKED = "changed:", "looked:"
"""How marks begin of files that have no digest, and of those of which a run may have asked for more than what they hold."""

NAMES = "names:"
"""How the digest of a folder's listing begins."""

MOST_NAMES = 10_000
"""Folders with more entries are known by their times."""

COMPILED = "__pycache__"
"""Where importing keeps compiled code, beside the modules: that it made one is none of a cell's results."""

EDITED = -1
"""The time of a file that became another after the run had read it, and before anybody looked: it is no file's."""

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
    is_none = f"{text}{os.sep}".startswith(NOT_FILES) or COMPILED in text or SCRATCH in text
    return given(text) if text and text != ":memory:" and not is_none else None


def is_folder(path: str) -> bool:
    """Whether a folder lies there."""
    return os.path.isdir(path)  # noqa: PTH112


def described(file: Given) -> File:
    """A file as the engine's evidence has it: `size` (bytes) and `modified` (ns) are `None` where nothing lies."""
    path, given = file
    told: File = {"path": path, "size": None, "modified": None, "digest": None}
    if given is not None:
        told["given"] = given
    found = stat_of(path)
    if found is None:
        return told
    told["size"], told["modified"] = found.st_size, found.st_mtime_ns
    if path.startswith(environment()):
        told["of_environment"] = True
    return told


def written_at(path: str) -> int | None:
    """When a file was last written, or put where it lies (ns), which no program can set. `None` where nothing lies."""
    found = stat_of(path)
    return None if found is None else found.st_ctime_ns


def is_absent_of_environment(file: File) -> bool:
    """Whether it is one of the many that libraries look for among what is installed."""
    return file["size"] is None and file["path"].startswith(environment())


def described_files(paths: Iterable[str], *, counts: bool = False) -> list[File]:
    """Files as evidence, with hashes where they are neither small nor large. Each `counts` though it may lie in the environment."""
    files = [described((path, None)) for path in paths]
    for file in files if counts else ():
        file.pop("of_environment", None)
    hash_files(files)
    return files


def hash_files(files: list[File]) -> None:
    """Adds hashes, by which a file is known again on another machine. What lies behind a name with a dot may be a credential."""
    left = HASHED_TOGETHER
    for file in files:
        # What is asked for in a range without being a number is looked for in all of it.
        size, path = file["size"] or 0, file["path"]
        is_input = "of_environment" not in file and f"{os.sep}." not in path
        is_known = file["digest"] is not None or file["modified"] == EDITED
        if not size or size > left or not is_input or is_known:
            continue
        if size in HASHED:
            file["digest"] = _engine.digest_of(path)
            left -= size
        elif size < HASHED.start:
            file["mark"] = _engine.mark_of(path)
    for file in files:
        if (
            file["size"]
            and file["modified"] != EDITED
            and file["digest"] is None
            and file.get("mark") is None
            and "of_environment" not in file
        ):
            file["mark"] = changed(file["path"])


def changed(path: str) -> str | None:
    """By what a file is known on this machine whose bytes nobody reads: the system sets the time of the last change of a file, and no program
    can set it back as it can the time of writing. `None` for folders, and where nothing lies."""
    found = stat_of(path)
    if found is None or not stat.S_ISREG(found.st_mode):
        return None
    return f"{CHANGED}{found.st_ctime_ns}:{found.st_dev}:{found.st_ino}"


#: What may be asked of a file beside what it holds, by a letter: where links lead, what kind it is and who may use it, when it was written,
#: changed, and read, and which file it is.
LINKS, KIND, WRITTEN, CHANGE, USE, WHICH = "lkwcui"


def looked(path: str, letters: str) -> str:
    """What is known of a file beside what it holds, as far as these letters say."""
    told: list[object] = []
    if LINKS in letters:
        told += [os.path.realpath(path), _link(path)]
    found = stat_of(path)
    if found is None:
        told.append(None)
    else:
        told += [found.st_mode, found.st_uid, found.st_gid] if KIND in letters else []
        told += [found.st_size, found.st_mtime_ns] if WRITTEN in letters else []
        told += [found.st_ctime_ns] if CHANGE in letters else []
        told += [found.st_atime_ns] if USE in letters else []
        told += [found.st_dev, found.st_ino, found.st_nlink] if WHICH in letters else []
    return f"{LOOKED}{letters}:{hashlib.blake2b(repr(told).encode(), digest_size=16).hexdigest()}"


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)  # noqa: PTH115
    except (OSError, ValueError):
        return None


def mark_looked(file: File, letters: str) -> None:
    """Has what these letters say count for a file, beside how it is known already."""
    if letters:
        file["mark"] = " ".join(filter(None, (looked(file["path"], letters), file.get("mark"))))


def mark_now(path: str, mark: str) -> str | None:
    """What a mark that tells more than what a file holds would be now."""
    if mark.startswith(LOOKED):
        return looked(path, mark.removeprefix(LOOKED).partition(":")[0])
    return marked(path) if mark.startswith(AS_INSTALLED) else changed(path)


def listed(folder: str, without: Set[str] = frozenset()) -> str | None:
    """What a folder's listing is known by, here and in the engine (crates/clew-cli/src/input_files.rs); `None` where it can't be read. Of the
    names in `without` those count that are not there, and those that are do not."""
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
    return NAMES + hashlib.sha256(b"\0".join(sorted(names))).hexdigest()
