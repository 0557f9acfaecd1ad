"""Whether code reads only names that stand in it: what may look up others, and what of that asks a certain object, or for what a text names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from itertools import islice
from types import CodeType
from typing import Any

from clew.shell.ipython_calls import NAMES as USES_OF_SHELL
from clew.shell.ipython_calls import SHELL, read_by_shell
from clew.shell.mentions import called, constant, dotted, mentions
from clew.shell.names import ESCAPES, EVERYTHING, constants, mentioned, nested, read_and_written
from clew.shell.reaching import LONGEST
from clew.shell.scope import Scope

#: What reaches names only by way of an object that leads to them: which object it is decides (`Watch.codes_reached`). `vars` and `dir`
#: without an argument are told of by what they mean (`known`).
_OF_OBJECTS = frozenset(("getattr", "setattr", "delattr", "vars", "dir"))
#: What binds names that nobody sees, and reads none.
_BINDS = frozenset((EVERYTHING,))
#: What lists the attributes that `getattr` may then be asked for, `__globals__` among them.
_LISTING = frozenset(("dir", "__dir__", "getmembers"))
#: Methods that look up what a text names (of tables), or nothing (of models and sessions), and what they call that text.
_BY_TEXTS, _TEXT = frozenset(("query", "eval")), ("expr", "query")
#: Of longer containers the rest is not read.
_MOST_LISTED = 100
_CONTAINERS = (list, tuple, set, frozenset, dict)


def are_reads_known(codes: Sequence[CodeType], namespace: Mapping[str, Any]) -> bool:
    """Whether `read_and_written` and `in_texts` have every name that these may read."""
    of_objects = frozenset[str]() if _may_ask_for_any(codes, namespace) else _OF_OBJECTS
    by_texts = _BY_TEXTS if _are_texts_known(codes, namespace) else frozenset[str]()
    besides = _BINDS | of_objects | by_texts
    return all(_is_known(code, namespace, besides) for code in codes)


def _is_known(code: CodeType, namespace: Mapping[str, Any], besides: frozenset[str]) -> bool:
    if SHELL not in code.co_names:
        return mentioned(code, besides) is not None
    read = read_by_shell(code)
    if read is None or mentioned(code, besides | USES_OF_SHELL) is None:
        return False
    return are_reads_known([inner for one in read for inner in nested(one)], namespace)


def _may_ask_for_any(codes: Sequence[CodeType], namespace: Mapping[str, Any]) -> bool:
    """Whether `getattr` in one of the codes may be asked for an attribute that leads to names: it stands in a text, or all are listed."""
    names = set[str]().union(*(code.co_names for code in codes))
    if "getattr" not in names:
        return False
    # Each class is given the name of its module.
    held = [namespace[name] for name in names - {"__name__"} if name in namespace]
    held += [one for value in held if type(value) in _CONTAINERS for one in islice(value, _MOST_LISTED)]
    texts = {one for values in (held, *map(constants, codes)) for one in values if type(one) is str}
    return not (_LISTING.isdisjoint(names) and ESCAPES.isdisjoint(texts))


def _are_texts_known(codes: Sequence[CodeType], namespace: Mapping[str, Any]) -> bool:
    """Whether methods that look up what a text names are called at once, each with such a text, or with what is none."""
    asking = [code for code in codes if not _BY_TEXTS.isdisjoint(code.co_names)]
    # What a variable held when it was asked nobody knows where the cell binds it.
    bound = set[str]().union(*(read_and_written(code)[1] for code in codes)) if asking else set[str]()
    for scope in (Scope(code, namespace) for code in asking):
        for mention in mentions(scope.steps):
            if mention.name in _BY_TEXTS and (
                len(mention.path) == 1 or not _is_text_known(scope, mention.place, bound)
            ):
                return False
    return True


def _is_text_known(scope: Scope, place: int, bound: Set[str]) -> bool:
    call = called(scope.steps, place)
    if call is None or not call.arguments:
        return call is not None
    given = call.given(0, *_TEXT)
    named = dotted(given)
    if named is None:
        text = constant(given)
    else:
        text = NotImplemented if len(named.path) > 1 or named.name in bound else scope.meaning(named)
    return text is not NotImplemented and (type(text) is not str or len(text) <= LONGEST)
