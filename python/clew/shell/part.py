"""Where a cell is parted by a mover inside it: what came before is a run, what comes after is the next.

A mover on a line of its own parts the cell there. Inside a loop, a block or a function the statement that holds it goes on
after the mover, so it belongs to both parts; whether something had happened before is then seen in the values only.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

#: What follows these words on a line of its own is a command to Clew, not a step of the user's.
COMMANDS = ("%clew", "%load_ext clew", "%reload_ext clew", "%unload_ext clew", "import clew")

_BLOCKS = (
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.If,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
)


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
    at = len(lines) if line is None else max(1, min(line, len(lines)))
    begin, is_block = statement(lines, at)
    if line is not None and lines and (is_inside or is_block):
        before = "".join(lines[: begin - 1])
        return Parted(
            "".join(lines[:at]), "".join(lines[begin - 1 :]), begin - 1, is_only_commands(before), False
        )
    is_apart = line is not None and is_command(lines[at - 1].strip()) if lines else False
    is_first = is_only_commands("".join(lines[: at - 1]))
    return Parted("".join(lines[: at - 1 if is_apart else at]), "".join(lines[at:]), at, False, is_first)


def statement(lines: list[str], at: int) -> tuple[int, bool]:
    """The first line of the statement that `at` is in, and whether that is a block. Lines are counted from 1."""
    plain = [_without_magic(line) for line in lines]
    try:
        body = ast.parse("".join(plain)).body
    except (SyntaxError, ValueError, RecursionError):
        return at, False
    for node in body:
        if node.lineno <= at <= (node.end_lineno or node.lineno):
            return node.lineno, isinstance(node, _BLOCKS)
    return at, False


def _without_magic(line: str) -> str:
    """A line of IPython's own as one of Python's, at its place."""
    stripped = line.lstrip()
    if stripped.startswith(("%", "!", "?")):
        return line[: len(line) - len(stripped)] + "pass\n"
    return line


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
