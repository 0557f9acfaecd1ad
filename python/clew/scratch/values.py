"""Works an expression out, and says what it came to."""

from __future__ import annotations

import ast
from typing import Any

from clew.roots import install
from clew.scratch.shell import Shell
from clew.summary import summarize

#: How much of a value's text is told (characters).
TEXT_LIMIT = 20_000
#: How much of an exception's (characters).
MESSAGE_LIMIT = 1_000


def evaluate(expression: str, namespace: dict[str, Any], *, truth: bool) -> dict[str, Any]:
    """Evaluates `expression` where the user's names are; with `truth` only whether it counts as true.

    The answer has `text`, `is_cut` and `summary`, or `is_true`, or `error`.
    """
    try:
        code = compile(expression.strip(), "<clew eval>", "eval", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return {"error": raised(error, is_syntax=True)}
    try:
        value = eval(code, namespace)
        return {"is_true": bool(value)} if truth else told(value)
    except BaseException as error:  # the user's code may raise anything; SystemExit is no reason to go
        return {"error": raised(error)}


def execute(source: str, namespace: dict[str, Any]) -> dict[str, Any] | None:
    """Runs statements where the user's names are; what they raised."""
    try:
        exec(compile(source, "<clew script>", "exec", dont_inherit=True), namespace)
    except BaseException as error:  # the user's code may raise anything; SystemExit is no reason to go
        return raised(error, is_syntax=isinstance(error, SyntaxError))
    return None


def run_cell(source: str, number: int | None, shell: Shell) -> dict[str, Any] | None:
    """Runs a cell as the notebook did, and keeps its value as `Out[number]`; what it raised."""
    try:
        value = shell.run(source)
        if value is not None and number is not None:
            install(shell, "out", str(number), value)
    except BaseException as error:  # the user's code may raise anything; SystemExit is no reason to go
        return raised(error, is_syntax=isinstance(error, SyntaxError))
    return None


def names_in(expression: str) -> set[str]:
    """The names that an expression may read; none of what is no expression."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def told(value: object) -> dict[str, Any]:
    """A value as text and summary. Calls its `__repr__`."""
    text = repr(value)
    fields = ("type_name", "shape", "size", "columns", "text")
    summary = dict(zip(fields, summarize(value), strict=True))
    return {"text": text[:TEXT_LIMIT], "is_cut": len(text) > TEXT_LIMIT, "summary": summary}


def raised(error: BaseException, *, is_syntax: bool = False) -> dict[str, Any]:
    """An exception, in words."""
    try:
        message = str(error.msg if isinstance(error, SyntaxError) else error)
    except Exception:  # its own text is the user's code too
        message = ""
    return {"exception": type(error).__name__, "message": message[:MESSAGE_LIMIT], "is_syntax": is_syntax}
