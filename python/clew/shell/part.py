"""Where a cell is parted by a mover inside it: what came before is a run, what comes after is the next.

A mover that is a statement of its own parts the cell there. Where more is done in its statement or on its line (a loop, a block, a function,
`a = 1; undo()`), these belong to both parts; whether something had happened before is then seen in the values only.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import Enum, auto
from itertools import takewhile
from typing import NamedTuple

#: What follows these words on a line of its own is a command to Clew, not a step of the user's.
COMMANDS = ("%clew", "%load_ext clew", "%reload_ext clew", "%unload_ext clew", "import clew")


@dataclass(frozen=True)
class Parted:
    """A source in two parts."""

    before: str
    after: str
    #: How many lines of the source come before the second part.
    skipped: int
    #: Whether the first part may have done nothing: then it is a run only if something changed.
    is_before_optional: bool
    #: Whether nothing came before at all.
    is_first: bool


def part(source: str, line: int | None, *, is_inside: bool) -> Parted:
    """Parts `source` at the mover on `line` (counted from 1; `None` for at its end).

    `is_inside` says that the mover is called from a function of the notebook, not by the cell's own statements.
    """
    lines = source.splitlines(keepends=True)
    if line is None or not lines:
        return Parted(source, "", len(lines), False, is_only_commands(source))
    if source.lstrip().startswith("%%"):
        # One call runs all of it, and counts lines as it likes.
        return Parted(source, source, 0, True, False)
    at = max(1, min(line, len(lines)))
    held = statement(lines, at)
    if is_inside or held.kind is Kind.AROUND:
        before = is_only_commands("".join(lines[: held.begin - 1]))
        return Parted("".join(lines[:at]), "".join(lines[held.begin - 1 :]), held.begin - 1, before, False)
    if held.kind is Kind.ASSIGNED:
        return _parted(lines, held.begin - 1, held.begin - 1, first=held.begin - 1)
    is_apart = is_command(lines[at - 1].strip())
    return _parted(lines, at - 1 if is_apart else held.end, held.end, first=held.begin - 1)


def _parted(lines: list[str], end: int, begin: int, first: int) -> Parted:
    """The lines before `end`, and from `begin` on; up to `first` stands what was done before the mover."""
    is_first = is_only_commands("".join(lines[:first]))
    return Parted("".join(lines[:end]), "".join(lines[begin:]), begin, False, is_first)


class Kind(Enum):
    """How a mover stands in its statement."""

    #: It is all of it: nothing of the statement is done before it, nor after it.
    ALONE = auto()
    #: What it gives is assigned, after it.
    ASSIGNED = auto()
    #: Something of the statement may be done before it and after it.
    AROUND = auto()


class Statement(NamedTuple):
    """The statement that a line is in; of several in a line all together."""

    begin: int
    #: Its last line.
    end: int
    kind: Kind


def statement(lines: list[str], at: int) -> Statement:
    """The statement that `at` is in. Lines are counted from 1."""
    plain = [_without_magic(line) for line in lines]
    held = _statements(plain, at)
    if held is None:
        # Something else in the cell is no Python.
        held = _statements([plain[at - 1].strip()], 1)
        return Statement(at, at, _kind(held) if held else Kind.AROUND)
    begin = min((node.lineno for node in held), default=at)
    end = max((node.end_lineno or at for node in held), default=at)
    is_command_alone = is_command(lines[at - 1].strip()) and [type(node) for node in held] == [ast.Pass]
    return Statement(begin, end, Kind.ALONE if is_command_alone else _kind(held))


def _statements(lines: list[str], at: int) -> list[ast.stmt] | None:
    """The statements of a line; `None` where the source is no Python."""
    try:
        body = ast.parse("".join(lines)).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    return [node for node in body if node.lineno <= at <= (node.end_lineno or node.lineno)]


def _kind(held: list[ast.stmt]) -> Kind:
    if len(held) != 1:
        return Kind.AROUND
    [node] = held
    if isinstance(node, ast.Expr) and _is_one_call(node.value):
        return Kind.ALONE
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_one_call(node.value):
        return Kind.ASSIGNED
    return Kind.AROUND


def _is_one_call(node: ast.expr) -> bool:
    """Whether an expression is a call whose arguments do nothing."""
    if not isinstance(node, ast.Call):
        return False
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    return _is_still(node.func) and all(map(_is_still, given))


#: Calls that only give what is there.
_LOOKUPS = frozenset(("session", "get_ipython", "__import__"))


def _is_still(node: ast.expr) -> bool:
    """Whether nothing but a lookup is done for an expression; `clew.session()` counts as one."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name in _LOOKUPS and _is_still(node.func) and all(map(_is_still, node.args))
    if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        return _is_still(node.value)
    if isinstance(node, ast.Tuple | ast.List):
        return all(map(_is_still, node.elts))
    return isinstance(node, ast.Name | ast.Constant)


def _without_magic(line: str) -> str:
    """A line of IPython's own as one of Python's, at its place."""
    stripped = line.lstrip()
    if stripped.startswith(("%", "!", "?")):
        return line[: len(line) - len(stripped)] + "pass\n"
    return line


def left_out_by_ipython(source: str) -> int:
    """How many lines at its beginning IPython leaves out of a cell, so that its code counts lines from there."""
    lines = source.splitlines()
    empty = sum(1 for _ in takewhile(lambda line: not line.strip(), lines))
    return empty if empty < len(lines) else 0


def is_only_commands(source: str) -> bool:
    """Whether a source holds nothing but commands to Clew: running it changes no state of its own."""
    lines = [line.strip() for line in source.splitlines()]
    return all(is_command(line) or not line or line.startswith("#") for line in lines)


def is_only_comments(source: str) -> bool:
    """Whether a source has comments and nothing else."""
    lines = [line.strip() for line in source.splitlines()]
    return any(lines) and all(not line or line.startswith("#") for line in lines)


def is_command(line: str) -> bool:
    """Whether a line is a command to Clew (`%clew undo`)."""
    return any(line == word or line.startswith(word + " ") for word in COMMANDS)
