"""Functions and objects whose results differ each time, or on another machine. They are recognized by identity, whatever name they have.

Only modules that are imported already are examined, and no foreign code runs: attributes are read only from objects whose exact type is
built into Python.
"""

from __future__ import annotations

import builtins
import datetime
import functools
import os
import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import islice
from operator import is_, methodcaller
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from clew.closures import held_by
from clew.codecs.libraries import PROCESS_GENERATORS, by_module, having, union

TIME = "the time"
PROCESS = "its process ID"
MACHINE = "the state of the machine"
TEMPORARY = "a new temporary file or folder"
ADDRESS = "the memory address of an object"
HASH = "a hash that differs in each process"
ENVIRONMENT = "environment variables"
RECORD = "data that Clew recorded"
#: Kinds without a description of their own: drawing from the system, creating a generator, the environment, and reading one variable of it
#: by name.
DRAWS, BEGINS, VARIABLES, GETTER = "draws", "begins", "variables", "getter"
#: Looking up variables that no code names, and calling a method by its name.
LOOKS_UP, BY_TEXT = "looks up", "by text"
#: Creating a generator that is unseeded without a keyword argument; and the names of that argument.
UNSEEDED, SEED_NAMES = "unseeded", ("seed", "rng", "random_state")
#: Reading the state of a process-wide generator: from the kind to the name of the generator.
STATES = {f"state of {name}": name for name in ("random", *PROCESS_GENERATORS)}


class Known(NamedTuple):
    """The entry of a known function or object."""

    kind: str
    #: A call with this many arguments, the last of which is not `None`, is harmless.
    harmless_from: int | None = None


_ALWAYS = {
    TIME: {
        "time": "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time process_time_ns thread_time "
        "thread_time_ns clock_gettime clock_gettime_ns",
        "os": "times",
    },
    PROCESS: {
        "os": "getpid getppid",
        "threading": "get_ident get_native_id",
        "multiprocessing": "current_process",
        "multiprocessing.process": "current_process",
    },
    RECORD: {"clew": "session", "clew.api": "Session"},
    MACHINE: {"resource": "getrusage", "os": "getloadavg", "shutil": "disk_usage"},
    TEMPORARY: {"tempfile": "mktemp mkdtemp mkstemp TemporaryDirectory NamedTemporaryFile"},
    DRAWS: {
        "os": "urandom getrandom",
        "uuid": "uuid1 uuid4",
        "random": "SystemRandom",
        "secrets": "token_bytes token_hex token_urlsafe choice randbelow randbits SystemRandom",
    },
    BEGINS: {
        "random": "Random seed",
        **by_module("generators"),
    },
    UNSEEDED: by_module("generators_by_name"),
    "state of random": {"random": "getstate"},
    **{f"state of {name}": generator.states for name, generator in PROCESS_GENERATORS.items()},
    VARIABLES: {"os": "environ environb"},
    GETTER: {"os": "getenv getenvb"},
    ADDRESS: {"builtins": "id"},
    HASH: {"builtins": "hash"},
    LOOKS_UP: {
        "builtins": "eval exec globals locals",
        **by_module("looks_up"),
    },
    BY_TEXT: {"operator": "methodcaller attrgetter"},
}
_UNLESS_GIVEN = {
    TIME: {
        "time": {"localtime": 1, "gmtime": 1, "ctime": 1, "asctime": 1, "strftime": 2},
        "email.utils": {"formatdate": 1, "localtime": 1},
    },
    LOOKS_UP: {"builtins": {"vars": 1, "dir": 1}},
}
#: Methods of date and time classes that return the current time; and methods of the environment that read one variable.
NOW = frozenset(("now", "utcnow", "today"))
OF_ONE = frozenset(("get", "pop", "setdefault", "__getitem__", "__contains__"))
#: Names with which code may load any of these as an attribute.
NAMES = (
    frozenset(
        name for by_module in _ALWAYS.values() for names in by_module.values() for name in names.split()
    )
    | frozenset(
        name for by_module in _UNLESS_GIVEN.values() for names in by_module.values() for name in names
    )
    | NOW
)
#: Libraries that report the state of the machine; and modules whose functions all draw.
OF_MACHINE, DRAWING = having("tells_machine"), union("draws")
#: Libraries that are known as a whole, not only by some names.
WHOLE = OF_MACHINE | having("draws")
#: Names of functions that create generators.
BEGUN = frozenset(name for names in _ALWAYS[BEGINS].values() for name in names.split())
_MOST = 100
_CONTAINERS = (list, tuple, set, frozenset)


def known(value: object) -> Known | None:
    """Returns the entry of an object itself; `None` if it is not known."""
    kind = type(value)
    if kind in _PLAIN:
        return None
    if _outdated:
        _learn()
    found = _by_identity.get(id(value))
    if found is not None and found[0] is value:
        return found[1]
    if kind is BuiltinFunctionType or kind is MethodType:
        return _of_method(value.__self__, value.__name__)  # type: ignore[attr-defined]
    if kind.__module__ == "clew.api":
        return Known(RECORD)
    if kind is FunctionType:
        module = value.__module__
        if is_one_of(module, DRAWING):
            return Known(DRAWS)
        return Known(MACHINE) if is_one_of(module, OF_MACHINE) else None
    is_of_machine = isinstance(value, type) and is_one_of(value.__dict__.get("__module__"), OF_MACHINE)
    return Known(MACHINE) if is_of_machine else None


def is_one_of(module: object, names: Set[str]) -> bool:
    """Returns whether the module named by an object's `__module__` is one of these. The user's code may have set that to any object."""
    return type(module) is str and module in names


#: Methods of any library, and of the shell, that look up variables named in a text.
_LOOKING_UP = frozenset(
    ("eval", "query", "sql", "ev", "ex", "get_ipython", "run_cell", "run_line_magic", "run_cell_magic")
    + ("__subclasses__",)
)


def looks_up(held: Any) -> bool:
    """Returns whether the value of a variable looks up variables that no code names: a function of a library, a call of a method by name, a
    namespace or a module."""
    kind = type(held)
    if kind is dict or kind is ModuleType:
        return True
    if kind is methodcaller:
        # With keywords, it is reduced to a `partial` of its class.
        made, given = held.__reduce__()
        return (*getattr(made, "args", ()), *given)[0] in _LOOKING_UP
    told = known(held)
    return held.__name__ in _LOOKING_UP if told is None else told.kind == LOOKS_UP


def looks_up_by(texts: Iterable[str]) -> bool:
    """Returns whether one of the texts, as a dotted name, leads to such a method."""
    return any(not _LOOKING_UP.isdisjoint(text.split(".")) for text in texts)


def attribute(holder: object, name: str) -> object:
    """Returns the value of an attribute of a module or class; `NotImplemented` if it cannot be determined without running code."""
    if type(holder) is ModuleType:
        return holder.__dict__.get(name, NotImplemented)
    if holder is os.environ:
        return MethodType(os.environ.get, holder) if name in OF_ONE else NotImplemented
    if isinstance(holder, type):
        if name in NOW and issubclass(holder, datetime.date):
            return datetime.datetime.now
        for one in type.mro(holder):
            if name in one.__dict__:
                found = one.__dict__[name]
                return found.__func__ if type(found) in (staticmethod, classmethod) else found
    return NotImplemented


def known_within(value: object, is_users: Any) -> Iterator[Known]:
    """Yields the entries of an object and of its contents: containers, `partial` calls, and functions and classes of the user with closures
    and defaults. `is_users` decides whether a module's name is one of the user's."""
    waiting, met = [(value, 0)], set[int]()
    while waiting and len(met) < _MOST:
        one, depth = waiting.pop()
        if id(one) in met:
            continue
        met.add(id(one))
        found = known(one)
        if found is not None:
            yield found
        elif depth < 4:
            waiting += [(inner, depth + 1) for inner in islice(_held(one, is_users, depth), _MOST)]


def _held(value: object, is_users: Any, depth: int) -> Iterable[object]:
    kind = type(value)
    if kind in _CONTAINERS and depth < 2:
        return value  # type: ignore[return-value]
    if kind is dict and depth < 2:
        return value.values()  # type: ignore[attr-defined, no-any-return]
    if kind is functools.partial:
        return (value.func, *value.args, *value.keywords.values())  # type: ignore[attr-defined]
    if kind is FunctionType and is_users(value.__module__):
        return [held for _, _, held in held_by(value)]  # type: ignore[arg-type]
    if isinstance(value, type) and is_users(value.__dict__.get("__module__")):
        return [one for one in value.__dict__.values() if type(one) is not dict]
    return ()


def _of_method(holder: object, name: str) -> Known | None:
    if isinstance(holder, type) and name in NOW and issubclass(holder, datetime.date):
        return Known(TIME)
    if holder is os.environ or holder is getattr(os, "environb", None):
        return Known(GETTER if name in OF_ONE else VARIABLES)
    return Known(DRAWS) if type(holder) is random.SystemRandom else None


#: Values of these types have no entry themselves.
_PLAIN = frozenset(
    (int, float, complex, bool, str, bytes, type(None), list, tuple, dict, set, frozenset, ModuleType)
)
_outdated = [True]


def outdate() -> None:
    """Marks the table as outdated after code ran that may have imported or replaced something. It is rebuilt at the next use."""
    _outdated[:] = [True]


def _learn() -> None:
    """Rebuilds the table from the current objects, and keeps the first object of each name: a test may replace a clock, while code that
    imported the real one before still has it."""
    _outdated.clear()
    now = list[object]()
    for module, called in _CALLED.items():
        now += map(_dictionary(module).get, called)
    if len(now) == len(_seen) and all(map(is_, now, _seen)):
        return
    _seen[:] = now
    _by_identity.clear()
    every = (told for called in _CALLED.values() for told in called.values())
    for place, (held, told) in enumerate(zip(now, every, strict=True)):
        if held is not None:
            _first.setdefault(place, held)
            for one in (held, _first[place]):
                # The reference keeps the object alive, so its address cannot be reused.
                _by_identity[id(one)] = (one, told)


def _all_called() -> dict[str, dict[str, Known]]:
    """Returns the known names of each module, with their entries."""
    found: dict[str, dict[str, Known]] = {}
    for kind, called in _ALWAYS.items():
        for module, names in called.items():
            found.setdefault(module, {}).update(dict.fromkeys(names.split(), Known(kind)))
    for kind, with_counts in _UNLESS_GIVEN.items():
        for module, counts in with_counts.items():
            found.setdefault(module, {}).update((name, Known(kind, count)) for name, count in counts.items())
    return found


_CALLED = _all_called()
_seen: list[object] = []
_first: dict[int, object] = {}
_by_identity: dict[int, tuple[object, Known]] = {}


def _dictionary(name: str) -> Mapping[str, Any]:
    module = builtins if name == "builtins" else sys.modules.get(name)
    return module.__dict__ if type(module) is ModuleType else {}
