"""Modules in packages that a run finds only since another cell imported them: after `import email.mime.text` there is `email.mime` for all cells."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dis import EXTENDED_ARG, opmap
from types import CodeType, ModuleType
from typing import Any

from clew.shell.imported import is_module_name
from clew.shell.names import constants

IMPORTED, NOT_IMPORTED = "imported", "not imported"
"""What is noted of a module that a run found in its package, and of one that it did not find there."""
ALL = "sys.modules"
"""The name under which is noted what cells had imported, of a run that goes over all of that."""

_BY_TEXT, _LOADED = frozenset(("hasattr", "getattr")), "modules"
#: What tells of classes wherever they were made.
_OF_CLASSES = "__subclasses__"
#: What loads a name of the namespace and an attribute, with the bits that stand behind the name's number; and what does nothing between.
_FIRST = {
    opmap[name]: int(name == "LOAD_GLOBAL")
    for name in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
    if name in opmap
}
_NEXT = {
    opmap[name]: int(sys.version_info >= (3, 12)) for name in ("LOAD_ATTR", "LOAD_METHOD") if name in opmap
}
_SILENT = {EXTENDED_ARG, opmap["CACHE"], opmap["PUSH_NULL"]}
#: Longer texts name no module.
_LONGEST = 200

_by_cells: set[str] = set()
"""Modules that cells of this session imported, those of restored cells among them."""
_by_statements: set[str] = set()
"""Those for which statements in cells ask."""


def note_imported(names: Iterable[str]) -> None:
    """Statements in cells import these."""
    names = list(with_packages(names))
    _by_statements.update(names)
    _by_cells.update(names)


def note_brought(names: Iterable[str]) -> None:
    """These came when cells ran."""
    _by_cells.update(with_packages(names))


def with_packages(names: Iterable[str]) -> Iterator[str]:
    """Modules, and the packages that they lie in."""
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:many]) for many in range(1, len(parts) + 1))


def words_of(codes: Iterable[CodeType]) -> set[str]:
    """What stands in code, word by word: its names, and in texts that may be code themselves (`%time import a.b`)."""
    codes = list(codes)
    names = (name for code in codes for name in code.co_names)
    texts = (one for code in codes for one in constants(code) if type(one) is str and "import" in one)
    return {word for one in (*names, *texts) for word in _WORD.findall(one)}


_WORD = re.compile(r"\w+")


def found_of(
    codes: Iterable[CodeType],
    namespace: Mapping[str, Any],
    imported: Iterable[str],
    reached: Iterable[CodeType] = (),
) -> list[dict[str, Any]]:
    """Modules that code asks for, beside those that the run itself `imported`, as fields of the engine's evidence: which it found since a cell
    had imported them, which it did not find, and all that cells import, where it goes over all (`ALL`). By the names in the code, so rather too
    many are found. `reached` is code of modules, of which only that counts."""
    codes = list(codes)
    own = set(with_packages(imported))
    found: list[dict[str, Any]] = [
        {"name": name, "version": "", "digest": state}
        for name, state in _asked(codes, namespace).items()
        if name not in own
    ]
    if any(map(_goes_over_all, (*codes, *reached))):
        found.append({"name": ALL, "version": "", "digest": IMPORTED, "imports": sorted(_by_statements)})
    return found


def _asked(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for code in codes:
        names = set(code.co_names)
        packages = [one for one in map(namespace.get, names) if type(one) is ModuleType and _is_package(one)]
        is_by_text, is_loaded = not _BY_TEXT.isdisjoint(names), _LOADED in names
        if not (packages or is_loaded):
            continue
        texts = {one for one in constants(code) if type(one) is str and len(one) < _LONGEST}
        asked = names | texts if is_by_text else names
        for package in packages:
            found.update(_within(package, asked))
        if packages and (is_by_text or code.co_exceptiontable):
            found.update(_not_within(code, namespace, texts if is_by_text else set()))
        if is_loaded:
            loaded = set(filter(_is_module_name, texts))
            found.update((text, IMPORTED) for text in loaded & _by_cells if text in sys.modules)
            found.update((text, NOT_IMPORTED) for text in loaded - sys.modules.keys())
    return found


def _goes_over_all(code: CodeType) -> bool:
    """Whether code may go over all modules that are loaded, or over the classes in them."""
    if _OF_CLASSES in code.co_names:
        return True
    is_loaded = _LOADED in code.co_names and "sys" in code.co_names
    return is_loaded and not any(type(one) is str and _is_module_name(one) for one in constants(code))


def _is_module_name(text: str) -> bool:
    return len(text) < _LONGEST and is_module_name(text)


def _is_package(module: ModuleType) -> bool:
    return "__path__" in module.__dict__


def _within(package: ModuleType, names: set[str]) -> Iterator[tuple[str, str]]:
    """Modules in a package under one of these names that cells imported."""
    waiting, met = [package], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in met:
            continue
        met.add(id(one))
        for name in names & one.__dict__.keys():
            held = one.__dict__[name]
            whole = f"{one.__name__}.{name}"
            if type(held) is ModuleType and sys.modules.get(whole) is held:
                waiting += [held] if _is_package(held) else []
                if whole in _by_cells:
                    yield whole, IMPORTED


def _not_within(code: CodeType, namespace: Mapping[str, Any], texts: set[str]) -> Iterator[tuple[str, str]]:
    """What code that goes on without it looks for in packages that have nothing under that name."""
    for first, *path in _dotted(code):
        held = namespace.get(first)
        for name in path[:-1]:
            held = held.__dict__.get(name) if type(held) is ModuleType else None
        if type(held) is ModuleType and _is_package(held):
            lacking = (
                name for name in (*path[-1:], *texts) if name not in held.__dict__ and name.isidentifier()
            )
            yield from ((f"{held.__name__}.{name}", NOT_IMPORTED) for name in lacking)


def _dotted(code: CodeType) -> Iterator[list[str]]:
    """All dotted names that begin with one of the namespace: `a.b.c` is `a`, `a.b` and `a.b.c`. What `dis` would tell takes twenty times as long."""
    names, units = code.co_names, code.co_code
    path, extended = list[str](), 0
    for index in range(0, len(units), 2):
        operation, argument = units[index], units[index + 1] | extended
        extended = argument << 8 if operation == EXTENDED_ARG else 0
        if operation in _FIRST:
            path = [names[argument >> _FIRST[operation]]]
        elif operation in _NEXT and path:
            path = [*path, names[argument >> _NEXT[operation]]]
        elif operation in _SILENT:
            continue
        else:
            path = []
        if path:
            yield path
