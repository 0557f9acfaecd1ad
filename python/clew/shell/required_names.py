"""Determines the names that a cell about to run may touch. Other variables may remain in the store (`Engine.bring`)."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from itertools import chain
from types import CodeType, FunctionType
from typing import Any

from clew.analysis.bytecode import constants, nested
from clew.analysis.names import IDENTIFIER, REACHES, behind_magics, mentioned
from clew.analysis.own_modules import of_own_modules
from clew.shell.watch import Watch, others_run


def needed(source: str, shell: Any, watch: Watch) -> set[str] | None:
    """Returns the names that a cell may touch: those in its code, and in every live function that these reach. `None` if it may touch any:
    code that looks up names, magics, other threads, code that cannot be compiled."""
    if others_run(watch.namespace):
        return None
    statements = _compiled(source, shell)
    if statements is None:
        return None
    plain, run = behind_magics(statements)
    return needed_by([inner for code in (*plain, *run) for inner in nested(code)], watch)


def needed_by(codes: list[CodeType], watch: Watch) -> set[str] | None:
    """Returns the names that code may touch, as `needed` does for a cell."""
    found = [mentioned(code) for code in codes]
    reaching = (code.co_names for code in (*codes, *of_own_modules(codes, watch.namespace)))
    if any(names is None for names in found) or not REACHES.isdisjoint(chain.from_iterable(reaching)):
        return None
    names = set[str]().union(*(names for names in found if names is not None))
    reached = watch.names_within_reach(names, codes)
    return None if reached is None else names | reached


def _compiled(source: str, shell: Any) -> list[CodeType] | None:
    """Returns the statements of a cell, as the shell runs them; `None` if it cannot be compiled, or a transformer of the user raised."""
    try:
        tree = ast.parse(shell.transform_cell(source))
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return [
            compile(ast.Module([one], []), "<cell>", "exec", flags, dont_inherit=True) for one in tree.body
        ]
    except Exception:
        return None


def held_by_functions(namespace: dict[str, Any]) -> set[str]:
    """Returns the names in every live function of the notebook: a library may hold a function, and call it, although no variable leads to
    it."""
    found = set[str]()
    for code in _functions(namespace):
        found.update(code.co_names)
        for constant in constants(code):
            if isinstance(constant, str):
                found.update(IDENTIFIER.findall(constant))
    return found


def _functions(namespace: dict[str, Any]) -> Iterator[CodeType]:
    for function in gc.get_objects():
        if type(function) is FunctionType and function.__globals__ is namespace:
            yield from nested(function.__code__)
