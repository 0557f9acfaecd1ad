"""The task cache: stores results of tasks under keys computed from their code and inputs. All adapters of engines use it.

The engine computes the keys and stores the results. Workers only need the folders of the store and of the settings.
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
    """The location of the task cache, and which results to store there."""

    store: str
    config: str
    most: int
    """The maximal size of a result in bytes."""
    quick: float = 0.0
    """Results of tasks that took fewer seconds are stored only if they were requested; with 0, all are stored."""

    @classmethod
    def here(cls, store: str | None = None, config: str | None = None, quick: float | None = None) -> Place:
        """Returns the user's location, or the given folders, which are created if necessary."""
        own_store, own_config, own_quick, most, days = _engine.task_settings()
        place = cls(store or own_store, config or own_config, most, own_quick if quick is None else quick)
        _engine.open_tasks(place.store, place.config, days)
        return place


_counted: list[Counts] = []
#: The maximal number of remembered computations.
_REMEMBERED = 1_000
_of_run = Counts()


def counts() -> list[Counts]:
    """Returns the counts of the computations of this process, newest last."""
    return list(_counted)


def count(counted: Counts) -> None:
    """Remembers the counts of a computation."""
    _counted.append(counted)
    del _counted[:-_REMEMBERED]
    count_for_run(counted)


def count_for_run(counted: Counts) -> None:
    """Adds counts to those that `of_run` returns; for a computation that continues, only the new ones."""
    _of_run.add(counted)


def of_run() -> Counts | None:
    """Returns the counts since the last call, for all computations together; `None` if there were none."""
    global _of_run
    counted, _of_run = _of_run, Counts()
    return counted if counted.total else None


def keys(tasks: Sequence[tuple[Any, Any, list[int]]]) -> list[bytes | str]:
    """Returns the keys of tasks, inputs first: (callable, arguments, positions of its inputs). A text is the reason why there is no key."""
    return keyed(tasks)[0]


def keyed(tasks: Sequence[tuple[Any, Any, list[int]]]) -> tuple[list[bytes | str], list[list[str]]]:
    """Returns the same, and for each task the files that are part of its key, with paths as in its arguments."""
    # Imported here because workers compute no keys, and do not need the analysis of code.
    from clew.adapters.argument_checks import settled
    from clew.adapters.determinism import of_function, of_value
    from clew.adapters.task_code import named_by

    doubts = (of_function, of_value, settled)
    found, (sets, places) = _engine.task_keys(
        list(tasks), sys.modules["__main__"], _version, named_by, UNREPEATABLE, doubts
    )
    # The files count as read, because a cell with cached results does not open them.
    for files in sets:
        evidence.read(files)
    return found, [sets[place] for place in places]


#: Tags that distinguish the parts of arguments: values, inputs, calls inside a call, results that have a key already.
VALUE, INPUT, CALL, KNOWN = range(4)
#: The position of an input without a key.
NOWHERE = 2**62


def never(function: Any) -> Any:
    """Excludes tasks that call a function from the cache: they run every time, and so do tasks that depend on them."""
    function.__clew__ = "never"
    return function


def is_kept_out(function: Any) -> bool:
    """Returns whether the user excluded tasks that call it from the cache."""
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__clew__", None) == "never"


def tried(look: Callable[[], T]) -> T | None:
    """Returns the result of a lookup; `None`, with a warning, if it fails: then all tasks run as without Clew."""
    try:
        return look()
    except BaseException as error:
        # A panic of the engine is not an `Exception`.
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        warn(f"could not look up cached tasks ({describe(error)}). All tasks run.")
        return None


_versions: dict[str, str | None] = {}


def _version(top: str) -> str | None:
    """Returns the version of a library by its top-level module; `None` if it belongs to no library."""
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
    """A cached result."""

    value: Any
    length: int
    """The size of the stored bytes."""


def known(place: Place, key: bytes) -> Known | None:
    """Returns the cached result of a task, if there is one and it can be read."""
    stored = _engine.task_result(place.store, place.config, key)
    if stored is None:
        return None
    try:
        return Known(pickle.loads(stored), len(stored))
    except Exception:
        # A class is missing, or another version of a library reads it differently: then the task runs.
        return None


@dataclass(slots=True)
class Kept:
    """A task's function that stores the result where it runs. A worker only needs the `Place`."""

    function: Callable[..., Any]
    place: Place
    key: bytes
    is_last: bool
    #: Files that are part of the key, with paths as in the task's arguments.
    files: Sequence[str] = ()
    #: Keys of the tasks that go into it.
    inputs: Sequence[bytes] = ()
    #: Returns the keys of those tasks, including this one, that changed something, if they run in the session's own process.
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
            # The disk is full, or the worker has no such folder: the task itself succeeded.
            return result
        if self.key not in doubted:
            keep(self.place, self.key, result, seconds, is_last=self.is_last)
        return result

    def doubted(self, noted: Touched, seconds: float) -> Sequence[bytes]:
        """Returns the keys of tasks whose results must not be used: this one's, if it did more than its key covers or one of its inputs is
        doubted, and those of others that changed something."""
        if not self.is_told(noted) or _engine.doubts_any(self.place.store, self.inputs):
            return [self.key]
        is_worth_it = self.is_last or seconds >= self.place.quick
        return self.changed() if is_worth_it and self.changed is not None else ()

    def is_told(self, noted: Touched) -> bool:
        """Returns whether its key covers all files that it opened. It may have opened others at paths that it built. A cached result would
        ignore later changes of these, or what the task wrote."""
        if noted.written or noted.sockets or noted.trouble is not None:
            return False
        told = {os.path.abspath(path) for path in self.files} if noted.read else set()  # noqa: PTH100
        return all(path in told or path.startswith(environment()) for path, _ in noted.read)

    def __reduce__(self) -> tuple[Any, ...]:
        given = (self.function, astuple(self.place), self.key, self.is_last, self.files, self.inputs)
        return operator.call, (_Anywhere(), *given)


def _arrived(function: Any, place: tuple[Any, ...], *known: Any) -> Any:
    """Returns the task's function on a worker; without Clew there, the plain function."""
    try:
        from clew.tasks import Kept, Place
    except ImportError:
        return function
    return Kept(function, Place(*place), *known)


class _Anywhere:
    """Pickles as the code of `_arrived`, not as its name, which a worker without Clew could not resolve."""

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
    """Unpickles a function. Cached, because calls contain it as the same bytes each time."""
    return pickle.loads(function)


def keep(place: Place, key: bytes, result: Any, seconds: float, *, is_last: bool = True) -> None:
    """Stores the result of a task, if that is worthwhile; `is_last`: whether it was requested."""
    limits = (place.quick, place.most)
    try:
        if is_secret("", result) is not None:
            return  # A credential is not stored: the task computes it again.
        _engine.keep_task(place.store, place.config, key, seconds, is_last, limits, lambda: dumped(result))
    except Exception:
        # The disk is full, the worker has no such folder, or the result cannot be pickled: the task itself succeeded.
        return


class _LeftOut(Exception):
    """Raised if a part of a result would not be restored exactly."""


_OF_STATE = ("__getstate__", "__reduce__", "__reduce_ex__", "__setstate__")


def _ask_whole(one: Any) -> None:
    """Raises if the class of an object defines its own pickling, in code of the user."""
    for kind in type(one).__mro__:
        said = (vars(kind)[name] for name in _OF_STATE if name in vars(kind))
        if any(isinstance(how, FunctionType) and _is_users(how) for how in said):
            raise _LeftOut


def _is_users(function: FunctionType) -> bool:
    return _version(str(function.__module__).partition(".")[0]) is None


def _ask_bound(one: Any) -> None:
    """Raises if a function of the user reads globals: after unpickling, it would read copies of these."""
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
    """Pickles a result. Classes and functions of the notebook are stored by value if they cannot be stored by name.

    Raises if a part would not be restored exactly.
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
