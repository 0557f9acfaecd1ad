"""What code may ask for that does not follow from what it reads: the time, somebody at the keyboard, environment
variables, random numbers that nobody can draw again, where it runs, whether a file is there.

Read off compiled code: by what its names mean now, whatever they are called (clew.shell.known), and where that can't be told by the
names alone. Whoever is wrong runs again what need not run.
"""

from __future__ import annotations

import dis
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, ModuleType
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
)
from clew.shell.names import flattened, nested
from clew.shell.own_modules import own_modules, reached
from clew.shell.paths import CHECKING
from clew.shell.scope import Scope
from clew.shell.sources import of_sources
from clew.shell.texts import asked_by, draw
from clew.shell.unseeded import SEEDS, draws_by_default

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
_FILLED, _HOME = frozenset(("expandvars",)), frozenset(("expanduser", "home"))
_IN_TEXT = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
#: What draws from the system.
_FROM_SYSTEM = frozenset(
    ("SystemRandom", "urandom", "getrandom", "uuid1", "uuid4", "token_bytes", "token_hex", "token_urlsafe")
)
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
#: What runs the code in a text, and what looks something up by its name.
_RUNS, _GETS = frozenset(("eval", "exec", "timeit")), frozenset(("attrgetter", "methodcaller"))
_IMPORTS = frozenset(("import_module", "__import__", "modules"))
_LOOKS_UP = _GETS | _IMPORTS | {"getattr"}
_MAGICS = frozenset(("run_line_magic", "run_cell_magic"))
_OF_ENVIRONMENT = "env"
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
    | objects.BEGUN
    | _OF_POLARS
    | _PLACES
    | CHECKING
    | _RUNS
    | _LOOKS_UP
    | _MAGICS
    | objects.NAMES
    | {"psutil"}
)
ENVIRONMENT = objects.ENVIRONMENT
#: Texts within texts are followed so deep.
_DEEPEST = 3
#: Longer ones are not read.
_LONGEST_TEXT = 10_000


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
    #: How generators are begun, each with the code that does: it is drawn from those that are given no seed.
    begun: list[tuple[Scope, Call | None]] = field(default_factory=list)
    #: Process-wide generators whose state it asks for, by the names these go by.
    states: set[str] = field(default_factory=set)


def asked(codes: Iterable[CodeType], namespace: Mapping[str, Any] | None = None) -> Asked:
    """What the code, and functions of the user's own modules, may have asked for: those whose names it mentions, in modules that the
    names in it lead to."""
    found = Asked()
    everything = list(codes)
    live = namespace or {}
    scopes = [Scope(code, live) for code in everything]
    scopes += [Scope(one.code, one.namespace) for one in reached(everything, live)]
    for scope in scopes:
        asked_by_scope(scope, found)
    found.is_drawn = found.is_drawn or draws_by_default(scopes)
    return found


def asked_by_scope(scope: Scope, found: Asked) -> None:
    """Adds what some code alone asks for."""
    _Reading(scope, found).read()


def _is_users(module: object) -> bool:
    return module == "__main__" or (isinstance(module, str) and module in own_modules())


class _Reading:
    """Reads one code."""

    def __init__(self, scope: Scope, found: Asked) -> None:
        self.scope = scope
        self.found = found

    def read(self) -> None:
        """Adds what it asks for."""
        code, found = self.scope.code, self.found
        names = set(code.co_names)
        found.is_placed |= not _PLACES.isdisjoint(names)
        texts = {text for text in flattened(code.co_consts) if isinstance(text, str)}
        if not CHECKING.isdisjoint(names):
            found.checked |= texts
        live = (self.scope.namespace.get(name) for name in names)
        texts |= {one for one in live if type(one) is str and len(one) < _LONGEST_TEXT}
        found.words |= asked_by(texts, names, self.scope.namespace) | of_sources(code, self.scope.namespace)
        found.is_drawn |= draw(texts)
        if not _MAY_ASK.isdisjoint(names) or self._has_alias(names):
            for mention in mentions(self.scope.steps):
                self._mention(mention)
        if not (_RUNS | _LOOKS_UP | _MAGICS).isdisjoint(names):
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
        self.found.begun.append((self.scope, call))
        if call is None or call.given(0, *SEEDS) is None or self._is_unseeded(call):
            self.found.is_drawn = True

    def _is_unseeded(self, call: Call) -> bool:
        given = call.given(0, *SEEDS)
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
        if name in objects.BEGUN and call is not None:
            self.found.begun.append((self.scope, call))
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
        elif name in _HOME and (is_attribute or name != "home"):
            self.found.variables.add("HOME")
        elif (
            name in _FROM_SYSTEM
            or (
                name in objects.BEGUN and call is not None and (not call.arguments or self._is_unseeded(call))
            )
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

    def _by_text(self, texts: set[str], names: set[str]) -> None:
        """Code in texts, and attributes that go by them."""
        if not _MAGICS.isdisjoint(names) and _OF_ENVIRONMENT in texts:
            self._magic_of_environment(texts - {_OF_ENVIRONMENT})
        if not _LOOKS_UP.isdisjoint(names):
            self._by_name(texts, names)
        if not (_RUNS | _MAGICS).isdisjoint(names) and self.scope.depth < _DEEPEST:
            for text in texts:
                for code in _compiled(text):
                    scope = Scope(code, self.scope.namespace, self.scope.depth + 1)
                    _Reading(scope, self.found).read()

    def _by_name(self, texts: set[str], names: set[str]) -> None:
        """Modules and attributes that are looked up by their names."""
        every = [self.scope.meaning(one) for one in mentions(self.scope.steps)]
        imported = [module for module in map(sys.modules.get, texts) if module is not None]
        if not _IMPORTS.isdisjoint(names):
            for name in names & objects.NAMES | texts:
                self._looked_up(imported, name)
        if not _GETS.isdisjoint(names):
            for text in texts:
                self._looked_up(every, text)
        for mention in mentions(self.scope.steps):
            if mention.path == ("getattr",):
                self._getattr(called(self.scope.steps, mention.place), every, texts)

    def _getattr(self, call: Call | None, every: list[object], texts: set[str]) -> None:
        """`getattr(a, "b")` is `a.b`; where the name is another, it may be any text."""
        holder = dotted(call.given(0)) if call is not None else None
        name = call.given(1) if call is not None else None
        named = dotted(name)
        value = constant(name) if named is None else self.scope.meaning(named)
        holders = every if holder is None else [self.scope.meaning(holder)]
        for text in [value] if type(value) is str else texts:
            self._looked_up(holders, text)

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


def _compiled(text: str) -> Iterator[CodeType]:
    if not 2 < len(text) < _LONGEST_TEXT:
        return
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
