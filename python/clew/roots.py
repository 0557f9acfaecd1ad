"""State that is no name: outputs, random generators, directory, environment, options, settings, modules, figures.

`collect` reads it, `install` puts one piece of it back. Reading has no side effect: nothing is imported, created or
drawn; what a library keeps is looked at only if the session has the library. The kinds are the engine's words.
"""

from __future__ import annotations

import collections
import decimal
import enum
import heapq
import importlib
import locale
import operator
import os
import random
import struct
import sys
import sysconfig
import types
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from clew.codecs.handles import word
from clew.secrets import is_secret, raw_environment

Root = tuple[str, str, Any]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""Stands for a root that is not there in the state that is installed."""

_START = dict(os.environ)
"""The environment when Clew was loaded: only what differs from it is state."""

RESTLESS = frozenset({"COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL", "_", "PYTEST_CURRENT_TEST"})
"""Variables that change by themselves."""

MODULE_NAMES = frozenset(
    [
        "__name__",
        "__doc__",
        "__package__",
        "__loader__",
        "__spec__",
        "__builtin__",
        "__builtins__",
        "__file__",
        "__cached__",
        "__path__",
        "__annotations__",
        "__session__",
        "__conditional_annotations__",
        "__warningregistry__",
    ]
)
SHELL_NAMES = frozenset({"In", "Out", "_ih", "_oh", "_dh", "exit", "quit", "get_ipython", "open"})


def user_names(shell: Any) -> list[str]:
    """The names of the namespace that are the user's, in its order.

    A name of the shell's own (`In`, `_`, `_i3`, `exit`) is the user's as soon as the user has bound it to something else.
    """
    hidden = getattr(shell, "user_ns_hidden", {})
    return [
        name
        for name, value in list(shell.user_ns.items())
        if type(name) is str
        and name not in MODULE_NAMES
        and not _is_shells(name, value, hidden)
        and (name.isascii() or _is_text(name))
    ]


def _is_text(name: str) -> bool:
    """Whether a name can be written down: one with half a surrogate pair, put in by hand, can't."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_shells(name: str, value: Any, hidden: dict[str, Any]) -> bool:
    if name in hidden:
        return hidden[name] is value or name in ("In", "Out", "_ih", "_oh", "_dh")
    # While IPython starts, and loads extensions, it has not hidden these yet.
    return name in ("_", "__", "___") and type(value) is str and not value


def collect(shell: Any) -> list[Root]:
    """All roots that are no names, as they are now."""
    found: list[Root] = []
    for source in (
        _outputs,
        _random,
        _directory,
        _environment,
        _path,
        _options,
        _settings,
        _modules,
        _figures,
    ):
        found.extend(source(shell))
    return found


def install(shell: Any, kind: str, key: str, value: Any) -> None:
    """Puts one root back, or takes it away where `value` is `MISSING`.

    Raises what the library or the system raises (a directory that is gone); the other roots are untouched then.
    """
    _INSTALLERS[kind](shell, key, value)


# --- outputs ------------------------------------------------------------------------------------------------------


def _outputs(shell: Any) -> Iterator[Root]:
    if shell is None:
        return
    outputs = shell.user_ns.get("_oh")
    for number, value in list(outputs.items()) if type(outputs) is dict else []:
        if type(number) is int and is_secret("", value) is None:
            yield "out", str(number), value


def _install_output(shell: Any, key: str, value: Any) -> None:
    """Puts `Out[n]` back, with the names that the shell gives it: `_n`, and `_`, `__`, `___` for the last three."""
    outputs, number = shell.user_ns["_oh"], int(key)
    if value is MISSING:
        outputs.pop(number, None)
        _unbind_hidden(shell, f"_{number}")
    else:
        outputs[number] = value
        _bind_hidden(shell, f"_{number}", value)
    hook = getattr(shell, "displayhook", None)
    if hook is not None:
        _rebind_last(shell, hook, outputs)


def _rebind_last(shell: Any, hook: Any, outputs: dict[int, Any]) -> None:
    names = ("_", "__", "___")
    if any(shell.user_ns.get(name, MISSING) is not getattr(hook, name, MISSING) for name in names):
        return  # The user has taken one of them; the shell leaves all three alone then.
    last = [outputs[number] for number in heapq.nlargest(3, outputs)]
    for name, value in zip(names, last + [""] * (3 - len(last)), strict=True):
        setattr(hook, name, value)
        _bind_hidden(shell, name, value)


def _bind_hidden(shell: Any, name: str, value: Any) -> None:
    if name not in shell.user_ns or shell.user_ns_hidden.get(name, MISSING) is shell.user_ns[name]:
        shell.user_ns[name] = shell.user_ns_hidden[name] = value


def _unbind_hidden(shell: Any, name: str) -> None:
    if name in shell.user_ns and shell.user_ns_hidden.get(name, MISSING) is shell.user_ns[name]:
        del shell.user_ns[name]
        del shell.user_ns_hidden[name]


# --- random generators --------------------------------------------------------------------------------------------


def random_states() -> Iterator[tuple[str, Any]]:
    """The states of the process-wide generators, as plain values."""
    version, words, gauss = random.getstate()
    yield "random", (version, struct.pack(f"<{len(words)}I", *words), gauss)
    numpy_random = _numpy_random()
    if numpy_random is not None and hasattr(numpy_random, "_rand"):
        yield "numpy.random", _numpy_state(numpy_random._rand)


def _numpy_random() -> Any:
    """numpy's module of the global generator, once numpy is there.

    numpy itself imports it when it is first touched; by then the first number may be drawn, and the state from which it
    was drawn could never come back. So it is imported as soon as numpy is.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None or getattr(numpy.__spec__, "_initializing", False):
        return None
    return sys.modules.get("numpy.random.mtrand") or importlib.import_module("numpy.random.mtrand")


def _numpy_state(generator: Any) -> Any:
    state = generator.get_state(legacy=False)
    inner = state["state"]
    if state["bit_generator"] != "MT19937":
        return ("other", state)
    return ("MT19937", inner["key"].tobytes(), inner["pos"], state["has_gauss"], state["gauss"])


def _random(shell: Any) -> Iterator[Root]:
    for name, state in random_states():
        if name != "random" and _numpy.first is None:
            _numpy.first = state
        if name == "random" or state != _numpy.absent:
            yield "random", name, state


class _Numpy:
    """numpy's generator in states from before numpy was imported: the module can't be taken away again, so its state is
    none of the session's for as long as it stays as it was first seen."""

    first: Any = None
    absent: Any = None


_numpy = _Numpy()


def _install_random(shell: Any, key: str, value: Any) -> None:
    if key == "numpy.random":
        _numpy.absent = _numpy.first if value is MISSING else None
        if value is MISSING:
            value = _numpy.first
    if value is MISSING or value is None:
        return
    if key == "random":
        version, words, gauss = value
        random.setstate((version, struct.unpack(f"<{len(words) // 4}I", words), gauss))
        return
    import numpy as np

    if value[0] == "other":
        np.random.mtrand._rand.set_state(value[1])
    else:
        name, words, pos, has_gauss, gauss = value
        np.random.set_state((name, np.frombuffer(words, np.uint32), pos, has_gauss, gauss))


# --- directory, environment, path ---------------------------------------------------------------------------------


def _directory(shell: Any) -> Iterator[Root]:
    current = _current()
    if current is not None:
        yield "directory", "cwd", current


def _install_directory(shell: Any, key: str, value: Any) -> None:
    if value is not MISSING and value != _current():
        os.chdir(value)


def _current() -> str | None:
    try:
        return str(Path.cwd())
    except Exception:  # it is gone, or somebody replaced the function
        return None


def _environment(shell: Any) -> list[Root]:
    global _changed_variables
    now = raw_environment()
    if _changed_variables is None or _changed_variables[0] != now:
        _changed_variables = (dict(now), list(_variables_that_differ()))
    return _changed_variables[1]


_changed_variables: tuple[dict[Any, Any], list[Root]] | None = None
"""The environment when it was last gone through, and its roots."""


def _variables_that_differ() -> Iterator[Root]:
    for name in sorted(os.environ.keys() | _START.keys()):
        now = os.environ.get(name)
        if now != _START.get(name) and name not in RESTLESS and is_secret(name, now) is None:
            yield "environment", name, now


def _install_environment(shell: Any, key: str, value: Any) -> None:
    wanted = _START.get(key) if value is MISSING else value
    if wanted is None:
        os.environ.pop(key, None)
    elif os.environ.get(key) != wanted:
        os.environ[key] = wanted


def _path(shell: Any) -> Iterator[Root]:
    yield "path", "sys.path", tuple([entry for entry in sys.path if type(entry) is str])


def _install_path(shell: Any, key: str, value: Any) -> None:
    if value is not MISSING:
        sys.path[:] = value


# --- options ------------------------------------------------------------------------------------------------------


def _differs(value: Any, default: Any) -> bool:
    if value is default:
        return False
    try:
        return type(value) is not type(default) or bool(value != default)
    except Exception:  # a value that can't be compared is no default
        return True


def _options(shell: Any) -> Iterator[Root]:
    for library in (_pandas_options, _matplotlib_options):
        for key, value in library():
            yield "option", key, value


def _pandas_options() -> Iterator[tuple[str, Any]]:
    config = sys.modules.get("pandas._config.config")
    for name, option in list(getattr(config, "_registered_options", {}).items()):
        value: Any = config._global_config  # type: ignore[union-attr]
        for part in name.split("."):
            value = value[part]
        if _differs(value, option.defval):
            yield f"pandas: {name}", value


def _matplotlib_options() -> Iterator[tuple[str, Any]]:
    library = sys.modules.get("matplotlib")
    defaults = getattr(library, "rcParamsDefault", None)
    if defaults is None:
        return
    for name, value in list(dict.items(library.rcParams)):  # type: ignore[union-attr]
        if name not in _BACKEND and _differs(value, dict.get(defaults, name)):
            yield f"matplotlib: {name}", value


_BACKEND = frozenset({"backend", "backend_fallback", "interactive", "toolbar"})


def _install_option(shell: Any, key: str, value: Any) -> None:
    library, _, name = key.partition(": ")
    if library == "pandas":
        import pandas as pd
        from pandas._config import config

        pd.set_option(name, config._registered_options[name].defval if value is MISSING else value)
    else:
        import matplotlib as mpl

        wanted = dict.__getitem__(mpl.rcParamsDefault, name) if value is MISSING else value
        dict.__setitem__(mpl.rcParams, name, wanted)


# --- settings -----------------------------------------------------------------------------------------------------


def _settings(shell: Any) -> Iterator[Root]:
    """What every session has, and of numpy's what differs: going back to before an import must leave nothing over."""
    yield "setting", "warnings.filters", list(warnings.filters)
    yield "setting", "recursion limit", sys.getrecursionlimit()
    yield "setting", "decimal context", _decimal_context()
    yield "setting", "locale", locale.setlocale(locale.LC_ALL)
    numpy: Any = sys.modules.get("numpy")
    if hasattr(numpy, "get_printoptions"):
        for key, now, usual in (
            ("numpy errors", numpy.geterr(), NUMPY_ERRORS),
            ("numpy printing", numpy.get_printoptions(), NUMPY_PRINTING),
        ):
            if any(now.get(name) != value for name, value in usual.items()):
                yield "setting", key, dict(now)


NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
NUMPY_PRINTING = {
    "edgeitems": 3,
    "threshold": 1000,
    "floatmode": "maxprec",
    "precision": 8,
    "suppress": False,
    "linewidth": 75,
    "nanstr": "nan",
    "infstr": "inf",
    "sign": "-",
    "formatter": None,
    "legacy": False,
}


def _decimal_context() -> tuple[Any, ...]:
    context = decimal.getcontext()
    signals = [
        tuple([signal.__name__ for signal, on in kept.items() if on])
        for kept in (context.flags, context.traps)
    ]
    numbers = (context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp)
    return (*numbers, *signals)


def _install_setting(shell: Any, key: str, value: Any) -> None:
    if key.startswith("numpy"):
        _install_numpy(key, value)
    elif value is MISSING:
        return
    elif key == "warnings.filters":
        warnings.filters[:] = value  # type: ignore[index]
        warnings._filters_mutated()  # type: ignore[attr-defined]
    elif key == "recursion limit":
        sys.setrecursionlimit(value)
    elif key == "decimal context":
        _install_decimal(value)
    elif key == "locale":
        locale.setlocale(locale.LC_ALL, value)


def _install_numpy(key: str, value: Any) -> None:
    if value is MISSING and "numpy" not in sys.modules:
        return
    import numpy as np

    if key == "numpy errors":
        np.seterr(**(NUMPY_ERRORS if value is MISSING else value))
    else:
        options = NUMPY_PRINTING if value is MISSING else value
        np.set_printoptions(**{name: option for name, option in options.items() if name in NUMPY_PRINTING})


def _install_decimal(value: tuple[Any, ...]) -> None:
    context = decimal.getcontext()
    names = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
    for name, number in zip(names, value, strict=False):
        setattr(context, name, number)
    for kept, names in ((context.flags, value[6]), (context.traps, value[7])):
        for signal in kept:
            kept[signal] = signal.__name__ in names


# --- the user's own modules ---------------------------------------------------------------------------------------

_LIBRARIES = tuple(
    {
        os.path.realpath(path) + os.sep
        for name in ("stdlib", "platstdlib")
        if (path := sysconfig.get_path(name))
    }
)


class Known(NamedTuple):
    """One of the user's modules as it was when first seen."""

    module: types.ModuleType
    names: frozenset[str]
    code: dict[str, Any]
    """Its functions and classes, and by `Class.name` the methods of these: they are no roots while they are these."""


_own: dict[str, Known | None] = {}
"""Modules by name; `None` for those of libraries."""

_shown: dict[str, set[str]] = {}
"""Attributes that were roots when last collected, by module."""

_withdrawn: dict[str, types.ModuleType] = {}
"""Modules of states that the session went away from: importing them then must run them, going back must not."""


_listed: list[Any] = []
"""The modules of the process when they were last gone through: where nothing came or went, the same are the user's."""


def own_modules() -> Iterator[tuple[str, Known]]:
    """The user's own modules: those that lie in no library's folder."""
    global _listed
    modules = list(sys.modules.values())
    if len(modules) != len(_listed) or any(map(operator.is_not, modules, _listed)):
        _listed = modules
        for name, module in list(sys.modules.items()):
            known = _own.get(name)
            if name not in _own or (known is not None and known.module is not module):
                _own[name] = _known(module) if _is_own(name, module) else None
    for name, known in list(_own.items()):
        if known is not None and sys.modules.get(name) is known.module:
            yield name, known


_brought_back: dict[str, types.ModuleType] = {}
"""Withdrawn modules that a value which is being built needed."""


def bring_back(name: str) -> None:
    """Puts a module that a move took away in its place again, if it is that: what is built then is of its classes."""
    if name in _withdrawn and name not in sys.modules:
        sys.modules[name] = _brought_back[name] = _withdrawn.pop(name)


def end_staging(is_installed: bool) -> None:
    """The move is done, or given up: then what was brought back for it goes again."""
    if not is_installed:
        for name, module in _brought_back.items():
            if sys.modules.get(name) is module:
                _withdrawn[name] = sys.modules.pop(name)
    _brought_back.clear()


def modules_seen() -> list[tuple[str, types.ModuleType]]:
    """The user's own modules that were there when roots were last collected."""
    return [(name, known.module) for name, known in _own.items() if known is not None]


def _known(module: types.ModuleType) -> Known:
    attributes = vars(module)
    code = {name: value for name, value in attributes.items() if isinstance(value, _CODE)}
    of_classes = {
        f"{name}.{attribute}": value
        for name, kind in _classes(module)
        for attribute, value in vars(kind).items()
    }
    code |= {path: value for path, value in of_classes.items() if hasattr(type(value), "__get__")}
    return Known(module, frozenset([*attributes, *of_classes]), code)


def _classes(module: types.ModuleType) -> list[tuple[str, type]]:
    """The classes that a module defines. The members of an Enum are no state."""
    own = module.__name__
    return [
        (name, value)
        for name, value in list(vars(module).items())
        if isinstance(value, type)
        and vars(value).get("__module__") == own
        and not isinstance(value, enum.EnumMeta)
    ]


_CODE = (type, types.FunctionType, types.BuiltinFunctionType)


def _is_own(name: str, module: Any) -> bool:
    if (
        type(module) is not types.ModuleType
        or name in ("__main__", "__mp_main__")
        or name.startswith("clew.")
    ):
        return False
    file = vars(module).get("__file__")
    if type(file) is not str or name == "clew" or not file.endswith(".py"):
        return False
    path = os.path.realpath(file)
    return "site-packages" not in path and "dist-packages" not in path and not path.startswith(_LIBRARIES)


def _modules(shell: Any) -> Iterator[Root]:
    for name, known in own_modules():
        shown = _shown[name] = set()
        for attribute, value in list(vars(known.module).items()):
            if _is_state(known, attribute, value):
                shown.add(attribute)
                yield "module_attribute", f"{name}.{attribute}", value
        for path, value in _class_states(known):
            shown.add(path)
            yield "module_attribute", f"{name}.{path}", value


def _class_states(known: Known) -> Iterator[tuple[str, Any]]:
    """What the classes of a module hold that runs change: counters, registries, caches, methods set from outside."""
    for name, kind in _classes(known.module):
        for attribute, value in list(vars(kind).items()):
            path = f"{name}.{attribute}"
            is_data = type(value) in _CLASS_DATA
            is_patch = type(value) is types.FunctionType and value.__qualname__ != path
            if (
                (is_data or is_patch)
                and known.code.get(path) is not value
                and not attribute.startswith("__")
                and is_secret(attribute, value) is None
            ):
                yield path, value


_CLASS_DATA = frozenset(
    [
        *(type(None), bool, int, float, complex, str, bytes, bytearray, tuple, frozenset),
        *(list, dict, set, collections.deque, collections.Counter, collections.defaultdict),
        *(collections.OrderedDict, weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary),
    ]
)


def _is_state(known: Known, attribute: str, value: Any) -> bool:
    if (
        attribute.startswith("__")
        or isinstance(value, types.ModuleType)
        or known.code.get(attribute) is value
    ):
        return False
    return word(type(value)) is None and is_secret(attribute, value) is None


def _install_attribute(shell: Any, key: str, value: Any) -> None:
    if value is MISSING:
        _take_attribute(*_parted(key, _live))
    else:
        name, attribute = _parted(key, _imported)
        _set(_imported(name), attribute, value)


def _parted(key: str, module_of: Callable[[str], types.ModuleType | None]) -> tuple[str, str]:
    """The module and what follows it, of `module.name` and `package.module.Class.name`."""
    name, _, attribute = key.rpartition(".")
    above, _, kind = name.rpartition(".")
    if above and name not in sys.modules and isinstance(getattr(module_of(above), kind, None), type):
        return above, f"{kind}.{attribute}"
    return name, attribute


def _live(name: str) -> types.ModuleType | None:
    return sys.modules.get(name)


def _imported(name: str) -> types.ModuleType:
    bring_back(name)
    return sys.modules.get(name) or importlib.import_module(name)


def _set(module: types.ModuleType, path: str, value: Any) -> None:
    kind, _, attribute = path.rpartition(".")
    if kind:
        type.__setattr__(vars(module)[kind], attribute, value)
    else:
        vars(module)[attribute] = value


def _unset(module: types.ModuleType, path: str) -> None:
    kind, _, attribute = path.rpartition(".")
    if not kind:
        vars(module).pop(attribute, None)
    elif attribute in vars(vars(module)[kind]):
        type.__delattr__(vars(module)[kind], attribute)


def _take_attribute(name: str, attribute: str) -> None:
    """Takes an attribute away: the original comes back; what the module brought itself goes when all of it goes, with
    the module, so that importing it again runs it again."""
    known = _own.get(name)
    if known is None or sys.modules.get(name) is not known.module:
        return
    if attribute in known.code:
        _set(known.module, attribute, known.code[attribute])
    elif attribute not in known.names:
        _unset(known.module, attribute)
    shown = _shown.get(name, set())
    shown.discard(attribute)
    if not shown and attribute in known.names and attribute not in known.code:
        _withdrawn[name] = sys.modules.pop(name)
        del _own[name]


# --- pyplot's figures ---------------------------------------------------------------------------------------------


def _figures(shell: Any) -> Iterator[Root]:
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    managers = getattr(getattr(helpers, "Gcf", None), "figs", {})
    if managers:
        yield "figures", "pyplot", [(number, manager.canvas.figure) for number, manager in managers.items()]


def _install_figures(shell: Any, key: str, value: Any) -> None:
    """Makes exactly these figures pyplot's, the last one the current; windows of others are closed."""
    import matplotlib.pyplot as plt
    from matplotlib._pylab_helpers import Gcf

    wanted = [] if value is MISSING else value
    kept = {
        number: manager for number, manager in Gcf.figs.items() if (number, manager.canvas.figure) in wanted
    }
    for number in [number for number in Gcf.figs if number not in kept]:
        Gcf.destroy(number)
    for number, figure in wanted:
        manager = kept.get(number)
        if manager is None:
            manager = plt._get_backend_mod().new_figure_manager_given_figure(number, figure)
        Gcf.figs.pop(number, None)
        Gcf.figs[number] = manager


_INSTALLERS = {
    "out": _install_output,
    "random": _install_random,
    "directory": _install_directory,
    "environment": _install_environment,
    "path": _install_path,
    "option": _install_option,
    "setting": _install_setting,
    "module_attribute": _install_attribute,
    "figures": _install_figures,
}
