"""What a run did to files below Python, and which environment variables it read there, as the log of `clew.observer` has it, beside what Python's audit events tell.

Python calls the C library, too. Where an audit event told of a call, what the event's watcher made of it counts (`clew.events`): it knows
who called, and that a folder was listed by an import, for example. Only what is left comes from below.
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
"""So many files a run are kept."""

MOST_VARIABLES = 1000
"""The same of environment variables."""

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
"""Events behind each of which one call below is expected for each of these arguments."""

STARTING = frozenset(
    ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.spawn", "os.system", "os.fork", "os.forkpty")
)

OF_PROCESS, OF_CLEW = OF_KERNEL | {"PWD", "OLDPWD", "SHLVL", "_"}, ("CLEW_", "JPY_")
"""Environment variables that tell of the process and of who started it, and how those begin that native code of Clew's and Jupyter's may ask for.
Of the working directory the run's evidence tells."""

IMPORTED = (".py", ".pyc", ".so", ".pyd")
"""How files end that importing opens below Python. A `.pth` may be a model."""

OVERWRITING = os.O_TRUNC | os.O_EXCL
WRITING = os.O_WRONLY | os.O_RDWR | os.O_TRUNC


class Found(NamedTuple):
    """Files that a run may have read below Python, and the folders that it listed."""

    files: list[Given]
    listings: set[Given]


class Observation:
    """What is observed of one run."""

    def __init__(self) -> None:
        self._log = log_of(os.getpid())
        self._start = self._end = self._log.begin() if self._log is not None else 0
        #: How many calls below Python are expected for a path, by the events.
        self._told: Counter[str] = Counter()
        self._has_started = False
        #: Where in the log a library that was imported started a program, to see which fonts there are for example.
        self._of_imports: list[int] = []
        #: Parts of the log in which this thread did what is not the cell's, and in which it imported.
        self._left_out: list[tuple[int, int]] = []
        self._importing: list[tuple[int, int]] = []
        #: Those of the latter in which it imported libraries alone.
        self._of_libraries: list[tuple[int, int]] = []
        self._thread = threading.get_native_id()
        #: What was read below Python by now, and how far the log was gone through for that.
        self._read, self._read_to = set[str](), self._start

    @property
    def is_absent(self) -> bool:
        """Whether nothing is observed below Python."""
        return self._log is None

    def tell(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit event says that Python is about to do something."""
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
        """What follows counts another way: how far the log is."""
        return self._log.begin_part() if self._log is not None else 0

    def leave_out(self, start: int) -> None:
        """What this thread did since then was not the cell's."""
        if self._log is not None:
            self._left_out.append((start, self.begin_part()))

    def imported(self, start: int, *, has_own: bool) -> None:
        """It only imported since then, modules of the user's own among others if it `has_own`: these may read variables as a cell does."""
        if self._log is not None:
            part = start, self.begin_part()
            self._importing.append(part)
            if not has_own:
                self._of_libraries.append(part)

    def has_read(self, path: str) -> bool:
        """Whether a file was read below Python by now."""
        if self._log is None:
            return False
        start, self._read_to = self._read_to, self._log.here()
        accesses = self._log.between(start, self._read_to).accesses
        self._read |= {os.path.normpath(one.path) for _, one in accesses if _is_read(one)}
        return path in self._read

    def end(self) -> None:
        """The run is over."""
        if self._log is not None:
            self._log.end()
            self._end = self._log.here()

    def found(self, touched: Touched, started: int, named: Iterable[Given]) -> Found:
        """What it read; adds what it wrote, and what it started, to what was `touched`. The run began at `started` (ns); files that are
        `named` are known otherwise."""
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
        """Of programs that Python starts its events or `multiprocessing` tell, and what workers start is theirs."""
        here = os.getpid()
        is_known = self._has_started or MULTIPROCESSING in touched.processes
        if not is_known and here in (access.process, access.parent):
            keep(touched.processes, os.path.basename(access.path))  # noqa: PTH119

    def _counts(self, at: int, access: Access) -> bool:
        of_environment = _is_of_environment(access)
        if access.error and (of_environment or not access.is_absent):
            return False
        if access.process != os.getpid():
            # What its imports read nobody can tell from what it read besides.
            is_of_import = access.kind is Kind.LISTED and _is_searched(access.path)
            return not (of_environment or is_of_import)
        is_own = access.thread == self._thread
        if is_own and self._is_left_out(at):
            return False
        if of_environment or access.kind is Kind.ASKED:
            return not _is_in(self._of_libraries, at)
        return not (access.kind is Kind.LOOKED and _is_in(self._importing, at))

    def _is_told(self, access: Access) -> bool:
        """Whether an event told of it."""
        path = os.path.normpath(access.path)
        is_told = access.kind is not Kind.LOOKED and access.process == os.getpid() and self._told[path] > 0
        if is_told:
            self._told[path] -= 1
        return is_told


class _Files:
    """Sorts accesses by what they mean."""

    def __init__(self, started: int) -> None:
        self._started = started
        self._read: dict[str, Given] = {}
        self._looked: dict[str, Given] = {}
        self._listed: dict[str, Given] = {}
        self._written: dict[str, Given] = {}
        #: Opened to be read and written, as they were.
        self._updated: dict[str, Given] = {}
        #: What the run found there was read, was not there, or is what the run itself made.
        self._used, self._made, self._own = set[str](), set[str](), set[str]()
        self._consumed = set[str]()

    def add(self, access: Access, *, is_told: bool) -> None:
        """Adds an access. What an event told of counts where others follow."""
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
        """The files, but those that are named; what was written is added to what was `touched`."""
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
        # A folder that is named only counts as being there.
        listings = {(path, as_named.get(path, given[1])) for path, given in self._listed.items()}
        if len(files) > MOST:
            keep(touched.unrepeatable, MORE)
        return Found([*files[:MOST], *(given for given in listings if given[0] not in known)], listings)

    def _is_new(self, path: str) -> bool:
        """Whether it was written since the run began."""
        try:
            return os.stat(path).st_mtime_ns >= self._started  # noqa: PTH116
        except OSError:
            return True


@cache
def log_of(process: int) -> Log | None:
    """The log of a process: this one. The child of a fork has none."""
    return Log.of_process()


def _is_in(parts: list[tuple[int, int]], at: int) -> bool:
    return any(start <= at < end for start, end in parts)


def _is_read(access: Access) -> bool:
    """Whether a file is opened to be read only."""
    return access.kind is Kind.OPENED and not access.error and access.flags & os.O_ACCMODE == os.O_RDONLY


def _makes(access: Access) -> bool:
    """Whether it makes a file that was not there."""
    return access.kind is Kind.OPENED and bool(access.flags & os.O_CREAT) and not access.flags & WAS_THERE


def _is_change(access: Access) -> bool:
    """Whether a file is made, taken away or written anew, whatever was there."""
    if access.kind is not Kind.OPENED or not access.flags & WRITING:
        return access.kind is Kind.CHANGED
    is_kept = access.flags & os.O_ACCMODE == os.O_RDWR and not access.flags & OVERWRITING
    return _makes(access) or not is_kept


def _not_in(known: set[str], files: dict[str, Given]) -> Iterator[Given]:
    return (given for path, given in files.items() if path not in known)


def _may_decide(given: Given) -> bool:
    """Whether what was only looked at may have decided something: not the folders on the way to what is read, nor where programs are searched."""
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
    """Whether it is a folder below which nothing counts."""
    return f"{path}{os.sep}".startswith(_ignored())


def _is_of_environment(access: Access) -> bool:
    """Whether it is one to what is installed; the path is no variable's name."""
    return access.path.startswith(environment()) and access.kind is not Kind.ASKED


def _is_searched(folder: str) -> bool:
    """Whether a process that imports lists a folder for what it may hold."""
    return os.path.normpath(folder) in _search_path()


def _search_path() -> list[str]:
    return [os.path.abspath(place) for place in sys.path if isinstance(place, str)]  # noqa: PTH100
