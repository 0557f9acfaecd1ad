"""Determines which files a run used below Python, and which environment variables it read there, from the log of `clew.observer` and the
audit events.

Python calls the C library, too. If an audit event reported a call, the interpretation by the event's watcher counts (`clew.events`),
because it knows the caller: for example, whether a folder was listed by an import. Only the remaining accesses are taken from the log.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from clew.events import (
    MULTIPROCESSING,
    OF_KERNEL,
    Touched,
    is_importing_library,
    keep,
)
from clew.files import Given, is_folder, named
from clew.installation import environment
from clew.observer import WAS_THERE, Access, Kind, Log, ignored_prefixes

MOST = 5000
"""The maximal number of files that are recorded for a run."""

MOST_VARIABLES = 1000
"""The maximal number of environment variables that are recorded for a run."""

MORE, MORE_VARIABLES = "more files than Clew records", "more environment variables than Clew records"
UPDATED = "a file that it changed after reading it"
UNKNOWN = "files whose record is incomplete"

PATHS: dict[str, tuple[int, ...]] = {
    "open": (0,),
    "os.listdir": (0,),
    "os.scandir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.truncate": (0,),
    "os.link": (1,),
    "os.symlink": (1,),
}
"""Audit events, with the positions of their path arguments: for each, one call below Python is expected."""

STARTING = frozenset(
    ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.spawn", "os.system", "os.fork", "os.forkpty")
)

OF_PROCESS, OF_CLEW = OF_KERNEL | {"PWD", "OLDPWD", "SHLVL", "_"}, ("CLEW_", "JPY_")
"""Environment variables that describe the process and its parent, and prefixes of those that native code of Clew and Jupyter reads. The
working directory is part of the run's evidence."""

IMPORTED = (".py", ".pyc", ".so", ".pyd")
"""Suffixes of files that imports open below Python. A `.pth` may be a model."""

ACCESS_MODE: int = getattr(os, "O_ACCMODE", os.O_WRONLY | os.O_RDWR)
OVERWRITING = os.O_TRUNC | os.O_EXCL
WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC


class Found(NamedTuple):
    """Files that a run may have read below Python, and the folders that it listed."""

    files: list[Given]
    listings: set[Given]


class Observation:
    """The observations of one run."""

    def __init__(self) -> None:
        self._log = log_of(os.getpid())
        self._start = self._end = self._log.begin() if self._log is not None else 0
        #: The number of calls below Python that are expected for a path, from the events.
        self._told: Counter[str] = Counter()
        self._has_started = False
        #: Positions in the log where an imported library started a program, for example to list fonts.
        self._of_imports: list[int] = []
        #: Ranges of the log in which this thread worked for Clew, not for the cell, and in which it imported.
        self._left_out: list[tuple[int, int]] = []
        self._importing: list[tuple[int, int]] = []
        #: Those of the latter in which it imported only libraries.
        self._of_libraries: list[tuple[int, int]] = []
        self._thread = threading.get_native_id()
        #: The files that were read below Python so far, and the position up to which the log was searched for them.
        self._read, self._read_to = set[str](), self._start

    @property
    def is_absent(self) -> bool:
        """Returns whether nothing is observed below Python."""
        return self._log is None

    def tell(self, event: str, args: tuple[Any, ...]) -> None:
        """Handles an audit event: Python is about to do something."""
        if self._log is None:
            return
        if event in STARTING:
            self._has_started = True
            if is_importing_library():
                self._of_imports.append(self._log.here())
        for place in PATHS.get(event, ()):
            path = args[place] if place < len(args) else None
            if isinstance(path, str | bytes | os.PathLike):
                self._told[os.path.abspath(os.fsdecode(path))] += 1  # noqa: PTH100 (links are left as they are)
            elif path is None and event in ("os.listdir", "os.scandir"):
                self._told[os.path.abspath(".")] += 1  # noqa: PTH100

    def begin_part(self) -> int:
        """Begins a part of the log that counts differently. Returns its position."""
        return self._log.begin_part() if self._log is not None else 0

    def leave_out(self, start: int) -> None:
        """Excludes the accesses of this thread since a position: they were not the cell's."""
        if self._log is not None:
            self._left_out.append((start, self.begin_part()))

    def imported(self, start: int, *, has_own: bool) -> None:
        """Marks the accesses since a position as those of an import. With `has_own`, it imported modules of the user's own, among others:
        these may read variables like a cell."""
        if self._log is not None:
            part = start, self.begin_part()
            self._importing.append(part)
            if not has_own:
                self._of_libraries.append(part)

    def has_read(self, path: str) -> bool:
        """Returns whether a file was read below Python so far."""
        if self._log is None:
            return False
        start, self._read_to = self._read_to, self._log.here()
        accesses = self._log.between(start, self._read_to).accesses
        self._read |= {os.path.normpath(one.path) for _, one in accesses if _is_read(one)}
        return path in self._read

    def end(self) -> None:
        """Ends the run."""
        if self._log is not None:
            self._log.end()
            self._end = self._log.here()

    def found(self, touched: Touched, started: int, named: Iterable[Given]) -> Found:
        """Returns the files that it read. Adds the files that it wrote, and the programs that it started, to `touched`. The run began at
        `started` (ns); files in `named` are identified in another way."""
        if self._log is None:
            return Found([], set())
        accesses, is_whole = self._log.between(self._start, self._end)
        if not is_whole:
            keep(touched.unrepeatable, UNKNOWN)
        if not accesses:
            return Found([], set())
        files, variables, of_others = _Files(started), set[str](), set[int]()
        for at, access in accesses:
            if access.kind is Kind.STARTED and (self._is_left_out(at) or self._is_of_import(at, access)):
                of_others |= {access.process} - {os.getpid()}
            elif access.kind is Kind.STARTED:
                self._start_program(touched, access)
            elif access.process in of_others or not self._counts(at, access):
                continue
            elif access.kind is Kind.ASKED:
                variables.add(access.path)
            else:
                files.add(access, is_told=self._is_told(access))
        self._add_variables(touched, variables)
        return files.found(touched, dict(named))

    @staticmethod
    def _add_variables(touched: Touched, names: set[str]) -> None:
        wanted = sorted(name for name in names - OF_PROCESS if not name.startswith(OF_CLEW))
        touched.native_variables.update(dict.fromkeys(wanted[:MOST_VARIABLES]))
        if len(wanted) > MOST_VARIABLES:
            keep(touched.unrepeatable, MORE_VARIABLES)

    def _is_left_out(self, at: int) -> bool:
        return _is_in(self._left_out, at)

    def _is_of_import(self, at: int, access: Access) -> bool:
        if self._of_imports and at >= self._of_imports[0] and access.parent == os.getpid():
            del self._of_imports[0]
            return True
        return False

    def _start_program(self, touched: Touched, access: Access) -> None:
        """Notes a started program. Programs that Python starts are known from events or `multiprocessing`, and programs that workers start
        do not count."""
        here = os.getpid()
        is_known = self._has_started or MULTIPROCESSING in touched.processes
        if not is_known and here in (access.process, access.parent):
            keep(touched.processes, os.path.basename(access.path))  # noqa: PTH119

    def _counts(self, at: int, access: Access) -> bool:
        of_environment = _is_of_environment(access)
        if access.error and (of_environment or not access.is_absent):
            return False
        if access.process != os.getpid():
            # Reads for imports cannot be distinguished from the process's other reads.
            is_of_import = access.kind is Kind.LISTED and _is_searched(access.path)
            return not (of_environment or is_of_import)
        is_own = access.thread == self._thread
        if is_own and self._is_left_out(at):
            return False
        if of_environment or access.kind is Kind.ASKED:
            return not _is_in(self._of_libraries, at)
        return not (access.kind is Kind.LOOKED and _is_in(self._importing, at))

    def _is_told(self, access: Access) -> bool:
        """Returns whether an event reported the access."""
        path = os.path.normpath(access.path)
        is_told = access.kind is not Kind.LOOKED and access.process == os.getpid() and self._told[path] > 0
        if is_told:
            self._told[path] -= 1
        return is_told


class _Files:
    """Sorts accesses by their meaning."""

    def __init__(self, started: int) -> None:
        self._started = started
        self._read: dict[str, Given] = {}
        self._looked: dict[str, Given] = {}
        self._listed: dict[str, Given] = {}
        self._written: dict[str, Given] = {}
        #: Files opened for reading and writing, with their contents kept.
        self._updated: dict[str, Given] = {}
        #: Paths that the run found and used, paths that were missing or created, and the run's own files.
        self._used, self._made, self._own = set[str](), set[str](), set[str]()
        self._consumed = set[str]()

    def add(self, access: Access, *, is_told: bool) -> None:
        """Adds an access. One that an event reported counts only in relation to other accesses."""
        path = os.path.normpath(access.path)
        if named(path) is None or path.endswith(IMPORTED) or "/.clew/" in path or _is_kept(path):
            return
        if access.is_absent or _makes(access):
            self._made.add(path)
        if access.is_absent:
            kind = self._looked
        elif _is_change(access):
            if path in self._used and not is_told:
                self._consumed.add(path)
            self._own.add(path)
            kind = self._written
        elif access.kind is Kind.OPENED:
            if path not in self._own:
                self._used.add(path)
            kind = self._read if _is_read(access) else self._updated
        else:
            kind = self._listed if access.kind is Kind.LISTED else self._looked
        if not is_told:
            kind.setdefault(path, (path, access.given))

    def found(self, touched: Touched, as_named: dict[str, str | None]) -> Found:
        """Returns the files, without those that are named. Adds written files to `touched`."""
        told = {path for path, _ in touched.written}
        for path, given in self._updated.items():
            if self._is_new(path):
                self._written.setdefault(path, given)
                if path not in self._made | self._own | told:
                    self._consumed.add(path)
            else:
                self._read.setdefault(path, given)
        for path, given in self._written.items():
            if path not in told and (path not in self._made or os.path.lexists(path)):
                keep(touched.written, (path, as_named.get(path, given[1])))
        if self._consumed:
            keep(touched.unrepeatable, UPDATED)
        known = {path for path, _ in touched.read} | told | self._written.keys() | as_named.keys()
        files = [*_not_in(known, self._read), *filter(_may_decide, _not_in(known, self._looked))]
        # For a named folder, only its existence counts.
        listings = {(path, as_named.get(path, given[1])) for path, given in self._listed.items()}
        if len(files) > MOST:
            keep(touched.unrepeatable, MORE)
        return Found([*files[:MOST], *(given for given in listings if given[0] not in known)], listings)

    def _is_new(self, path: str) -> bool:
        """Returns whether it was written since the run began."""
        try:
            return os.stat(path).st_mtime_ns >= self._started  # noqa: PTH116
        except OSError:
            return True


@cache
def log_of(process: int) -> Log | None:
    """Returns the log of a process: this one. The child of a fork has none."""
    return Log.of_process()


def _is_in(parts: list[tuple[int, int]], at: int) -> bool:
    return any(start <= at < end for start, end in parts)


def _is_read(access: Access) -> bool:
    """Returns whether a file is opened only for reading."""
    return access.kind is Kind.OPENED and not access.error and access.flags & ACCESS_MODE == os.O_RDONLY


def _makes(access: Access) -> bool:
    """Returns whether the access creates a file that did not exist."""
    return access.kind is Kind.OPENED and bool(access.flags & os.O_CREAT) and not access.flags & WAS_THERE


def _is_change(access: Access) -> bool:
    """Returns whether a file is created, removed or overwritten, independently of its contents."""
    if access.kind is not Kind.OPENED or not access.flags & WRITING:
        return access.kind is Kind.CHANGED
    is_kept = access.flags & ACCESS_MODE == os.O_RDWR and not access.flags & OVERWRITING
    return _makes(access) or not is_kept


def _not_in(known: set[str], files: dict[str, Given]) -> Iterator[Given]:
    return (given for path, given in files.items() if path not in known)


def _may_decide(given: Given) -> bool:
    """Returns whether the existence of a path may have decided something. That is not the case for folders on the way to other files, and
    for folders searched for programs."""
    path = given[0]
    if is_folder(path):
        return not any(other == path or other.startswith(path + os.sep) for other in _ways())
    return os.path.dirname(path) not in os.get_exec_path()  # noqa: PTH120


def _ways() -> list[str]:
    return [os.getcwd(), os.path.expanduser("~"), sys.prefix, sys.base_prefix, *_search_path()]  # noqa: PTH109, PTH111


@cache
def _ignored() -> tuple[str, ...]:
    return tuple(ignored_prefixes())


def _is_kept(path: str) -> bool:
    """Returns whether it is a folder whose contents are ignored."""
    return f"{path}{os.sep}".startswith(_ignored())


def _is_of_environment(access: Access) -> bool:
    """Returns whether it is an access to installed files. The path is not a variable's name."""
    return access.path.startswith(environment()) and access.kind is not Kind.ASKED


def _is_searched(folder: str) -> bool:
    """Returns whether a process that imports lists a folder of the search path."""
    return os.path.normpath(folder) in _search_path()


def _search_path() -> list[str]:
    return [os.path.abspath(place) for place in sys.path if isinstance(place, str)]  # noqa: PTH100
