"""What code asks for by names of which nobody can tell what they mean."""

from __future__ import annotations

import datetime
import re
import sys
import time
from types import ModuleType

from clew.analysis import nondeterminism as objects
from clew.analysis.bytecode import Call, Mention, called, constant
from clew.analysis.effect_types import Asked
from clew.analysis.environment_variables import VARIABLES, read_of
from clew.analysis.generator_factories import is_begun_with_none
from clew.analysis.scope import Scope

#: What tells the time when it is called without arguments, and what does so however it is called.
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
BY_SYSTEM: dict[str, tuple[str, ...]] = {
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
NAMES = (
    _CLOCKS
    | _CLOCKS_ALWAYS
    | _NUMBERS
    | _LINKS
    | _COUNTS
    | _QUESTIONS
    | VARIABLES
    | _GETTERS
    | _FILLED
    | _HOME
    | _FROM_SYSTEM
    | objects.BEGUN
    | _OF_POLARS
    | _OF_BAGS
    | _OF_TIME
    | _FAILED
)
"""Names that may ask for something."""


def _is_part_of_date(scope: Scope, mention: Mention) -> bool:
    """Whether it is `date.time()` of a variable: a part of that date."""
    if mention.is_local or len(mention.path) != 2 or mention.name != "time":
        return False
    return isinstance(scope.namespace.get(mention.path[0]), datetime.datetime)


def told_by_name(scope: Scope, found: Asked, mention: Mention) -> None:
    """Adds what a name asks for of which nobody can tell what it means."""
    name, steps, place = mention.name, scope.steps, mention.place
    is_attribute = len(mention.path) > 1
    if name not in NAMES:
        return
    call = called(steps, place)
    if name in objects.BEGUN and call is not None:
        found.begun.append((scope, call))
    is_called_bare = call is not None and not call.arguments and not _is_part_of_date(scope, mention)
    # Who reads `env.now` has an object that tells its own time.
    is_clock = name in _CLOCKS_ALWAYS and is_attribute and (call is not None or name not in objects.NOW)
    if is_clock or (name in _CLOCKS | _CLOCKS_ALWAYS and is_called_bare):
        found.words.add(objects.TIME)
    elif name in _NUMBERS and is_called_bare:
        found.words.add(objects.PROCESS)
    elif name in _LINKS:
        found.words.add("the target of a link")
    elif name in _COUNTS and is_attribute:
        found.words.add("the statistics of a cache")
    elif name in _QUESTIONS and (not is_attribute or name == "getpass") and _is_question(scope, mention):
        found.words.add("keyboard input")
    elif name in _GETTERS:
        found.reads_variable(constant(call.given(0, "key") if call is not None else None))
    elif name in VARIABLES:
        found.reads_variable(read_of(steps, place))
    elif name in _FILLED:
        _filled(found, call)
    elif name in _OF_TIME and is_attribute:
        if scope.meaning(Mention(mention.path[:-1], place, mention.is_local)) is time:
            found.variables.add("TZ")
    elif name in _FAILED and is_attribute:
        holder = scope.meaning(Mention(mention.path[:-1], place, mention.is_local))
        if type(holder) is ModuleType and holder.__name__ in _TELL_FAILED:
            found.words.add(FAILED)
    elif name in _HOME and (is_attribute or name != "home"):
        found.variables.add("HOME")
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
        found.is_drawn = True


def _is_question(scope: Scope, mention: Mention) -> bool:
    """Whether a name that asks whoever sits there is no module of that name."""
    return type(scope.meaning(mention)) is not ModuleType


def _filled(found: Asked, call: Call | None) -> None:
    text = constant(call.given(0, "path") if call is not None else None)
    if isinstance(text, str):
        found.variables |= {first or second for first, second in _IN_TEXT.findall(text)}
    else:
        found.words.add(objects.ENVIRONMENT)


def _is_polars(scope: Scope) -> bool:
    """Whether a name in the code is of polars."""
    if "polars" not in sys.modules:
        return False
    held = (scope.namespace.get(name) for name in scope.code.co_names)
    names = (one.__name__ if type(one) is ModuleType else type(one).__module__ for one in held)
    return any(str(name).partition(".")[0] == "polars" for name in names)
