"""Detects code that reads the text of cells: IPython's input history, the source of functions, line numbers.

The result of such code depends on any edit, also of comments and layout, which otherwise have no effect.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Set
from functools import lru_cache
from types import CodeType
from typing import Any

from clew.analysis.bytecode import texts_of
from clew.analysis.names import read_and_written

SOURCES = "the text of cells"

#: Attributes and functions that return source or line numbers of code, and IPython's history.
_TELLING = frozenset(
    ("getsource", "getsourcelines", "getcomments", "findsource", "getframeinfo", "extract_tb", "tb_lineno")
    + ("dis", "f_lineno", "co_firstlineno", "co_lines", "co_linetable", "co_lnotab", "co_positions")
    + ("history_manager", "input_hist_raw", "input_hist_parsed")
)
#: Functions that show source lines in warnings and tracebacks, including comments.
_QUOTING = frozenset(
    (
        "format_exc",
        "print_exc",
        "format_exception",
        "print_exception",
        "format_tb",
        "print_tb",
        "format_stack",
    )
    + ("print_stack", "extract_stack", "TracebackException", "StackSummary", "exception", "exc_info", "warn")
    + ("warn_explicit",)
)
#: Names of the lists of inputs, and of single inputs.
_LISTS, _ONE = frozenset(("In", "_ih")), re.compile(r"_i(i{0,2}|\d+)\Z")
_SPACES = frozenset(("globals", "locals", "vars", "user_ns", "user_global_ns"))
_MAGICS = frozenset(("history", "hist", "recall", "rep", "macro", "save", "rerun", "edit", "notebook"))
_MAKES_MACRO = re.compile(r"^\s*%macro\s+(?:-\w+\s+)*(\w+)", re.MULTILINE)
_LIKELY = re.compile(
    rf"\b(In|_ih|_ii{{0,2}}|_i\d+|{'|'.join(sorted(_TELLING))})\b|[%.\"'](?:{'|'.join(sorted(_MAGICS))})\b"
)
_LIKELY_QUOTING = re.compile(rf"\b({'|'.join(sorted(_QUOTING))})\b")


def of_sources(code: CodeType, namespace: Mapping[str, Any]) -> set[str]:
    """Returns a description if the code reads the text of cells; empty if it does not. `namespace` separates IPython's names from the
    user's."""
    names = set(code.co_names)
    if not _TELLING.isdisjoint(names):
        return {SOURCES}
    inputs = {name for name in names if name in _LISTS or _ONE.match(name)}
    if inputs and any(_is_input(name, namespace) for name in inputs & _only_read(code)):
        return {SOURCES}
    if _SPACES.isdisjoint(names) and "run_line_magic" not in names:
        return set()
    texts = texts_of(code)
    is_magic = "run_line_magic" in names and not _MAGICS.isdisjoint(texts)
    return {SOURCES} if is_magic or not (_SPACES.isdisjoint(names) or _LISTS.isdisjoint(texts)) else set()


def _only_read(code: CodeType) -> Set[str]:
    read, written = read_and_written(code)
    return read - written


def _is_input(name: str, namespace: Mapping[str, Any]) -> bool:
    return isinstance(namespace.get(name), list if name in _LISTS else str)


def may_read_sources(text: str) -> bool:
    """Returns whether a cell may read the text of cells, or defines functions that do. True if that cannot be determined."""
    if not _LIKELY.search(text):
        return False
    nodes = _nodes(text)
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    found = {node.id for node in names} - bound
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    is_named = not _LISTS.isdisjoint(found | texts) or any(map(_ONE.match, found))
    return not nodes or is_named or not _MAGICS.isdisjoint(texts) or may_read_functions(text)


def may_read_functions(text: str) -> bool:
    """Returns whether a cell may read the source or the lines of functions. Restored functions have the lines that they had when they were
    stored."""
    if not _LIKELY.search(text):
        return False
    nodes = _nodes(text)
    return not nodes or not _TELLING.isdisjoint(_words(nodes))


def may_quote(text: str) -> bool:
    """Returns whether a cell may show source lines."""
    if not _LIKELY_QUOTING.search(text):
        return False
    nodes = _nodes(text)
    keywords = {node.arg for node in nodes if isinstance(node, ast.keyword)}
    return not nodes or not _QUOTING.isdisjoint(_words(nodes) | keywords)


def _words(nodes: list[ast.AST]) -> set[str | None]:
    """Returns the names, attributes, and imported names."""
    found: set[str | None] = {node.id for node in nodes if isinstance(node, ast.Name)}
    found |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return found | {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}


def defines(text: str) -> bool:
    """Returns whether a cell may define functions. True if that cannot be determined."""
    nodes = _nodes(text)
    return not nodes or any(isinstance(node, _MAKING) for node in nodes)


def macros(text: str) -> list[str]:
    """Returns the names that a cell gives to the text of others (`%macro`). A cell that consists only of such a name runs that text
    instead."""
    return _MAKES_MACRO.findall(text)


_MAKING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@lru_cache(maxsize=256)
def _nodes(text: str) -> list[ast.AST]:
    """Returns all nodes of a cell's syntax tree; none if it is not plain Python."""
    try:
        return list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return []
