"""Functions and objects that give something else each time, or elsewhere: by what they are, whatever name they go by.

Only modules that are imported already are looked at, and no code of anybody runs: what has attributes of its own is asked only where its
type is exactly one of Python's.
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
#: What is no word of its own: a draw from the system, a generator that is begun; the variables of the environment, and what gives one by
#: its name.
DRAWS, BEGINS, VARIABLES, GETTER = "draws", "begins", "variables", "getter"
#: What looks up variables that no code names, and what calls a method by its name.
LOOKS_UP, BY_TEXT = "looks up", "by text"
#: What begins a generator of its own unless it is given a seed by name.
UNSEEDED, SEED_NAMES = "unseeded", ("seed", "rng", "random_state")
#: What asks for the state of a process-wide generator, and the name that this goes by.
STATES = {f"state of {name}": name for name in ("random", *PROCESS_GENERATORS)}


class Known(NamedTuple):
    """What something known tells."""

    kind: str
    #: With so many arguments, of which the last is not `None`, it tells nothing.
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
#: What of a class of dates and times tells the time, and what of the environment gives one variable.
NOW = frozenset(("now", "utcnow", "today"))
OF_ONE = frozenset(("get", "pop", "setdefault", "__getitem__", "__contains__"))
#: Names under which code may load any of these as an attribute.
NAMES = (
    frozenset(
        name for by_module in _ALWAYS.values() for names in by_module.values() for name in names.split()
    )
    | frozenset(
        name for by_module in _UNLESS_GIVEN.values() for names in by_module.values() for name in names
    )
    | NOW
)
#: Libraries that tell the state of the machine, and modules that draw, with all their functions.
OF_MACHINE, DRAWING = having("tells_machine"), union("draws")
#: Libraries of which more is known than some names.
WHOLE = OF_MACHINE | having("draws")
#: What begins a generator.
BEGUN = frozenset(name for names in _ALWAYS[BEGINS].values() for name in names.split())
_MOST = 100
_CONTAINERS = (list, tuple, set, frozenset)


def known(value: object) -> Known | None:
    """What something tells by itself; `None` for all else."""
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
    """Whether the module that something says it comes from is one of these; code of the user's may have set it to anything."""
    return type(module) is str and module in names


#: Methods of any library that look up variables which a text names, and of the shell.
_LOOKING_UP = frozenset(
    ("eval", "query", "sql", "ev", "ex", "get_ipython", "run_cell", "run_line_magic", "run_cell_magic")
    + ("__subclasses__",)
)


def looks_up(held: Any) -> bool:
    """Whether something that a variable holds looks up variables that no code names: a function of a library, a call of a method by its
    name, the variables themselves or what has them all."""
    kind = type(held)
    if kind is dict or kind is ModuleType:
        return True
    if kind is methodcaller:
        # With keywords, it is a partial call of its class.
        made, given = held.__reduce__()
        return (*getattr(made, "args", ()), *given)[0] in _LOOKING_UP
    told = known(held)
    return held.__name__ in _LOOKING_UP if told is None else told.kind == LOOKS_UP


def looks_up_by(texts: Iterable[str]) -> bool:
    """Whether one of the texts, as a dotted name, leads to a method that does."""
    return any(not _LOOKING_UP.isdisjoint(text.split(".")) for text in texts)


def attribute(holder: object, name: str) -> object:
    """What an attribute of a module or a class is; `NotImplemented` where that can't be told without running code."""
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
    """What it tells, and what it holds: containers, partial calls, and functions and classes of the user's (`is_users` says of a module's
    name whether it is) with what they closed over or take by default."""
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


#: Values of these types tell nothing by themselves.
_PLAIN = frozenset(
    (int, float, complex, bool, str, bytes, type(None), list, tuple, dict, set, frozenset, ModuleType)
)
_outdated = [True]


def outdate() -> None:
    """Code ran that may have imported or replaced something: it is learned anew where it is asked for."""
    _outdated[:] = [True]


def _learn() -> None:
    """Learns what is called so now, and keeps what was called so first: a test may put another clock in the place of the real one, and code
    that took the real one before still has it."""
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
                # It is held, so that nothing else can come to lie at its address.
                _by_identity[id(one)] = (one, told)


def _all_called() -> dict[str, dict[str, Known]]:
    """What is known of each module, by the names in it."""
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
