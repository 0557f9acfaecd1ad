"""What a run may have touched outside the session: files, sockets, processes, random numbers.

An audit hook can't be taken out again, so there is one, native, and it does nothing while no run is watched. It sees what
Python does (clew.events), not what libraries do below it: so files that the run's own strings name count too.
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
"""The generator whose state nobody knows."""


class Seen(Touched):
    """What the hook saw since a run began."""

    def __init__(self) -> None:
        super().__init__()
        #: What was there before the run first touched it to write, by its path.
        self.found: dict[str, Before] = {}
        #: What is done below Python.
        self.below = Observation()
        self.started = time.time_ns()
        self.ended = 0
        #: What it read, as that was when it ended: the size and the time.
        self.left: dict[Given, tuple[int | None, int | None]] = {}
        self.before = begun_processes()
        self.random = _random if _random is not None else random_fingerprints()
        #: Generators of libraries that it seeded before it drew from them, by name.
        self.seeded = set[str]()
        #: Whether no cell decided where Python's own generator stands.
        self.is_undecided = is_undecided()

    def described(
        self,
        named: Sequence[Given] = (),
        listings: Set[Given] = frozenset(),
        checked: Iterable[Given] = (),
        looks: Set[str] = frozenset(),
    ) -> Evidence:
        """Fields of the engine's evidence. `named` are files that the run's own strings name: no event tells whether a
        library wrote them, but their time does. Of the folders among them those in `listings` count by what they hold. Whether those in
        `checked` were there may have decided what the run did. What the letters in `looks` say was asked of any of them (`files.looked`)."""
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
        # A folder may be made, listed, and filled.
        listed_too = {path for path, _ in self.read if is_folder(path)}
        paths = {path for path, _ in written if path not in listed_too}
        inputs = [file for (path, _), file in read.items() if path not in paths]
        with unwatched():
            for given in (self.read.keys() | listings) & read.keys():
                if "of_environment" not in (file := read[given]) and is_folder(file["path"]):
                    file["digest"] = files.listed(file["path"], self._came_or_went(file["path"]))
                    if (files.written_at(file["path"]) or 0) > self.ended:
                        # What it listed nobody knows any more.
                        file["digest"] = files.NAMES
        files.hash_files(inputs)
        for file in inputs if looks else ():
            # When a folder was written its listing tells, where it was listed.
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
        """Notes of a file that the run did not write that somebody else did after the run had read it, or may have."""
        # When the system made up what is no file on a disk says when somebody looked at it first.
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
            # Native code of its own may have written it, which nobody sees here.
            keep(self.unrepeatable, MEANWHILE)

    def _inside(self, listings: Set[Given]) -> list[Given]:
        """What lies in folders that were listed: more may have been asked of each."""
        folders = [path for path, _ in [*self.read, *listings] if is_folder(path)]
        with unwatched():
            paths = (os.path.join(folder, name) for folder in folders for name in _names(folder))  # noqa: PTH118
            return [given for path in islice(paths, MOST) if (given := files.named(path)) is not None]

    def writes(self, path: Any, *, goes_on: bool = False) -> None:
        """The same, with what is there before."""
        given = files.named(path)
        if given is not None and given[0] not in self.found and len(self.found) < MOST:
            was_read = (
                goes_on or any(given[0] == path for path, _ in self.read) or self.below.has_read(given[0])
            )
            self.found[given[0]] = Before.of(given, len(self.read), was_read=was_read)
        super().writes(path, goes_on=goes_on)

    def seeds(self, generator: random.Random, seed: object) -> None:
        """The same; one that a library keeps may be as the run found it."""
        from clew.roots.generators import name_held, state_of

        super().seeds(generator, seed)
        name = name_held(generator) if seed is not None else None
        if name is not None:
            now = _digest(state_of(generator))
            if now == self.random.get(name) or (name not in self.random and undrawn_of({name})):
                self.seeded.add(name)

    def _found(self, checked: Set[str]) -> list[File]:
        """Files that the run itself changed, as it found them: what it read before it wrote that, and what it came to be or went, where that
        may have decided what it did."""
        return [
            one.file
            for path, one in self.found.items()
            if "of_environment" not in one.file
            and not is_folder(path)
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


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []


class Before(NamedTuple):
    """What was at a path before a run wrote there."""

    file: File
    #: Whether the run had read it.
    was_read: bool
    #: How many files the run had read by then.
    reads: int

    @classmethod
    def of(cls, given: Given, reads: int, *, was_read: bool) -> Before:
        """As it is now."""
        file = files.described(given)
        if was_read and not is_folder(given[0]):
            files.hash_files([file])
        return cls(file, was_read, reads)

    def has_come_or_gone(self) -> bool:
        """Whether it is there now and was not, or the other way round."""
        return os.path.lexists(self.file["path"]) != (self.file["size"] is not None)


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
    hear_distributions(partial(_hook, DISTRIBUTION))
    hear_numpy(partial(_hook, NUMBER))
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
    _engine.hang_audit_hook(list(WATCHERS), _hook)
    for environment in (os.environ, getattr(os, "environb", None)):
        if type(environment) is type(os.environ):
            # Asked for each variable that somebody reads, sets or takes away.
            environment.encodekey = _engine.Listened(environment.encodekey, partial(_hook, VARIABLE))
    hear_modules(_looked_for_module)
    hear_seeds(partial(_hook, SEED))
    hear_lookups(partial(_hook, LOOKUP))


def _looked_for_module(name: str) -> None:
    # numpy looks for more modules after the one that takes numbers, before anybody has a generator of it.
    hear_numpy(partial(_hook, NUMBER))
    _hook(MODULE, name)


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
    if seen is not None:
        seen.below.end()
        found = ((given, files.described(given)) for given in seen.read)
        seen.left = {given: (file["size"], file["modified"]) for given, file in found}
        seen.ended = time.time_ns()
    if seen is not None and seen.before != begun_processes():
        keep(seen.processes, MULTIPROCESSING)
    return seen


def end() -> Evidence:
    """The run is over: fields of the engine's evidence. Empty if none was watched."""
    seen = take()
    return {} if seen is None else seen.described()


@contextmanager
def unwatched() -> Iterator[None]:
    """What Clew itself does meanwhile is no evidence of the cell's."""
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
    """A statement that only imports is about to run: how far what is observed below Python has come."""
    return _seen.below.begin_part() if _seen is not None else 0


def imported(start: int, *, has_own: bool) -> None:
    """It is over; whether it imported modules of the user's own (`has_own`)."""
    if (seen := _seen) is not None:
        seen.below.imported(start, has_own=has_own)


def read(paths: Iterable[str]) -> None:
    """What the run relies on of these files counts as read, though it may not open them: it takes what others made of them."""
    if (seen := _seen) is not None:
        for path in paths:
            seen.reads(path)


def wrote(paths: Iterable[str]) -> None:
    """What the run had others write."""
    if (seen := _seen) is not None:
        for path in paths:
            Touched.writes(seen, path)  # It is done: what was there before is not to be had.


def asks(word: str) -> None:
    """The run asks for what is another each time, or for what nobody can be held against."""
    if (seen := _seen) is not None:
        keep(seen.unrepeatable, word)


def is_watching() -> bool:
    """Whether a run is watched now."""
    return _seen is not None


def stop() -> None:
    """Nothing is watched until the next run begins."""
    take()


def random_fingerprints() -> dict[str, str]:
    """A digest of the state of each process-wide generator. Draws nothing."""
    from clew.roots import random_states

    return {name: _digest(state) for name, state in random_states()}


def random_before() -> dict[str, str]:
    """The same as the run that is watched found them; nothing where none is."""
    return {} if _seen is None else _seen.random


def undrawn_of(came: Set[str]) -> Set[str]:
    """Those of the generators that came with an import of which nothing was drawn."""
    from clew.roots.generators import undrawn

    return came & undrawn() if came else came


def is_undecided() -> bool:
    """Whether Python's own generator stands as no cell decided."""
    from clew.roots.generators import undecided

    with undecided() as state:
        return state is not None


def was_undecided() -> bool:
    """The same as the run that is watched found it."""
    return _seen is not None and _seen.is_undecided


def _digest(state: tuple[Any, ...]) -> str:
    """Of a state with its long words as they are, which are dear to print."""
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
            # What is raised here would reach the user's call.
            touched.trouble = error
            if isinstance(error, KeyboardInterrupt):
                raise  # And this is meant for it.
