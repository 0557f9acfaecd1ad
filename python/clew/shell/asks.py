"""What code may ask for that does not follow from what it reads: the time, somebody at the keyboard, environment
variables, where it runs, whether a file is there.

Read off compiled code, by names alone: whoever is wrong runs again what need not run.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from clew import evidence
from clew.shell.names import flattened, nested

#: What tells the time, called without arguments; and what does so however it is called.
_CLOCKS = frozenset(("time", "localtime", "gmtime", "ctime", "process_time", "thread_time"))
_CLOCKS_ALWAYS = frozenset(
    ("now", "utcnow", "today", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns")
)
#: What is another in each process.
_NUMBERS = frozenset(("getpid", "getppid", "get_ident", "get_native_id"))
#: What tells where a link leads: the file that it names counts by what lies there.
_LINKS = frozenset(("readlink",))
#: What asks whoever sits there.
_QUESTIONS = frozenset(("input", "getpass"))
#: What holds the environment's variables, and what of it reads one by its name, given first.
_VARIABLES, _GETTERS = frozenset(("environ", "environb")), frozenset(("getenv", "getenvb"))
_OF_ONE = frozenset(("get", "pop", "setdefault", "__getitem__", "__contains__"))
#: What depends on the directory without opening anything.
_PLACES = frozenset(
    (
        "getcwd",
        "getcwdb",
        "cwd",
        "chdir",
        "fchdir",
        "abspath",
        "absolute",
        "resolve",
        "realpath",
        "relpath",
        "__file__",
    )
)
#: What tells whether something is there, without opening it.
_CHECKS = frozenset(
    ("exists", "lexists", "is_file", "is_dir", "isfile", "isdir", "stat", "lstat", "access", "getsize")
)
_MAY_ASK = (
    _CLOCKS | _CLOCKS_ALWAYS | _NUMBERS | _LINKS | _QUESTIONS | _VARIABLES | _GETTERS | _PLACES | _CHECKS
)
_LOADS = frozenset(("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_FAST", "LOAD_DEREF"))
_ATTRIBUTES = frozenset(("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"))
_SILENT = frozenset(("CACHE", "PUSH_NULL", "PRECALL", "NOP", "EXTENDED_ARG", "RESUME"))
ENVIRONMENT = "environment variables"


@dataclass
class Asked:
    """What code may have asked for."""

    #: What is another each time, in words.
    words: set[str] = field(default_factory=set)
    #: Environment variables, by name.
    variables: set[str] = field(default_factory=set)
    #: Whether it asks where it runs.
    is_placed: bool = False
    #: Texts in code that asks whether files are there: they may name some.
    checked: set[str] = field(default_factory=set)


def asked(codes: Iterable[CodeType], namespace: Mapping[str, Any] | None = None) -> Asked:
    """What the code, and functions of the user's own modules, may have asked for: those whose names it mentions, in modules that the
    names in it lead to."""
    found = Asked()
    everything = list(codes)
    for code in [*everything, *of_own_modules(everything, namespace or {})]:
        if not _MAY_ASK.isdisjoint(code.co_names):
            _ask(code, found)
    return found


def _ask(code: CodeType, found: Asked) -> None:
    names = set(code.co_names)
    found.is_placed |= not _PLACES.isdisjoint(names)
    if not _CHECKS.isdisjoint(names):
        found.checked |= {text for text in flattened(code.co_consts) if isinstance(text, str)}
    steps = [one for one in dis.get_instructions(code) if one.opname not in _SILENT]
    for place, one in enumerate(steps):
        if one.opname not in _LOADS and one.opname not in _ATTRIBUTES:
            continue
        name, after = one.argval, steps[place + 1 : place + 4]
        is_called_bare = bool(after) and after[0].opname == "CALL" and after[0].arg == 0
        if (name in _CLOCKS_ALWAYS and one.opname in _ATTRIBUTES and one.opname != "IMPORT_FROM") or (
            name in _CLOCKS | _CLOCKS_ALWAYS and is_called_bare
        ):
            found.words.add("the time")
        elif name in _NUMBERS and is_called_bare:
            found.words.add("the number of its process")
        elif name in _LINKS:
            found.words.add("where a link leads")
        elif name in _QUESTIONS and (one.opname in _LOADS or name == "getpass"):
            found.words.add("somebody at the keyboard")
        elif name in _VARIABLES | _GETTERS and one.opname != "IMPORT_FROM":
            _note_variable(name, _before(steps, place), after, found)


def _note_variable(
    name: str, before: dis.Instruction | None, after: list[dis.Instruction], found: Asked
) -> None:
    """Which variable is read there; all of them where that can't be told. One that is set is not read."""
    first, second = [*after, None, None][:2]
    read: object = None
    if first is not None and name in _GETTERS:
        read = _constant(first)
    elif first is not None and second is not None:
        if first.opname in _ATTRIBUTES and first.argval in _OF_ONE:
            read = _constant(second)
        elif second.opname == "STORE_SUBSCR":
            return
        elif second.opname in ("BINARY_SUBSCR", "DELETE_SUBSCR", "BINARY_OP"):
            read = _constant(first)
        elif first.opname == "CONTAINS_OP" and before is not None:
            read = _constant(before)
    elif first is not None and first.opname == "CONTAINS_OP" and before is not None:
        read = _constant(before)
    if isinstance(read, bytes):
        read = read.decode(errors="surrogateescape")
    if isinstance(read, str):
        found.variables.add(read)
    else:
        found.words.add(ENVIRONMENT)


def _before(steps: list[dis.Instruction], place: int) -> dis.Instruction | None:
    """What was loaded before the dotted name that ends at `place`."""
    while place and steps[place].opname in _ATTRIBUTES:
        place -= 1
    return steps[place - 1] if place else None


def _constant(step: dis.Instruction) -> object:
    return step.argval if step.opname in ("LOAD_CONST", "RETURN_CONST") else None


def of_own_modules(codes: list[CodeType], namespace: Mapping[str, Any]) -> Iterator[CodeType]:
    """Codes of the user's own modules that the names in `codes`, and the names in those, may mean."""
    own = _own_modules(len(sys.modules))
    if not own:
        return
    waiting = {name for code in codes for name in code.co_names}
    known: dict[str, list[CodeType]] = {}
    for key in _reached(waiting, namespace, own):
        for name, code in _functions_of(sys.modules[key]):
            known.setdefault(name, []).append(code)
    seen = set[str]()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for code in known.get(name, ()):
            yield code
            waiting |= set(code.co_names) - seen


def _reached(names: Iterable[str], namespace: Mapping[str, Any], own: frozenset[str]) -> set[str]:
    """The user's own modules that names lead to: what they are bound to is one, or comes from one, and so on in these."""
    values = [*(namespace[name] for name in names if name in namespace), *map(sys.modules.get, names)]
    reached = set[str]()
    while values:
        value = values.pop()
        key = value.__name__ if type(value) is ModuleType else _module_of(value)
        if key in own and key not in reached and type(module := sys.modules.get(key)) is ModuleType:
            reached.add(key)
            values += module.__dict__.values()
    return reached


def _module_of(value: object) -> str:
    """The module that a function, a class or an object comes from. Others may run code when asked."""
    found = value if isinstance(value, type) or type(value) is FunctionType else type(value)
    name = found.__module__
    return name if type(name) is str else ""


@lru_cache(maxsize=1)
def _own_modules(_: int) -> frozenset[str]:
    """Names of the user's own modules. There are thousands of others, so it is found out anew only when others came."""
    return frozenset(key for key, module in list(sys.modules.items()) if is_own(key, module))


def is_own(key: str, module: object) -> bool:
    """Whether a module of that name is the user's own."""
    first = key.partition(".")[0]
    if type(module) is not ModuleType or first in sys.stdlib_module_names or first in ("__main__", "clew"):
        return False
    file = module.__dict__.get("__file__")
    return type(file) is str and file.endswith(".py") and not file.startswith(evidence.environment())


def _functions_of(module: ModuleType) -> Iterator[tuple[str, CodeType]]:
    for name, value in list(module.__dict__.items()):
        held = [value]
        if isinstance(value, type) and value.__module__ == module.__name__:
            held = list(value.__dict__.values())
        for one in held:
            function = getattr(one, "__func__", one) if isinstance(one, classmethod | staticmethod) else one
            if type(function) is FunctionType and function.__module__ == module.__name__:
                for code in nested(function.__code__):
                    yield name, code
                    yield function.__name__, code
