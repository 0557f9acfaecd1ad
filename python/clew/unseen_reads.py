"""Determines which libraries may have read files unobserved in a run, if nothing is observed below Python (decision 55).

Python's audit events report files that Python opens, but native code of a library may open others. Counting bytes does not detect these,
because a mapped file adds none. So a run that may have used such a library is not repeatable. Libraries that are known to open files only
through Python, or none, are not affected.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from importlib.machinery import EXTENSION_SUFFIXES
from inspect import CO_NEWLOCALS
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from clew.analysis.names import read_and_written
from clew.analysis.own_modules import imported_now, is_own, reached
from clew.codecs.libraries import ALL, having
from clew.installation import is_standard

THROUGH_PYTHON = having("opens_through_python") | {"clew"}
"""Libraries whose native code opens no files."""

EXCEPT = {one.name: frozenset(one.opens_below_python.split()) for one in ALL if one.opens_below_python}
"""Functions of these libraries that pass a path to native code."""

OF_PYTHON = frozenset(
    ("sqlite3", "_sqlite3", "dbm", "_dbm", "_gdbm", "shelve", "ctypes", "_ctypes", "ssl", "_ssl", "readline")
)
"""Modules of the standard library that open files without an audit event."""

DEEPEST, MOST = 3, 200


def readers(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> set[str]:
    """Returns the libraries that code may use to read files unobserved, by the values of its names and of those in the user's own
    modules."""
    codes = list(codes)
    found = set[str]()
    spaces = [(code, namespace) for code in codes]
    spaces += [(one.code, one.namespace) for one in reached(codes, namespace)]
    for code, space in spaces:
        for name in read_and_written(code)[0]:
            if name in space:
                found.update(_of_value(space[name], frozenset(code.co_names), DEEPEST))
        if code.co_flags & CO_NEWLOCALS:
            # A function uses what it imports; a cell may import something for others.
            found.update(
                name for name in map(_top, code.co_names) if name in sys.modules and _is_reader(name)
            )
    return found


def loaded() -> set[str]:
    """Returns all imported ones: if it is not known what a run used, it may have used any."""
    return {name for name in {_top(key) for key in list(sys.modules)} if _is_reader(name)}


def _of_value(value: Any, names: frozenset[str], depth: int) -> Iterator[str]:
    """Yields the readers that a value may lead to, for code with these names in it."""
    if isinstance(value, partial):
        value = value.func
    kind = type(value)
    if kind in (list, tuple, set, frozenset, dict) and depth:
        parts = list(value.values() if kind is dict else value)[:MOST]
        for part in parts:
            yield from _of_value(part, names, depth - 1)
        return
    top = _top(_named_home(value))
    if _is_reader(top) or not EXCEPT.get(top, frozenset()).isdisjoint(
        names | {getattr(value, "__name__", "")}
    ):
        yield top
    if top == "__main__" and not isinstance(value, type | FunctionType) and depth:
        for part in list(getattr(value, "__dict__", {}).values())[:MOST]:
            yield from _of_value(part, names, depth - 1)


def _named_home(value: Any) -> str:
    """Returns the module that a value comes from; for an object, its class's module."""
    if isinstance(value, ModuleType):
        return value.__name__
    kind = type(value)
    home = getattr(value, "__module__", None) if isinstance(value, type) or callable(value) else None
    return home if isinstance(home, str) else str(kind.__module__)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _is_reader(top: str) -> bool:
    return top in _readers(imported_now())


@lru_cache(maxsize=1)
def _readers(_: tuple[int, str]) -> frozenset[str]:
    """Returns libraries with native code that may open files, and those that import one of them. Cached until modules are imported."""
    modules = [(key, module) for key, module in list(sys.modules.items()) if type(module) is ModuleType]
    modules = [(key, module) for key, module in modules if not _is_quiet(key) and not is_own(key, module)]
    found = {_top(key) for key, module in modules if _is_native(module)} - OF_PYTHON
    leads: dict[str, set[str]] = {}
    for key, module in modules:
        if _top(key) not in OF_PYTHON:
            leads.setdefault(_top(key), set()).update(map(_home, list(vars(module).values())))
    while more := {top for top, others in leads.items() if top not in found and others & found}:
        found |= more
    return frozenset(found | OF_PYTHON)


def _home(value: Any) -> str:
    """Returns the library of a module, function or class."""
    if isinstance(value, ModuleType):
        return _top(value.__name__)
    home = value.__module__ if isinstance(value, type | FunctionType | BuiltinFunctionType) else None
    return _top(home) if isinstance(home, str) else ""


def _is_quiet(key: str) -> bool:
    top = _top(key)
    return top in THROUGH_PYTHON or top == "__main__" or (is_standard(top) and top not in OF_PYTHON)


def _is_native(module: ModuleType) -> bool:
    file = module.__dict__.get("__file__")
    return isinstance(file, str) and file.endswith(tuple(EXTENSION_SUFFIXES))
