"""Detects what code depends on beyond the variables that it reads: the time, keyboard input, environment variables, random numbers that
cannot be drawn again, the working directory, the existence of files.

Reads compiled code. A name counts by its current value, however it is spelled (`clew.analysis.nondeterminism`). If the value cannot be
determined, the spelling counts. Texts in the code count, too. A false positive only causes an unnecessary re-execution.
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

#: Functions that return the time if they are called without arguments, and those that do with any arguments.
_CLOCKS = frozenset((
    "time", "localtime", "gmtime", "ctime", "asctime", "process_time", "thread_time", "formatdate",
))  # fmt: skip
_CLOCKS_ALWAYS = frozenset((
    "now", "utcnow", "today", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "process_time_ns",
    "thread_time_ns", "clock_gettime", "clock_gettime_ns", "default_timer",
))  # fmt: skip
#: Functions whose results differ in each process.
_NUMBERS = frozenset(("getpid", "getppid", "get_ident", "get_native_id", "current_process"))
#: Functions that return statistics of a cache. A restored cell makes no cache lookups, so they would differ.
_COUNTS = frozenset(("cache_info",))
#: Functions that return the target of a link. The contents of the file count anyway.
_LINKS = frozenset(("readlink",))
#: Functions that read from the keyboard.
_QUESTIONS = frozenset(("input", "getpass"))
#: Functions that read an environment variable, given as first argument, and those that expand variables in a text.
_GETTERS = frozenset(("getenv", "getenvb"))
_FILLED, _HOME = frozenset(("expandvars",)), frozenset(("expanduser", "home"))
_IN_TEXT = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
#: Names that depend on the time zone or locale of the process, and the environment variables from which the C library takes these.
_BY_SYSTEM: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("fromtimestamp", "localtime", "mktime", "astimezone", "tzlocal", "tzname"), ("TZ",)),
    **dict.fromkeys(("altzone", "daylight", "timestamp", "strptime", "strftime", "ctime"), ("TZ",)),
    **dict.fromkeys(("formatdate", "mktime_tz", "gettz", "get_localzone", "get_localzone_name"), ("TZ",)),
    # The first call in the process determines the result of all later ones.
    **dict.fromkeys(("gettempdir", "gettempdirb", "tempdir"), ("TMPDIR", "TEMP", "TMP")),
    **dict.fromkeys(("getproxies",), ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")),
    **dict.fromkeys(("getusersitepackages", "getuserbase"), ("PYTHONUSERBASE", "HOME")),
    **dict.fromkeys(
        ("setlocale", "getlocale", "getdefaultlocale", "getpreferredencoding"), ("LANG", "LC_ALL")
    ),
}
#: Names that refer to the last uncaught exception, in these modules; and its description.
_FAILED = frozenset(("last_value", "last_type", "last_traceback", "last_exc", "print_last", "pm"))
_TELL_FAILED = frozenset(("sys", "traceback", "pdb"))
FAILED = "the last exception"
#: Functions that draw random numbers from the operating system.
_FROM_SYSTEM = frozenset(
    ("SystemRandom", "urandom", "getrandom", "uuid1", "uuid4", "token_bytes", "token_hex", "token_urlsafe")
)
#: The time zone of the process, as an attribute of the module `time`.
_OF_TIME = frozenset(("timezone",))
#: Methods of polars that are unseeded without a `seed`.
_OF_POLARS = frozenset(("sample", "shuffle"))
#: The same, for Dask bags.
_OF_BAGS = frozenset(("random_sample",))
#: The names of the environment mapping.
_VARIABLES = frozenset(("environ", "environb"))
#: Names that count by their spelling if their values cannot be determined.
_NAMES = (
    _CLOCKS | _CLOCKS_ALWAYS | _NUMBERS | _LINKS | _COUNTS | _QUESTIONS | _VARIABLES | _GETTERS | _FILLED | _HOME | _FROM_SYSTEM
    | objects.BEGUN | _OF_POLARS | _OF_BAGS | _OF_TIME | _FAILED
)  # fmt: skip
#: Functions that run code in a text, and those that look up an attribute by name.
_RUNS, _GETS = frozenset(("eval", "exec", "timeit")), frozenset(("attrgetter", "methodcaller"))
_IMPORTING = frozenset(("import_module", "__import__", "modules", "locate", "resolve_name"))
#: Texts that name functions or attributes that lead to all variables: alone or as the last part of a dotted name, or anywhere.
_LEADING = re.compile(
    r"(?:^|[.:])(?:globals|locals|vars|modules|get_objects|get_referrers|get_referents)\Z"
    r"|__globals__|__builtins__|\b(?:f_globals|f_locals|_getframe|currentframe|user_ns|user_global_ns)\b"
)
_LOOKS_UP = _GETS | _IMPORTING | {"getattr"}
_MAGICS = frozenset(("run_line_magic", "run_cell_magic"))
_OF_ENVIRONMENT, _OF_FAILED = "env", frozenset(("tb", "debug"))
#: How deep code in texts is followed.
_DEEPEST = 3
#: Functions that take code or names as texts.
_TAKES_TEXTS = _RUNS | _LOOKS_UP | _MAGICS
#: Names that depend on the working directory without opening a file.
_PLACES = frozenset((
    "getcwd", "getcwdb", "cwd", "chdir", "fchdir", "abspath", "absolute", "resolve", "realpath", "relpath", "__file__",
))  # fmt: skip
_MAY_ASK = _NAMES | _TAKES_TEXTS | _PLACES | CHECKING | LOOKING.keys() | objects.NAMES | objects.OF_MACHINE


@dataclass
class Dependencies:
    """What code depends on beyond variables."""

    #: Descriptions of dependencies whose values differ each time (`the time`).
    unrepeatable: set[str] = field(default_factory=set)
    #: Environment variables, by name.
    environment_variables: set[str] = field(default_factory=set)
    #: Whether the result depends on the working directory.
    uses_directory: bool = False
    #: Texts in code that checks whether files exist. They may be paths.
    paths_checked: set[str] = field(default_factory=set)
    #: Properties of files that it reads besides their contents, as letters (`clew.files`).
    file_properties: set[str] = field(default_factory=set)
    #: Whether it draws random numbers that cannot be drawn again.
    draws_unseeded: bool = False
    #: Calls that create or seed random generators, each with the code that makes it.
    generators: list[tuple[Scope, Call | None]] = field(default_factory=list)
    #: Whether it may look up variables that no code names.
    looks_up_variables: bool = False
    #: Process-wide generators whose state it reads, by name.
    generator_states: set[str] = field(default_factory=set)

    def read_environment(self, name: object) -> None:
        """Adds an environment variable that is read, or all of them if its name is not known. `...` stands for one that is only set, not
        read."""
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
    """Returns what the code may depend on, including functions of the user's own modules that the names in it lead to (`own`, if they are
    known already)."""
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
    """Adds the dependencies of one code object, without the functions that it calls."""
    _Reading(scope, found).read()


class _Reading:
    """Reads one code object."""

    def __init__(self, scope: Scope, found: Dependencies) -> None:
        self.scope = scope
        self.found = found

    def read(self) -> None:
        """Adds its dependencies."""
        code, found = self.scope.code, self.found
        names = set(code.co_names)
        for name in _BY_SYSTEM.keys() & names:
            found.environment_variables.update(_BY_SYSTEM[name])
        found.uses_directory |= not _PLACES.isdisjoint(names)
        texts = texts_of(code)
        self._of_files(names, texts)
        live = (self.scope.namespace.get(name) for name in names)
        texts |= {one for one in live if type(one) is str and len(one) < LONGEST_TEXT}
        # `register_globals` as a text is no name of the code. The names of an import are among its texts, too.
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
        """Adds the properties of files that it reads besides their contents: whether they exist, where links lead, when they were
        written."""
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
        """Returns whether one of the names has or contains a known value, or may lead to one through a module."""
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
        """Handles the mention of a known value: it is called, or passed to code that may call it."""
        steps = self.scope.steps
        if self.scope.code.co_name == ANNOTATE or is_annotation(steps, mention.place):
            return
        call = called(steps, mention.place) if is_itself else None
        bound = bound_to(steps, mention.place)
        if bound is not None and is_itself:
            now = self.scope.namespace.get(bound, NotImplemented)
            if now is not NotImplemented and known(now) == told:
                # A use of the new name is detected by its value.
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
        """Handles addresses and hashes of texts. A class with its own `__hash__` is called by dictionaries, whose order does not depend on
        it, and by sets, where it has no more effect than the hashes of other classes."""
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
    """Returns whether it is `date.time()` of a variable that is a datetime: a part of that date."""
    if mention.is_local or len(mention.path) != 2 or mention.name != "time":
        return False
    return isinstance(scope.namespace.get(mention.path[0]), datetime.datetime)


def told_by_name(scope: Scope, found: Dependencies, mention: Mention) -> None:
    """Adds the dependencies of a name whose value cannot be determined, by its spelling."""
    name, steps, place = mention.name, scope.steps, mention.place
    is_attribute = len(mention.path) > 1
    if name not in _NAMES:
        return
    call = called(steps, place)
    if name in objects.BEGUN and call is not None:
        found.generators.append((scope, call))
    is_called_bare = call is not None and not call.arguments and not _is_part_of_date(scope, mention)
    # `env.now` without a call is an attribute of an object with its own clock, such as a simulation.
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
    """Returns whether a name reads from the keyboard: not if it is a module of that name."""
    return type(scope.meaning(mention)) is not ModuleType


def _filled(found: Dependencies, call: Call | None) -> None:
    text = constant(call.given(0, "path") if call is not None else None)
    if isinstance(text, str):
        found.environment_variables |= {first or second for first, second in _IN_TEXT.findall(text)}
    else:
        found.unrepeatable.add(objects.ENVIRONMENT)


def _is_polars(scope: Scope) -> bool:
    """Returns whether a name in the code refers to polars."""
    if "polars" not in sys.modules:
        return False
    held = (scope.namespace.get(name) for name in scope.code.co_names)
    names = (one.__name__ if type(one) is ModuleType else type(one).__module__ for one in held)
    return any(str(name).partition(".")[0] == "polars" for name in names)


def known_variable(
    scope: Scope, found: Dependencies, told: Known, mention: Mention, call: Call | None, *, is_itself: bool
) -> None:
    """Handles a mention of the environment, or of a function that reads a variable of it."""
    steps, place = scope.steps, mention.place
    if not is_itself:
        found.unrepeatable.add(objects.ENVIRONMENT)
    elif told.kind == objects.GETTER:
        # `os.environ.get` was handled already where `os.environ` was loaded.
        if len(mention.path) < 2 or mention.path[-2] not in _VARIABLES:
            found.read_environment(constant(call.given(0, "key") if call is not None else None))
    elif not _is_bound_getter(scope, steps, place):
        found.read_environment(read_of(steps, place))


def _is_bound_getter(scope: Scope, steps: Sequence[Step], place: int) -> bool:
    """Returns whether `os.environ.get` is only bound to a name that still has it as value."""
    bound = bound_to(steps, place + 1)
    now = known(scope.namespace.get(bound)) if bound is not None else None
    return now is not None and now.kind == objects.GETTER and steps[place + 1].argval in objects.OF_ONE


def read_of(steps: Sequence[Step], place: int) -> object:
    """Returns the name of the variable that is read from the environment loaded at `place`; `...` if none is, `NotImplemented` if it cannot
    be determined."""
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
    """Returns the step before the dotted name that ends at `place`."""
    while place and steps[place].opname in ATTRIBUTES:
        place -= 1
    return steps[place - 1] if place else None


def told_by_text(
    scope: Scope, found: Dependencies, texts: set[str], read: Callable[[Scope, Dependencies], None]
) -> None:
    """Adds the dependencies of code in the texts, read by `read`, and of attributes that are looked up by these texts."""
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
    """Returns whether one of the texts names an attribute that leads to all variables of the notebook, for code that looks up attributes by
    name."""
    return any(len(text) < LONGEST_TEXT and _LEADING.search(text) for text in texts)


def hands_on_builtins(scope: Scope) -> bool:
    """Returns whether code uses the module `builtins` other than by loading an attribute: `globals` may be looked up there with any
    text."""
    names = scope.code.co_names
    if builtins.__name__ not in names and all(scope.namespace.get(name) is not builtins for name in names):
        return False
    steps = scope.steps
    found = [one.place + 1 for one in mentions(steps) if scope.meaning(one) is builtins]
    after = [steps[place] for place in found if place < len(steps)]
    return any(one.opname not in ATTRIBUTES or one.argval.startswith("__") for one in after)


def _names_all(scope: Scope) -> bool:
    """Returns whether a text in the code, or in a variable that it names, is the name of a module that leads to all variables."""
    # The body of a class loads `__name__` for its `__module__`.
    held = (scope.namespace.get(name) for name in scope.code.co_names if name != "__name__")
    return any(type(one) is str and one in HAVING_ALL for one in (*constants(scope.code), *held))


def _looked_up_in(scope: Scope, found: Dependencies, texts: set[str], names: set[str]) -> None:
    """Adds modules and attributes that are looked up by name."""
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
    """Treats `getattr(a, "b")` like `a.b`. If the name is not a constant, any text may be it."""
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
    """Handles `%env NAME`, which reads one variable, and `%env`, which reads all. `%env NAME=VALUE` sets one."""
    for text in texts:
        words = text.split()
        if not words:
            found.unrepeatable.add(objects.ENVIRONMENT)
        elif len(words) == 1 and "=" not in text:
            # A name with `$` or `{}` is expanded at run time.
            found.read_environment(None if {"$", "{"} & set(text) else words[0])
