"""What a run may have touched outside the session: files, sockets, processes, random numbers.

An audit hook can't be taken out again, so there is one, native, and it does nothing while no run is watched. It sees what
Python does, not what libraries do below it: so files that the run's own strings name count too. Nothing here proves that
something did not happen.
"""

from __future__ import annotations

import hashlib
import os
import site
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any, NamedTuple

from clew import _engine

MOST = 1000
"""So many different files, addresses and programs a run are kept."""

LONGEST = 1024
"""Longer strings are no paths."""

CODE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".pth")
"""Files that importing opens; modules are evidence of their own. Whoever else opens one reads it as data."""

OF_PREFIX = ("bin", "lib", "lib64", "share", "etc", "ssl", "include", "Lib", "DLLs")
"""What an environment has of folders. Its own may be a project's, with data beside them."""

OF_SYSTEM = ("/usr/", "/etc/")
"""How paths begin of what belongs to the system: time zones, fonts, settings."""

IMPORTING = (
    "<frozen importlib._bootstrap_external>",
    os.path.join("importlib", "metadata", "__init__.py"),  # noqa: PTH118
    os.path.join("importlib_metadata", "__init__.py"),  # noqa: PTH118
    "pkgutil.py",
)
"""Whose look into a folder is none of the cell's: what is installed is told otherwise."""

FROZEN = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
"""What imports."""

OF_LINES, SHOWING = "tokenize.py", ("linecache.py", "inspect.py")
"""What opens code by its encoding, and who asks it for lines of code that is there already."""

HASHED = range(1 << 10, (16 << 20) + 1)
"""Files of such a size (bytes) are hashed: a larger one would take longer than it may, and what a smaller one holds could be guessed."""

NAMES = "names:"
"""How the digest of a folder's listing begins."""

MOST_NAMES = 10_000
"""Folders with more entries are known by their times."""

HASHED_TOGETHER = 64 << 20
"""So many bytes a run."""

COMPILED = "__pycache__"
"""Where importing keeps compiled code, beside the modules: that it made one is none of a cell's results."""

SCRATCH = "dask-scratch-space"
"""Where schedulers and workers of Dask keep what they can't hold, as long as they live."""

TOLD_OTHERWISE: set[str] = set()
"""How paths of code end that speaks to a process of its own, of which somebody else tells what it does for the cell."""

NOT_FILES = ("/dev/", "/proc/", "/sys/")

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Touched:
    """What the hook saw somebody do."""

    def __init__(self) -> None:
        #: Files by their absolute paths and as they were given, where that was relative.
        self.read: dict[Given, None] = {}
        self.written: dict[Given, None] = {}
        self.sockets: dict[str, None] = {}
        self.processes: dict[str, None] = {}
        #: What was asked for that is another each time, in words.
        self.unrepeatable: dict[str, None] = {}
        #: What went wrong while it was listened.
        self.trouble: BaseException | None = None

    def write(self, path: Any, *, goes_on: bool = False) -> None:
        """Something is about to be written. One that `goes_on` from what it holds reads that, too."""
        if (given := _named(path)) is not None:
            _keep(self.written, given)


class Seen(Touched):
    """What the hook saw since a run began."""

    def __init__(self) -> None:
        super().__init__()
        #: What was there before the run first touched it to write, by its path.
        self.found: dict[str, Before] = {}
        self.started = time.time_ns()
        self.before = _begun_processes()
        self.random = _random if _random is not None else random_fingerprints()

    def described(
        self,
        named: Sequence[Given] = (),
        listings: Set[Given] = frozenset(),
        checked: Iterable[Given] = (),
    ) -> dict[str, Any]:
        """Fields of the engine's evidence. `named` are files that the run's own strings name: no event tells whether a
        library wrote them, but their time does. Of the folders among them those in `listings` count by what they hold. Whether those in
        `checked` were there may have decided what the run did."""
        global _random
        if self.trouble is not None:
            raise self.trouble
        before, _random = self.random, random_fingerprints()
        undrawn = undrawn_of(_random.keys() - before.keys())
        looked = {given: _described(given) for given in [*self.read, *named]}
        read = {given: file for given, file in looked.items() if not _is_absent_of_environment(file)}
        written = {given: _described(given) for given in self.written}
        found = self._found({path for path, _ in checked})
        # A folder may be made, listed, and filled.
        listed_too = {path for path, _ in self.read if _is_folder(path)}
        paths = {path for path, _ in written if path not in listed_too}
        files = [file for (path, _), file in read.items() if path not in paths]
        for given in (self.read.keys() | listings) & read.keys():
            if "of_environment" not in (file := read[given]) and _is_folder(file["path"]):
                file["digest"] = listed(file["path"], self._came_or_went(file["path"]))
        _hash(files)
        for given in filter(read.__contains__, named):
            if (read[given]["modified"] or 0) >= self.started and not _is_folder(given[0]):
                written[given] = read[given]
        paths |= {path for path, _ in written if path not in listed_too}
        return {
            "files_read": [*(file for (path, _), file in read.items() if path not in paths), *found],
            "files_written": list(written.values()),
            "sockets": list(self.sockets),
            "processes": list(self.processes),
            "random": {
                name: [before.get(name, ""), state]
                for name, state in _random.items()
                if before.get(name) != state and name not in undrawn
            },
            "undrawn": sorted(undrawn),
        } | ({"unrepeatable": list(self.unrepeatable)} if self.unrepeatable else {})

    def write(self, path: Any, *, goes_on: bool = False) -> None:
        """The same, with what is there before."""
        given = _named(path)
        if given is not None and given[0] not in self.found and len(self.found) < MOST:
            was_read = goes_on or any(given[0] == path for path, _ in self.read)
            self.found[given[0]] = Before.of(given, len(self.read), was_read=was_read)
        super().write(path, goes_on=goes_on)

    def _found(self, checked: Set[str]) -> list[dict[str, Any]]:
        """Files that the run itself changed, as it found them: what it read before it wrote that, and what it came to be or went, where that
        may have decided what it did."""
        return [
            one.file
            for path, one in self.found.items()
            if "of_environment" not in one.file
            and not _is_folder(path)
            and (one.was_read or (path in checked and one.has_come_or_gone()))
        ]

    def _came_or_went(self, folder: str) -> set[str]:
        """Names in a folder that came or went after the run had listed it first."""
        listed = next((at for at, (path, _) in enumerate(self.read) if path == folder), None)
        if listed is None:
            return set()
        inside = ((path, one) for path, one in self.found.items() if os.path.dirname(path) == folder)  # noqa: PTH120
        return {
            os.path.basename(path)  # noqa: PTH119
            for path, one in inside
            if one.reads > listed and one.has_come_or_gone()
        }


class Before(NamedTuple):
    """What was at a path before a run wrote there."""

    file: dict[str, Any]
    #: Whether the run had read it.
    was_read: bool
    #: How many files the run had read by then.
    reads: int

    @classmethod
    def of(cls, given: Given, reads: int, *, was_read: bool) -> Before:
        """As it is now."""
        file = _described(given)
        if was_read and not _is_folder(given[0]):
            _hash([file])
        return cls(file, was_read, reads)

    def has_come_or_gone(self) -> bool:
        """Whether it is there now and was not, or the other way round."""
        return os.path.lexists(self.file["path"]) != (self.file["size"] is not None)


Given = tuple[str, str | None]
"""An absolute path, and how it was given, where that was relative to the working directory."""

_seen: Seen | None = None
_of_thread = threading.local()
_listening = 0
"""How many tasks are listened to, each in its thread."""
_lock = threading.Lock()
_random: dict[str, str] | None = None
"""The state of the generators after the last run, so that it is read once a run."""


def begin() -> None:
    """A run begins."""
    global _seen
    _hang()
    _seen = Seen()
    _engine.watch_events(True)


@contextmanager
def noted() -> Iterator[Touched]:
    """Notes what this thread does meanwhile, also where no run is watched."""
    before, found = getattr(_of_thread, "noted", None), Touched()
    _hang()
    _listen(1)
    _of_thread.noted = found
    try:
        yield found
    finally:
        _of_thread.noted = before
        _listen(-1)


@cache
def _hang() -> None:
    _engine.hang_audit_hook(list(_WATCHERS), _hook)


def _listen(more: int) -> None:
    global _listening
    with _lock:
        _listening += more
        _engine.watch_events(bool(_listening) or _seen is not None)


def take() -> Seen | None:
    """The run is over: what was seen of it; `None` if none was watched."""
    global _seen
    seen, _seen = _seen, None
    _listen(0)
    if seen is not None and seen.before != _begun_processes():
        _keep(seen.processes, MULTIPROCESSING)
    return seen


def end() -> dict[str, Any]:
    """The run is over: fields of the engine's evidence. Empty if none was watched."""
    seen = take()
    return {} if seen is None else seen.described()


@contextmanager
def unwatched() -> Iterator[None]:
    """What Clew itself does meanwhile is no evidence of the cell's."""
    global _seen
    seen, _seen = _seen, None
    try:
        yield
    finally:
        _seen = seen


def read(paths: Iterable[str]) -> None:
    """What the run relies on of these files counts as read, though it may not open them: it takes what others made of them."""
    if (seen := _seen) is not None:
        for path in paths:
            _note(seen.read, path)


def wrote(paths: Iterable[str]) -> None:
    """What the run had others write."""
    if (seen := _seen) is not None:
        for path in paths:
            _note(seen.written, path)


def asks(word: str) -> None:
    """The run asks for what is another each time, or for what nobody can be held against."""
    if (seen := _seen) is not None:
        _keep(seen.unrepeatable, word)


def is_watching() -> bool:
    """Whether a run is watched now."""
    return _seen is not None


def stop() -> None:
    """Nothing is watched until the next run begins."""
    take()


def given(path: str) -> Given:
    """A path as it is kept."""
    return os.path.abspath(path), None if os.path.isabs(path) else path  # noqa: PTH100, PTH117 (links are left as they are)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112


def random_fingerprints() -> dict[str, str]:
    """A digest of the state of each process-wide generator. Draws nothing."""
    from clew.roots import random_states

    return {name: _digest(state) for name, state in random_states()}


def undrawn_of(came: Set[str]) -> Set[str]:
    """Those of the generators that came with an import of which nothing was drawn."""
    from clew.roots.generators import undrawn

    return came & undrawn() if came else came


def _digest(state: tuple[Any, ...]) -> str:
    """Of a state with its long words as they are, which are dear to print."""
    digest = hashlib.blake2b(digest_size=16)
    for part in state:
        digest.update(part if type(part) is bytes else repr(part).encode())
        digest.update(b"|")
    return digest.hexdigest()


def _hook(event: str, args: tuple[Any, ...]) -> None:
    watcher = _WATCHERS.get(event)
    for touched in (_seen, getattr(_of_thread, "noted", None) if _listening else None):
        if touched is None or watcher is None:
            continue
        try:
            watcher(touched, args)
        except BaseException as error:
            # What is raised here would reach the user's call.
            touched.trouble = error
            if isinstance(error, KeyboardInterrupt):
                raise  # And this is meant for it.


# --- what the events say ------------------------------------------------------------------------------------------


def _opened(seen: Touched, args: tuple[Any, ...]) -> None:
    path, mode, flags = args
    if isinstance(path, str) and path.endswith(CODE) and _is_opened_as_code(path):
        return
    writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(flags & WRITING)
    if writes:
        # In place of what was there, at its end, or where nothing may be.
        seen.write(path, goes_on=isinstance(mode, str) and "w" not in mode)
    else:
        _note(seen.read, path)


def _is_opened_as_code(path: str) -> bool:
    """Whether a file is opened by what imports, or by what shows lines of code that was imported. Others read it as they read any file:
    `%run`, `exec`, `runpy`."""
    # This one, `_opened`, the hook, and whoever opens.
    frame: FrameType | None = sys._getframe(3)
    if frame is not None and frame.f_code.co_filename.endswith(OF_LINES):
        # Of lines it is asked by somebody.
        frame = frame.f_back
    name = frame.f_code.co_filename if frame is not None else ""
    return name in FROZEN or name.endswith(SHOWING) or path.startswith(environment())


def _listed(seen: Touched, args: tuple[Any, ...]) -> None:
    # This one, the hook, and whoever lists.
    if not sys._getframe(2).f_code.co_filename.endswith(IMPORTING):
        _note(seen.read, "." if args[0] is None else args[0])


def _reads(*places: int) -> Callable[[Touched, tuple[Any, ...]], None]:
    return lambda seen, args: _note_all(seen.read, args, places)


def _writes(*places: int) -> Callable[[Touched, tuple[Any, ...]], None]:
    def written(seen: Touched, args: tuple[Any, ...]) -> None:
        # Anybody may audit an event of this name, with whatever he likes.
        for path in (args[place] for place in places if place < len(args)):
            seen.write(path)

    return written


def _goes_on(seen: Touched, args: tuple[Any, ...]) -> None:
    """A database is opened, which may be read and changed."""
    if args:
        seen.write(args[0], goes_on=True)


def _copied(seen: Touched, args: tuple[Any, ...]) -> None:
    _note(seen.read, args[0])
    seen.write(args[1])


def _connected(seen: Touched, args: tuple[Any, ...]) -> None:
    address = args[1]
    # This one, the hook, and whoever connects.
    if TOLD_OTHERWISE and sys._getframe(2).f_code.co_filename.endswith(tuple(TOLD_OTHERWISE)):
        return
    if isinstance(address, tuple) and len(address) >= 2:
        address = f"{address[0]}:{address[1]}"
    _keep(seen.sockets, os.fsdecode(address) if isinstance(address, bytes) else str(address))


MULTIPROCESSING = "multiprocessing"


def _begun_processes() -> str:
    """How many processes multiprocessing made, pools of others included: no event tells of those that are spawned."""
    module = sys.modules.get(f"{MULTIPROCESSING}.process")
    return repr(getattr(module, "_process_counter", "")) if module is not None else "count(1)"


def _started(seen: Touched, args: tuple[Any, ...]) -> None:
    if _is_importing_library():
        return
    program = args[0]
    if program is None and len(args) > 1:
        program = args[1][0] if isinstance(args[1], list | tuple) and args[1] else args[1]
    _keep(seen.processes, os.fsdecode(program))


def _commanded(seen: Touched, args: tuple[Any, ...]) -> None:
    """Of a shell command only the program is kept: the rest may hold a password."""
    if _is_importing_library():
        return
    words = [word for word in os.fsdecode(args[0]).split() if "=" not in word]
    _keep(seen.processes, words[0] if words else "sh")


def _is_importing_library() -> bool:
    """Whether a library is being imported that starts this program itself, to see which fonts there are for example. Like all else
    that importing does, that is known by the library's version, and done again where it is imported again."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_filename != __file__ and not code.co_filename.startswith(libraries()):
            return False
        if (
            code.co_name == "<module>"
            and frame.f_back is not None
            and frame.f_back.f_code.co_filename in FROZEN
        ):
            return True
        frame = frame.f_back
    return False


def _forked(seen: Touched, args: tuple[Any, ...]) -> None:
    _keep(seen.processes, "fork")


_WATCHERS: dict[str, Callable[[Touched, tuple[Any, ...]], None]] = {
    "open": _opened,
    "os.listdir": _listed,
    "os.scandir": _listed,
    "glob.glob": _reads(0),
    "os.remove": _writes(0),
    "os.rename": _writes(0, 1),
    "os.mkdir": _writes(0),
    "os.rmdir": _writes(0),
    "os.truncate": _writes(0),
    "os.link": _writes(1),
    "os.symlink": _writes(1),
    "os.chmod": _writes(0),
    "os.utime": _writes(0),
    "shutil.copyfile": _copied,
    "shutil.move": _writes(0, 1),
    "shutil.rmtree": _writes(0),
    "shutil.make_archive": _writes(0),
    "sqlite3.connect": _goes_on,
    "socket.connect": _connected,
    "subprocess.Popen": _started,
    "os.posix_spawn": _started,
    "os.exec": _started,
    "os.spawn": lambda seen, args: _started(seen, args[1:]),
    "os.startfile": _started,
    "os.system": _commanded,
    "os.fork": _forked,
    "os.forkpty": _forked,
}


def _note_all(kept: dict[Given, None], args: tuple[Any, ...], places: tuple[int, ...]) -> None:
    # Anybody may audit an event of this name, with whatever he likes.
    for path in (args[place] for place in places if place < len(args)):
        _note(kept, path)


def _note(kept: dict[Given, None], path: Any) -> None:
    named = _named(path)
    if named is not None:
        _keep(kept, named)


def _named(path: Any) -> Given | None:
    """What an event calls a path, if it is one of a file."""
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    text = os.fsdecode(path)
    is_none = text.startswith(NOT_FILES) or COMPILED in text or SCRATCH in text
    return given(text) if text and text != ":memory:" and not is_none else None


def _keep(kept: dict[Any, None], what: str | Given) -> None:
    if len(kept) < MOST:
        kept[what] = None


def _described(file: Given) -> dict[str, Any]:
    path, given = file
    described: dict[str, Any] = {"path": path} if given is None else {"path": path, "given": given}
    try:
        found = os.stat(path)  # noqa: PTH116 (a path object costs more than the call)
    except (OSError, ValueError):
        return described | {"size": None, "modified": None, "digest": None}
    described |= {"size": found.st_size, "modified": found.st_mtime_ns, "digest": None}
    return described | ({"of_environment": True} if path.startswith(environment()) else {})


def _is_absent_of_environment(file: dict[str, Any]) -> bool:
    """Whether it is one of the many that libraries look for among what is installed."""
    is_absent: bool = file["size"] is None and file["path"].startswith(environment())
    return is_absent


def listed(folder: str, without: Set[str] = frozenset()) -> str | None:
    """What a folder's listing is known by; `None` where it can't be read. Of the names in `without` those count that are not there, and
    those that are do not."""
    names: list[bytes] = []
    with unwatched():
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


def described_files(paths: Iterable[str]) -> list[dict[str, Any]]:
    """Files as evidence, with hashes where they are neither small nor large."""
    files = [_described((path, None)) for path in paths]
    _hash(files)
    return files


def _hash(files: list[dict[str, Any]]) -> None:
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


@cache
def libraries() -> tuple[str, ...]:
    """How paths begin of the code that is Python's own, or installed for it."""
    return ("<frozen ", *(path for path in environment() if path not in OF_SYSTEM))


@cache
def environment() -> tuple[str, ...]:
    """How paths begin of files of Python's, and of what is installed for it."""
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    folders = {os.path.join(prefix, part) for prefix in prefixes for part in OF_PREFIX}  # noqa: PTH118
    folders |= {path for name, path in sysconfig.get_paths().items() if name.endswith(("lib", "stdlib"))}
    folders.add(site.getusersitepackages())
    files = (os.path.join(prefix, "pyvenv.cfg") for prefix in prefixes)  # noqa: PTH118
    return (*(os.path.abspath(folder) + os.sep for folder in sorted(folders)), *files, *OF_SYSTEM)  # noqa: PTH100
