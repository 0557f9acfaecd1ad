"""What code may ask for that does not follow from what it reads: the time, somebody at the keyboard, environment
variables, random numbers that nobody can draw again, where it runs, whether a file is there.

Read off compiled code: by what its names mean now, whatever they are called (clew.shell.known), and where that can't be told by the
names alone. Whoever is wrong runs again what need not run.
"""

from __future__ import annotations

import builtins
import dis
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any

from clew.shell import known as objects
from clew.shell.known import Known, attribute, known, known_within
from clew.shell.mentions import (
    Call,
    Mention,
    bound_to,
    called,
    constant,
    dotted,
    is_annotation,
    mentions,
    steps_of,
)
from clew.shell.names import IDENTIFIER, flattened, nested
from clew.shell.own_modules import is_own, of_own_modules, own_modules, reached

__all__ = ["Asked", "asked", "is_own", "of_own_modules"]

#: Where nobody can tell what a name means: what tells the time when it is called without arguments, and what does so however it is called.
_CLOCKS = frozenset(
    ("time", "localtime", "gmtime", "ctime", "asctime", "process_time", "thread_time", "formatdate")
)
_CLOCKS_ALWAYS = frozenset(
    (
        "now",
        "utcnow",
        "today",
        "time_ns",
        "perf_counter",
        "perf_counter_ns",
        "monotonic",
        "monotonic_ns",
        "process_time_ns",
        "thread_time_ns",
        "clock_gettime",
        "clock_gettime_ns",
        "default_timer",
    )
)
#: What is another in each process.
_NUMBERS = frozenset(("getpid", "getppid", "get_ident", "get_native_id", "current_process"))
#: What tells where a link leads: the file that it names counts by what lies there.
_LINKS = frozenset(("readlink",))
#: What asks whoever sits there.
_QUESTIONS = frozenset(("input", "getpass"))
#: What holds the environment's variables, what of it reads one by its name, given first, and what fills them into a text.
_VARIABLES, _GETTERS = frozenset(("environ", "environb")), frozenset(("getenv", "getenvb"))
_FILLED, _HOME = frozenset(("expandvars",)), frozenset(("expanduser",))
_IN_TEXT = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
#: What draws from the system, and what begins a generator from there where it is called without a seed.
_FROM_SYSTEM = frozenset(
    ("SystemRandom", "urandom", "getrandom", "uuid1", "uuid4", "token_bytes", "token_hex", "token_urlsafe")
)
_BEGINS = frozenset(
    (
        "default_rng",
        "seed",
        "Random",
        "RandomState",
        "SeedSequence",
        "PCG64",
        "PCG64DXSM",
        "MT19937",
        "Philox",
        "SFC64",
    )
)
#: How a seed is called where it is given by name.
_SEEDS = ("seed", "a", "x", "entropy", "key")
#: What is unseeded in polars unless it is given a seed.
_OF_POLARS = frozenset(("sample", "shuffle"))
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
#: What runs code, or finds something, by a text.
_BY_TEXT = frozenset(
    (
        "eval",
        "exec",
        "getattr",
        "attrgetter",
        "methodcaller",
        "import_module",
        "__import__",
        "modules",
        "timeit",
    )
)
_IMPORTS = frozenset(("import_module", "__import__", "modules"))
_MAGICS = frozenset(("run_line_magic", "run_cell_magic"))
_OF_ENVIRONMENT = "env"
#: What takes `"now"` for the time.
_DATES = frozenset(
    (
        "Timestamp",
        "to_datetime",
        "datetime64",
        "date_range",
        "bdate_range",
        "period_range",
        "Period",
        "DatetimeIndex",
        "Series",
        "array",
        "asarray",
        "astype",
    )
)
_NOW = frozenset(("now", "today"))
_SQL = re.compile(
    r"\s*(select|with|insert|update|create|replace|delete|values|from|pragma|copy)\b", re.IGNORECASE
)
_SQL_TIME = re.compile(
    r"'now'|\b(current_(timestamp|date|time)|localtimestamp|sysdate)\b|\b(now|today|get_current_\w+)\s*\(",
    re.IGNORECASE,
)
_SQL_DRAWS = re.compile(
    r"\b(random|randomblob|uuid|gen_random_uuid|uuidv[47])\s*\(|\b(tablesample|using\s+sample)\b",
    re.IGNORECASE,
)
_OF_MACHINE, _OF_SYSTEM = re.compile(r"/(proc|sys)(/|$)"), ("/dev/urandom", "/dev/random")
_MAY_ASK = (
    _CLOCKS
    | _CLOCKS_ALWAYS
    | _NUMBERS
    | _LINKS
    | _QUESTIONS
    | _VARIABLES
    | _GETTERS
    | _FILLED
    | _HOME
    | _FROM_SYSTEM
    | _BEGINS
    | _OF_POLARS
    | _PLACES
    | _CHECKS
    | _BY_TEXT
    | _MAGICS
    | objects.NAMES
    | {"psutil"}
)
ENVIRONMENT = objects.ENVIRONMENT
#: Texts within texts are followed so deep.
_DEEPEST = 3


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
    #: Whether it draws what nobody can draw again.
    is_drawn: bool = False
    #: Process-wide generators whose state it asks for, by the names these go by.
    states: set[str] = field(default_factory=set)


def asked(codes: Iterable[CodeType], namespace: Mapping[str, Any] | None = None) -> Asked:
    """What the code, and functions of the user's own modules, may have asked for: those whose names it mentions, in modules that the
    names in it lead to."""
    found = Asked()
    everything = list(codes)
    live = namespace or {}
    scopes = [_Scope(code, live) for code in everything]
    scopes += [_Scope(one.code, one.namespace) for one in reached(everything, live)]
    for scope in scopes:
        _Reading(scope, found).read()
    _by_default(scopes, found)
    return found


class _Scope:
    """Some code, and what the names in it mean."""

    def __init__(self, code: CodeType, namespace: Mapping[str, Any], depth: int = 0) -> None:
        self.code = code
        self.namespace = namespace
        self.depth = depth
        self._steps: list[dis.Instruction] | None = None
        self._imported: dict[str, object] | None = None

    @property
    def steps(self) -> list[dis.Instruction]:
        """What it does, worked out once."""
        if self._steps is None:
            self._steps = steps_of(self.code)
        return self._steps

    @property
    def imported(self) -> dict[str, object]:
        """What it imports itself, by the names it binds that to."""
        if self._imported is None:
            self._imported = dict(_imports(self.steps))
        return self._imported

    def meaning(self, mention: Mention) -> object:
        """What a dotted name leads to through modules and classes, `NotImplemented` where that can't be told."""
        name = mention.path[0]
        if mention.is_local or name not in self.namespace:
            held = self.imported.get(name, NotImplemented)
            if held is NotImplemented and not mention.is_local:
                held = builtins.__dict__.get(name, NotImplemented)
        else:
            held = self.namespace[name]
        for name in mention.path[1:]:
            held = attribute(held, name)
        return held

    def is_none(self, steps: list[dis.Instruction] | None) -> bool:
        """Whether an argument is `None`, as a constant or by what a name means."""
        if constant(steps) is None:
            return True
        mention = dotted(steps)
        return mention is not None and self.meaning(mention) is None


def _imports(steps: list[dis.Instruction]) -> Iterator[tuple[str, object]]:
    """Names that imports bind, and what to."""
    module: str | None = None
    held: object = None
    for one in steps:
        if one.opname == "IMPORT_NAME":
            module, held = one.argval, sys.modules.get(one.argval, NotImplemented)
        elif one.opname == "IMPORT_FROM":
            holder = sys.modules.get(module or "")
            held = attribute(holder, one.argval) if holder is not None else NotImplemented
        elif module is not None and one.opname in ("STORE_NAME", "STORE_GLOBAL", "STORE_FAST", "STORE_DEREF"):
            is_top = isinstance(held, ModuleType) and module.startswith(f"{one.argval}.")
            yield one.argval, sys.modules.get(one.argval) if is_top else held
        elif one.opname not in ("SWAP", "COPY", "LOAD_CONST"):
            module = None
        if one.opname == "POP_TOP":
            module = None


def _is_users(module: object) -> bool:
    return module == "__main__" or (isinstance(module, str) and module in own_modules())


class _Reading:
    """Reads one code."""

    def __init__(self, scope: _Scope, found: Asked) -> None:
        self.scope = scope
        self.found = found

    def read(self) -> None:
        """Adds what it asks for."""
        code, found = self.scope.code, self.found
        names = set(code.co_names)
        found.is_placed |= not _PLACES.isdisjoint(names)
        texts = {text for text in flattened(code.co_consts) if isinstance(text, str)}
        if not _CHECKS.isdisjoint(names):
            found.checked |= texts
        live = (self.scope.namespace.get(name) for name in names)
        texts |= {one for one in live if type(one) is str and len(one) < _LONGEST_TEXT}
        self._texts(texts, names)
        if not _MAY_ASK.isdisjoint(names) or self._has_alias(names):
            for mention in mentions(self.scope.steps):
                self._mention(mention)
        if not _BY_TEXT.isdisjoint(names) or not _MAGICS.isdisjoint(names):
            self._by_text(texts, names)

    def _has_alias(self, names: set[str]) -> bool:
        """Whether one of the names means something known, or holds it; or may lead to it through a module."""
        live = self.scope.namespace
        held = [live[name] for name in names if name in live]
        modules = [one for one in held if type(one) is ModuleType]
        if any(one.__name__.partition(".")[0] in objects.WHOLE for one in modules):
            return True
        modules = [one for one in modules if one.__name__ in own_modules()]
        held += [one.__dict__[name] for one in modules for name in names if name in one.__dict__]
        return any(True for one in held for _ in known_within(one, _is_users))

    def _mention(self, mention: Mention) -> None:
        meaning = self.scope.meaning(mention)
        if meaning is not NotImplemented:
            direct = known(meaning)
            for told in [direct] if direct is not None else known_within(meaning, _is_users):
                self._known(told, mention, is_itself=direct is not None)
            if direct is not None:
                return
        self._named(mention)

    def _known(self, told: Known, mention: Mention, *, is_itself: bool) -> None:
        """What is known is mentioned: called, or given to somebody who may call it."""
        steps = self.scope.steps
        if is_annotation(steps, mention.place):
            return
        call = called(steps, mention.place) if is_itself else None
        bound = bound_to(steps, mention.place)
        if bound is not None and is_itself:
            now = self.scope.namespace.get(bound, NotImplemented)
            if now is not NotImplemented and known(now) == told:
                # Whoever uses that name is told of by what it means.
                return
        if told.kind == objects.VARIABLES or told.kind == objects.GETTER:
            self._variable(told, mention, call, is_itself=is_itself)
        elif told.kind == objects.BEGINS:
            self._begins(call)
        elif told.kind == objects.DRAWS:
            self.found.is_drawn = True
        elif told.kind in objects.STATES:
            self.found.states.add(objects.STATES[told.kind])
        elif told.kind in (objects.ADDRESS, objects.HASH):
            self._of_process(told.kind, call)
        elif not self._is_harmless(told, call):
            self.found.words.add(told.kind)

    def _is_harmless(self, told: Known, call: Call | None) -> bool:
        if told.harmless_from is None or call is None:
            return False
        given = call.positional
        return len(given) >= told.harmless_from and not self.scope.is_none(given[told.harmless_from - 1])

    def _of_process(self, kind: str, call: Call | None) -> None:
        """Addresses, and hashes of texts. A class that says how it is hashed is asked by dictionaries, whose order is none of it."""
        if call is None or (kind == objects.HASH and self.scope.code.co_name == "__hash__"):
            return
        given = call.arguments[0] if call.arguments else None
        mention = dotted(given)
        value = constant(given) if mention is None else self.scope.meaning(mention)
        is_number = isinstance(value, int | float | complex)
        if kind == objects.ADDRESS or not is_number:
            self.found.words.add(kind)

    def _begins(self, call: Call | None) -> None:
        if call is None and "isinstance" in self.scope.code.co_names:
            return
        if call is None or call.given(0, *_SEEDS) is None or self._is_unseeded(call):
            self.found.is_drawn = True

    def _is_unseeded(self, call: Call) -> bool:
        given = call.given(0, *_SEEDS)
        return given is not None and self.scope.is_none(given)

    def _variable(self, told: Known, mention: Mention, call: Call | None, *, is_itself: bool) -> None:
        steps, place = self.scope.steps, mention.place
        if not is_itself:
            self.found.words.add(ENVIRONMENT)
        elif told.kind == objects.GETTER:
            # What is looked up of the environment was told where the environment itself was loaded.
            if len(mention.path) < 2 or mention.path[-2] not in _VARIABLES:
                self._note(constant(call.given(0, "key") if call is not None else None))
        elif not self._is_bound_getter(steps, place):
            self._note(_read_of(steps, place))

    def _is_bound_getter(self, steps: list[dis.Instruction], place: int) -> bool:
        """Whether `os.environ.get` is only given a name that it still has."""
        bound = bound_to(steps, place + 1)
        now = known(self.scope.namespace.get(bound)) if bound is not None else None
        return now is not None and now.kind == objects.GETTER and steps[place + 1].argval in objects.OF_ONE

    def _note(self, read: object) -> None:
        """Which variable is read there; all of them where that can't be told. One that is set is not read."""
        if read is Ellipsis:
            return
        if isinstance(read, bytes):
            read = read.decode(errors="surrogateescape")
        if isinstance(read, str):
            self.found.variables.add(read)
        else:
            self.found.words.add(ENVIRONMENT)

    def _named(self, mention: Mention) -> None:
        """What nobody can tell the meaning of is told by its name."""
        name, steps, place = mention.name, self.scope.steps, mention.place
        is_attribute = len(mention.path) > 1
        if name not in _MAY_ASK:
            return
        call = called(steps, place)
        is_called_bare = call is not None and not call.arguments
        if (name in _CLOCKS_ALWAYS and is_attribute) or (name in _CLOCKS | _CLOCKS_ALWAYS and is_called_bare):
            self.found.words.add(objects.TIME)
        elif name in _NUMBERS and is_called_bare:
            self.found.words.add(objects.PROCESS)
        elif name in _LINKS:
            self.found.words.add("where a link leads")
        elif name in _QUESTIONS and (not is_attribute or name == "getpass"):
            self.found.words.add("somebody at the keyboard")
        elif name in _GETTERS:
            self._note(constant(call.given(0, "key") if call is not None else None))
        elif name in _VARIABLES:
            self._note(_read_of(steps, place))
        elif name in _FILLED:
            self._filled(call)
        elif name in _HOME:
            self.found.variables.add("HOME")
        elif (
            name in _FROM_SYSTEM
            or (name in _BEGINS and call is not None and (not call.arguments or self._is_unseeded(call)))
            or (
                name in _OF_POLARS
                and is_attribute
                and self._is_polars()
                and (call is None or call.given(None, "seed") is None)
            )
        ):
            self.found.is_drawn = True

    def _filled(self, call: Call | None) -> None:
        text = constant(call.given(0, "path") if call is not None else None)
        if isinstance(text, str):
            self.found.variables |= {first or second for first, second in _IN_TEXT.findall(text)}
        else:
            self.found.words.add(ENVIRONMENT)

    def _is_polars(self) -> bool:
        """Whether a name in the code is of polars."""
        if "polars" not in sys.modules:
            return False
        held = (self.scope.namespace.get(name) for name in self.scope.code.co_names)
        names = (one.__name__ if type(one) is ModuleType else type(one).__module__ for one in held)
        return any(str(name).partition(".")[0] == "polars" for name in names)

    def _texts(self, texts: set[str], names: set[str]) -> None:
        """Queries that ask for the time or draw, files that tell of the machine, `"now"`."""
        for text in texts:
            if text.startswith(_OF_SYSTEM):
                self.found.is_drawn = True
            elif _OF_MACHINE.match(text):
                self.found.words.add(objects.MACHINE)
            elif _SQL.match(text):
                self.found.is_drawn |= _SQL_DRAWS.search(text) is not None
                if _SQL_TIME.search(text):
                    self.found.words.add(objects.TIME)
        if not _NOW.isdisjoint(texts) and self._takes_dates(names):
            self.found.words.add(objects.TIME)

    def _takes_dates(self, names: set[str]) -> bool:
        held = (self.scope.namespace.get(name) for name in names)
        called = {one.__name__ for one in held if isinstance(one, type) or type(one) is FunctionType}
        return not _DATES.isdisjoint(names | called)

    def _by_text(self, texts: set[str], names: set[str]) -> None:
        """Code in texts, and attributes that go by them."""
        live = self.scope.namespace
        if not _MAGICS.isdisjoint(names) and _OF_ENVIRONMENT in texts:
            self._magic_of_environment(texts - {_OF_ENVIRONMENT})
        holders = [self.scope.meaning(one) for one in mentions(self.scope.steps)]
        imported = [module for module in map(sys.modules.get, texts) if module is not None]
        if not _IMPORTS.isdisjoint(names):
            for name in names & objects.NAMES:
                self._looked_up(imported, name)
        holders += imported
        for text in texts:
            if IDENTIFIER.fullmatch(text):
                self._looked_up(holders, text)
            if self.scope.depth < _DEEPEST and 2 < len(text) < _LONGEST_TEXT:
                for code in _compiled(text):
                    _Reading(_Scope(code, live, self.scope.depth + 1), self.found).read()

    def _looked_up(self, holders: Iterable[object], name: str) -> None:
        told = [
            known(attribute(holder, name))
            for holder in holders
            if type(holder) is ModuleType or isinstance(holder, type)
        ]
        for one in told:
            if one is None:
                continue
            if one.kind in (objects.DRAWS, objects.BEGINS):
                self.found.is_drawn = True
            elif one.kind in (objects.VARIABLES, objects.GETTER):
                self.found.words.add(ENVIRONMENT)
            elif one.kind not in (*objects.STATES, objects.ADDRESS, objects.HASH):
                self.found.words.add(one.kind)

    def _magic_of_environment(self, texts: set[str]) -> None:
        """`%env NAME` reads one, `%env` all; `%env NAME=VALUE` sets one."""
        for text in texts:
            words = text.split()
            if not words:
                self.found.words.add(ENVIRONMENT)
            elif len(words) == 1 and "=" not in text:
                self.found.variables.add(words[0])


_LONGEST_TEXT = 10_000


def _compiled(text: str) -> Iterator[CodeType]:
    try:
        yield from nested(compile(text, "<text>", "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return


def _read_of(steps: list[dis.Instruction], place: int) -> object:
    """The variable that is read of the environment loaded at `place`; `...` if none is, `NotImplemented` if that can't be told."""
    first, second = [*steps[place + 1 : place + 4], None, None][:2]
    if first is None:
        return NotImplemented
    if first.opname in ("LOAD_ATTR", "LOAD_METHOD"):
        call = called(steps, place + 1) if first.argval in objects.OF_ONE else None
        return constant(call.given(0, "key") if call is not None else None)
    before = _before(steps, place)
    if first.opname == "CONTAINS_OP":
        return constant([before] if before is not None else None)
    if second is None:
        return NotImplemented
    if second.opname == "STORE_SUBSCR":
        return Ellipsis
    if second.opname in ("BINARY_SUBSCR", "DELETE_SUBSCR", "BINARY_OP"):
        return constant([first])
    return NotImplemented


def _before(steps: list[dis.Instruction], place: int) -> dis.Instruction | None:
    """What was loaded before the dotted name that ends at `place`."""
    while place and steps[place].opname in ("LOAD_ATTR", "LOAD_METHOD"):
        place -= 1
    return steps[place - 1] if place else None


def _by_default(scopes: list[_Scope], found: Asked) -> None:
    """Functions that begin a generator with an argument of theirs, where somebody calls them without it or with `None`."""
    waiting = [one for scope in scopes for one in _begun_by_argument(scope)]
    met = set[tuple[int, str]]()
    while waiting and not found.is_drawn:
        scope, taken = waiting.pop()
        key = (id(scope.code), taken)
        if key in met:
            continue
        met.add(key)
        owner, shift = _called_as(scope.code)
        place = scope.code.co_varnames.index(taken)
        place_given = None if place >= scope.code.co_argcount else place - shift
        is_optional = _defaults_to_none(scope, owner, taken)
        for other in scopes:
            if owner not in other.code.co_names:
                continue
            for mention in mentions(other.steps):
                if mention.name != owner:
                    continue
                call = called(other.steps, mention.place)
                given = call.given(place_given, taken) if call is not None else None
                if call is not None and given is None:
                    found.is_drawn |= is_optional
                elif given is not None and other.is_none(given):
                    found.is_drawn = True
                elif given is not None and (passed := _argument(other.code, given)) is not None:
                    waiting.append((other, passed))


def _begun_by_argument(scope: _Scope) -> Iterator[tuple[_Scope, str]]:
    if objects.BEGUN.isdisjoint(scope.code.co_names):
        return
    for mention in mentions(scope.steps):
        if mention.name in objects.BEGUN and (call := called(scope.steps, mention.place)) is not None:
            taken = _argument(scope.code, call.given(0, *_SEEDS))
            if taken is not None:
                yield scope, taken


def _argument(code: CodeType, given: list[dis.Instruction] | None) -> str | None:
    """The argument of the function itself that is handed on."""
    mention = dotted(given)
    if mention is None or not mention.is_local or len(mention.path) > 1:
        return None
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return mention.path[0] if mention.path[0] in names else None


def _called_as(code: CodeType) -> tuple[str, int]:
    """The name that a function is called by, and how many of its first arguments nobody writes there."""
    parts = getattr(code, "co_qualname", code.co_name).split(".")
    is_method = len(parts) > 1 and parts[-2] != "<locals>"
    name = parts[-2] if is_method and parts[-1] in ("__init__", "__new__") else parts[-1]
    return name, int(is_method)


def _defaults_to_none(scope: _Scope, name: str, taken: str) -> bool:
    """Whether the argument may be left out for `None`, as far as that can be told."""
    function = scope.namespace.get(name)
    if type(function) is not FunctionType or function.__code__.co_name != scope.code.co_name:
        return True
    code = function.__code__
    named = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    by_name = dict(zip(named[len(named) - len(defaults) :], defaults, strict=True))
    return (by_name | (function.__kwdefaults__ or {})).get(taken, NotImplemented) is None
