"""Names that a run may have read without a word in its code that Python would look up: in formulas, and from the user's own modules."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any, ForwardRef

from clew.analysis.bytecode import constants
from clew.analysis.ipython_calls import texts_for_shell
from clew.analysis.names import IDENTIFIER, read_and_written
from clew.analysis.own_modules import of_own_modules
from clew.codecs.libraries import having, union

#: Code of a module that names one of these may find the notebook's names.
_BACK = frozenset(
    ("__main__", "f_globals", "f_locals", "f_back", "currentframe", "_getframe", "get_ipython", "user_ns")
    + ("__subclasses__", "pythonapi")
)
#: Who looks up names that stand in a text.
_FORMULAS = union("takes_formulas")
#: Longer texts are no formulas and no queries, and longer lists no pieces of one.
LONGEST, MOST_PIECES = 10_000, 100
#: So many annotations, and parts of them, are gone through.
MOST_ANNOTATIONS = 1_000
#: Names that are no attributes of others.
_FIRST_NAMES = re.compile(r"(?<![\w.])[^\W\d]\w*")
#: Libraries that take the names of tables in a query for variables, and what stands before these.
_QUERYING = having("queries_variables")
_QUERIES = re.compile(
    r"\b(?:from|join|into|update|table|describe|summarize|pivot|unpivot|show)\b", re.IGNORECASE
)


def reach_back(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> bool:
    """Whether the user's own modules, as far as code may use them, may find any name of the notebook."""
    return any(not _BACK.isdisjoint(code.co_names) for code in of_own_modules(list(codes), namespace))


def in_texts(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> set[str]:
    """Names of the notebook in texts of the code: its functions, and all in formulas and in queries, which may also stand in variables."""
    found = set[str]()
    for code in codes:
        is_called = not _FORMULAS.isdisjoint(code.co_names)
        known = texts_for_shell(code)
        for text in (text for text in constants(code) if type(text) is str and text not in known):
            found.update(_names_in(text, namespace, is_formula=is_called))
        held = (namespace[name] for name in read_and_written(code)[0] if name in namespace)
        for piece in (piece for value in held for piece in _pieces_of(value, is_called)):
            if is_called or _is_looked_up(piece):
                found.update(_names_in(piece, namespace, is_formula=True))
    return found


def in_annotations(annotations: Iterable[Any]) -> set[str]:
    """Names that stand in texts of annotations, as dictionaries and functions hold these: who evaluates them looks the names up."""
    waiting, found, met = list[Any](), set[str](), 0
    for held in annotations:
        waiting += list(held.values()) if type(held) is dict else held[1::2] if type(held) is tuple else ()
    while waiting and (met := met + 1) <= MOST_ANNOTATIONS:
        one = waiting.pop()
        kind = type(one)
        if kind is str:
            found.update(_FIRST_NAMES.findall(one) if len(one) <= LONGEST else ())
        elif kind is tuple or kind is list:
            waiting += one
        elif kind is ForwardRef:
            waiting.append(one.__forward_arg__)
        elif kind.__module__ in ("typing", "types"):
            waiting += getattr(one, "__args__", ())
    return found


def _pieces_of(value: Any, is_called: bool) -> Iterable[object]:
    """Texts that a variable holds; those in a list are pieces of a formula where one is made of them."""
    if type(value) is str:
        return (value,)
    return value[:MOST_PIECES] if is_called and type(value) in (list, tuple) else ()


def _names_in(text: Any, namespace: Mapping[str, Any], *, is_formula: bool) -> Iterator[str]:
    if not _is_short(text):
        return
    is_formula = is_formula or _is_looked_up(text)
    there = (name for name in IDENTIFIER.findall(text) if name in namespace)
    yield from (name for name in there if is_formula or _is_own(namespace[name], namespace))


def _is_looked_up(text: Any) -> bool:
    """Whether a text is a formula, or a query by which a library reads variables."""
    is_querying = not _QUERYING.isdisjoint(sys.modules)
    return _is_short(text) and ("~" in text or (is_querying and _QUERIES.search(text) is not None))


def _is_short(text: object) -> bool:
    return type(text) is str and len(text) <= LONGEST


def _is_own(value: object, namespace: Mapping[str, Any]) -> bool:
    return type(value) is FunctionType and value.__globals__ is namespace
