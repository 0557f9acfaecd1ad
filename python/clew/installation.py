"""Recognizes files of Python itself and of installed packages by their paths: they are not inputs of a cell, only their versions are."""

from __future__ import annotations

import csv
import hashlib
import os
import site
import sys
import sysconfig
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from types import ModuleType

OF_PREFIX = ("bin", "lib", "lib64", "share", "etc", "ssl", "include", "Lib", "DLLs")
"""The folders of an environment. Its root folder may be a project's, with data beside them."""

OF_SYSTEM = ("/usr/", "/etc/")
"""Path prefixes of files that belong to the system: time zones, fonts, settings."""


PACKAGES = ("site-packages", "dist-packages")
"""The names of folders that contain only installed packages."""

MOST_NAMES = 20_000
"""The maximal number of entries of a folder on the search path that are checked for package metadata."""


unwatched: Callable[[], AbstractContextManager[None]] = nullcontext
"""The context manager for accesses that are not a cell's evidence. `clew.evidence` sets it."""


def environment() -> tuple[str, ...]:
    """Returns path prefixes of files that are not inputs: Python's own, and packages installed in a `site-packages` anywhere on the search
    path. Packages in a folder of the user (`pip install --target`) are not included: that folder may be the notebook's."""
    others = tuple(path for path in packages() if os.path.basename(path.rstrip(os.sep)) in PACKAGES)  # noqa: PTH119
    return _environment(others)


def code() -> tuple[str, ...]:
    """Returns path prefixes of code that is not analyzed as the user's own: that of `environment()`, and of packages in folders of the
    user."""
    return _environment(packages())


def packages() -> tuple[str, ...]:
    """Returns path prefixes of packages installed outside of this environment: in other `site-packages` (`.pth` files, `PYTHONPATH`), and
    in folders that contain packages with their metadata (`pip install --target`), perhaps beside the user's modules."""
    return _packages(tuple([entry for entry in sys.path if type(entry) is str]))


def is_installed(path: str) -> bool:
    """Returns whether a path belongs to an installed package, of this environment or another."""
    return any(name in path for name in PACKAGES) or path.startswith(packages())


@lru_cache(maxsize=1)
def _packages(entries: tuple[str, ...]) -> tuple[str, ...]:
    found = dict[str, None]()
    with unwatched():
        for entry in entries:
            folder = os.path.abspath(entry)  # noqa: PTH100
            if f"{folder}{os.sep}".startswith(_environment(())):
                continue
            for one in dict.fromkeys((folder, os.path.realpath(folder))):
                if os.path.basename(one) in PACKAGES:  # noqa: PTH119
                    found[one + os.sep] = None
                else:
                    found |= dict.fromkeys(_installed_in(one))
    return tuple(found)


def _installed_in(folder: str) -> Iterator[str]:
    """Yields path prefixes of the installed files in a folder. A package whose `__init__` is in no list of files is the user's own."""
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in islice(entries, MOST_NAMES) if one.name.endswith(".dist-info")]
    except OSError:
        return
    for name in names:
        try:
            with open(os.path.join(folder, name, "RECORD"), newline="", encoding="utf-8") as file:  # noqa: PTH118, PTH123
                lines = [line[0] for line in csv.reader(file) if line]
        except (OSError, ValueError, csv.Error):
            continue
        named = set(lines)
        for one in sorted(set(map(_first, lines)) - {""}):
            path = os.path.join(folder, one)  # noqa: PTH118
            if f"{one}__init__.py" in named or not os.path.exists(f"{path}__init__.py"):  # noqa: PTH110
                yield path


LISTED = (".dist-info", ".egg-info")
"""Suffixes of metadata folders. An `.egg-info` is beside sources under development."""


def _first(name: str) -> str:
    """Returns the package or module of a listed file."""
    parts = os.path.normpath(name).split(os.sep)  # noqa: PTH206 (no path object for thousands of lines)
    if parts[0] in ("", "..") or parts[0].endswith(LISTED) or parts[0] == "__pycache__":
        return ""
    return parts[0] + os.sep if len(parts) > 1 else parts[0]


def stat_of(path: str) -> os.stat_result | None:
    """Returns the status of a file; `None` if it does not exist."""
    try:
        return os.stat(path)  # noqa: PTH116 (a path object costs more than the call)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=4)
def _environment(others: tuple[str, ...]) -> tuple[str, ...]:
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    folders = {os.path.join(prefix, part) for prefix in prefixes for part in OF_PREFIX}  # noqa: PTH118
    folders |= {path for name, path in sysconfig.get_paths().items() if name.endswith(("lib", "stdlib"))}
    folders.add(site.getusersitepackages())
    files = (os.path.join(prefix, "pyvenv.cfg") for prefix in prefixes)  # noqa: PTH118
    return (*(os.path.abspath(folder) + os.sep for folder in sorted(folders)), *files, *others, *OF_SYSTEM)  # noqa: PTH100


@cache
def caches() -> tuple[str, ...]:
    """Returns path prefixes of the caches of libraries, which they create again if they are missing."""
    home = os.path.expanduser("~")  # noqa: PTH111
    named = (os.environ.get(name) for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"))
    folders = (*named, f"{home}/.cache", f"{home}/Library/Caches")
    return tuple(os.path.abspath(folder) + os.sep for folder in folders if folder)  # noqa: PTH100


@cache
def standard_folders() -> tuple[str, ...]:
    """Returns path prefixes of the modules of the standard library."""
    folders = {os.path.dirname(os.__file__), *map(sysconfig.get_path, ("stdlib", "platstdlib"))}  # noqa: PTH120
    return tuple(sorted({one + os.sep for folder in folders for one in (folder, os.path.realpath(folder))}))


def version_of(distribution: str) -> str | None:
    """Returns the installed version of a distribution."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def is_standard(top: str) -> bool:
    """Returns whether a top-level module belongs to the standard library. If the user's folder is first on the search path, a module of the
    same name there (`statistics.py`) is the user's."""
    if top not in sys.stdlib_module_names:
        return False
    module = sys.modules.get(top)
    file = module.__dict__.get("__file__") if type(module) is ModuleType else None
    return type(file) is not str or file.startswith(standard_folders())


def libraries() -> tuple[str, ...]:
    """Returns path prefixes of the code of Python itself, and of installed packages."""
    return _libraries(packages())


@lru_cache(maxsize=1)
def _libraries(others: tuple[str, ...]) -> tuple[str, ...]:
    return ("<frozen ", *(path for path in _environment(others) if path not in OF_SYSTEM))


AT_ONCE = 2_000_000_000
"""The time (ns) for which an installation may continue after it wrote its list of files."""

MOST_HASHED = 200
"""If more files have a later time of change than this, only their times of writing count: the whole environment was copied."""


LARGEST_UNLISTED = 1 << 20
"""Larger files (bytes) that are in no list are identified by their times."""

AS_INSTALLED = "installed:"
"""The prefix of the mark of a package's list of files, which shows whether the package is unchanged."""


def marked(record: str) -> str:
    """Returns what identifies a package in a folder of the user from its list of files there: the files that differ from their installed
    state, and those beside them that are not listed, such as new modules."""
    return f"{AS_INSTALLED}{edited(os.path.dirname(record), is_whole=True) or ''}"  # noqa: PTH120


def is_of_environment(metadata: str) -> bool:
    """Returns whether a package with this metadata folder belongs to this environment, where it is found by name: not if it is in the
    user's `site-packages` and the environment does not use that."""
    is_left_out = not site.ENABLE_USER_SITE and metadata.startswith(site.getusersitepackages() + os.sep)
    return metadata.startswith(_environment(())) and not is_left_out


def edited(metadata: str, *, is_whole: bool = False) -> str | None:
    """Returns what identifies the files of a package that differ from their installed state, according to the list of files (`RECORD`) in
    its `metadata` folder; `None` if none differs, or this cannot be determined. With `is_whole`, includes files that are not listed with a
    hash.

    Files that were not written since the installation are not read.
    """
    record = os.path.join(metadata, "RECORD")  # noqa: PTH118 (asked of thousands of files)
    try:
        there = os.stat(record)  # noqa: PTH116
        with open(record, newline="", encoding="utf-8") as file:  # noqa: PTH123
            lines = list(csv.reader(file))
            listed = list(_listed(metadata, lines))
    except (OSError, ValueError, csv.Error):
        return None
    other, written, touched = list[str](), [], []
    # No grace period for a folder of the user: after unpacking or cloning a package, the user may edit a file at once.
    while_installing = 0 if is_whole else AT_ONCE
    for path, name, digest, size in listed:
        now = stat_of(path)
        if now is None:
            other.append(f"{name} gone")
            continue
        if now.st_size != size or now.st_mtime_ns > there.st_mtime_ns + while_installing:
            written.append((path, name, digest))
        elif now.st_ctime_ns > there.st_ctime_ns + while_installing:
            touched.append((path, name, digest))
    for path, name, digest in written + (touched if len(touched) <= MOST_HASHED else []):
        now_is = _sha256(path)
        if now_is != digest:
            other.append(f"{name} {now_is}")
    if is_whole:
        known = {path for path, *_ in listed}
        firsts = {_first(line[0]) for line in lines if line} - {""}
        folder = os.path.dirname(metadata)  # noqa: PTH120
        unlisted = (path for path in _below(folder, firsts) if path not in known)
        other += (f"{path.removeprefix(folder)} {_known_by(path)}" for path in unlisted)
    return hashlib.blake2b("\n".join(sorted(other)).encode(), digest_size=16).hexdigest() if other else None


def _below(folder: str, firsts: Iterable[str]) -> Iterator[str]:
    """Yields the files of packages and modules in a folder, without compiled ones."""
    for first in firsts:
        path = os.path.join(folder, first)  # noqa: PTH118
        if not first.endswith(os.sep):
            yield path
        for place, _, names in os.walk(path):
            if os.path.basename(place) != "__pycache__":  # noqa: PTH119
                yield from (os.path.join(place, name) for name in names)  # noqa: PTH118


def _known_by(path: str) -> str:
    found = stat_of(path)
    if found is None:
        return "gone"
    return _sha256(path) if found.st_size <= LARGEST_UNLISTED else f"{found.st_size} {found.st_mtime_ns}"


def _listed(metadata: str, lines: Iterable[list[str]]) -> Iterator[tuple[str, str, str, int]]:
    """Yields the files of a package, without its metadata and scripts: path, name, SHA-256 and size."""
    base, inside = os.path.split(metadata)
    for name, digest, size in (line for line in lines if len(line) == 3):
        kind, _, digest = digest.partition("=")
        if kind == "sha256" and size and not name.startswith((inside, "..", os.sep)):
            yield os.path.join(base, name), name, digest, int(size)  # noqa: PTH118


def _sha256(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return urlsafe_b64encode(hashlib.file_digest(file, "sha256").digest()).decode().rstrip("=")
    except OSError:
        return ""
