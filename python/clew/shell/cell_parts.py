"""Where a cell is parted by a mover inside it: what came before is a run, what comes after is the next.

A mover that is a statement of its own parts the cell there. Where more is done in its statement or on its line (a loop, a block, a function,
`a = 1; undo()`), these belong to both parts; whether something had happened before is then seen in the values only.
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
    #: How many lines of the source come before the second part.
    skipped: int
    #: Whether the first part may have done nothing: then it is a run only if something changed.
    is_before_optional: bool
    #: Whether nothing came before at all.
    is_first: bool
    #: Whether the statement that the mover interrupts goes on in the second part.
    goes_on: bool = True


def part(
    source: str, line: int | None, *, is_inside: bool, code: Code | None = None, skipped: int = 0
) -> Parted:
    """Parts `source` at the mover on `line` of the code that runs (counted from 1; `None` for at its end).

    `is_inside` says that the mover is called from a function of the notebook, not by the cell's own statements. `code` is that of the whole
    cell, of which the first `skipped` lines are in no part any more.
    """
    lines = lines_of(source)
    if line is None or not lines:
        return Parted(source, "", len(lines), False, is_only_commands(source))
    code = code or code_of(source)
    at = code.line(line)
    held = statement(code, at)
    begin, end = held.begin - skipped, held.end - skipped
    if begin < 1 or end > len(lines):
        # Nobody knows where it stands: all of it belongs to both parts.
        return Parted(source, source, 0, True, False)
    if is_inside or held.kind is Kind.AROUND:
        before = is_only_commands("".join(lines[: begin - 1]))
        return Parted("".join(lines[: at - skipped]), "".join(lines[begin - 1 :]), begin - 1, before, False)
    if held.kind is Kind.ASSIGNED:
        return _parted(lines, begin - 1, begin - 1, first=begin - 1)
    until = begin - 1 if held.kind is Kind.COMMAND else end
    return _parted(lines, until, end, first=begin - 1, goes_on=False)


def _parted(lines: list[str], end: int, begin: int, first: int, *, goes_on: bool = True) -> Parted:
    """The lines before `end`, and from `begin` on; up to `first` stands what was done before the mover."""
    is_first = is_only_commands("".join(lines[:first]))
    return Parted("".join(lines[:end]), "".join(lines[begin:]), begin, False, is_first, goes_on)


class Kind(Enum):
    """How a mover stands in its statement."""

    #: It is all of it: nothing of the statement is done before it, nor after it.
    ALONE = auto()
    #: The same, as a command to Clew, which is no step of the user's.
    COMMAND = auto()
    #: What it gives is assigned, after it.
    ASSIGNED = auto()
    #: Something of the statement may be done before it and after it.
    AROUND = auto()


class Statement(NamedTuple):
    """The statement that a line is in; of several in a line all together."""

    #: Its first line in the cell; 0 where that is not known.
    begin: int
    #: Its last line there.
    end: int
    kind: Kind


def statement(code: Code, at: int) -> Statement:
    """The statement that line `at` of the cell is in."""
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
    """Whether an expression does nothing but call something of Clew's own. Other calls may do more before they move."""
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
    """Whether it is `clew.unload_ipython_extension(get_ipython())`."""
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
    """What a session and a trial can be asked for."""
    from clew.api import Session

    return frozenset((*vars(Session), "__enter__", "__exit__"))


def _is_session(node: ast.expr) -> bool:
    """Whether it is `clew.session()`."""
    match node:
        case ast.Call(ast.Name("session") | ast.Attribute(ast.Name(), "session"), [], []):
            return True
        case ast.Call(
            ast.Attribute(ast.Call(ast.Name("__import__"), [ast.Constant("clew")], []), "session"), [], []
        ):
            return True
    return False


def _is_still(node: ast.expr) -> bool:
    """Whether nothing but a lookup is done for an argument."""
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
    """Whether a source holds nothing but commands to Clew: running it changes no state of its own."""
    if _is_empty(source):
        return True
    if "clew" not in source:
        return False
    code = made_by_ipython(source)
    return code is not UNKNOWN and all(is_command(node) or _is_import(node) for node in code.body)


def imports_clew(source: str) -> bool:
    """Whether a statement of a source imports Clew and nothing else. It binds a name, as any import does."""
    if "clew" not in source:
        return False
    code = made_by_ipython(source)
    return code is not UNKNOWN and any(map(_is_import, code.body))


def is_only_comments(source: str) -> bool:
    """Whether a source has comments and nothing else."""
    return bool(source.strip()) and _is_empty(source)


def _is_empty(source: str) -> bool:
    lines = map(str.strip, lines_of(source))
    return all(not line or line.startswith("#") for line in lines)


def is_command(node: ast.stmt) -> bool:
    """Whether a statement is a command to Clew (`%clew undo`)."""
    return isinstance(node, ast.Expr) and _is_command_call(node.value)


def _is_import(node: ast.stmt) -> bool:
    """Whether a statement imports Clew and nothing else."""
    return isinstance(node, ast.Import) and all(alias.name == "clew" for alias in node.names)


def _is_command_call(node: ast.expr) -> bool:
    """Whether an expression is what IPython makes of a command to Clew: `get_ipython().run_line_magic("clew", "undo")`."""
    match node:
        case ast.Call(
            ast.Attribute(ast.Call(ast.Name("get_ipython"), [], []), "run_line_magic"),
            [ast.Constant(str(magic)), ast.Constant(str(given))],
            [],
        ):
            return magic == "clew" or (magic in _LOADING and given.strip() == "clew")
    return False


_LOADING = ("load_ext", "reload_ext", "unload_ext")
