"""Submodules that a run finds only because another cell imported them: after `import email.mime.text`, all cells can use `email.mime`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from clew.analysis.bytecode import (
    ATTRIBUTES,
    ELEMENTS,
    GLOBAL_LOADS,
    GLOBAL_STORES,
    Step,
    constants,
    jumps_in,
    mentions,
    steps_of,
)
from clew.analysis.imports import is_module_name
from clew.analysis.own_modules import OwnCode

if TYPE_CHECKING:
    from clew._engine import Module

IMPORTED, NOT_IMPORTED = "imported", "not imported"
"""The marks of a module that a run found in its package, and of one that it did not find there."""
ALL = "sys.modules"
"""The entry in the evidence for the modules that cells imported, for a run that iterates over all modules."""

_BY_TEXT, _LOADED = frozenset(("hasattr", "getattr")), "modules"
#: Names that enumerate classes and loggers, wherever they were created.
_OF_ALL = frozenset(("__subclasses__", "loggerDict", "getChildren"))
#: Functions that return a module by name, including `sys`.
_IMPORTS = frozenset(("import_module", "__import__"))
#: Methods of `sys.modules` that look up, remove or add one module.
_BY_ONE = frozenset(("get", "pop", "setdefault", "__getitem__", "__contains__"))
_CALLS = frozenset(("PRECALL", "CALL"))
_UNKNOWN = object()
#: Longer texts are not names of modules.
_LONGEST = 200

_by_cells: set[str] = set()
"""Modules that cells of this session imported, including restored cells."""
_by_statements: set[str] = set()
"""Those of them that statements in cells import."""


def note_imported(names: Iterable[str]) -> None:
    """Notes that statements in cells import these modules."""
    names = list(with_packages(names))
    _by_statements.update(names)
    _by_cells.update(names)


def note_brought(names: Iterable[str]) -> None:
    """Notes that these modules were loaded while cells ran."""
    _by_cells.update(with_packages(names))


def with_packages(names: Iterable[str]) -> Iterator[str]:
    """Yields modules, and the packages that contain them."""
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:many]) for many in range(1, len(parts) + 1))


def words_of(codes: Iterable[CodeType]) -> set[str]:
    """Returns the words in code: its names, and words in texts that may be code themselves (`%time import a.b`)."""
    codes = list(codes)
    names = (name for code in codes for name in code.co_names)
    texts = (one for code in codes for one in constants(code) if type(one) is str and "import" in one)
    return {word for one in (*names, *texts) for word in _WORD.findall(one)}


_WORD = re.compile(r"\w+")


def found_of(
    codes: Iterable[CodeType],
    namespace: Mapping[str, Any],
    imported: Iterable[str],
    reached: Iterable[OwnCode] = (),
) -> list[Module]:
    """Returns modules that code accesses besides those that the run itself `imported`, as evidence: those that it found because a cell had
    imported them, those that it did not find, and all imports of cells if it iterates over all (`ALL`). Names are matched by spelling, so
    the result is an over-approximation. `reached` is code of modules, in which only iterating over all counts."""
    codes = list(codes)
    own = set(with_packages(imported))
    found: list[Module] = [
        {"name": name, "version": "", "digest": state}
        for name, state in _asked(codes, namespace).items()
        if name not in own
    ]
    # A statement may use what another one of the cell had bound.
    has_sys = any(may_have_sys(code, namespace) for code in codes)
    everything = [(code, namespace, has_sys) for code in codes]
    everything += [(one.code, one.namespace, may_have_sys(one.code, one.namespace)) for one in reached]
    if any(goes_over_all(*each) for each in everything):
        found.append({"name": ALL, "version": "", "digest": IMPORTED, "imports": sorted(_by_statements)})
    return found


def _asked(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    codes = list(codes)
    # If code iterates over names, they may be in other code than the lookup: a comprehension gets its iterable as an argument.
    everywhere = {
        one for code in codes for one in constants(code) if type(one) is str and len(one) < _LONGEST
    }
    for code in codes:
        names = set(code.co_names)
        packages = [one for one in map(namespace.get, names) if type(one) is ModuleType and _is_package(one)]
        is_by_text, is_loaded = not _BY_TEXT.isdisjoint(names), _LOADED in names
        if not (packages or is_loaded):
            continue
        texts = {one for one in constants(code) if type(one) is str and len(one) < _LONGEST}
        asked = names | everywhere if is_by_text else names
        for package in packages:
            found.update(_within(package, asked))
        if packages and (is_by_text or code.co_exceptiontable):
            found.update(_not_within(code, namespace, everywhere if is_by_text else set()))
        if is_loaded:
            loaded = set(filter(_is_module_name, texts))
            found.update((text, IMPORTED) for text in loaded & _by_cells if text in sys.modules)
            found.update((text, NOT_IMPORTED) for text in loaded - sys.modules.keys())
    return found


def goes_over_all(code: CodeType, namespace: Mapping[str, Any], has_sys: bool) -> bool:
    """Returns whether code may iterate over all loaded modules, or over classes or loggers that they created. `has_sys`: a name that now
    has another value may have been `sys`."""
    names = code.co_names
    if not _OF_ALL.isdisjoint(names):
        return True
    # The names after `from … import` are in a constant, too.
    texts = code.co_consts if _LOADED in names else [*constants(code)]
    is_by_text = has_sys and _LOADED in texts
    values = [namespace.get(name) for name in names]
    within = [one.__dict__ for one in values if type(one) is ModuleType]
    is_held = any(one.get(name) is sys.modules for one in (namespace, *within) for name in names)
    return is_by_text or ((is_held or _LOADED in names) and _uses_all(code, namespace, has_sys))


def may_have_sys(code: CodeType, namespace: Mapping[str, Any]) -> bool:
    """Returns whether some code may access `sys`, under any name."""
    names = code.co_names
    return (
        "sys" in names
        or "sys" in constants(code)
        or not _IMPORTS.isdisjoint(names)
        or any(namespace.get(name) is sys for name in names)
    )


def looked_for(code: CodeType, namespace: Mapping[str, Any], has_sys: bool) -> set[str]:
    """Returns the constant names by which code gets modules from `sys.modules`, if it does not iterate over all."""
    held = (namespace.get(name) for name in code.co_names)
    if _LOADED not in code.co_names and not any(one is sys.modules for one in held):
        return set()
    steps = _steps(code)
    places = (place for place in range(len(steps)) if _is_table(steps, place, namespace, has_sys))
    taken = (_taken(steps, place) for place in places if _looks_for_one(steps, place))
    return {text for text in taken if text is not None}


def _taken(steps: list[Step | None], place: int) -> str | None:
    """Returns the name of the module that is read from the table that a step loads; `None` if the code only checks whether it is there."""
    named = steps[place + 1]
    if named is not None and named.opname in ATTRIBUTES and named.argval != "__contains__":
        named = steps[place + 2]
    is_text = named is not None and named.opname == "LOAD_CONST" and type(named.argval) is str
    return named.argval if named is not None and is_text else None


def _uses_all(code: CodeType, namespace: Mapping[str, Any], has_sys: bool) -> bool:
    """Returns whether code uses `sys.modules` for anything other than looking up a module by a constant name."""
    steps = _steps(code)
    places = (place for place in range(len(steps)) if _is_table(steps, place, namespace, has_sys))
    return not all(_looks_for_one(steps, place) or _is_bound(steps, place, namespace) for place in places)


def _steps(code: CodeType) -> list[Step | None]:
    """Returns the steps of code, with `None` before each step that is also the target of a jump."""
    targets = {target for _, target in jumps_in(code)}
    steps = (step for step in steps_of(code) if step.opname != "PUSH_NULL")
    return [each for step in steps for each in ((None, step) if step.offset in targets else (step,))]


def _is_table(steps: list[Step | None], place: int, namespace: Mapping[str, Any], has_sys: bool) -> bool:
    """Returns whether a step may load `sys.modules`."""
    step, before = steps[place], steps[place - 1] if place else None
    if step is None:
        return False
    if step.opname == "IMPORT_FROM":
        named = (one.argval for one in reversed(steps[:place]) if one and one.opname == "IMPORT_NAME")
        return step.argval == _LOADED and next(named, "") == "sys"
    if step.opname in GLOBAL_LOADS:
        return namespace.get(step.argval) is sys.modules
    # The table cannot be called.
    is_called = step.opname == "LOAD_METHOD" or (sys.version_info >= (3, 12) and (step.arg or 0) & 1)
    if step.opname not in ATTRIBUTES or is_called:
        return False
    holder = _UNKNOWN
    if before is not None and before.opname in GLOBAL_LOADS:
        holder = namespace.get(before.argval, _UNKNOWN)
    if type(holder) is ModuleType and holder.__dict__.get(step.argval) is sys.modules:
        return True
    return step.argval == _LOADED and (has_sys or holder is _UNKNOWN)


def _is_bound(steps: list[Step | None], place: int, namespace: Mapping[str, Any]) -> bool:
    """Returns whether the loaded table is only bound to a name. Uses of that name are detected on their own."""
    then = steps[place + 1] if place + 1 < len(steps) else None
    if then is None or then.opname not in GLOBAL_STORES:
        return False
    return namespace.get(then.argval) is sys.modules


def _looks_for_one(steps: list[Step | None], place: int) -> bool:
    """Returns whether the loaded table is only used to look up one module by name."""
    window = (*steps[max(place - 2, 0) : place + 5], *[None] * 5)
    at = min(place, 2)
    before, (first, second, third, fourth) = window[at - 2] if at == 2 else None, window[at + 1 : at + 5]
    if first is None:
        return False
    if first.opname == "CONTAINS_OP":
        # The name was loaded before, in one step, and the holder of the table in another.
        return _is_name(before) and None not in window[at - 1 : at + 1]
    if first.opname in ATTRIBUTES and first.argval in _BY_ONE:
        given = fourth if third is not None and third.opname.startswith("LOAD_") else third
        return _is_name(second) and given is not None and given.opname in _CALLS
    if second is None or not _is_name(first):
        return False
    return second.loads_element or second.opname in ELEMENTS


def _is_name(step: Step | None) -> bool:
    """Returns whether a step loads a constant name."""
    if step is None:
        return False
    is_text = step.opname == "LOAD_CONST" and type(step.argval) is str
    return is_text or (step.opname in GLOBAL_LOADS and step.argval == "__name__")


def _is_module_name(text: str) -> bool:
    return len(text) < _LONGEST and is_module_name(text)


def _is_package(module: ModuleType) -> bool:
    return "__path__" in module.__dict__


def _within(package: ModuleType, names: set[str]) -> Iterator[tuple[str, str]]:
    """Yields modules in a package with one of these names that cells imported."""
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
    """Yields the names that code looks up in packages without success, where it handles that."""
    for first, *path in (one.path for one in mentions(steps_of(code)) if one.path[0] and not one.is_local):
        held = namespace.get(first)
        for name in path[:-1]:
            held = held.__dict__.get(name) if type(held) is ModuleType else None
        if type(held) is ModuleType and _is_package(held):
            lacking = (
                name for name in (*path[-1:], *texts) if name not in held.__dict__ and name.isidentifier()
            )
            yield from ((f"{held.__name__}.{name}", NOT_IMPORTED) for name in lacking)
