"""Settings of the interpreter, and of the system for this process."""

from __future__ import annotations

import decimal
import gc
import operator
import os
import re
import signal
import sys
import threading
import time
from types import ModuleType
from typing import Any

from clew.roots.root import MISSING
from clew.roots.setting import Held, NotHere, Setting, by_functions, is_users, nothing, words
from clew.roots.settings import decimal_context, set_decimal_context


def _refused(what: str) -> OSError:
    return OSError(f"the system does not allow Clew to restore {what}")


# -- the collector ---------------------------------------------------------------------------------------


def _read_gc(shell: Any) -> Any:
    return gc.isenabled(), gc.get_threshold(), gc.get_debug()


def _write_gc(shell: Any, value: Any) -> None:
    is_on, thresholds, flags = value
    gc.enable() if is_on else gc.disable()
    gc.set_threshold(*thresholds)
    gc.set_debug(flags)


# -- the time zone ---------------------------------------------------------------------------------------


def _read_zone(shell: Any) -> Any:
    return time.tzname, time.timezone, time.altzone


def _write_zone(shell: Any, value: Any) -> None:
    """Restores the time zone. The variable TZ was restored before; here the process takes it over."""
    if _read_zone(shell) != value and sys.platform != "win32":
        time.tzset()
    if _read_zone(shell) != value:
        raise _refused(f"the time zone {'/'.join(value[0])}")


# -- what the system counts for the process --------------------------------------------------------------


def read_umask(shell: Any) -> Any:
    """Reads the umask from the system's status file: `os.umask` would set it."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123 -- no path is made
            found = re.search(r"^Umask:\s*([0-7]+)", status.read(), re.MULTILINE)
    except OSError:
        return MISSING
    return int(found[1], 8) if found else MISSING


def _write_umask(shell: Any, value: Any) -> None:
    os.umask(value)


def _read_priority(shell: Any) -> Any:
    if sys.platform == "win32":
        return MISSING
    return os.getpriority(os.PRIO_PROCESS, 0)


def _write_priority(shell: Any, value: Any) -> None:
    if sys.platform == "win32":
        raise _refused(f"the priority {value}, which was set on another system")
    os.setpriority(os.PRIO_PROCESS, 0, value)


def _read_limits(shell: Any) -> Any:
    resource: Any = sys.modules["resource"]
    names = sorted(name for name in vars(resource) if name.startswith("RLIMIT_"))
    return tuple([(name, *resource.getrlimit(getattr(resource, name))) for name in names])


def _write_limits(shell: Any, value: Any) -> None:
    resource: Any = sys.modules["resource"]
    now = set(_read_limits(shell))
    for name, soft, hard in value:
        if (name, soft, hard) not in now:
            resource.setrlimit(getattr(resource, name), (soft, hard))


# -- signal handlers -------------------------------------------------------------------------------------


# No program can handle these. Windows has neither.
_FIXED = [getattr(signal, name, None) for name in ("SIGKILL", "SIGSTOP")]
SIGNALS = [int(one) for one in signal.valid_signals() if one not in _FIXED]
_first_handlers: dict[int, Any] = {}


def _own_signals(shell: Any) -> list[int]:
    """Returns the signals whose handlers only the user sets. The kernel sets its own handler for Ctrl+C around each cell."""
    is_kernels = getattr(shell, "kernel", None) is not None
    return [one for one in SIGNALS if not (is_kernels and one == signal.SIGINT)]


def _plain(handler: Any) -> Any:
    return int(handler) if isinstance(handler, signal.Handlers) else handler


def _is_clews(handler: Any) -> bool:
    module = getattr(handler, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] == "clew"


def handlers() -> list[Any]:
    """Returns handlers for signals that are functions, except Clew's own."""
    return [one for one in map(signal.getsignal, SIGNALS) if callable(one) and not _is_clews(one)]


def _usual_handlers(shell: Any) -> Any:
    _first_handlers.update({one: signal.getsignal(one) for one in _own_signals(shell)})
    return ()


def _read_handlers(shell: Any) -> Any:
    now = {one: signal.getsignal(one) for one in _own_signals(shell)}
    # A handler that was not set from Python cannot be restored, and is not the notebook's.
    found = tuple(
        [
            (one, _plain(handler))
            for one, handler in now.items()
            if handler is not _first_handlers.get(one) and handler is not None and not _is_clews(handler)
        ]
    )
    return found or MISSING


def _write_handlers(shell: Any, value: Any) -> None:
    wanted = dict(value)
    for one in _own_signals(shell):
        now, first = signal.getsignal(one), _first_handlers.get(one)
        handler = wanted.get(one, first)
        is_same = _plain(now) is handler or (_plain(now) == _plain(first) and one not in wanted)
        if not is_same and handler is not None and not _is_clews(now):
            signal.signal(one, handler)


# -- imports ---------------------------------------------------------------------------------------------


class _Entries:
    """The user's own objects in a list that other code fills, too, with their positions."""

    def __init__(self, listed: Any) -> None:
        self._listed = listed

    def read(self, shell: Any) -> Any:
        found = tuple([(at, one) for at, one in enumerate(self._listed(shell)) if is_users(one)])
        return found or MISSING

    def write(self, shell: Any, value: Any) -> None:
        listed = self._listed(shell)
        listed[:] = [one for one in listed if not is_users(one)]
        for at, one in value:
            listed.insert(at, one)


def entries(key: str, listed: Any, *names: str, module: str | None = None) -> Setting:
    """Returns a setting for the user's own objects in a list of the interpreter or a library."""
    kept = _Entries(listed)
    return Setting(key, kept.read, kept.write, module, words(*names), nothing)


_made_by_hand: dict[str, Any] = {}
_held = Held()


def _is_made_by_hand(module: Any) -> bool:
    """Returns whether a module was created without an import."""
    if type(module) is not ModuleType:
        return not isinstance(module, ModuleType) and is_users(module)
    attributes = vars(module)
    return attributes.get("__spec__") is None and attributes.get("__file__") is None


def _first_modules(shell: Any) -> Any:
    _made_by_hand.update({name: one for name, one in list(sys.modules.items()) if _is_made_by_hand(one)})
    return ()


_listed: tuple[list[Any], Any] = ([], MISSING)
"""The modules of the process at the last search, and its result."""


def _read_modules(shell: Any) -> Any:
    global _listed
    modules = list(sys.modules.values())
    if len(modules) != len(_listed[0]) or any(map(operator.is_not, modules, _listed[0])):
        _listed = (modules, _modules_by_hand())
    return _listed[1]


def _modules_by_hand() -> Any:
    found = [
        (name, _held.word(one))
        for name, one in list(sys.modules.items())
        if _made_by_hand.get(name) is not one and _is_made_by_hand(one) and _is_users_module(name, one)
    ]
    return tuple(found) or MISSING


#: The beginnings of modules in which compiled libraries share their types.
_OF_CYTHON = ("_cython_", "cython_runtime")


def _is_users_module(name: str, module: Any) -> bool:
    """Returns whether a module belongs to the user: libraries create modules by hand, too, below their own names."""
    if name == "__main__" or name.startswith(_OF_CYTHON):
        return False
    top = sys.modules.get(name.partition(".")[0])
    is_of_library = top is not module and getattr(top, "__spec__", None) is not None
    return not is_of_library or any(map(is_users, list(vars(module).values())))


def _write_modules(shell: Any, value: Any) -> None:
    wanted = dict(value)
    for name, _ in () if (now := _read_modules(shell)) is MISSING else now:
        if name not in wanted:
            sys.modules.pop(name, None)
            if name in _made_by_hand:
                sys.modules[name] = _made_by_hand[name]
    gone = {name for name, word in wanted.items() if _held.get(word) is MISSING}
    sys.modules.update({name: _held.get(word) for name, word in wanted.items() if name not in gone})
    if gone:
        raise NotHere(gone)


# -- names that are not text -----------------------------------------------------------------------------


def _read_odd_names(shell: Any) -> Any:
    namespace = shell.user_ns
    return tuple([(name, namespace[name]) for name in list(namespace) if type(name) is not str]) or MISSING


def _write_odd_names(shell: Any, value: Any) -> None:
    namespace = shell.user_ns
    for name in [name for name in list(namespace) if type(name) is not str]:
        del namespace[name]
    for name, one in value:
        namespace[name] = one


# -- programs' arguments ---------------------------------------------------------------------------------


def _read_arguments(shell: Any) -> Any:
    return tuple([one for one in sys.argv if type(one) is str])


def _write_arguments(shell: Any, value: Any) -> None:
    sys.argv[:] = value


def _write_faulthandler(shell: Any, value: Any) -> None:
    import faulthandler

    if value and not faulthandler.is_enabled():
        faulthandler.enable(file=sys.__stderr__ or sys.stderr)
    elif not value:
        faulthandler.disable()


def _read_stack_size(shell: Any) -> int:
    # Reading the size resets it to the default.
    size = threading.stack_size()
    if size:
        threading.stack_size(size)
    return size


def _write_stack_size(shell: Any, value: Any) -> None:
    threading.stack_size(value)


def _policy(shell: Any) -> Any:
    policy = sys.modules["asyncio.events"].__dict__.get("_event_loop_policy")
    return (policy,) if policy is not None and is_users(policy) else MISSING


_first_policy: list[Any] = []


def _usual_policy(shell: Any) -> Any:
    _first_policy[:] = [sys.modules["asyncio.events"].__dict__.get("_event_loop_policy")]
    return ()


def _write_policy(shell: Any, value: Any) -> None:
    import asyncio

    asyncio.set_event_loop_policy(value[0] if value else _first_policy[0])


#: New contexts, including those of new threads, are copies of the first. The others are used by name.
_CONTEXTS = (decimal.DefaultContext, decimal.BasicContext, decimal.ExtendedContext)


def _read_contexts(shell: Any) -> Any:
    return tuple(map(decimal_context, _CONTEXTS))


def _write_contexts(shell: Any, value: Any) -> None:
    for context, one in zip(_CONTEXTS, value, strict=True):
        set_decimal_context(context, one)


def _read_tracing(shell: Any) -> Any:
    tracing: Any = sys.modules["tracemalloc"]
    return tracing.get_traceback_limit() if tracing.is_tracing() else 0


def _write_tracing(shell: Any, value: Any) -> None:
    tracing: Any = sys.modules["tracemalloc"]
    tracing.stop()
    if value:
        tracing.start(value)


SETTINGS = (
    Setting("gc", _read_gc, _write_gc),
    Setting("time zone", _read_zone, _write_zone),
    Setting("sys.argv", _read_arguments, _write_arguments),
    by_functions("sys.int_max_str_digits", "sys", "get_int_max_str_digits", "set_int_max_str_digits"),
    by_functions("sys.switchinterval", "sys", "getswitchinterval", "setswitchinterval"),
    by_functions(
        "socket timeout", "socket", "getdefaulttimeout", "setdefaulttimeout", usual=lambda shell: None
    ),
    Setting(
        "faulthandler",
        lambda shell: sys.modules["faulthandler"].is_enabled(),
        _write_faulthandler,
        "faulthandler",
    ),
    Setting(
        "decimal contexts",
        _read_contexts,
        _write_contexts,
        None,
        words("DefaultContext", "BasicContext", "ExtendedContext"),
    ),
    Setting(
        "tracemalloc", _read_tracing, _write_tracing, "tracemalloc", words("tracemalloc"), lambda shell: 0
    ),
    Setting("threading.stack_size", _read_stack_size, _write_stack_size),
    Setting("os.nice", _read_priority, _write_priority),
    Setting("os.umask", read_umask, _write_umask, words=words("umask")),
    Setting("resource limits", _read_limits, _write_limits, "resource", words("setrlimit", "prlimit")),
    Setting(
        "signal handlers",
        _read_handlers,
        _write_handlers,
        None,
        words("signal", "sigaction"),
        _usual_handlers,
    ),
    Setting(
        "asyncio policy",
        _policy,
        _write_policy,
        "asyncio.events",
        words("set_event_loop_policy"),
        _usual_policy,
    ),
    entries("sys.meta_path", lambda shell: sys.meta_path, "meta_path"),
    entries("sys.path_hooks", lambda shell: sys.path_hooks, "path_hooks"),
    entries("gc.callbacks", lambda shell: gc.callbacks, "callbacks"),
    Setting("sys.modules", _read_modules, _write_modules, None, words("modules"), _first_modules),
    Setting(
        "names that are no text",
        _read_odd_names,
        _write_odd_names,
        None,
        words("globals", "locals", "vars", "user_ns", "__dict__"),
        nothing,
    ),
)
