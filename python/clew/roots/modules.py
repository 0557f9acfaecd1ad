"""Attributes of the user's own modules, and modules that a move removes."""

from __future__ import annotations

import collections
import enum
import functools
import importlib
import operator
import os
import re
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from clew.closures import ATTRIBUTE, DEFAULT, held_by, hold
from clew.codecs.handles import holds_nothing
from clew.installation import is_installed, standard_folders
from clew.roots import submodules
from clew.roots.root import MISSING, Root
from clew.secrets import is_secret


class Known(NamedTuple):
    """One of the user's modules as it was when first seen."""

    module: types.ModuleType
    names: frozenset[str]
    code: dict[str, Any]
    """Its functions and classes, and by `Class.name` their methods. They are roots only if they were replaced."""


_own: dict[str, Known] = {}
"""The user's own modules, by name."""

_looked_at: dict[str, Any] = {}
"""The module that had each name when its owner was determined last."""

_shown: dict[str, set[str]] = {}
"""Attributes that were roots at the last collection, by module."""

_withdrawn: dict[str, types.ModuleType] = {}
"""Modules of states that the session has left: importing one must run it again, returning to its state must not."""


_new: list[types.ModuleType] = []

_listed: list[Any] = []
"""The modules of the process at the last search. If none was added or removed, the user's modules are the same."""


def own_modules() -> Iterator[tuple[str, Known]]:
    """Yields the user's own modules: those that are not in a library's folder."""
    global _listed
    modules = list(sys.modules.values())
    if len(modules) != len(_listed) or any(map(operator.is_not, modules, _listed)):
        _listed = modules
        for name, module in list(sys.modules.items()):
            if _looked_at.get(name, MISSING) is not module:
                _looked_at[name] = module
                before = _own.pop(name, None)
                if _is_own(name, module):
                    # Like after a reload: differences from the earlier module are changes.
                    _own[name] = _known(module) if before is None else before._replace(module=module)
                    _new.append(module)
    for name, known in list(_own.items()):
        if sys.modules.get(name) is known.module:
            yield name, known


def take_new() -> list[types.ModuleType]:
    """Returns the user's own modules that were first seen since the last call."""
    new, _new[:] = list(_new), []
    return new


def is_of_own(key: str) -> bool:
    """Returns whether an attribute belongs to one of the user's own modules, which is imported if necessary."""
    name = key.partition(".")[0]
    return _is_own(name, _imported(name))


_brought_back: dict[str, types.ModuleType] = {}
"""Removed modules that a value under construction needed."""


def bring_back(name: str) -> None:
    """Restores a module that a move removed, so that new values use its classes."""
    if name in _withdrawn and name not in sys.modules:
        sys.modules[name] = _brought_back[name] = _withdrawn.pop(name)
    submodules.import_within(name.partition(".")[0], _see)


def bring_back_for(key: str) -> None:
    """Does the same for the modules of the attribute with that full name: looking it up would import them again."""
    parts = key.split(".")
    for many in range(1, len(parts)):
        if (name := ".".join(parts[:many])) in _withdrawn:
            bring_back(name)


def bring_submodules(of_runs: list[list[str]], *, is_whole: bool) -> None:
    """Sets the modules that cells imported into packages, by run (`clew.roots.submodules`)."""
    submodules.bring(of_runs, _see, is_whole=is_whole)


def _see() -> None:
    for _ in own_modules():
        pass


def end_staging(is_installed: bool) -> None:
    """Ends a move. If it failed, removes the modules again that were restored for it."""
    if not is_installed:
        for name, module in _brought_back.items():
            if sys.modules.get(name) is module:
                _withdrawn[name] = sys.modules.pop(name)
    _brought_back.clear()


def modules_seen() -> list[tuple[str, types.ModuleType]]:
    """Returns the user's own modules that existed at the last collection of roots."""
    return [(name, known.module) for name, known in _own.items()]


def _known(module: types.ModuleType) -> Known:
    attributes = vars(module)
    code = {
        name: value
        for name, value in attributes.items()
        if isinstance(value, _CODE) and not _is_of_container(value)
    }
    of_classes = {
        f"{name}.{attribute}": value
        for name, kind in _classes(module)
        for attribute, value in vars(kind).items()
    }
    code |= {path: value for path, value in of_classes.items() if hasattr(type(value), "__get__")}
    return Known(module, frozenset([*attributes, *of_classes, *dict(_function_states(module))]), code)


def _classes(module: types.ModuleType) -> list[tuple[str, type]]:
    """Returns the classes that a module defines. Enums are left out, because their members are not state."""
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
    return not is_installed(path) and not path.startswith(standard_folders())


def collect(shell: Any) -> Iterator[Root]:
    for name, known in own_modules():
        shown = _shown[name] = set()
        for attribute, value in list(vars(known.module).items()):
            if _is_state(known, attribute, value):
                shown.add(attribute)
                yield "module_attribute", f"{name}.{attribute}", value
        for path, value in (*_class_states(known), *_function_states(known.module)):
            shown.add(path)
            yield "module_attribute", f"{name}.{path}", value


def _class_states(known: Known) -> Iterator[tuple[str, Any]]:
    """Yields attributes of a module's classes that runs change: counters, registries, caches, singletons, methods set from outside."""
    for name, kind in _classes(known.module):
        for attribute, value in list(vars(kind).items()):
            path = f"{name}.{attribute}"
            is_data = _is_data(value)
            is_patch = type(value) is types.FunctionType and value.__qualname__ != path
            if (
                (is_data or is_patch)
                and known.code.get(path) is not value
                and not attribute.startswith("__")
                and is_secret(attribute, value) is None
            ):
                yield path, value


def _function_states(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    """Yields values in a module's functions, and in methods of its classes, that runs change. Default arguments count only if they change
    in place, because they are not rebound."""
    functions = dict(vars(module))
    for kind, attributes in ((name, vars(kind)) for name, kind in _classes(module)):
        for name, value in list(attributes.items()):
            functions |= {f"{kind}.{name}{part}": function for part, function in _functions_of(value)}
    for path, function in functions.items():
        if type(function) is types.FunctionType and function.__module__ == module.__name__:
            for place, name, value in held_by(function):
                is_state = type(value) in _CONTAINERS if place == DEFAULT else _is_data(value)
                if is_state and not name.startswith("__") and is_secret(name, value) is None:
                    yield f"{path}@{place}.{name}" if place else f"{path}.{name}", value


_PARTS = ("fget", "fset", "fdel", "__func__")


def _functions_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Yields the functions behind an attribute of a class, each with the suffix of its path."""
    if type(value) in (property, staticmethod, classmethod):
        yield from ((f"@{part}", getattr(value, part)) for part in _PARTS if hasattr(value, part))
    else:
        yield "", value


def _is_data(value: Any) -> bool:
    """Returns whether a value in a class or function is state: a plain value, or an instance of the user's classes."""
    kind = type(value)
    if kind in _PLAIN or kind in _CONTAINERS or kind is functools.partial or _is_of_container(value):
        return True
    is_users = kind.__module__ == "__main__" or kind.__module__ in _own
    return is_users and not isinstance(kind, enum.EnumMeta) and not hasattr(kind, "__get__")


def _is_of_container(value: Any) -> bool:
    """Returns whether it is a method of a list or similar (`keep = held.append`): it belongs to the container."""
    return type(value) is types.BuiltinFunctionType and type(value.__self__) in _CONTAINERS


_PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes, bytearray, tuple, frozenset))
# fmt: off
_CONTAINERS = frozenset((
    list, dict, set, collections.deque, collections.Counter, collections.defaultdict, collections.OrderedDict,
    weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary,
))
# fmt: on


def _is_state(known: Known, attribute: str, value: Any) -> bool:
    if (
        attribute.startswith("__")
        or isinstance(value, types.ModuleType)
        or known.code.get(attribute) is value
    ):
        return False
    return not holds_nothing(type(value)) and is_secret(attribute, value) is None


def install(shell: Any, key: str, value: Any) -> None:
    if value is MISSING:
        _take_attribute(*_parted(key, _live))
    else:
        name, attribute = _parted(key, _imported)
        _set(_imported(name), attribute, value)


def _parted(key: str, module_of: Callable[[str], types.ModuleType | None]) -> tuple[str, str]:
    """Splits a key into the module and the path in it: `module.name`, `package.module.Class.name`, `module.function@closure.name`."""
    parts = key.partition("@")[0].split(".")
    name = parts[0]
    for part in parts[1 : None if "@" in key else -1]:
        within = f"{name}.{part}"
        if within not in sys.modules and isinstance(getattr(module_of(name), part, None), _HOLDERS):
            break
        name = within
    return name, key[len(name) + 1 :]


_HOLDERS = type | types.FunctionType


def _live(name: str) -> types.ModuleType | None:
    return sys.modules.get(name)


def _imported(name: str) -> types.ModuleType:
    bring_back(name)
    return sys.modules.get(name) or importlib.import_module(name)


def _set(module: types.ModuleType, path: str, value: Any) -> None:
    """Sets the value at a path in a module. `MISSING` removes it."""
    holder: Any = module
    place = ATTRIBUTE
    *steps, (_, last) = re.findall(r"(^|[.@])([^.@]+)", path)
    for mark, name in steps:
        if mark != "@":
            holder = vars(holder)[name]
        elif name in _PARTS:
            holder = getattr(holder, name)
        else:
            place = name
    if value is MISSING:
        # Closure variables and defaults stay: without them, the function would be a different one.
        if isinstance(holder, type) and last in vars(holder):
            type.__delattr__(holder, last)
        elif not isinstance(holder, type) and place == ATTRIBUTE:
            vars(holder).pop(last, None)
    elif isinstance(holder, type):
        type.__setattr__(holder, last, value)
    elif isinstance(holder, types.FunctionType):
        hold(holder, place, last, value)
    else:
        vars(holder)[last] = value


def _take_attribute(name: str, attribute: str) -> None:
    """Removes an attribute: an original is restored. Attributes that the module itself created are removed together with the module, so
    that importing it runs it again."""
    known = _own.get(name)
    if known is None or sys.modules.get(name) is not known.module:
        return
    if attribute in known.code:
        _set(known.module, attribute, known.code[attribute])
    elif attribute not in known.names:
        _set(known.module, attribute, MISSING)
    shown = _shown.get(name, set())
    shown.discard(attribute)
    if not shown and attribute in known.names and attribute not in known.code:
        _withdrawn[name] = sys.modules.pop(name)
        del _own[name], _looked_at[name]
