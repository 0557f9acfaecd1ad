"""Detects what code may have set in libraries: attributes of modules and classes, registrations and settings, IPython's display and
execution hooks. No state contains these, so they cannot be restored.

Reads compiled code. Changes that a library makes internally are not detected. `clew.analysis.indirect_patches` detects those through local
variables of functions. Settings that are part of the state (`clew.roots`) are left out.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from abc import ABCMeta
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from inspect import CO_OPTIMIZED, getattr_static
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from clew.analysis.bytecode import (
    ATTRIBUTES,
    ELEMENTS,
    GLOBAL_LOADS,
    LOCAL_LOADS,
    LOCAL_STORES,
    WITH_BEGINS,
    Step,
    does_any,
    flattened,
    holder_at,
    imports_in,
    is_element_at,
    loaded_constants,
    numbers_of,
    steps_of,
)
from clew.analysis.own_modules import is_own, module_of
from clew.codecs.libraries import ALL, having
from clew.reference_counts import HELD_ONCE, counts
from clew.secrets import is_secret

_SETS = frozenset(("STORE_ATTR", "DELETE_ATTR"))
_STORES = numbers_of(*_SETS)
_SETTERS = frozenset(("setattr", "delattr"))
_SILENT = frozenset(("PUSH_NULL", "PRECALL"))
#: The instructions of a statement that only loads something, and sets or calls it with constants.
_PLAIN = ("LOAD_", "KW_NAMES", "BUILD_", "CALL", "STORE_ATTR", "POP_TOP", "PRINT_EXPR", "RETURN_")

#: Methods that configure logging.
_LOGGING = frozenset(
    ("basicConfig", "setLevel", "addHandler", "removeHandler", "dictConfig", "fileConfig", "addFilter")
    + ("addLevelName", "captureWarnings")
)
#: Methods that configure how IPython shows values.
_SHOWN_BY = frozenset(("for_type", "for_type_by_name"))
#: Functions of matplotlib that register a name.
_NAMES_OF_FIGURES = frozenset(name for one in ALL if one.name == "matplotlib" for name in one.setters.split())
#: Names of functions that set something for their whole library: patterns, and single names.
_SETTING = re.compile(
    r"(set|unset|reset|register|unregister|add|enable|disable|init|use|configure|install|uninstall|patch|unpatch)_[a-z]"
    r"|(set|register|unregister|enable|disable)[A-Z]"
    r"|(register|unregister|enable|disable|install|uninstall|configure|extension)\Z"
)
#: Names of functions that register something with a library. No library has these registrations in the state.
_REGISTERING = re.compile(r"(un)?register(_[a-z]|[A-Z]|\Z)")
_SINGLE = (
    frozenset(
        ("setdefaulttimeout", "signal.signal", "signal.alarm", "time.tzset", "os.umask", "copyreg.pickle")
        + ("sys.settrace", "sys.setprofile", "setswitchinterval", "gc.freeze", "output_notebook")
        + ("calendar.setfirstweekday", "csv.field_size_limit", "gettext.textdomain", "gettext.bindtextdomain")
        + ("mimetypes.init", "signal.setitimer", "sys.setdlopenflags", "threading.setprofile")
        + ("threading.settrace", "threading.stack_size", "os.nice", "os.setpriority", "resource.setrlimit")
    )
    | frozenset(f"{one.name}.{name}" for one in ALL for name in one.setters.split())
    | _NAMES_OF_FIGURES
)
#: Names of functions that set attributes of any object.
_ANYWHERE = re.compile(r"(un)?patch(_[a-z]|\Z)")
IN_PLACE = frozenset(
    ("append", "extend", "insert", "remove", "pop", "clear", "update", "add", "discard", "reverse", "sort")
    + ("setdefault", "popitem")
)
"""Methods that change a list, dictionary or set."""
_STORES_ELEMENTS, _OPERATORS = numbers_of(*ELEMENTS), numbers_of("BINARY_OP")
#: Methods that enter a context manager without `with`, or into an `ExitStack`; and the name in the evidence for their effects, which may be
#: anything (`crates/clew-core/src/history/flow/patches.rs`).
_ENTERS = frozenset(("__enter__", "__aenter__"))
_ENTERS_INTO = frozenset(("enter_context", "enter_async_context"))
ENTERED = "contextlib.__enter__"
#: Libraries that patch other libraries until they are stopped, and the methods that start them.
_PATCHING = having("patches_others") | {"unittest"}
_BEGINS_PATCHING = frozenset(
    (
        "activate",
        "chdir",
        "delattr",
        "delenv",
        "delitem",
        "enable",
        "move_to",
        "on",
        "setattr",
        "setenv",
        "setitem",
        "start",
    )
    + ("setUp", "syspath_prepend", "tick", "undo")
)
#: Names of objects in which libraries store their settings, and the methods that change these.
_KEPT_IN, _CHANGES = (
    frozenset(("config", "conf", "options", "settings", "defaults")),
    frozenset(("set", "update")),
)
#: What such a function sets in another library.
_ELSEWHERE = {(one.name, name): there for one in ALL for name, there in one.setters_elsewhere.items()}
#: Attributes of modules that are part of the state.
_ARE_STATE = frozenset(("os.environ", "sys.modules", "sys.path"))
TOLD = having("keeps_no_settings") | {"builtins", "clew", "decimal", "locale", "random", "warnings"}
"""Libraries whose settings are part of the state, or whose functions with such names only change their arguments."""
#: Modules that are not searched for objects that are also values of the user's variables.
_HOLDS_NONE = TOLD | {"IPython", "__main__", "ipykernel", "matplotlib"}
_COLORS = "matplotlib.colors"
#: The settings of matplotlib are part of the state, except registered names.
FIGURES = "matplotlib"
_STATE = frozenset(("environ", "environb", "rcParams", "path", "filters"))
#: Attributes of the shell that hold the user's namespace.
_NAMES_OF_USER = frozenset(("user_ns", "user_global_ns", "user_module", "user_ns_hidden"))
#: Magics that set something, with the number of words that name it.
_MAGICS = {
    "alias": 1, "alias_magic": 1, "autoawait": 0, "autocall": 0, "autoindent": 0, "automagic": 0, "autoreload": 0, "colors": 0,
    "config": 1, "doctest_mode": 0, "load_ext": 1, "reload_ext": 1, "unload_ext": 1, "pprint": 0, "precision": 0, "xmode": 0,
}  # fmt: skip
#: Settings of Clew itself do not count.
_OWN = "clew"


class _Set(NamedTuple):
    """An attribute that is set: the dotted name of its holder, and its name."""

    path: list[str]
    name: str


def patched(codes: Iterable[CodeType], namespace: Mapping[str, Any], *, is_whole: bool = True) -> list[str]:
    """Returns the full names of attributes that code may have set (`pandas.DataFrame.f`), in order. ` = ` and the value follow if the code
    states it unconditionally and all of it ran (`is_whole`). `namespace` has the values of names."""
    found = dict[str, None]()
    codes = list(codes)
    namespace = _with_held(codes, namespace)
    for code in codes:
        names = set(code.co_names)
        if "logging" in sys.modules:
            found.update((f"logging.{name}", None) for name in sorted(names & _LOGGING))
        if "run_line_magic" in names:
            found.update((magic, None) for magic in _magics(code))
        if not _SHOWN_BY.isdisjoint(names):
            found["IPython.display_formatter"] = None
        if not code.co_flags & CO_OPTIMIZED and _enters(code, namespace):
            found[ENTERED] = None
        for one in (*_set_by(code, namespace), *_called_by(code, namespace), *_changed_by(code, namespace)):
            held = _held(one.path, namespace)
            library = library_of(held) or (_of_own_module(held) if one.name == "register" else None)
            name = f"{library}.{one.name}"
            if library is not None and _ANYWHERE.match(one.name):
                found[ENTERED] = None
            elif library is not None and name not in _ARE_STATE:
                found[
                    f"{_ELSEWHERE.get((library.partition('.')[0], one.name), name)}{_to_what(code, one)}"
                ] = None
    return list(found if is_whole else dict.fromkeys(one.partition(" = ")[0] for one in found))


def _enters(code: CodeType, namespace: Mapping[str, Any]) -> bool:
    """Returns whether a cell may enter a context that no `with` in it exits."""
    names = set(code.co_names)
    if not _ENTERS.isdisjoint(names):
        return True
    if not _BEGINS_PATCHING.isdisjoint(names) and any(
        _is_patching(namespace[name]) for name in names & namespace.keys()
    ):
        return True
    if _ENTERS_INTO.isdisjoint(names):
        return False
    steps = _steps(code)
    ended = {
        one.argval
        for place, one in enumerate(steps)
        if one.opname == "STORE_NAME" and any(map(_is_with, steps[max(place - _WITH, 0) : place]))
    }
    into = (_path_to(steps, place - 1) for place, one in enumerate(steps) if one.argval in _ENTERS_INTO)
    return any(path[:1] == [] or path[0] not in ended for path in into)


def _is_patching(value: object) -> bool:
    return module_of(value).partition(".")[0] in _PATCHING


#: The maximal number of steps from the context manager to its name in a `with` statement.
_WITH = 7


def _is_with(step: Step) -> bool:
    return step.opname in WITH_BEGINS


def _magics(code: CodeType) -> Iterator[str]:
    """Yields what a magic of a cell sets: `%precision = 3`, `%config InlineBackend.figure_format = 'svg'`. The value is left out if it
    depends on variables."""
    texts = [one for one in loaded_constants(code) if isinstance(one, str)]
    if len(texts) < 2 or texts[0] not in _MAGICS or texts[1].partition(".")[0] == _OWN:
        return
    words = texts[1].replace("=", " ", 1).split(None, _MAGICS[texts[0]])
    named = " ".join((f"%{texts[0]}", *words[: _MAGICS[texts[0]]]))
    told = " ".join(words[_MAGICS[texts[0]] :])
    yield f"{named} = {told}" if _stands_there(texts[0], told) else named


def _stands_there(magic: str, told: str) -> bool:
    """Returns whether the argument of a magic does not depend on variables. `%config` evaluates it."""
    if magic != "config" or not told:
        return {"$", "{"}.isdisjoint(told)
    try:
        ast.literal_eval(told)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return "$" not in told


def _to_what(code: CodeType, one: _Set) -> str:
    """Returns the value that a statement of a cell sets, if the statement does nothing else and the value is constant."""
    is_statement = not code.co_flags & CO_OPTIMIZED
    is_alone = is_statement and set(code.co_names) <= {*one.path, one.name}
    if not is_alone:
        return ""
    constants = [value for value in loaded_constants(code) if value is not None]
    if not constants or any(isinstance(value, CodeType) for value in constants):
        return ""
    if not all(step.opname.startswith(_PLAIN) for step in _steps(code)):
        return ""
    told = ", ".join(map(repr, constants))
    is_kept_out = len(told) > LONGEST or any(
        isinstance(value, str) and is_secret(one.name, value) for value in flattened(tuple(constants))
    )
    return "" if is_kept_out else f" = {told}"


#: Longer values (in characters) are not reported.
LONGEST = 200


def _set_by(code: CodeType, namespace: Mapping[str, Any], *, is_foreseen: bool = False) -> Iterator[_Set]:
    """Yields the attributes that are set. If the code has not run yet (`is_foreseen`), also those of holders whose names have no values
    yet."""
    if not may_set(code) or not (is_foreseen or may_lead_out(code, namespace)):
        return
    steps = _steps(code)
    for place, one in enumerate(steps):
        if one.opname in _SETS:
            path = _path_to(steps, _holder(steps, place))
            held = _held(path, namespace)
            if not isinstance(held, _Within) or not held.is_told:
                yield _Set(path, one.argval)
        elif one.opname in GLOBAL_LOADS and one.argval in _SETTERS:
            end = place + 1
            while end + 1 < len(steps) and steps[end + 1].opname in ATTRIBUTES:
                end += 1
            named = steps[end + 1] if end + 1 < len(steps) else one
            if named.opname == "LOAD_CONST" and isinstance(named.argval, str):
                yield _Set(_path_to(steps, end), named.argval)


def may_set(code: CodeType) -> bool:
    """Returns whether code sets any attributes."""
    return does_any(code, _STORES) or not _SETTERS.isdisjoint(code.co_names)


def may_change(code: CodeType) -> bool:
    """Returns whether code changes any lists, dictionaries or sets in place."""
    if not IN_PLACE.isdisjoint(code.co_names) or does_any(code, _STORES_ELEMENTS):
        return True
    return does_any(code, _OPERATORS) and any(step.is_in_place for step in steps_of(code))


def set_in(code: CodeType, namespace: Mapping[str, Any]) -> Iterator[tuple[object, str]]:
    """Yields modules, classes and functions on which code sets attributes that are not part of the state, each with the attribute; `None`
    for a dotted name without a value yet."""
    for path, name in _set_by(code, namespace, is_foreseen=True):
        if not path:
            continue
        held = _held(path, namespace)
        if path[0] not in namespace and path[0] not in sys.modules:
            yield None, name
        elif isinstance(held, ModuleType | type) or type(held) is FunctionType:
            library = library_of(held)
            is_users_function = type(held) is FunctionType and held.__module__ not in ("__main__", None)
            if (library is not None and f"{library}.{name}" not in _ARE_STATE) or is_users_function:
                yield held, name


def _called_by(code: CodeType, namespace: Mapping[str, Any]) -> Iterator[_Set]:
    """Yields calls of library functions that set something in the library."""
    if not any(_SETTING.match(name) or name in _CALLED for name in code.co_names):
        return
    steps = _steps(code)
    for place, one in enumerate(steps):
        is_end = place + 1 < len(steps) and steps[place + 1].opname not in ATTRIBUTES
        if not is_end or one.opname not in GLOBAL_LOADS | ATTRIBUTES or _is_entered(steps, place):
            continue
        path = _path_to(steps, place)
        paths = [path] if len(path) > 1 else _homes(path, namespace)
        setting = next((path for path in paths if path and _is_setting(path, namespace)), None)
        if setting is not None:
            yield _Set(setting[:-1], setting[-1])
        elif (known := _known_to_users(path, namespace)) is not None:
            yield known


def _changed_by(code: CodeType, namespace: Mapping[str, Any]) -> Iterator[_Set]:
    """Yields in-place changes of lists and similar objects in a library's module: `sys.argv.append("-v")`, `sys.argv[1:] = []`."""
    if not may_change(code) or not may_lead_out(code, namespace):
        return
    steps = _steps(code)
    for place, one in enumerate(steps):
        is_called = one.opname in ATTRIBUTES and one.argval in IN_PLACE
        end = place - 1 if is_called else _end_of_changed(steps, place)
        if end is None:
            continue
        path = _path_to(steps, end)
        if len(path) == 1 and isinstance(held := namespace.get(path[0]), _Within):
            path = held.path
        if not is_called and (key := _module_at(path, steps[end + 1], namespace)) is not None:
            yield _Set([key], "__dict__")
            continue
        holder = _held(path[:-1], namespace) if len(path) > 1 else None
        if _is_shell(holder) or path[:1] == ["get_ipython"]:
            if len(path) == 2 and path[1] not in _NAMES_OF_USER:
                yield _Set(path[:-1], path[-1])
            continue
        library = library_of(holder) if isinstance(holder, ModuleType | type | _Within) else None
        if library is None or path[-1] in _STATE or library.partition(".")[0] in TOLD:
            continue
        held = _held(path, namespace)
        held = held.value if isinstance(held, _Within) else held
        if issubclass(type(held), list | dict | set) or (held is not None and not is_called):
            yield _Set(path[:-1], path[-1])


def _end_of_changed(steps: Sequence[Step], place: int) -> int | None:
    """Returns the index of the last step of the dotted name that a step changes in place; `None` if it changes nothing, or an element of
    something."""
    one = steps[place]
    holder = holder_at(steps, place) if one.opname in ELEMENTS or one.is_in_place else range(0)
    if not holder or any(is_element_at(steps[at], one) for at in holder):
        return None
    begin = one.begin
    # The steps behind it load the key.
    ends = (at for at in reversed(holder) if steps[at].opname in ATTRIBUTES and steps[at].begin == begin)
    return next(ends, holder.start)


def _module_at(path: list[str], key: Step, namespace: Mapping[str, Any]) -> str | None:
    """Returns the name under which code registered a module of its own making in `sys.modules`. No file shows the contents of such a
    module."""
    is_name = key.opname == "LOAD_CONST" and type(key.argval) is str
    if not is_name or path[-1:] != ["modules"] or _held(path[:-1], namespace) is not sys:
        return None
    made = sys.modules.get(key.argval)
    is_made = type(made) is ModuleType and made.__dict__.get("__spec__") is None
    return key.argval if is_made and made.__dict__.get("__file__") is None else None


def _known_to_users(path: list[str], namespace: Mapping[str, Any]) -> _Set | None:
    """Detects `register` calls on the user's own classes and functions: on abstract classes, whose registry is hidden, and on objects in
    the user's modules."""
    held = _held(path[:-1], namespace) if path[-1:] == ["register"] and len(path) > 1 else None
    if _of_own_module(held) is not None:
        return _Set(path[:-1], "register")
    return _Set(["abc"], "register") if isinstance(held, ABCMeta) and library_of(held) is None else None


def _of_own_module(held: object) -> str | None:
    """Returns the full name of a class or function of one of the user's own modules."""
    if not isinstance(held, type) and type(held) is not FunctionType:
        return None
    module = held.__module__
    is_module = isinstance(module, str) and is_own(module, sys.modules.get(module))
    return f"{module}.{held.__qualname__}" if is_module else None


_CALLED = _CHANGES | {name.rpartition(".")[2] for name in _SINGLE}


def _is_entered(steps: Sequence[Step], place: int) -> bool:
    """Returns whether the result of a call is entered by `with`, and so undone at its end."""
    after = (step.opname for step in steps[place + 1 :])
    called = next((name for name in after if name.startswith("CALL")), None)
    return called is not None and next((name for name in after if name != "COPY"), "") in WITH_BEGINS


def _homes(path: list[str], namespace: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yields the same path with the function's own name, and with its name in its module."""
    for name in path:
        home = _home(namespace.get(name))
        yield home
        module = _held(home[:-1], namespace)
        if isinstance(module, ModuleType) and module.__dict__.get(name) is namespace[name]:
            yield [*home[:-1], name]


def _home(value: object) -> list[str]:
    """Returns where a library's function is defined, as a dotted name that begins with a module."""
    if type(value) not in (FunctionType, BuiltinFunctionType):
        return []
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return []
    # A function in C belongs to the module that users import.
    plain = module.lstrip("_")
    return [plain if plain in sys.modules else module, name]


def _is_setting(path: list[str], namespace: Mapping[str, Any]) -> bool:
    """Returns whether a dotted name leads to a function that sets something for a whole library that is not part of the state."""
    name = path[-1]
    library = library_of(_held(path[:-1], namespace))
    if library is None:
        return False
    first = library.partition(".")[0]
    if _REGISTERING.match(name):
        return True
    if first == FIGURES:
        return name in _NAMES_OF_FIGURES
    if first in TOLD:
        return False
    singles = {name, f"{first}.{name}"}
    is_kept = name in _CHANGES and not _KEPT_IN.isdisjoint((*path[1:-1], *library.split(".")))
    return is_kept or bool(_SETTING.match(name)) or not _SINGLE.isdisjoint(singles)


def _steps(code: CodeType) -> Sequence[Step]:
    return [one for one in steps_of(code) if one.opname not in _SILENT]


def _holder(steps: Sequence[Step], place: int) -> int:
    """Returns the index of the step that loads the object whose attribute is set: the step before, or, for `+=`, the one before its
    copy."""
    if steps[place - 1].opname != "SWAP":
        return place - 1
    copies = (at for at in range(place - 1, 0, -1) if steps[at].opname == "COPY")
    return next(copies, place) - 1


def _path_to(steps: Sequence[Step], end: int) -> list[str]:
    """Returns the dotted name that is loaded up to `end`; empty for anything else. The shell is represented by `get_ipython`."""
    path: list[str] = []
    while end >= 0 and steps[end].opname in ATTRIBUTES:
        path.insert(0, steps[end].argval)
        end -= 1
    if end > 0 and steps[end].opname == "CALL" and steps[end - 1].argval == "get_ipython":
        end -= 1
    if end < 0:
        return []
    if steps[end].opname in GLOBAL_LOADS:
        return [steps[end].argval, *path]
    if steps[end].opname not in LOCAL_LOADS:
        return []
    bound = _imported_as(steps, steps[end].argval) or _bound_to(steps, end)
    return [*bound, *path] if bound else []


def _imported_as(steps: Sequence[Step], variable: str) -> list[str]:
    """Returns the dotted name that a function imports as this local variable; empty if it does not."""
    found = next((one.bound[variable] for one in imports_in(steps) if variable in one.bound), "")
    return found.split(".") if found else []


def _bound_to(steps: Sequence[Step], place: int) -> list[str]:
    """Returns the dotted name that was assigned to the local variable loaded at `place`; empty for other values."""
    for at in range(place - 1, 0, -1):
        if steps[at].opname in LOCAL_STORES and steps[at].argval == steps[place].argval:
            return _path_to(steps, at - 1)
    return []


def _held(path: list[str], namespace: Mapping[str, Any]) -> object:
    """Returns the object that a dotted name leads to through modules, classes and objects in modules. No code runs."""
    if path[:1] == ["get_ipython"]:
        return sys.modules.get("IPython")
    held: Any = namespace.get(path[0], sys.modules.get(path[0])) if path else None
    for name in path[1:] if not _is_shell(held) else ():
        if isinstance(held, ModuleType):
            held = _Within.of(held, name)
        elif isinstance(held, type):
            held = next((one.__dict__[name] for one in type.mro(held) if name in one.__dict__), None)
        elif isinstance(held, _Within):
            held = held.within(name)
        else:
            return None
    return held


def may_lead_out(code: CodeType, namespace: Mapping[str, Any]) -> bool:
    """Returns whether a dotted name in the code may lead to a library (`_held`). Most code has none, and need not be parsed."""
    held = (namespace.get(name, sys.modules.get(name)) for name in code.co_names)
    return "get_ipython" in code.co_names or any(
        isinstance(one, ModuleType | type | _Within) or type(one) is FunctionType or _is_shell(one)
        for one in held
    )


def _is_shell(held: object) -> bool:
    module = type(held).__module__
    return isinstance(module, str) and module.partition(".")[0] in ("IPython", "ipykernel")


class _Within:
    """An object in a library's module, or an attribute of it."""

    def __init__(self, module: ModuleType, name: str, value: object) -> None:
        self.module = module
        self.path = [module.__name__, name]
        self.value = value

    def within(self, name: str) -> _Within:
        """Returns its attribute. No code runs."""
        return _Within(self.module, name, getattr_static(self.value, name, None))

    @property
    def is_told(self) -> bool:
        """Returns whether its attributes are part of the state."""
        return self.module.__name__.partition(".")[0] in TOLD | {FIGURES}

    @classmethod
    def of(cls, module: ModuleType, name: str) -> object:
        held = ModuleType.__getattribute__(module, "__dict__").get(name)
        is_plain = held is None or isinstance(held, ModuleType | type | FunctionType | BuiltinFunctionType)
        return held if is_plain or name in _STATE else cls(module, name, held)


def _with_held(codes: list[CodeType], namespace: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the namespace, with objects in library modules wrapped as `_Within`. Most code sets no attributes, or only on objects with
    one reference, and needs no search."""
    found = named_held(filter(lambda code: may_set(code) or may_change(code), codes), namespace)
    of_library = {name: _Within(*at, namespace[name]) for name, at in found.items()}
    return {**namespace, **of_library} if found else namespace


def named_held(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> dict[str, tuple[ModuleType, str]]:
    """Returns the names in code whose values are also in a library's module, each with the module and the name there."""
    names = {name for code in codes for name in code.co_names}
    return held_by({name: namespace[name] for name in names & namespace.keys()})


def held_by(values: dict[str, Any], besides: int = 0) -> dict[str, tuple[ModuleType, str]]:
    """Finds out which of these objects a library's module holds, too, and under which name: setting an attribute on one sets it there.
    `besides` is the number of references per object that the caller holds besides the namespace."""
    # The namespace is another holder.
    counted = zip(values.items(), counts(values.values()), strict=True)
    wanted = {
        id(value): name
        for (name, value), count in counted
        if count > HELD_ONCE + 1 + besides and _may_be_held(value)
    }
    found: dict[str, tuple[ModuleType, str]] = {}
    for module_name, module in list(sys.modules.items()) if wanted else ():
        # With multiprocessing, the notebook's module has other names, too.
        is_library = isinstance(module, ModuleType) and module is not sys.modules.get("__main__")
        holds_none = module_name.partition(".")[0] in _HOLDS_NONE and module_name != _COLORS
        if not is_library or holds_none:
            continue
        held = ModuleType.__getattribute__(module, "__dict__")
        both = wanted.keys() & set(map(id, held.values()))
        if both and not is_own(module_name, module):
            for name, value in list(held.items()):
                if id(value) in both and name not in _STATE:
                    found.setdefault(wanted[id(value)], (module, name))
    return found


def hold_again(taken: Mapping[str, tuple[str, str]], source: str, namespace: dict[str, Any]) -> None:
    """Rebinds variables that were restored as copies of a list, dictionary or set in a library's module to that object itself, so that
    changes apply there again. Cells that changed the object are executed again. `taken` has the origin of each variable
    (`clew.run.code.taken`)."""
    for name, (holder, attribute) in taken.items():
        if name not in namespace or not _may_be_held(namespace[name]):
            continue
        module = _module_of_path(holder, namespace, is_wanted=name in source)
        if module is None or library_of(module) is None or attribute in _STATE:
            continue
        value = ModuleType.__getattribute__(module, "__dict__").get(attribute)
        if type(value) is type(namespace[name]) and issubclass(type(value), list | dict | set):
            namespace[name] = value


def _module_of_path(path: str, namespace: Mapping[str, Any], *, is_wanted: bool) -> ModuleType | None:
    """Returns the module that a dotted name leads to. A leading dot marks a module name: the module is imported if `is_wanted`."""
    if path.startswith("."):
        if is_wanted and path[1:] not in sys.modules:
            with suppress(Exception):
                importlib.import_module(path[1:])
        found: object = sys.modules.get(path[1:])
    else:
        first, *parts = path.split(".")
        found = namespace.get(first)
        for part in parts:
            is_module = isinstance(found, ModuleType)
            found = ModuleType.__getattribute__(found, "__dict__").get(part) if is_module else None
    return found if isinstance(found, ModuleType) else None


def _may_be_held(value: object) -> bool:
    """Returns whether an object may be in a library's module and is not part of the state."""
    kind = type(value)
    if kind in (dict, list, set) or kind.__module__ == _COLORS:
        return True
    first = module_of(kind).partition(".")[0]
    return (
        first not in _HOLDS_NONE
        and not issubclass(kind, ModuleType | type)
        and not is_own(first, sys.modules.get(first))
    )


def library_of(held: object) -> str | None:
    """Returns the full name of a library's module, class or function; `None` for the user's own, which are part of the state, and for other
    objects."""
    name: object
    held = held.module if isinstance(held, _Within) else held
    if isinstance(held, ModuleType):
        name = module = ModuleType.__getattribute__(held, "__dict__").get("__name__")
    elif isinstance(held, type) or type(held) is FunctionType:
        module = held.__module__
        name = f"{module}.{held.__qualname__}"
    elif _is_shell(held):
        name = module = "IPython"
    else:
        return None
    if not isinstance(module, str) or module == "__main__" or is_own(module, sys.modules.get(module)):
        return None
    return str(name)
