"""Splits a cell at a command in it that moves the session: the code before it is one run, the code after it is the next.

If the command is a statement of its own, the cell is split there. If its statement or line does more (a loop, a block, a function, `a = 1;
undo()`), that belongs to both parts. Whether anything happened before the command is then determined only from the values.
"""

from __future__ import annotations

import ast
from enum import Enum, auto
from functools import cache
from typing import NamedTuple

from clew.shell.code import UNKNOWN, Code, code_of, lines_of, made_by_ipython


class Parted(NamedTuple):
    """A source in two parts."""

    before: str
    after: str
    #: The number of lines before the second part.
    skipped: int
    #: Whether the first part may have done nothing. Then it is recorded only if something changed.
    is_before_optional: bool
    #: Whether there is no code before the command.
    is_first: bool
    #: Whether the statement that the command interrupts continues in the second part.
    goes_on: bool = True


def part(
    source: str, line: int | None, *, is_inside: bool, code: Code | None = None, skipped: int = 0
) -> Parted:
    """Splits `source` at the command on `line` of the running code (counted from 1; `None` for the end).

    `is_inside`: the command is called from a function of the notebook, not by the cell's own statements. `code` is the code of the whole
    cell, of which the first `skipped` lines belong to no part any more.
    """
    lines = lines_of(source)
    if line is None or not lines:
        return Parted(source, "", len(lines), False, is_only_commands(source))
    code = code or code_of(source)
    at = code.line(line)
    held = statement(code, at)
    begin, end = held.begin - skipped, held.end - skipped
    if begin < 1 or end > len(lines):
        # The position is unknown: all of the source belongs to both parts.
        return Parted(source, source, 0, True, False)
    if is_inside or held.kind is Kind.AROUND:
        before = is_only_commands("".join(lines[: begin - 1]))
        return Parted("".join(lines[: at - skipped]), "".join(lines[begin - 1 :]), begin - 1, before, False)
    if held.kind is Kind.ASSIGNED:
        return _parted(lines, begin - 1, begin - 1, first=begin - 1)
    until = begin - 1 if held.kind is Kind.COMMAND else end
    return _parted(lines, until, end, first=begin - 1, goes_on=False)


def _parted(lines: list[str], end: int, begin: int, first: int, *, goes_on: bool = True) -> Parted:
    """Splits the lines: the first part ends before `end`, the second begins at `begin`. Lines up to `first` ran before the command."""
    is_first = is_only_commands("".join(lines[:first]))
    return Parted("".join(lines[:end]), "".join(lines[begin:]), begin, False, is_first, goes_on)


class Kind(Enum):
    """The relation of a command to its statement."""

    #: It is the whole statement: the statement does nothing before or after it.
    ALONE = auto()
    #: The same, as a command to Clew, which is not a step of the user.
    COMMAND = auto()
    #: Its result is assigned afterwards.
    ASSIGNED = auto()
    #: The statement may do something before and after it.
    AROUND = auto()


class Statement(NamedTuple):
    """The statement that contains a line; several on one line are treated as one."""

    #: Its first line in the cell; 0 if it is not known.
    begin: int
    #: Its last line in the cell.
    end: int
    kind: Kind


def statement(code: Code, at: int) -> Statement:
    """Returns the statement that contains line `at` of the cell."""
    held = code.at(at)
    if not held:
        return Statement(0, 0, Kind.AROUND)
    begin, end = min(begin for _, begin, _ in held), max(end for _, _, end in held)
    return Statement(begin, end, _kind(held[0][0]) if len(held) == 1 else Kind.AROUND)


def _kind(node: ast.stmt) -> Kind:
    if is_command(node):
        return Kind.COMMAND
    if isinstance(node, ast.Expr) and _is_one_call(node.value):
        return Kind.ALONE
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_one_call(node.value):
        return Kind.ASSIGNED
    return Kind.AROUND


def _is_one_call(node: ast.expr) -> bool:
    """Returns whether an expression is nothing but a call of Clew's API. Other calls may do more before they move the session."""
    if _is_command_call(node) or _is_unloading(node):
        return True
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    if isinstance(called, ast.Attribute):
        is_known = called.attr in _methods() and (
            isinstance(called.value, ast.Name) or _is_session(called.value)
        )
    else:
        is_known = isinstance(called, ast.Name) and called.id in _methods()
    are_named = all(keyword.arg is not None for keyword in node.keywords)
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    return is_known and are_named and all(map(_is_still, given))


def _is_unloading(node: ast.expr) -> bool:
    """Returns whether it is `clew.unload_ipython_extension(get_ipython())`."""
    match node:
        case ast.Call(
            ast.Attribute(
                ast.Name() | ast.Call(ast.Name("__import__"), [ast.Constant("clew")], []),
                "unload_ipython_extension",
            ),
            [ast.Name() | ast.Call(ast.Name("get_ipython"), [], [])],
            [],
        ):
            return True
    return False


@cache
def _methods() -> frozenset[str]:
    """Returns the names of the methods of a session and a trial."""
    from clew.api import Session

    return frozenset((*vars(Session), "__enter__", "__exit__"))


def _is_session(node: ast.expr) -> bool:
    """Returns whether it is `clew.session()`."""
    match node:
        case ast.Call(ast.Name("session") | ast.Attribute(ast.Name(), "session"), [], []):
            return True
        case ast.Call(
            ast.Attribute(ast.Call(ast.Name("__import__"), [ast.Constant("clew")], []), "session"), [], []
        ):
            return True
    return False


def _is_still(node: ast.expr) -> bool:
    """Returns whether evaluating an argument only looks up names."""
    if isinstance(node, ast.Subscript):
        return _is_still(node.value) and _is_still(node.slice)
    if isinstance(node, ast.Attribute):
        return _is_still(node.value)
    if isinstance(node, ast.Tuple | ast.List):
        return all(map(_is_still, node.elts))
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)
    return isinstance(node, ast.Name | ast.Constant)


def is_only_commands(source: str) -> bool:
    """Returns whether a source contains only commands to Clew: running it changes no state itself."""
    if _is_empty(source):
        return True
    if "clew" not in source:
        return False
    code = made_by_ipython(source)
    return code is not UNKNOWN and all(is_command(node) or _is_import(node) for node in code.body)


def imports_clew(source: str) -> bool:
    """Returns whether a statement of a source only imports Clew. It binds a name, like any import."""
    if "clew" not in source:
        return False
    code = made_by_ipython(source)
    return code is not UNKNOWN and any(map(_is_import, code.body))


def is_only_comments(source: str) -> bool:
    """Returns whether a source contains only comments."""
    return bool(source.strip()) and _is_empty(source)


def _is_empty(source: str) -> bool:
    lines = map(str.strip, lines_of(source))
    return all(not line or line.startswith("#") for line in lines)


def is_command(node: ast.stmt) -> bool:
    """Returns whether a statement is a command to Clew (`%clew undo`)."""
    return isinstance(node, ast.Expr) and _is_command_call(node.value)


def _is_import(node: ast.stmt) -> bool:
    """Returns whether a statement only imports Clew."""
    return isinstance(node, ast.Import) and all(alias.name == "clew" for alias in node.names)


def _is_command_call(node: ast.expr) -> bool:
    """Returns whether an expression is IPython's code for a command to Clew: `get_ipython().run_line_magic("clew", "undo")`."""
    match node:
        case ast.Call(
            ast.Attribute(ast.Call(ast.Name("get_ipython"), [], []), "run_line_magic"),
            [ast.Constant(str(magic)), ast.Constant(str(given))],
            [],
        ):
            return magic == "clew" or (magic in _LOADING and given.strip() == "clew")
    return False


_LOADING = ("load_ext", "reload_ext", "unload_ext")
