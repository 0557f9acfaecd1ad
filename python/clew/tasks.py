"""Results of tasks by what the tasks do and are given: what every adapter of an engine shares.

The engine makes the keys and keeps the results; workers need the folders of the store and of the settings only.
"""

from __future__ import annotations

import importlib.util
import operator
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache, partial
from importlib.metadata import packages_distributions
from io import BytesIO
from time import perf_counter
from types import FunctionType
from typing import Any, TypeVar

import cloudpickle

from clew.installation import environment, is_installed, is_standard, version_of

from . import _engine, evidence
from .adapters.unrepeatable import UNREPEATABLE
from .counts import Counts
from .events import Touched
from .secrets import is_secret
from .shell.warn import describe, warn

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where results are kept, and which are worth it."""

    store: str
    config: str
    most: int
    """The most bytes of a result."""
    quick: float = 0.0
    """Tasks that took less, in seconds, are kept only if somebody asked for them; with 0 all are."""

    @classmethod
    def here(cls, store: str | None = None, config: str | None = None, quick: float | None = None) -> Place:
        """The user's place, or the folders that are given. It is made where it is not there."""
        own_store, own_config, own_quick, most, days = _engine.task_settings()
        place = cls(store or own_store, config or own_config, most, own_quick if quick is None else quick)
        _engine.open_tasks(place.store, place.config, days)
        return place


_counted: list[Counts] = []
#: So many computations are remembered.
_REMEMBERED = 1_000
_of_run = Counts()


def counts() -> list[Counts]:
    """What became of the tasks of the computations of this process, the newest last."""
    return list(_counted)


def count(counted: Counts) -> None:
    """Remembers what became of the tasks of a computation."""
    _counted.append(counted)
    del _counted[:-_REMEMBERED]
    count_for_run(counted)


def count_for_run(counted: Counts) -> None:
    """The same for what `of_run` tells: of a computation that goes on, only what came."""
    _of_run.add(counted)


def of_run() -> Counts | None:
    """What became of the tasks since this was asked last, all computations together; `None` if there were none."""
    global _of_run
    counted, _of_run = _of_run, Counts()
    return counted if counted.total else None


def keys(tasks: Sequence[tuple[Any, Any, list[int]]]) -> list[bytes | str]:
    """Keys of tasks, inputs first: (what is called, what it is given, places of its inputs). A text says why one has none."""
    return keyed(tasks)[0]


def keyed(tasks: Sequence[tuple[Any, Any, list[int]]]) -> tuple[list[bytes | str], list[list[str]]]:
    """The same, and for each the files that count in its key, as what it is given names them."""
    # Workers make no keys: they need nothing that reads code.
    from clew.adapters.argument_checks import settled
    from clew.adapters.determinism import of_function, of_value
    from clew.adapters.task_code import named_by

    doubts = (of_function, of_value, settled)
    found, (sets, places) = _engine.task_keys(
        list(tasks), sys.modules["__main__"], _version, named_by, UNREPEATABLE, doubts
    )
    # A cell whose tasks are known opens none of them.
    for files in sets:
        evidence.read(files)
    return found, [sets[place] for place in places]


#: In what a task is given, these tell apart what could be mistaken for each other: values, inputs, calls inside a call, results that
#: have a key already.
VALUE, INPUT, CALL, KNOWN = range(4)
#: The place of an input that has no key.
NOWHERE = 2**62


def never(function: Any) -> Any:
    """Keeps tasks that call a function out of the cache: they run every time, and so does what hangs on them."""
    function.__clew__ = "never"
    return function


def is_kept_out(function: Any) -> bool:
    """Whether the user keeps tasks that call it out of the cache."""
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__clew__", None) == "never"


def tried(look: Callable[[], T]) -> T | None:
    """What a look comes to; `None`, with a warning, if it fails: then all runs as it would without Clew."""
    try:
        return look()
    except BaseException as error:
        # A panic of the engine is no Exception.
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        warn(f"could not look up cached tasks ({describe(error)}). All tasks run.")
        return None


_versions: dict[str, str | None] = {}


def _version(top: str) -> str | None:
    """The version of a library by its top-level module; `None` if no library has it."""
    if top not in _versions:
        _versions[top] = _found_version(top)
    return _versions[top]


def _found_version(top: str) -> str | None:
    if is_standard(top) or top == "builtins":
        return ""
    module = sys.modules.get(top)
    try:
        spec = getattr(module, "__spec__", None) or importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    origin = spec.origin or "" if spec is not None else ""
    if not is_installed(origin):
        return None
    own = getattr(module, "__version__", None)
    if isinstance(own, str):
        return own
    versions = map(version_of, (top, *packages_distributions().get(top, ())))
    return next(filter(None, versions), None)


@dataclass(frozen=True, slots=True)
class Known:
    """A result that was there."""

    value: Any
    length: int
    """As it lies, in bytes."""


def known(place: Place, key: bytes) -> Known | None:
    """The result of a task, if it is there and can be read."""
    stored = _engine.task_result(place.store, place.config, key)
    if stored is None:
        return None
    try:
        return Known(pickle.loads(stored), len(stored))
    except Exception:
        # A class is gone, or another library reads it otherwise: then it is computed again.
        return None


@dataclass(slots=True)
class Kept:
    """A task's function, which keeps the result where it runs: a worker has nothing but the place."""

    function: Callable[..., Any]
    place: Place
    key: bytes
    is_last: bool
    #: Files that count in the key, as what the task is given names them.
    files: Sequence[str] = ()
    #: Keys of the tasks that go into it.
    inputs: Sequence[bytes] = ()
    #: Keys of those tasks, it among them, that changed something, where they run in the session's own process.
    changed: Callable[[], Sequence[bytes]] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        began = perf_counter()
        with evidence.noted() as noted:
            result = self.function(*args, **kwargs)
        seconds = perf_counter() - began
        try:
            doubted = self.doubted(noted, seconds)
            if doubted:
                _engine.doubt_tasks(self.place.store, self.place.config, doubted)
        except Exception:
            # The disk is full, the worker has no such folder: the task itself went well.
            return result
        if self.key not in doubted:
            keep(self.place, self.key, result, seconds, is_last=self.is_last)
        return result

    def doubted(self, noted: Touched, seconds: float) -> Sequence[bytes]:
        """Keys of tasks of which nobody may take the result: this one's, if it did more than its key tells of or if what goes into it is
        doubted, and those of others that changed something."""
        if not self.is_told(noted) or _engine.doubts_any(self.place.store, self.inputs):
            return [self.key]
        is_worth_it = self.is_last or seconds >= self.place.quick
        return self.changed() if is_worth_it and self.changed is not None else ()

    def is_told(self, noted: Touched) -> bool:
        """Whether all files that it opened count in its key. Others it found by paths that it put together: who took its result would miss
        what lies in them by then, or what it wrote."""
        if noted.written or noted.sockets or noted.trouble is not None:
            return False
        told = {os.path.abspath(path) for path in self.files} if noted.read else set()  # noqa: PTH100
        return all(path in told or path.startswith(environment()) for path, _ in noted.read)

    def __reduce__(self) -> tuple[Any, ...]:
        given = (self.function, astuple(self.place), self.key, self.is_last, self.files, self.inputs)
        return operator.call, (_Anywhere(), *given)


def _arrived(function: Any, place: tuple[Any, ...], *known: Any) -> Any:
    """What a worker gets: where Clew is not installed, the function alone."""
    try:
        from clew.tasks import Kept, Place
    except ImportError:
        return function
    return Kept(function, Place(*place), *known)


class _Anywhere:
    """Pickles as `_arrived` itself, not as its name, which says nothing to a worker without Clew."""

    def __reduce__(self) -> tuple[Any, ...]:
        return cloudpickle.loads, (_written(),)


@lru_cache
def _written() -> bytes:
    own = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(own)
    try:
        written: bytes = cloudpickle.dumps(_arrived)
        return written
    finally:
        cloudpickle.unregister_pickle_by_value(own)


@lru_cache(maxsize=256)
def unpickled(function: bytes) -> Any:
    """A function that calls come with in the same bytes each time."""
    return pickle.loads(function)


def keep(place: Place, key: bytes, result: Any, seconds: float, *, is_last: bool = True) -> None:
    """Keeps what a task came to, if it is worth it; `is_last`: whether somebody asked for it."""
    limits = (place.quick, place.most)
    try:
        if is_secret("", result) is not None:
            return  # Nobody told where it comes from: it is made again.
        _engine.keep_task(place.store, place.config, key, seconds, is_last, limits, lambda: dumped(result))
    except Exception:
        # The disk is full, the worker has no such folder, the result does not pickle: the task itself went well.
        return


class _LeftOut(Exception):
    """A part of a result would not come back as it was."""


_OF_STATE = ("__getstate__", "__reduce__", "__reduce_ex__", "__setstate__")


def _ask_whole(one: Any) -> None:
    """Raises where an object of the user's class says itself what of it is written down."""
    for kind in type(one).__mro__:
        said = (vars(kind)[name] for name in _OF_STATE if name in vars(kind))
        if any(isinstance(how, FunctionType) and _is_users(how) for how in said):
            raise _LeftOut


def _is_users(function: FunctionType) -> bool:
    return _version(str(function.__module__).partition(".")[0]) is None


def _ask_bound(one: Any) -> None:
    """Raises where a function of the user's reads globals: what it would come back with are copies of these."""
    if not isinstance(one, FunctionType) or not _is_users(one):
        return
    if any(name in one.__globals__ for name in one.__code__.co_names):
        raise _LeftOut


class _ByName(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        _ask_whole(obj)
        return NotImplemented


class _ByValue(cloudpickle.Pickler):  # type: ignore[misc]
    def reducer_override(self, obj: Any) -> Any:
        _ask_whole(obj)
        _ask_bound(obj)
        return super().reducer_override(obj)


def dumped(result: Any) -> bytes:
    """A result as bytes; classes and functions of the notebook by what they are made of where their names say nothing.

    Raises where not all of it would come back.
    """
    try:
        return _written_by(_ByName, result)
    except _LeftOut:
        raise
    except Exception:
        return _written_by(_ByValue, result)


def _written_by(pickler: Callable[..., Any], result: Any) -> bytes:
    written = BytesIO()
    pickler(written, protocol=5).dump(result)
    return written.getvalue()
