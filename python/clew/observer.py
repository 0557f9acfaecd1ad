"""The log of files that a kernel opens, and of environment variables that it reads, below Python.

`native/observer.c` writes the log (decision 55). `clew run` preloads that library into the kernels that it starts, so that their children
are observed, too. A kernel that is running already loads the library when the first run begins.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from clew import installation
from clew.files import NOT_FILES

LIBRARY = Path(__file__).with_name("_observer.so")
PRELOAD, VARIABLE = "LD_PRELOAD", "CLEW_OBSERVER"
NEW, OFF = "new", "off"

# The format of the log, as in native/observer.c.
MAGIC, HEADER, IGNORED, SLOT, SLOTS = 0x31534245574C43, 8192, 1024, 128, 65536
SIZE = HEADER + SLOT * SLOTS
NEXT = 1
"""The index of the next slot's number in the header, in words of 8 bytes."""
ACTIVE, OWNER, RUN = 4, 5, 6
"""The same in words of 4 bytes: for the watched part of a run, for the process whose runs these are, and for the run's first part."""
RECORD = struct.Struct("@QIIIIHHHH")

KEPT = (
    ("CLEW_HOME", ".local/share/clew", ("",)),
    ("IPYTHONDIR", ".ipython", ("",)),
    ("JUPYTER_RUNTIME_DIR", ".local/share/jupyter/runtime", ("",)),
    ("JUPYTER_DATA_DIR", ".local/share/jupyter", ("",)),
    ("JUPYTER_CONFIG_DIR", ".jupyter", ("",)),
    ("XDG_DATA_HOME", ".local/share", ("clew",)),
    ("XDG_CONFIG_HOME", ".config", ("clew",)),
    ("XDG_CACHE_HOME", ".cache", ("clew", "fontconfig", "mesa_shader_cache", "nvidia", "pocl")),
)
"""Folders with the private files of programs: the variable that names the folder, the default path, and the names in it."""

WAS_THERE = 1 << 31
"""Added to the flags of an `open` that may create a file: the file existed."""

ABSENT = frozenset((errno.ENOENT, errno.ENOTDIR))


class Kind(IntEnum):
    """The operation on a path."""

    OPENED = 1
    LISTED = 2
    LOOKED = 3
    CHANGED = 4
    STARTED = 5
    #: The path is the name of an environment variable.
    ASKED = 6


KINDS = {kind.value: kind for kind in Kind}


class Access(NamedTuple):
    """One access to a path."""

    kind: Kind
    path: str
    #: The flags of `open`.
    flags: int
    #: The error number, if it failed.
    error: int
    process: int
    thread: int
    #: The parent of a process that starts a program.
    parent: int
    #: The path as given, if that was relative to the working directory.
    given: str | None

    @property
    def is_absent(self) -> bool:
        """Returns whether the path did not exist."""
        return self.error in ABSENT


def preload(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns an environment whose processes are observed. It is unchanged if that is not possible, or with `CLEW_OBSERVER=off`."""
    found = dict(environment)
    library = str(LIBRARY)
    # The loader treats spaces and colons as separators between libraries.
    if found.get(VARIABLE) == OFF or not LIBRARY.exists() or not {" ", ":"}.isdisjoint(library):
        return found
    others = [one for one in found.get(PRELOAD, "").replace(":", " ").split() if one != library]
    return found | {PRELOAD: ":".join([*others, library]), VARIABLE: NEW}


class Log:
    """The log of this process."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._slots = memoryview(memory)[HEADER:]
        self._words, self._halves = memoryview(memory).cast("Q"), memoryview(memory).cast("I")
        #: The id of the current part of the run. The library logs a lookup of the same path once in each part.
        self._parts = time.monotonic_ns() & 0x7FFF_FFFF
        #: Extends the observation to libraries that were loaded since the last call.
        self._attach: Callable[[], object] = lambda: None

    @classmethod
    def of_process(cls) -> Log | None:
        """Returns the log of this kernel: the one that it was started with, else one that begins now; `None` if that is not possible."""
        where = os.environ.get(VARIABLE, "")
        if where == OFF or not sys.platform.startswith("linux") or not LIBRARY.exists():
            return None
        try:
            log = cls._at(where) if where.startswith("/proc/") else None
            return log or cls._begun()
        except (OSError, ValueError, AttributeError):
            return None

    @classmethod
    def _at(cls, path: str) -> Log | None:
        with suppress(OSError, ValueError), Path(path).open("r+b") as file:
            log = cls(mmap.mmap(file.fileno(), SIZE))
            return log if log._take() else None
        return None

    @classmethod
    def _begun(cls) -> Log | None:
        """Begins a log in a running kernel: the library replaces functions of the C library in everything that is loaded. Then only forked
        children are observed."""
        import ctypes

        library = ctypes.CDLL(str(LIBRARY))
        file: int = library.clew_observe()
        if file < 0:
            return None
        log = cls(mmap.mmap(file, SIZE))
        os.close(file)
        log._attach = library.clew_attach
        return log if log._take() else None

    def _take(self) -> bool:
        """Takes the log for this kernel. Returns whether that succeeded, so that its calls are logged."""
        owner, here = self._halves[OWNER], os.getpid()
        if self._words[0] != MAGIC or (owner not in (0, here) and Path(f"/proc/{owner}").exists()):
            return False
        self._halves[OWNER] = here
        lists = (dict.fromkeys(one) for one in (ignored_prefixes(), installation.environment()))
        ignored = b"".join(b"".join(os.fsencode(prefix) + b"\0" for prefix in one) + b"\0" for one in lists)
        if IGNORED + len(ignored) > HEADER:
            return False
        self._memory[IGNORED : IGNORED + len(ignored)] = ignored
        before = self.begin()
        probe = f"/clew-{here}"
        Path(probe).exists()
        self.end()
        return any(access.path == probe for _, access in self.between(before, self.here()).accesses)

    def begin(self) -> int:
        """Begins a run. Returns the position of its first access in the log."""
        self._attach()
        # Set before the part begins: accesses from now on belong to this run.
        self._halves[RUN] = self._next_part()
        self._begin_part()
        return self.here()

    def begin_part(self) -> int:
        """Begins another part of the run, whose accesses may count differently. Returns the position of its first access. Lookups of known
        paths are logged again."""
        if self._halves[ACTIVE]:
            self._begin_part()
        return self.here()

    def _begin_part(self) -> None:
        self._halves[ACTIVE] = self._parts = self._next_part()

    def _next_part(self) -> int:
        return self._parts % 0xFFFF_FFFF + 1

    def end(self) -> None:
        """Ends the run."""
        self._halves[ACTIVE] = 0

    def here(self) -> int:
        """Returns the position of the next access in the log."""
        return self._words[NEXT]

    def between(self, start: int, end: int) -> Accesses:
        """Returns the accesses in a range of the log."""
        if self.here() - start > SLOTS:
            return Accesses([], is_whole=False)
        found: list[tuple[int, Access]] = []
        at, is_whole = start, True
        while at < end:
            place = (at % SLOTS) * SLOT
            stamp, process, thread, parent, flags, kind, length, error, behind = RECORD.unpack_from(
                self._slots, place
            )
            if stamp != at + 1:
                # The entry is from a process that was killed, or that is still writing.
                at, is_whole = at + 1, False
                continue
            path = self._text(place + RECORD.size, length)
            given = os.fsdecode(path[behind:]) if behind else None
            text = os.fsdecode(path)
            found.append((at, Access(KINDS[kind], text, flags, error, process, thread, parent, given)))
            at += -(-(RECORD.size + length) // SLOT)
        return Accesses(found, is_whole=is_whole and self.here() - start <= SLOTS)

    def _text(self, start: int, length: int) -> bytes:
        end, room = start + length, SLOT * SLOTS
        if end <= room:
            return bytes(self._slots[start:end])
        start %= room
        return bytes(self._slots[start:]) + bytes(self._slots[: end - room])


TEMPORARY = ("polars-", "clew-scratch-", "clew-opened-", "clew-spark-")
"""Prefixes of the temporary folders that polars and Clew itself create."""


def ignored_prefixes() -> Iterator[str]:
    """Yields path prefixes that are not logged: pseudo-files, and private files of Clew, IPython, Jupyter and drivers."""
    yield from NOT_FILES
    for variable, usual, names in KEPT:
        given = os.environ.get(variable)
        folder = Path(given) if given else Path.home() / usual
        yield from (f"{folder / name}/" for name in names)
    for temporary in dict.fromkeys(("/tmp", "/var/tmp", tempfile.gettempdir())):
        yield from (f"{temporary}/{name}" for name in TEMPORARY)


class Accesses(NamedTuple):
    """The accesses in a range of the log."""

    #: With their positions.
    accesses: list[tuple[int, Access]]
    #: Whether the list is complete: no entry was overwritten, or is incomplete.
    is_whole: bool
