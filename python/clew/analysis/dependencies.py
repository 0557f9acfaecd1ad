"""What code depends on beyond the variables that it reads: the time, somebody at the keyboard, environment variables, random numbers that nobody
can draw again, where it runs, whether a file is there.

Read off compiled code: by what its names mean now, whatever they are called (`clew.analysis.nondeterminism`), by the names alone where that
cannot be told, and by texts. A false positive only causes an unnecessary re-execution.
"""

from __future__ import annotations

import builtins
import datetime
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from clew.analysis import nondeterminism as objects
from clew.analysis.bytecode import (
    ANNOTATE,
    ATTRIBUTES,
    LONGEST_TEXT,
    Call,
    Mention,
    Step,
    bound_to,
    called,
    code_in,
    constant,
    constants,
    dotted,
    is_annotation,
    mentions,
    nested,
    texts_of,
)
from clew.analysis.generator_factories import SEEDS, draws_by_default, is_begun_with_none
from clew.analysis.ipython_calls import PLACED, SHELL, read_by_shell
from clew.analysis.nondeterminism import Known, attribute, known, known_within
from clew.analysis.own_modules import OwnCode, is_users_module, own_modules, reached
from clew.analysis.paths import CHECKING, LOOKING, REMOVING, looked_at, programs
from clew.analysis.scope import Scope
from clew.analysis.source_readers import of_sources
from clew.analysis.text_literals import asked_by, draw
from clew.events import HAVING_ALL

#: What tells the time when it is called without arguments, and what does so however it is called.
_CLOCKS = frozenset((
    "time", "localtime", "gmtime", "ctime", "asctime", "process_time", "thread_time", "formatdate",
))  # fmt: skip
_CLOCKS_ALWAYS = frozenset((
    "now", "utcnow", "today", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "process_time_ns",
    "thread_time_ns", "clock_gettime", "clock_gettime_ns", "default_timer",
))  # fmt: skip
#: What is another in each process.
_NUMBERS = frozenset(("getpid", "getppid", "get_ident", "get_native_id", "current_process"))
#: What tells how often a function's results were found in its cache: cells that are restored ask none.
_COUNTS = frozenset(("cache_info",))
#: What tells where a link leads: the file that it names counts by what lies there.
_LINKS = frozenset(("readlink",))
#: What asks whoever sits there.
_QUESTIONS = frozenset(("input", "getpass"))
#: What reads an environment variable by its name, given first, and what fills them into a text.
_GETTERS = frozenset(("getenv", "getenvb"))
_FILLED, _HOME = frozenset(("expandvars",)), frozenset(("expanduser", "home"))
_IN_TEXT = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
#: What goes by the zone of the process or by its locale, and where the system's library has these from.
_BY_SYSTEM: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("fromtimestamp", "localtime", "mktime", "astimezone", "tzlocal", "tzname"), ("TZ",)),
    **dict.fromkeys(("altzone", "daylight", "timestamp", "strptime", "strftime", "ctime"), ("TZ",)),
    **dict.fromkeys(("formatdate", "mktime_tz", "gettz", "get_localzone", "get_localzone_name"), ("TZ",)),
    # Whoever asked first in the process decides what all others get.
    **dict.fromkeys(("gettempdir", "gettempdirb", "tempdir"), ("TMPDIR", "TEMP", "TMP")),
    **dict.fromkeys(("getproxies",), ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")),
    **dict.fromkeys(("getusersitepackages", "getuserbase"), ("PYTHONUSERBASE", "HOME")),
    **dict.fromkeys(
        ("setlocale", "getlocale", "getdefaultlocale", "getpreferredencoding"), ("LANG", "LC_ALL")
    ),
}
#: What tells of the exception that no cell caught, by where it is, and in words.
_FAILED = frozenset(("last_value", "last_type", "last_traceback", "last_exc", "print_last", "pm"))
_TELL_FAILED = frozenset(("sys", "traceback", "pdb"))
FAILED = "the last exception"
#: What draws from the system.
_FROM_SYSTEM = frozenset(
    ("SystemRandom", "urandom", "getrandom", "uuid1", "uuid4", "token_bytes", "token_hex", "token_urlsafe")
)
#: What the module of that name has of its zone.
_OF_TIME = frozenset(("timezone",))
#: What is unseeded in polars unless it is given a seed.
_OF_POLARS = frozenset(("sample", "shuffle"))
#: And in bags of dask.
_OF_BAGS = frozenset(("random_sample",))
#: What holds the environment's variables.
_VARIABLES = frozenset(("environ", "environb"))
#: Names that may ask for something, where nobody can tell what they mean.
_NAMES = (
    _CLOCKS | _CLOCKS_ALWAYS | _NUMBERS | _LINKS | _COUNTS | _QUESTIONS | _VARIABLES | _GETTERS | _FILLED | _HOME | _FROM_SYSTEM
    | objects.BEGUN | _OF_POLARS | _OF_BAGS | _OF_TIME | _FAILED
)  # fmt: skip
#: What runs the code in a text, and what looks something up by its name.
_RUNS, _GETS = frozenset(("eval", "exec", "timeit")), frozenset(("attrgetter", "methodcaller"))
_IMPORTING = frozenset(("import_module", "__import__", "modules", "locate", "resolve_name"))
#: Texts that name what gives them: alone or as the last part of a dotted name, and anywhere.
_LEADING = re.compile(
    r"(?:^|[.:])(?:globals|locals|vars|modules|get_objects|get_referrers|get_referents)\Z"
    r"|__globals__|__builtins__|\b(?:f_globals|f_locals|_getframe|currentframe|user_ns|user_global_ns)\b"
)
_LOOKS_UP = _GETS | _IMPORTING | {"getattr"}
_MAGICS = frozenset(("run_line_magic", "run_cell_magic"))
_OF_ENVIRONMENT, _OF_FAILED = "env", frozenset(("tb", "debug"))
#: Texts within texts are followed so deep.
_DEEPEST = 3
#: What takes texts so.
_TAKES_TEXTS = _RUNS | _LOOKS_UP | _MAGICS
#: What depends on the directory without opening anything.
_PLACES = frozenset((
    "getcwd", "getcwdb", "cwd", "chdir", "fchdir", "abspath", "absolute", "resolve", "realpath", "relpath", "__file__",
))  # fmt: skip
_MAY_ASK = _NAMES | _TAKES_TEXTS | _PLACES | CHECKING | LOOKING.keys() | objects.NAMES | objects.OF_MACHINE


@dataclass
class Dependencies:
    """What code depends on beyond variables."""

    #: What differs each time, in words (`the time`).
    unrepeatable: set[str] = field(default_factory=set)
    #: Environment variables, by name.
    environment_variables: set[str] = field(default_factory=set)
    #: Whether the working directory decides what it does.
    uses_directory: bool = False
    #: Texts in code that checks whether files exist: they may be paths.
    paths_checked: set[str] = field(default_factory=set)
    #: Properties of files that it reads beside their contents, by letters (`clew.files`).
    file_properties: set[str] = field(default_factory=set)
    #: Whether it draws random numbers that cannot be drawn again.
    draws_unseeded: bool = False
    #: Calls that create or seed random generators, each with the code that does.
    generators: list[tuple[Scope, Call | None]] = field(default_factory=list)
    #: Whether it may look up variables that no code names.
    looks_up_variables: bool = False
    #: Process-wide generators whose state it reads, by name.
    generator_states: set[str] = field(default_factory=set)

    def read_environment(self, name: object) -> None:
        """Adds an environment variable that is read; all of them where its name cannot be told. One that is set (`...`) is not read."""
        if name is Ellipsis:
            return
        if isinstance(name, bytes):
            name = name.decode(errors="surrogateescape")
        if isinstance(name, str):
            self.environment_variables.add(name)
        else:
            self.unrepeatable.add(objects.ENVIRONMENT)


def dependencies_of(
    codes: Iterable[CodeType],
    namespace: Mapping[str, Any] | None = None,
    own: Iterable[OwnCode] | None = None,
) -> Dependencies:
    """What the code, and functions of the user's own modules, may have asked for: those whose names it mentions, in modules that the
    names in it lead to (`own`, where they are known)."""
    objects.outdate()
    found = Dependencies()
    everything = list(codes)
    live = namespace or {}
    scopes = [Scope(code, live) for code in everything]
    scopes += [Scope(one.code, one.namespace) for one in (reached(everything, live) if own is None else own)]
    for scope in scopes:
        add_dependencies(scope, found)
    found.draws_unseeded = found.draws_unseeded or draws_by_default(scopes)
    return found


def add_dependencies(scope: Scope, found: Dependencies) -> None:
    """Adds what some code alone asks for."""
    _Reading(scope, found).read()


class _Reading:
    """Reads one code."""

    def __init__(self, scope: Scope, found: Dependencies) -> None:
        self.scope = scope
        self.found = found

    def read(self) -> None:
        """Adds what it asks for."""
        code, found = self.scope.code, self.found
        names = set(code.co_names)
        for name in _BY_SYSTEM.keys() & names:
            found.environment_variables.update(_BY_SYSTEM[name])
        found.uses_directory |= not _PLACES.isdisjoint(names)
        texts = texts_of(code)
        self._of_files(names, texts)
        live = (self.scope.namespace.get(name) for name in names)
        texts |= {one for one in live if type(one) is str and len(one) < LONGEST_TEXT}
        # Given by name, it is no name of the code. What an import names stands there as a text, too.
        found.looks_up_variables |= (
            "register_globals" in texts or lead_to_all(texts - names) or hands_on_builtins(self.scope)
        )
        found.unrepeatable |= asked_by(texts, names, self.scope.namespace) | of_sources(
            code, self.scope.namespace
        )
        found.draws_unseeded |= draw(texts)
        if not _MAY_ASK.isdisjoint(names) or self._has_alias(names):
            for mention in mentions(self.scope.steps):
                self._mention(mention)
        if not _TAKES_TEXTS.isdisjoint(names):
            told_by_text(self.scope, found, texts, add_dependencies)
        if SHELL in names:
            found.uses_directory |= "run_line_magic" in names and not PLACED.isdisjoint(texts)
            for text in read_by_shell(code) or ():
                for inner in nested(text):
                    add_dependencies(Scope(inner, self.scope.namespace, self.scope.depth + 1), found)

    def _of_files(self, names: set[str], texts: set[str]) -> None:
        """What it asks of files beside what they hold: whether they are there, where links lead, when they were written."""
        found, live = self.found, self.scope.namespace
        held = (live[name] for name in names if name in live)
        called = names | {one.__name__ for one in held if type(one) in (FunctionType, BuiltinFunctionType)}
        if not _TAKES_TEXTS.isdisjoint(names):
            called |= texts
        if not CHECKING.isdisjoint(called):
            found.paths_checked |= texts
        if looks := called & LOOKING.keys():
            found.file_properties.update(*(LOOKING[name] for name in looks))
            found.paths_checked |= looked_at(texts)
        found.unrepeatable |= {words for name, words in REMOVING.items() if name in called}
        if "which" in called:
            found.paths_checked |= set(programs(texts))

    def _has_alias(self, names: set[str]) -> bool:
        """Whether one of the names means something known, or holds it; or may lead to it through a module."""
        live = self.scope.namespace
        held = [live[name] for name in names if name in live]
        modules = [one for one in held if type(one) is ModuleType]
        if any(one.__name__.partition(".")[0] in objects.WHOLE for one in modules):
            return True
        modules = [one for one in modules if one.__name__ in own_modules()]
        held += [one.__dict__[name] for one in modules for name in names if name in one.__dict__]
        return any(True for one in held for _ in known_within(one, is_users_module))

    def _mention(self, mention: Mention) -> None:
        meaning = self.scope.meaning(mention)
        if meaning is not NotImplemented:
            direct = known(meaning)
            for told in [direct] if direct is not None else known_within(meaning, is_users_module):
                self._known(told, mention, is_itself=direct is not None)
            if direct is not None:
                return
        told_by_name(self.scope, self.found, mention)

    def _known(self, told: Known, mention: Mention, *, is_itself: bool) -> None:
        """What is known is mentioned: called, or given to somebody who may call it."""
        steps = self.scope.steps
        if self.scope.code.co_name == ANNOTATE or is_annotation(steps, mention.place):
            return
        call = called(steps, mention.place) if is_itself else None
        bound = bound_to(steps, mention.place)
        if bound is not None and is_itself:
            now = self.scope.namespace.get(bound, NotImplemented)
            if now is not NotImplemented and known(now) == told:
                # Whoever uses that name is told of by what it means.
                return
        if told.kind == objects.VARIABLES or told.kind == objects.GETTER:
            known_variable(self.scope, self.found, told, mention, call, is_itself=is_itself)
        elif told.kind == objects.BEGINS:
            self._begins(call)
        elif told.kind == objects.DRAWS:
            self.found.draws_unseeded = True
        elif told.kind == objects.UNSEEDED:
            given = None if call is None else call.given(None, *objects.SEED_NAMES)
            self.found.draws_unseeded |= given is None or self.scope.is_none(given)
        elif told.kind == objects.LOOKS_UP:
            self.found.looks_up_variables |= not self._is_harmless(told, call)
        elif told.kind == objects.BY_TEXT:
            self.found.looks_up_variables |= objects.looks_up_by(texts_of(self.scope.code))
        elif told.kind in objects.STATES:
            self.found.generator_states.add(objects.STATES[told.kind])
        elif told.kind in (objects.ADDRESS, objects.HASH):
            self._of_process(told.kind, call)
        elif not self._is_harmless(told, call):
            self.found.unrepeatable.add(told.kind)

    def _is_harmless(self, told: Known, call: Call | None) -> bool:
        if told.harmless_from is None or call is None:
            return False
        given = call.positional
        return len(given) >= told.harmless_from and not self.scope.is_none(given[told.harmless_from - 1])

    def _of_process(self, kind: str, call: Call | None) -> None:
        """Addresses, and hashes of texts. A class that says how it is hashed is asked by dictionaries, whose order is none of it, and by sets, where
        it does no more than classes that do not say it."""
        if call is None or self.scope.code.co_name == "__hash__":
            return
        given = call.arguments[0] if call.arguments else None
        is_number = isinstance(self.scope.value(given), int | float | complex)
        if kind == objects.ADDRESS or not is_number:
            self.found.unrepeatable.add(kind)

    def _begins(self, call: Call | None) -> None:
        if call is None and "isinstance" in self.scope.code.co_names:
            return
        self.found.generators.append((self.scope, call))
        if call is None or call.given(0, *SEEDS) is None or is_begun_with_none(self.scope, call):
            self.found.draws_unseeded = True


def _is_part_of_date(scope: Scope, mention: Mention) -> bool:
    """Whether it is `date.time()` of a variable: a part of that date."""
    if mention.is_local or len(mention.path) != 2 or mention.name != "time":
        return False
    return isinstance(scope.namespace.get(mention.path[0]), datetime.datetime)


def told_by_name(scope: Scope, found: Dependencies, mention: Mention) -> None:
    """Adds what a name asks for of which nobody can tell what it means."""
    name, steps, place = mention.name, scope.steps, mention.place
    is_attribute = len(mention.path) > 1
    if name not in _NAMES:
        return
    call = called(steps, place)
    if name in objects.BEGUN and call is not None:
        found.generators.append((scope, call))
    is_called_bare = call is not None and not call.arguments and not _is_part_of_date(scope, mention)
    # Who reads `env.now` has an object that tells its own time.
    is_clock = name in _CLOCKS_ALWAYS and is_attribute and (call is not None or name not in objects.NOW)
    if is_clock or (name in _CLOCKS | _CLOCKS_ALWAYS and is_called_bare):
        found.unrepeatable.add(objects.TIME)
    elif name in _NUMBERS and is_called_bare:
        found.unrepeatable.add(objects.PROCESS)
    elif name in _LINKS:
        found.unrepeatable.add("the target of a link")
    elif name in _COUNTS and is_attribute:
        found.unrepeatable.add("the statistics of a cache")
    elif name in _QUESTIONS and (not is_attribute or name == "getpass") and _is_question(scope, mention):
        found.unrepeatable.add("keyboard input")
    elif name in _GETTERS:
        found.read_environment(constant(call.given(0, "key") if call is not None else None))
    elif name in _VARIABLES:
        found.read_environment(read_of(steps, place))
    elif name in _FILLED:
        _filled(found, call)
    elif name in _OF_TIME and is_attribute:
        if scope.meaning(Mention(mention.path[:-1], place, mention.is_local)) is time:
            found.environment_variables.add("TZ")
    elif name in _FAILED and is_attribute:
        holder = scope.meaning(Mention(mention.path[:-1], place, mention.is_local))
        if type(holder) is ModuleType and holder.__name__ in _TELL_FAILED:
            found.unrepeatable.add(FAILED)
    elif name in _HOME and (is_attribute or name != "home"):
        found.environment_variables.add("HOME")
    elif (
        name in _FROM_SYSTEM
        or (
            name in objects.BEGUN
            and call is not None
            and (not call.arguments or is_begun_with_none(scope, call))
        )
        or (
            name in _OF_POLARS
            and is_attribute
            and _is_polars(scope)
            and (call is None or call.given(None, "seed") is None)
        )
        or (
            name in _OF_BAGS
            and "dask.bag" in sys.modules
            and scope.meaning(mention) is NotImplemented
            and (call is None or call.given(1, "random_state") is None)
        )
    ):
        found.draws_unseeded = True


def _is_question(scope: Scope, mention: Mention) -> bool:
    """Whether a name that asks whoever sits there is no module of that name."""
    return type(scope.meaning(mention)) is not ModuleType


def _filled(found: Dependencies, call: Call | None) -> None:
    text = constant(call.given(0, "path") if call is not None else None)
    if isinstance(text, str):
        found.environment_variables |= {first or second for first, second in _IN_TEXT.findall(text)}
    else:
        found.unrepeatable.add(objects.ENVIRONMENT)


def _is_polars(scope: Scope) -> bool:
    """Whether a name in the code is of polars."""
    if "polars" not in sys.modules:
        return False
    held = (scope.namespace.get(name) for name in scope.code.co_names)
    names = (one.__name__ if type(one) is ModuleType else type(one).__module__ for one in held)
    return any(str(name).partition(".")[0] == "polars" for name in names)


def known_variable(
    scope: Scope, found: Dependencies, told: Known, mention: Mention, call: Call | None, *, is_itself: bool
) -> None:
    """The environment is mentioned, or what reads a variable of it."""
    steps, place = scope.steps, mention.place
    if not is_itself:
        found.unrepeatable.add(objects.ENVIRONMENT)
    elif told.kind == objects.GETTER:
        # What is looked up of the environment was told where the environment itself was loaded.
        if len(mention.path) < 2 or mention.path[-2] not in _VARIABLES:
            found.read_environment(constant(call.given(0, "key") if call is not None else None))
    elif not _is_bound_getter(scope, steps, place):
        found.read_environment(read_of(steps, place))


def _is_bound_getter(scope: Scope, steps: Sequence[Step], place: int) -> bool:
    """Whether `os.environ.get` is only given a name that it still has."""
    bound = bound_to(steps, place + 1)
    now = known(scope.namespace.get(bound)) if bound is not None else None
    return now is not None and now.kind == objects.GETTER and steps[place + 1].argval in objects.OF_ONE


def read_of(steps: Sequence[Step], place: int) -> object:
    """The variable that is read of the environment loaded at `place`; `...` if none is, `NotImplemented` if that can't be told."""
    first, second = [*steps[place + 1 : place + 4], None, None][:2]
    if first is None:
        return NotImplemented
    if first.opname in ATTRIBUTES:
        call = called(steps, place + 1) if first.argval in objects.OF_ONE else None
        return constant(call.given(0, "key") if call is not None else None)
    before = _before(steps, place)
    if first.opname == "CONTAINS_OP":
        return constant([before] if before is not None else None)
    if second is None:
        return NotImplemented
    if second.opname == "STORE_SUBSCR":
        return Ellipsis
    if second.loads_element or second.opname == "DELETE_SUBSCR":
        return constant([first])
    return NotImplemented


def _before(steps: Sequence[Step], place: int) -> Step | None:
    """What was loaded before the dotted name that ends at `place`."""
    while place and steps[place].opname in ATTRIBUTES:
        place -= 1
    return steps[place - 1] if place else None


def told_by_text(
    scope: Scope, found: Dependencies, texts: set[str], read: Callable[[Scope, Dependencies], None]
) -> None:
    """Adds what code in the texts asks for, which `read` reads, and attributes that are looked up by them."""
    names = set(scope.code.co_names)
    if not _MAGICS.isdisjoint(names) and not _OF_FAILED.isdisjoint(texts):
        found.unrepeatable.add(FAILED)
    if not _MAGICS.isdisjoint(names) and _OF_ENVIRONMENT in texts:
        _magic_of_environment(found, texts - {_OF_ENVIRONMENT})
    if not _LOOKS_UP.isdisjoint(names):
        _looked_up_in(scope, found, texts, names)
    if not (_RUNS | _MAGICS).isdisjoint(names) and scope.depth < _DEEPEST:
        for text in texts:
            for code in code_in(text):
                read(Scope(code, scope.namespace, scope.depth + 1), found)


def lead_to_all(texts: Iterable[str]) -> bool:
    """Whether one of the texts names what gives all variables of the notebook, for whoever looks attributes up by texts."""
    return any(len(text) < LONGEST_TEXT and _LEADING.search(text) for text in texts)


def hands_on_builtins(scope: Scope) -> bool:
    """Whether code does more with the module of built-in functions than load one by its name: `globals` may be found there by any text."""
    names = scope.code.co_names
    if builtins.__name__ not in names and all(scope.namespace.get(name) is not builtins for name in names):
        return False
    steps = scope.steps
    found = [one.place + 1 for one in mentions(steps) if scope.meaning(one) is builtins]
    after = [steps[place] for place in found if place < len(steps)]
    return any(one.opname not in ATTRIBUTES or one.argval.startswith("__") for one in after)


def _names_all(scope: Scope) -> bool:
    """Whether a text in the code or in a variable that it names is the name of a module that has all variables."""
    # A class asks for `__name__`, to say what it is of.
    held = (scope.namespace.get(name) for name in scope.code.co_names if name != "__name__")
    return any(type(one) is str and one in HAVING_ALL for one in (*constants(scope.code), *held))


def _looked_up_in(scope: Scope, found: Dependencies, texts: set[str], names: set[str]) -> None:
    """Modules and attributes that are looked up by their names."""
    every = [scope.meaning(one) for one in mentions(scope.steps)]
    imported = [module for module in map(sys.modules.get, texts) if module is not None]
    if not _IMPORTING.isdisjoint(names):
        found.looks_up_variables |= _names_all(scope)
        for name in names & objects.NAMES | texts:
            _looked_up(found, imported, name)
    if not _GETS.isdisjoint(names):
        found.looks_up_variables |= objects.looks_up_by(texts)
        for text in texts:
            _looked_up(found, every, text)
    for mention in mentions(scope.steps):
        if mention.name == "getattr":
            _getattr(scope, found, called(scope.steps, mention.place), every, texts)


def _getattr(
    scope: Scope, found: Dependencies, call: Call | None, every: list[object], texts: set[str]
) -> None:
    """`getattr(a, "b")` is `a.b`; where the name is another, it may be any text."""
    holder = dotted(call.given(0)) if call is not None else None
    value = scope.value(call.given(1) if call is not None else None)
    holders = every if holder is None else [scope.meaning(holder)]
    for text in [value] if type(value) is str else texts:
        _looked_up(found, holders, text)


def _looked_up(found: Dependencies, holders: Iterable[object], name: str) -> None:
    told = [
        known(attribute(holder, name))
        for holder in holders
        if type(holder) is ModuleType or isinstance(holder, type)
    ]
    for one in told:
        if one is None:
            continue
        if one.kind in (objects.DRAWS, objects.BEGINS, objects.UNSEEDED):
            found.draws_unseeded = True
        elif one.kind in (objects.VARIABLES, objects.GETTER):
            found.unrepeatable.add(objects.ENVIRONMENT)
        elif one.kind == objects.LOOKS_UP:
            found.looks_up_variables = True
        elif one.kind not in (*objects.STATES, objects.ADDRESS, objects.HASH, objects.BY_TEXT):
            found.unrepeatable.add(one.kind)


def _magic_of_environment(found: Dependencies, texts: set[str]) -> None:
    """`%env NAME` reads one, `%env` all; `%env NAME=VALUE` sets one."""
    for text in texts:
        words = text.split()
        if not words:
            found.unrepeatable.add(objects.ENVIRONMENT)
        elif len(words) == 1 and "=" not in text:
            # A name that is filled in is known only when it runs.
            found.read_environment(None if {"$", "{"} & set(text) else words[0])
