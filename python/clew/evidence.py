"""Records what a run may have used outside the session: files, sockets, processes, random numbers.

An audit hook cannot be removed. So there is one, in native code, which does nothing while no run is watched. It sees what Python does
(`clew.events`), not what libraries do in native code. So files that the run's own texts name count, too.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from clew import _engine, files, installation
from clew.events import (
    DISTRIBUTION,
    LOOKUP,
    MODULE,
    MOST,
    MULTIPROCESSING,
    NUMBER,
    SEED,
    VARIABLE,
    WATCHERS,
    Touched,
    begun_processes,
    keep,
)
from clew.files import Given, is_folder
from clew.generator_events import hear_numpy, hear_seeds
from clew.module_lookups import hear_distributions, hear_lookups, hear_modules
from clew.observer_log import Observation

if TYPE_CHECKING:
    from clew._engine import Evidence, File

MEANWHILE = "a file that was written during the run"
SYSTEM = "os.urandom"
"""The generator whose state cannot be read."""


class Seen(Touched):
    """The accesses that the hook observed since a run began."""

    def __init__(self) -> None:
        super().__init__()
        #: The state of each path before the run first wrote to it.
        self.found: dict[str, Before] = {}
        #: The observations below Python.
        self.below = Observation()
        self.started = time.time_ns()
        self.ended = 0
        #: The size and time, at the end of the run, of the files that it read.
        self.left: dict[Given, tuple[int | None, int | None]] = {}
        self.before = begun_processes()
        self.random = _random if _random is not None else random_fingerprints()
        #: Generators of libraries that the run seeded before it drew from them, by name.
        self.seeded = set[str]()
        #: Whether the state of Python's own generator does not come from any cell.
        self.is_undecided = is_undecided()

    def described(
        self,
        named: Sequence[Given] = (),
        listings: Set[Given] = frozenset(),
        checked: Iterable[Given] = (),
        looks: Set[str] = frozenset(),
    ) -> Evidence:
        """Returns fields of the engine's evidence. `named` are files that the run's own texts name: no event reports whether a library
        wrote them, but their times do. Folders among them that are in `listings` count by their listings. For paths in `checked`, their
        existence may have decided what the run did. The letters in `looks` are other properties that the run may have read of any of these
        files (`files.looked`)."""
        global _random
        if self.trouble is not None:
            raise self.trouble
        below = self.below.found(self, self.started, named)
        named, listings = [*named, *below.files], listings | below.listings
        foreign = self.foreign | {path for path, _ in named}
        before, _random = self.random, random_fingerprints()
        undrawn = undrawn_of(_random.keys() - before.keys()) - self.seeded
        taken = {SYSTEM: ("", "")} if self.unseeded else {}
        is_still_undecided = self.is_undecided and is_undecided()
        inside = self._inside(listings) if looks else []
        looked = {given: files.described(given) for given in [*self.read, *named, *inside]}
        own = {path for path, _ in self.written} | self.found.keys()
        written = {given: files.described(given) for given in self.written}
        for (path, _), file in [*looked.items(), *written.items()]:
            if path in foreign:
                file.pop("of_environment", None)
        for given, file in looked.items():
            if given[0] not in own:
                self._note_edit(given, file)
        read = {
            given: file
            for given, file in looked.items()
            if given[0] in foreign or not files.is_absent_of_environment(file)
        }
        found = self._found({path for path, _ in checked})
        # A folder may be created, listed, and filled.
        listed_too = {path for path, _ in self.read if is_folder(path)}
        paths = {path for path, _ in written if path not in listed_too}
        inputs = [file for (path, _), file in read.items() if path not in paths]
        with unwatched():
            for given in (self.read.keys() | listings) & read.keys():
                if "of_environment" not in (file := read[given]) and is_folder(file["path"]):
                    file["digest"] = files.listed(file["path"], self._came_or_went(file["path"]))
                    if (files.written_at(file["path"]) or 0) > self.ended:
                        # Its listing has changed since the run, so the recorded one is unknown.
                        file["digest"] = files.NAMES
        files.hash_files(inputs)
        for file in inputs if looks else ():
            # For a listed folder, the listing covers its time of writing.
            is_listed = str(file["digest"]).startswith(files.NAMES)
            files.mark_looked(file, "".join(sorted(looks - {files.WRITTEN} if is_listed else looks)))
        for given in filter(read.__contains__, named):
            if (read[given]["modified"] or 0) >= self.started and not is_folder(given[0]):
                written[given] = read[given]
        paths |= {path for path, _ in written if path not in listed_too}
        told: Evidence = {
            "files_read": [*(file for (path, _), file in read.items() if path not in paths), *found],
            "files_written": list(written.values()),
            "sockets": list(self.sockets),
            "processes": list(self.processes),
            "random": {
                name: ("", "") if name == "random" and is_still_undecided else (before.get(name, ""), state)
                for name, state in _random.items()
                if before.get(name) != state and name not in undrawn
            }
            | taken,
            "seeded": sorted(self.seeded),
            "undrawn": sorted(undrawn),
        }
        if self.unrepeatable:
            told["unrepeatable"] = list(self.unrepeatable)
        return told

    def _note_edit(self, given: Given, file: File) -> None:
        """Notes if a file that the run did not write was changed after the run had read it, or may have."""
        # The times of pseudo-files are those of the first access.
        if is_folder(given[0]) or given[0].startswith(files.NOT_FILES):
            return
        size, modified = self.left.get(given, (file["size"], file["modified"]))
        written = files.written_at(given[0])
        if (size, modified) != (file["size"], file["modified"]):
            file["size"], file["modified"], file["digest"] = (
                size,
                None if size is None else files.EDITED,
                None,
            )
        elif written is None or written < self.started:
            return
        elif written > self.ended or not self.below.is_absent:
            file["modified"], file["digest"] = files.EDITED, None
        elif given in self.read and not self.processes:
            # Native code of the run itself may have written it unobserved.
            keep(self.unrepeatable, MEANWHILE)

    def _inside(self, listings: Set[Given]) -> list[Given]:
        """Returns the entries of folders that were listed: the run may have read other properties of each."""
        folders = [path for path, _ in [*self.read, *listings] if is_folder(path)]
        with unwatched():
            paths = (os.path.join(folder, name) for folder in folders for name in _names(folder))  # noqa: PTH118
            return [given for path in islice(paths, MOST) if (given := files.named(path)) is not None]

    def writes(self, path: Any, *, goes_on: bool = False) -> None:
        """Does the same as the base class, and notes the previous state of the path."""
        given = files.named(path)
        if given is not None and given[0] not in self.found and len(self.found) < MOST:
            was_read = (
                goes_on or any(given[0] == path for path, _ in self.read) or self.below.has_read(given[0])
            )
            self.found[given[0]] = Before.of(given, len(self.read), was_read=was_read)
        super().writes(path, goes_on=goes_on)

    def seeds(self, generator: random.Random, seed: object) -> None:
        """Does the same as the base class. A library's generator that is seeded may be in the state in which the run found it."""
        from clew.roots.generators import name_held, state_of

        super().seeds(generator, seed)
        name = name_held(generator) if seed is not None else None
        if name is not None:
            now = _digest(state_of(generator))
            if now == self.random.get(name) or (name not in self.random and undrawn_of({name})):
                self.seeded.add(name)

    def _found(self, checked: Set[str]) -> list[File]:
        """Returns files that the run itself changed, in their previous state: those that it read before it wrote them, and those that it
        created or removed, if their existence may have decided what it did."""
        return [
            one.file
            for path, one in self.found.items()
            if "of_environment" not in one.file
            and not is_folder(path)
            and (one.was_read or (path in checked and one.has_come_or_gone()))
        ]

    def _came_or_went(self, folder: str) -> set[str]:
        """Returns names that were created or removed in a folder after the run first listed it."""
        listed = next((at for at, (path, _) in enumerate(self.read) if path == folder), None)
        if listed is None:
            return set()
        inside = ((path, one) for path, one in self.found.items() if os.path.dirname(path) == folder)  # noqa: PTH120
        return {
            os.path.basename(path)  # noqa: PTH119
            for path, one in inside
            if one.reads > listed and one.has_come_or_gone()
        }


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []


class Before(NamedTuple):
    """The state of a path before a run wrote to it."""

    file: File
    #: Whether the run had read it.
    was_read: bool
    #: The number of files that the run had read by then.
    reads: int

    @classmethod
    def of(cls, given: Given, reads: int, *, was_read: bool) -> Before:
        """Returns the current state of a path."""
        file = files.described(given)
        if was_read and not is_folder(given[0]):
            files.hash_files([file])
        return cls(file, was_read, reads)

    def has_come_or_gone(self) -> bool:
        """Returns whether the file was created or removed since."""
        return os.path.lexists(self.file["path"]) != (self.file["size"] is not None)


_seen: Seen | None = None
_of_thread = threading.local()
_listening = 0
"""The number of threads whose accesses are noted separately."""
_lock = threading.Lock()
_random: dict[str, str] | None = None
"""The states of the generators after the last run, so that they are read only once per run."""


def begin() -> None:
    """Begins to watch a run."""
    global _seen
    _hang()
    hear_distributions(partial(_hook, DISTRIBUTION))
    hear_numpy(partial(_hook, NUMBER))
    _seen = Seen()
    _engine.watch_events(True)


@contextmanager
def noted() -> Iterator[Touched]:
    """Notes the accesses of this thread during the block, even if no run is watched."""
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
    _engine.hang_audit_hook(list(WATCHERS), _hook)
    for environment in (os.environ, getattr(os, "environb", None)):
        if type(environment) is type(os.environ):
            # Called for each variable that is read, set or deleted.
            environment.encodekey = _engine.Listened(environment.encodekey, partial(_hook, VARIABLE))
    hear_modules(_looked_for_module)
    hear_seeds(partial(_hook, SEED))
    hear_lookups(partial(_hook, LOOKUP))


def _looked_for_module(name: str) -> None:
    # numpy looks for more modules after the one that takes numbers, before any of its generators can exist.
    hear_numpy(partial(_hook, NUMBER))
    _hook(MODULE, name)


def _listen(more: int) -> None:
    global _listening
    with _lock:
        _listening += more
        _engine.watch_events(bool(_listening) or _seen is not None)


def take() -> Seen | None:
    """Ends the run, and returns what was observed; `None` if none was watched."""
    global _seen
    seen, _seen = _seen, None
    _listen(0)
    if seen is not None:
        seen.below.end()
        found = ((given, files.described(given)) for given in seen.read)
        seen.left = {given: (file["size"], file["modified"]) for given, file in found}
        seen.ended = time.time_ns()
    if seen is not None and seen.before != begun_processes():
        keep(seen.processes, MULTIPROCESSING)
    return seen


def end() -> Evidence:
    """Ends the run, and returns fields of the engine's evidence. Empty if none was watched."""
    seen = take()
    return {} if seen is None else seen.described()


@contextmanager
def unwatched() -> Iterator[None]:
    """Excludes Clew's own accesses during the block from the cell's evidence."""
    global _seen
    seen, _seen = _seen, None
    start = seen.below.begin_part() if seen is not None else 0
    try:
        yield
    finally:
        _seen = seen
        if seen is not None:
            seen.below.leave_out(start)


installation.unwatched = unwatched


def importing() -> int:
    """Begins a statement that only imports. Returns the current position in the observations below Python."""
    return _seen.below.begin_part() if _seen is not None else 0


def imported(start: int, *, has_own: bool) -> None:
    """Ends it. `has_own`: it imported modules of the user's own."""
    if (seen := _seen) is not None:
        seen.below.imported(start, has_own=has_own)


def read(paths: Iterable[str]) -> None:
    """Counts these files as read, although the run may not open them itself: it uses what other processes read from them."""
    if (seen := _seen) is not None:
        for path in paths:
            seen.reads(path)


def wrote(paths: Iterable[str]) -> None:
    """Counts these files as written: the run let other processes write them."""
    if (seen := _seen) is not None:
        for path in paths:
            Touched.writes(seen, path)  # It is done: the previous state can no longer be determined.


def asks(word: str) -> None:
    """Notes that the run depends on something that differs each time, or that cannot be compared with a record."""
    if (seen := _seen) is not None:
        keep(seen.unrepeatable, word)


def is_watching() -> bool:
    """Returns whether a run is being watched."""
    return _seen is not None


def stop() -> None:
    """Stops watching until the next run begins."""
    take()


def random_fingerprints() -> dict[str, str]:
    """Returns a digest of the state of each process-wide generator. Draws nothing."""
    from clew.roots import random_states

    return {name: _digest(state) for name, state in random_states()}


def random_before() -> dict[str, str]:
    """Returns the same as of the beginning of the watched run; empty if none is watched."""
    return {} if _seen is None else _seen.random


def undrawn_of(came: Set[str]) -> Set[str]:
    """Returns those of the newly imported generators that nothing was drawn from."""
    from clew.roots.generators import undrawn

    return came & undrawn() if came else came


def is_undecided() -> bool:
    """Returns whether the state of Python's own generator does not come from any cell."""
    from clew.roots.generators import undecided

    with undecided() as state:
        return state is not None


def was_undecided() -> bool:
    """Returns the same as of the beginning of the watched run."""
    return _seen is not None and _seen.is_undecided


def _digest(state: tuple[Any, ...]) -> str:
    """Returns a digest of a state. Long byte strings are hashed directly, because their `repr` is slow."""
    digest = hashlib.blake2b(digest_size=16)
    for part in state:
        digest.update(part if type(part) is bytes else repr(part).encode())
        digest.update(b"|")
    return digest.hexdigest()


def _hook(event: str, args: Any) -> None:
    watcher = WATCHERS.get(event)
    for touched in (_seen, getattr(_of_thread, "noted", None) if _listening else None):
        if touched is None or watcher is None:
            continue
        try:
            if isinstance(touched, Seen):
                touched.below.tell(event, args)
            watcher(touched, args)
        except BaseException as error:
            # An exception raised here would reach the user's call.
            touched.trouble = error
            if isinstance(error, KeyboardInterrupt):
                raise  # An interrupt is meant for the user's code.
