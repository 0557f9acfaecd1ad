"""What is Python's own or installed for it, by where it lies: none of it is an input of a cell, its version is."""

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
"""What an environment has of folders. Its own may be a project's, with data beside them."""

OF_SYSTEM = ("/usr/", "/etc/")
"""How paths begin of what belongs to the system: time zones, fonts, settings."""


PACKAGES = ("site-packages", "dist-packages")
"""What folders are called that hold nothing but installed packages."""

MOST_NAMES = 20_000
"""So many names of a folder on the search path are looked through for metadata of packages."""


unwatched: Callable[[], AbstractContextManager[None]] = nullcontext
"""What is read within is no evidence of a cell's: `clew.evidence` puts its own here."""


def environment() -> tuple[str, ...]:
    """How paths begin of files that are no inputs: of Python's, and of what is installed in a `site-packages`, wherever the search path has it.
    Packages in a folder of the user's (`pip install --target`) are not among them: that folder may be the notebook's."""
    others = tuple(path for path in packages() if os.path.basename(path.rstrip(os.sep)) in PACKAGES)  # noqa: PTH119
    return _environment(others)


def code() -> tuple[str, ...]:
    """How paths begin of code that is not read as the user's own: that of `environment()`, and of packages in folders of the user's."""
    return _environment(packages())


def packages() -> tuple[str, ...]:
    """How paths begin of what is installed outside of this environment: in the `site-packages` of others (`.pth` files, `PYTHONPATH`),
    and in folders where packages lie with their metadata (`pip install --target`), perhaps beside modules of the user's."""
    return _packages(tuple([entry for entry in sys.path if type(entry) is str]))


def is_installed(path: str) -> bool:
    """Whether a path lies where installed packages do, of this environment or another."""
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
    """How paths begin of what lists of installed files name in a folder. A package whose `__init__` none of them names is the user's own."""
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
"""How folders of metadata end. An `.egg-info` lies beside sources that are being worked on."""


def _first(name: str) -> str:
    """The package or module that a listed file belongs to."""
    parts = os.path.normpath(name).split(os.sep)  # noqa: PTH206 (no path object for thousands of lines)
    if parts[0] in ("", "..") or parts[0].endswith(LISTED) or parts[0] == "__pycache__":
        return ""
    return parts[0] + os.sep if len(parts) > 1 else parts[0]


def stat_of(path: str) -> os.stat_result | None:
    """What the system tells of a file; `None` where nothing lies."""
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
    """How paths begin of what libraries keep of their own work, and do again where it is gone."""
    home = os.path.expanduser("~")  # noqa: PTH111
    named = (os.environ.get(name) for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"))
    folders = (*named, f"{home}/.cache", f"{home}/Library/Caches")
    return tuple(os.path.abspath(folder) + os.sep for folder in folders if folder)  # noqa: PTH100


@cache
def standard_folders() -> tuple[str, ...]:
    """How paths begin of modules of the standard library."""
    folders = {os.path.dirname(os.__file__), *map(sysconfig.get_path, ("stdlib", "platstdlib"))}  # noqa: PTH120
    return tuple(sorted({one + os.sep for folder in folders for one in (folder, os.path.realpath(folder))}))


def version_of(distribution: str) -> str | None:
    """The version of a distribution that is installed here."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def is_standard(top: str) -> bool:
    """Whether a top-level module is one of the standard library. Where the search path has the user's folder first, one of the same name
    lies there (`statistics.py`), and is the user's."""
    if top not in sys.stdlib_module_names:
        return False
    module = sys.modules.get(top)
    file = module.__dict__.get("__file__") if type(module) is ModuleType else None
    return type(file) is not str or file.startswith(standard_folders())


def libraries() -> tuple[str, ...]:
    """How paths begin of the code that is Python's own, or installed for it."""
    return _libraries(packages())


@lru_cache(maxsize=1)
def _libraries(others: tuple[str, ...]) -> tuple[str, ...]:
    return ("<frozen ", *(path for path in _environment(others) if path not in OF_SYSTEM))


AT_ONCE = 2_000_000_000
"""So long an installation may go on after it wrote its list of files (ns)."""

MOST_HASHED = 200
"""Where more files than so many may have been changed by the time of their last change, only their time of writing tells: the whole
environment was copied."""


LARGEST_UNLISTED = 1 << 20
"""Larger files (bytes) that no list has are known by their time."""

AS_INSTALLED = "installed:"
"""How the mark of a package's list of files begins that tells whether the package is as it was."""


def marked(record: str) -> str:
    """By what a package in a folder of the user's is known, whose list of files lies there: by those that are not as they were installed, and by
    those beside them that it does not list, new modules for example."""
    return f"{AS_INSTALLED}{edited(os.path.dirname(record), is_whole=True) or ''}"  # noqa: PTH120


def is_of_environment(metadata: str) -> bool:
    """Whether a package with such a folder of metadata is one of this environment, where whoever asks for it by its name finds it: not in the
    user's `site-packages` in an environment that does without."""
    is_left_out = not site.ENABLE_USER_SITE and metadata.startswith(site.getusersitepackages() + os.sep)
    return metadata.startswith(_environment(())) and not is_left_out


def edited(metadata: str, *, is_whole: bool = False) -> str | None:
    """What those files of a package are known by that are not as they were installed, by its list of files (`RECORD`) in its folder of
    `metadata`; `None` where all are, or nobody can tell. With `is_whole` also those that are not listed with their hash.

    Files that nobody wrote since are not read.
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
    # Who unpacks or clones it may edit it a moment later.
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
    """Files of packages and modules in a folder, without compiled ones."""
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
    """Files of a package, each with its path, its name there, its SHA-256 and its size; neither its metadata nor scripts."""
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
