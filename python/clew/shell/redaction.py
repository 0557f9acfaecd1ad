"""Removes the values of excluded variables from a cell's source.

Such a variable may have any size and type, and most texts in a statement that creates it are not values: a file name, a column, an option.
So two kinds of literals count: those that the statement binds directly (`pin = 4711`, `pin = [..]`, a list inside a call), and those that
also occur in the variable (`p = dict(k="..")`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from types import GetSetDescriptorType
from typing import Any

from clew.analysis.names import IDENTIFIER

WHAT = "an excluded value"
MARK = f"[not kept: {WHAT}]"

#: The maximal number of objects in excluded variables that are examined.
MOST = 1000
#: Shorter texts and smaller numbers in a variable may occur in a statement by chance.
SHORTEST, SMALLEST = 2, 100

#: Matches lines for IPython, which are not Python.
_COMMAND = re.compile(
    r"^(?P<start>(?P<indent>[ \t]*)(?:[\w., \t]+=[ \t]*)?)(?P<word>[%!]\S*).*$", re.MULTILINE
)
_Spot = ast.Constant | ast.JoinedStr
_INSIDE = ast.stmt | ast.ExceptHandler | ast.match_case


def without_values(source: str, excluded: Set[str], namespace: Mapping[str, Any]) -> str:
    """Returns a cell's source without the values that it gives to `excluded` variables. A source that is not valid Python is replaced
    completely."""
    tree = _tree(source)
    if tree is None:
        return MARK
    held = set(_held([namespace[name] for name in excluded if name in namespace]))
    found = {
        (spot.lineno, spot.col_offset): spot
        for part in ast.walk(tree)
        if isinstance(part, ast.stmt | ast.NamedExpr) and not excluded.isdisjoint(_names(part))
        for spot in _spots(part, excluded, held)
    }
    lines = source.encode().split(b"\n")
    for (line, column), spot in sorted(found.items(), reverse=True):
        assert spot.end_lineno is not None and spot.end_col_offset is not None
        before, after = lines[line - 1][:column], lines[spot.end_lineno - 1][spot.end_col_offset :]
        lines[line - 1 : spot.end_lineno] = [before + repr(MARK).encode() + after]
    return _COMMAND.sub(lambda found: _command(found, excluded), b"\n".join(lines).decode())


def _command(found: re.Match[str], excluded: Set[str]) -> str:
    """Returns a line for IPython as it is stored: code that `%time` runs is Python, but was not parsed."""
    is_about = not excluded.isdisjoint(IDENTIFIER.findall(found[0])) and found["word"] != "%clew"
    return f"{found['start']}{found['word']} {MARK}" if is_about else found[0]


def _tree(source: str) -> ast.Module | None:
    plain = _COMMAND.sub(lambda found: f"{found['indent']}pass", source)
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        tree = compile(plain, "<cell>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    assert isinstance(tree, ast.Module)
    return tree


def _names(part: ast.AST) -> Iterator[str]:
    """Yields the names in a statement, and those that it defines; for a compound statement, only those in its header."""
    for node in _own(part):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def _own(part: ast.AST) -> Iterator[ast.AST]:
    yield part
    for child in ast.iter_child_nodes(part):
        if not isinstance(child, _INSIDE):
            yield from _own(child)


def _spots(part: ast.AST, excluded: Set[str], held: Set[Any]) -> Iterator[_Spot]:
    if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and part.name in excluded:
        yield from (
            spot for child in ast.walk(part) if isinstance(child, ast.stmt) for spot in _written(child)
        )
    for target, value in _bound(part):
        if not excluded.isdisjoint(_bases(target)):
            yield from _literals(value, is_given=False)
    yield from (spot for spot in _written(part) if not held.isdisjoint(_values(spot)))


def _bound(part: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yields what a statement binds, and the values."""
    if isinstance(part, ast.Assign):
        yield from ((target, part.value) for target in part.targets)
    elif isinstance(part, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and part.value is not None:
        yield part.target, part.value
    elif isinstance(part, ast.For | ast.AsyncFor):
        yield part.target, part.iter
    elif isinstance(part, ast.With | ast.AsyncWith):
        yield from ((one.optional_vars, one.context_expr) for one in part.items if one.optional_vars)


def _bases(target: ast.AST) -> Iterator[str]:
    """Yields the variables that a target is, or is part of: `p`, `p["a"]`, `p.a`, `p, q`."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Subscript | ast.Attribute | ast.Starred):
        yield from _bases(target.value)
    elif isinstance(target, ast.Tuple | ast.List):
        for one in target.elts:
            yield from _bases(one)


def _literals(value: ast.AST, *, is_given: bool) -> Iterator[_Spot]:
    """Yields the literals in an expression that occur in its value. Direct arguments of a call and subscripts are left out."""
    if isinstance(value, _Spot):
        if not is_given and _says(value):
            yield value
    elif isinstance(value, ast.Subscript):
        yield from _literals(value.value, is_given=is_given)
    else:
        is_display = isinstance(value, ast.List | ast.Dict | ast.Set | ast.Tuple)
        is_given = (is_given or isinstance(value, ast.Call)) and not is_display
        for child in ast.iter_child_nodes(value):
            yield from _literals(child, is_given=is_given)


def _written(part: ast.AST) -> Iterator[_Spot]:
    """Yields all texts and numbers in a statement, without nested statements. An f-string counts as a whole, because its parts have no
    positions before Python 3.12."""
    for child in ast.iter_child_nodes(part):
        if isinstance(child, _Spot):
            if _says(child):
                yield child
        elif not isinstance(child, _INSIDE):
            yield from _written(child)


def _values(spot: _Spot) -> Iterator[Any]:
    return (_key(node.value) for node in ast.walk(spot) if isinstance(node, ast.Constant))


def _says(spot: _Spot) -> bool:
    return isinstance(spot, ast.JoinedStr) or not (spot.value is ... or isinstance(spot.value, bool | None))


def _key(value: Any) -> Any:
    return type(value), value


def _held(values: Iterable[Any]) -> Iterator[Any]:
    """Yields texts and numbers in values of built-in types, and in instances of the notebook's classes."""
    waiting, left = list(values), MOST
    while waiting and (left := left - 1):
        value = waiting.pop()
        if type(value) in (str, bytes):
            if len(value) >= SHORTEST:
                yield _key(value)
        elif type(value) in (int, float, complex):
            if value != value or abs(value) >= SMALLEST or value != int(abs(value)):
                yield _key(value)
        elif type(value) is dict:
            waiting += [*list(value), *list(value.values())]
        elif type(value) in (list, tuple, set, frozenset):
            waiting += list(value)[:MOST]
        elif type(value).__module__ == "__main__":
            described = (one.__dict__.get("__dict__") for one in type(value).__mro__)
            descriptor = next(filter(None, described), None)
            if type(descriptor) is GetSetDescriptorType:
                waiting += list(descriptor.__get__(value).values())
