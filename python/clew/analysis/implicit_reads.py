"""Finds variables that a run may have read without a name lookup in its code: in formulas and queries, and from the user's own modules.
Also determines whether all reads of code are known.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from types import CodeType, FunctionType
from typing import Any, ForwardRef

from clew.analysis.bytecode import Mention, Step, called, constants, dotted, mentions, nested, texts_of
from clew.analysis.ipython_calls import NAMES as USES_OF_SHELL
from clew.analysis.ipython_calls import SHELL, read_by_shell, texts_for_shell
from clew.analysis.names import ESCAPES, EVERYTHING, IDENTIFIER, mentioned, read_and_written
from clew.analysis.own_modules import of_own_modules
from clew.analysis.scope import Scope
from clew.codecs.libraries import having, union

#: Code of a module that uses one of these names may access the notebook's variables.
_BACK = frozenset(
    ("__main__", "f_globals", "f_locals", "f_back", "currentframe", "_getframe", "get_ipython", "user_ns")
    + ("__subclasses__", "pythonapi")
)
#: Functions that look up names in a formula.
_FORMULAS = union("takes_formulas")
#: Longer texts are not treated as formulas or queries, and only this many items of a list are checked.
LONGEST, MOST_PIECES = 10_000, 100
#: The maximal number of annotations, and parts of them, that are checked.
MOST_ANNOTATIONS = 1_000
#: Matches names that are not attributes.
_FIRST_NAMES = re.compile(r"(?<![\w.])[^\W\d]\w*")
#: Libraries that read variables named as tables in a query, and the words before table names.
_QUERYING = having("queries_variables")
_QUERIES = re.compile(
    r"\b(?:from|join|into|update|table|describe|summarize|pivot|unpivot|show)\b", re.IGNORECASE
)
#: Names for code that binds variables unseen but reads none (`import *`, `setattr`), and for functions that reach variables only through an
#: object: which object it is decides (`Watch.codes_reached`). `vars` and `dir` without arguments are detected by their values (`known`).
_HARMLESS = frozenset((EVERYTHING, "setattr", "delattr", "vars", "dir"))
#: Functions that look up a name in a text, with the position of that argument: `getattr`, and methods that look up variables (of tables) or
#: nothing (of models and sessions). And the names that methods use for that argument.
_ATTRIBUTE, _BY_TEXT, _TEXT = "getattr", {"getattr": 1, "query": 0, "eval": 0}, ("expr", "query", "formula")


def reach_back(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> bool:
    """Returns whether the user's own modules, as far as code may use them, may access any variable of the notebook."""
    return any(not _BACK.isdisjoint(code.co_names) for code in of_own_modules(list(codes), namespace))


def in_texts(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> set[str]:
    """Returns names of the notebook that occur in texts of the code: names of its functions, and any names in formulas and queries.
    Formulas may also be the values of variables."""
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
    """Returns names in the texts of annotations (in dictionaries or as functions store them): code that evaluates an annotation looks up
    these names."""
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
    """Returns the texts that a variable holds. A list may contain parts of a formula."""
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
    """Returns whether a text is a formula, or a query with which a library reads variables."""
    is_querying = not _QUERYING.isdisjoint(sys.modules)
    return _is_short(text) and ("~" in text or (is_querying and _QUERIES.search(text) is not None))


def _is_short(text: object) -> bool:
    return type(text) is str and len(text) <= LONGEST


def _is_own(value: object, namespace: Mapping[str, Any]) -> bool:
    return type(value) is FunctionType and value.__globals__ is namespace


def are_reads_known(codes: Sequence[CodeType], namespace: Mapping[str, Any]) -> bool:
    """Returns whether `read_and_written` and `in_texts` find every name that this code may read."""
    besides = _HARMLESS | (_BY_TEXT.keys() if _are_texts_known(codes, namespace) else frozenset[str]())
    return all(_is_known(code, namespace, besides) for code in codes)


def _is_known(code: CodeType, namespace: Mapping[str, Any], besides: frozenset[str]) -> bool:
    if "vars" in code.co_names and not ESCAPES.isdisjoint(texts_of(code)):
        return False
    if SHELL not in code.co_names:
        return mentioned(code, besides) is not None
    read = read_by_shell(code)
    if read is None or mentioned(code, besides | USES_OF_SHELL) is None:
        return False
    return are_reads_known([inner for one in read for inner in nested(one)], namespace)


def _are_texts_known(codes: Sequence[CodeType], namespace: Mapping[str, Any]) -> bool:
    """Returns whether all functions that look up names in texts are called directly and with known texts. Methods may also get arguments
    that are not texts."""
    asking = [code for code in codes if not _BY_TEXT.keys().isdisjoint(code.co_names)]
    # The value of a variable at the time of the call is not known if the cell binds it.
    bound = set[str]().union(*(read_and_written(code)[1] for code in codes)) if asking else set[str]()
    scopes = [Scope(code, namespace) for code in asking]
    found = ((scope, one) for scope in scopes for one in mentions(scope.steps) if one.name in _BY_TEXT)
    return all(_is_text_known(scope, one, bound) for scope, one in found)


def are_texts_given(
    places: Iterable[tuple[CodeType, int]], codes: Sequence[CodeType], namespace: Mapping[str, Any]
) -> bool:
    """Returns whether each of these calls (a code object with its current offset) gets known texts, so that `in_texts` finds the names in
    them, and no arguments whose values are unknown."""
    places = list(places)
    bound = set[str]().union(*(read_and_written(code)[1] for code in codes)) if places else set[str]()
    return all(_is_given_texts(Scope(code, namespace), at, bound) for code, at in places)


def _is_given_texts(scope: Scope, at: int, bound: Set[str]) -> bool:
    running = sum(step.offset <= at for step in scope.steps) - 1
    calls = (called(scope.steps, mention.place) for mention in mentions(scope.steps))
    call = next((one for one in calls if one is not None and one.place == running), None)
    if call is None or any(_may_be_another(given, bound) for given in call.arguments):
        return False
    # Other keyword arguments specify how to look up, not what.
    asked = map(scope.value, (*call.positional, call.given(None, *_TEXT)))
    texts = [text for text in asked if type(text) is str]
    is_known = all(scope.value(given) is not NotImplemented for given in call.arguments)
    return is_known and bool(texts) and all(len(text) <= LONGEST for text in texts)


def _is_text_known(scope: Scope, mention: Mention, bound: Set[str]) -> bool:
    call, is_method = called(scope.steps, mention.place), mention.name != _ATTRIBUTE
    if call is None or (is_method and len(mention.path) == 1):
        return False
    given = call.given(_BY_TEXT[mention.name], *_TEXT)
    if given is None or _may_be_another(given, bound):
        return is_method and not call.arguments
    text = scope.value(given)
    if type(text) is not str:
        return is_method and text is not NotImplemented
    return len(text) <= LONGEST if is_method else text not in ESCAPES


def _may_be_another(given: Sequence[Step], bound: Set[str]) -> bool:
    """Returns whether an argument may have had another value at the call than now."""
    named = dotted(given)
    return named is not None and (len(named.path) > 1 or named.name in bound)
