"""Identifies files that a run may have used: by path, size and time, and by contents where that is worthwhile."""

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
"""Longer texts are not paths."""

NOT_FILES = ("/dev/", "/proc/", "/sys/")

HASHED = range(1 << 10, (64 << 20) + 1)
"""Files of these sizes (bytes) are hashed, at 3 GB a second. Larger ones would take too long, and the contents of smaller ones could be
guessed from the hash."""

HASHED_TOGETHER = 256 << 20
"""The total number of bytes that are hashed for a run."""

CHANGED, LOOKED = "changed:", "looked:"
"""The prefixes of marks: of files without a digest, and of files of which a run may have read other properties than the contents."""

NAMES = "names:"
"""The prefix of the digest of a folder's listing."""

MOST_NAMES = 10_000
"""Folders with more entries are identified by their times."""

COMPILED = "__pycache__"
"""The folder for compiled code beside modules. That an import creates one is not a result of the cell."""

EDITED = -1
"""The time recorded for a file that changed after the run had read it, before it could be described. No real file has it."""

SCRATCH = "dask-scratch-space"
"""The folder in which schedulers and workers of Dask store data that exceeds their memory, while they live."""

Given = tuple[str, str | None]
"""An absolute path, and the path as given if that was relative to the working directory."""


def given(path: str) -> Given:
    """Returns a path in this form."""
    return os.path.abspath(path), None if os.path.isabs(path) else path  # noqa: PTH100, PTH117 (links are left as they are)


def named(path: Any) -> Given | None:
    """Returns any path in this form if it is the path of a file."""
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    text = os.fsdecode(path)
    is_none = f"{text}{os.sep}".startswith(NOT_FILES) or COMPILED in text or SCRATCH in text
    return given(text) if text and text != ":memory:" and not is_none else None


def is_folder(path: str) -> bool:
    """Returns whether a path is a folder."""
    return os.path.isdir(path)  # noqa: PTH112


def described(file: Given) -> File:
    """Describes a file as the engine's evidence does: `size` (bytes) and `modified` (ns) are `None` if it does not exist."""
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
    """Returns when a file was last written or moved to its place (ns); no program can set this time. `None` if it does not exist."""
    found = stat_of(path)
    return None if found is None else found.st_ctime_ns


def is_absent_of_environment(file: File) -> bool:
    """Returns whether it is one of the many missing files that libraries look for among installed packages."""
    return file["size"] is None and file["path"].startswith(environment())


def described_files(paths: Iterable[str], *, counts: bool = False) -> list[File]:
    """Returns evidence of files, with hashes if their sizes allow it. With `counts`, files in the environment are inputs, too."""
    files = [described((path, None)) for path in paths]
    for file in files if counts else ():
        file.pop("of_environment", None)
    hash_files(files)
    return files


def hash_files(files: list[File]) -> None:
    """Adds hashes, by which a file is recognized on another machine. Hidden files are left out, because they may be credentials."""
    left = HASHED_TOGETHER
    for file in files:
        # The membership test of a range is slow for objects that are not numbers.
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
    """Returns what identifies a file on this machine without reading it: the system sets the time of its last change, which no program can
    set back, unlike the time of writing. `None` for folders, and if the file does not exist."""
    found = stat_of(path)
    if found is None or not stat.S_ISREG(found.st_mode):
        return None
    return f"{CHANGED}{found.st_ctime_ns}:{found.st_dev}:{found.st_ino}"


#: Letters for properties of a file besides its contents: the target of links; its type, owner and permissions; the times of writing, of
#: change and of reading; and which file it is.
LINKS, KIND, WRITTEN, CHANGE, USE, WHICH = "lkwcui"


def looked(path: str, letters: str) -> str:
    """Describes those properties of a file that the letters name."""
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
    """Adds those properties to a file's mark."""
    if letters:
        file["mark"] = " ".join(filter(None, (looked(file["path"], letters), file.get("mark"))))


def mark_now(path: str, mark: str) -> str | None:
    """Returns the current value of a mark that describes more than the contents."""
    if mark.startswith(LOOKED):
        return looked(path, mark.removeprefix(LOOKED).partition(":")[0])
    return marked(path) if mark.startswith(AS_INSTALLED) else changed(path)


def listed(folder: str, without: Set[str] = frozenset()) -> str | None:
    """Returns the digest of a folder's listing, as the engine computes it (crates/clew-cli/src/input_files.rs); `None` if it cannot be
    read. Names in `without` count as present if they are missing, and as missing if they are present."""
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
