"""Names that a run may have read without a word in its code that Python would look up: in formulas, and from the user's own modules. And
whether there may be others: of which code all reads are known.
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
#: What binds names that nobody sees and reads none, and what reaches names only by way of an object that leads to them: which object it is
#: decides (`Watch.codes_reached`). `vars` and `dir` without an argument are told of by what they mean (`known`).
_HARMLESS = frozenset((EVERYTHING, "setattr", "delattr", "vars", "dir"))
#: What goes by a text, and which argument that is: attributes, and methods that look up what the text names (of tables), or nothing (of models
#: and sessions). What methods call that text.
_ATTRIBUTE, _BY_TEXT, _TEXT = "getattr", {"getattr": 1, "query": 0, "eval": 0}, ("expr", "query", "formula")


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


def are_reads_known(codes: Sequence[CodeType], namespace: Mapping[str, Any]) -> bool:
    """Whether `read_and_written` and `in_texts` have every name that these may read."""
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
    """Whether what goes by a text is called at once, each with a text that is known, methods also with what is none."""
    asking = [code for code in codes if not _BY_TEXT.keys().isdisjoint(code.co_names)]
    # What a variable held when it was asked nobody knows where the cell binds it.
    bound = set[str]().union(*(read_and_written(code)[1] for code in codes)) if asking else set[str]()
    scopes = [Scope(code, namespace) for code in asking]
    found = ((scope, one) for scope in scopes for one in mentions(scope.steps) if one.name in _BY_TEXT)
    return all(_is_text_known(scope, one, bound) for scope, one in found)


def are_texts_given(
    places: Iterable[tuple[CodeType, int]], codes: Sequence[CodeType], namespace: Mapping[str, Any]
) -> bool:
    """Whether what is called at each of the places, a code with how far it has come, is given texts that are known, so that `in_texts` has the
    names in them, and nothing besides of which that is not known."""
    places = list(places)
    bound = set[str]().union(*(read_and_written(code)[1] for code in codes)) if places else set[str]()
    return all(_is_given_texts(Scope(code, namespace), at, bound) for code, at in places)


def _is_given_texts(scope: Scope, at: int, bound: Set[str]) -> bool:
    running = sum(step.offset <= at for step in scope.steps) - 1
    calls = (called(scope.steps, mention.place) for mention in mentions(scope.steps))
    call = next((one for one in calls if one is not None and one.place == running), None)
    if call is None or any(_may_be_another(given, bound) for given in call.arguments):
        return False
    # What keywords of other names say is how to look, not for what.
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
    """Whether an argument may have been another when it was given than it is now."""
    named = dotted(given)
    return named is not None and (len(named.path) > 1 or named.name in bound)
