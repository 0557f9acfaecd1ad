"""Whether code reads only names that stand in it: what may look up others, and what of that asks a certain object, or for what a text names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from types import CodeType
from typing import Any

from clew.analysis.bytecode import Mention, Step, called, constants, dotted, mentions, nested
from clew.analysis.implicit_reads import LONGEST
from clew.analysis.ipython_calls import NAMES as USES_OF_SHELL
from clew.analysis.ipython_calls import SHELL, read_by_shell
from clew.analysis.names import ESCAPES, EVERYTHING, mentioned, read_and_written
from clew.analysis.scope import Scope

#: What binds names that nobody sees and reads none, and what reaches names only by way of an object that leads to them: which object it is
#: decides (`Watch.codes_reached`). `vars` and `dir` without an argument are told of by what they mean (`known`).
_HARMLESS = frozenset((EVERYTHING, "setattr", "delattr", "vars", "dir"))
#: What goes by a text, and which argument that is: attributes, and methods that look up what the text names (of tables), or nothing (of models
#: and sessions). What methods call that text.
_ATTRIBUTE, _BY_TEXT, _TEXT = "getattr", {"getattr": 1, "query": 0, "eval": 0}, ("expr", "query", "formula")


def are_reads_known(codes: Sequence[CodeType], namespace: Mapping[str, Any]) -> bool:
    """Whether `read_and_written` and `in_texts` have every name that these may read."""
    besides = _HARMLESS | (_BY_TEXT.keys() if _are_texts_known(codes, namespace) else frozenset[str]())
    return all(_is_known(code, namespace, besides) for code in codes)


def _is_known(code: CodeType, namespace: Mapping[str, Any], besides: frozenset[str]) -> bool:
    if "vars" in code.co_names and not ESCAPES.isdisjoint(one for one in constants(code) if type(one) is str):
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
