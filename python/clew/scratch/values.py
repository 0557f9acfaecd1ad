"""Evaluates an expression, and describes the result."""

from __future__ import annotations

from types import CodeType
from typing import Any

from clew.analysis.names import IDENTIFIER
from clew.roots import install
from clew.scratch.shell import Shell
from clew.summary import summarize

#: The maximal length of a value's text in an answer (characters).
TEXT_LIMIT = 20_000
#: The maximal length of an exception's message (characters).
MESSAGE_LIMIT = 1_000


def evaluate(
    expression: str, namespace: dict[str, Any], *, truth: bool
) -> tuple[dict[str, Any], BaseException | None]:
    """Evaluates `expression` in the user's namespace; with `truth`, only whether it is true. Also returns the exception, if any.

    The answer has `text`, `is_cut` and `summary`, or `is_true`, or `error`.
    """
    try:
        code = compiled(expression)
    except (SyntaxError, ValueError) as error:
        return {"error": raised(error, is_syntax=True)}, error
    try:
        value = eval(code, namespace)
        return {"is_true": bool(value)} if truth else told(value), None
    except BaseException as error:  # the user's code may raise anything; SystemExit must not end this process
        return {"error": raised(error)}, error


def compiled(expression: str) -> CodeType:
    """Compiles an expression; raises `SyntaxError` or `ValueError`."""
    return compile(expression.strip(), "<clew eval>", "eval", dont_inherit=True)


def execute(source: str, namespace: dict[str, Any]) -> dict[str, Any] | None:
    """Runs statements in the user's namespace. Returns a description of the exception, if any."""
    try:
        exec(compile(source, "<clew script>", "exec", dont_inherit=True), namespace)
    except BaseException as error:  # the user's code may raise anything; SystemExit must not end this process
        return raised(error, is_syntax=isinstance(error, SyntaxError))
    return None


def run_cell(source: str, number: int | None, shell: Shell) -> dict[str, Any] | None:
    """Runs a cell as the notebook did, and stores its value as `Out[number]`. Returns a description of the exception, if any."""
    try:
        value = shell.run(source)
        if value is not None and number is not None:
            install(shell, "out", str(number), value)
    except BaseException as error:  # the user's code may raise anything; SystemExit must not end this process
        return raised(error, is_syntax=isinstance(error, SyntaxError))
    return None


def names_in(error: BaseException) -> set[str]:
    """Returns the names that an exception, and its causes, report as missing; otherwise all words of their messages."""
    found, waiting, met = set[str](), [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) not in met:
            met.add(id(one))
            name = one.name if isinstance(one, NameError) else None
            found.update(IDENTIFIER.findall(name or _message(one)))
            waiting += [before for before in (one.__cause__, one.__context__) if before is not None]
    return found


def told(value: object) -> dict[str, Any]:
    """Describes a value by text and summary. Calls its `__repr__`."""
    text = repr(value)
    fields = ("type_name", "shape", "size", "columns", "text")
    summary = dict(zip(fields, summarize(value), strict=True))
    return {"text": text[:TEXT_LIMIT], "is_cut": len(text) > TEXT_LIMIT, "summary": summary}


def raised(error: BaseException, *, is_syntax: bool = False) -> dict[str, Any]:
    """Describes an exception."""
    return {
        "exception": type(error).__name__,
        "message": _message(error)[:MESSAGE_LIMIT],
        "is_syntax": is_syntax,
    }


def _message(error: BaseException) -> str:
    try:
        return str(error.msg if isinstance(error, SyntaxError) else error)
    except Exception:  # calling `str` on it also runs the user's code
        return ""
