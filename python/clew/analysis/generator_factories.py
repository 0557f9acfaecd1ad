"""Functions that pass an argument of theirs to a random generator as seed: how they are called, and whether the argument is certainly a
seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import CodeType, FunctionType

from clew.analysis.bytecode import Call, Step, bound_to, called, constant, dotted, mentions
from clew.analysis.nondeterminism import BEGINS, BEGUN, known
from clew.analysis.scope import Scope

#: The possible names of the seed argument.
SEEDS = ("seed", "a", "x", "entropy", "key")


def draws_by_default(scopes: list[Scope]) -> bool:
    """Returns whether a function seeds a generator with its own argument, and is called somewhere without it, or with `None`."""
    waiting = [one for scope in scopes for one in _begun_by_argument(scope)]
    met = set[tuple[int, str]]()
    while waiting:
        scope, taken = waiting.pop()
        if (id(scope.code), taken) in met:
            continue
        met.add((id(scope.code), taken))
        is_optional = _defaults_to_none(scope, taken)
        for other in scopes:
            for call in _calls_of(scope, other):
                given = None if call is None else call.given(_place_of(scope.code, taken), taken)
                if (given is None and is_optional) or (given is not None and other.is_none(given)):
                    return True
                if given is not None and (passed := _argument(other.code, given)) is not None:
                    waiting.append((other, passed))
    return False


_BINDS = frozenset(("STORE_FAST", "STORE_FAST_STORE_FAST", "STORE_FAST_LOAD_FAST", "DELETE_FAST"))
#: Instructions whose results are not `None`.
_MAKES = frozenset(
    ("BINARY_OP", "BUILD_LIST", "BUILD_TUPLE", "LIST_EXTEND", "UNARY_NEGATIVE", "UNARY_INVERT")
)
_NUMBERS = (int, len, abs, ord)


def seed_of(scope: Scope, call: Call | None) -> str | bool:
    """Returns whether a generator certainly gets a seed; or, if the seed is an argument of the function itself, the argument's name."""
    given = None if call is None else call.given(0, *SEEDS)
    if not given:
        return False
    value = constant(given)
    mention = dotted(given)
    if mention is None:
        return (value is not NotImplemented and value is not None) or _is_made(scope, given)
    if _argument(scope.code, given) is not None:
        return own_argument(scope, given) or False
    meaning = scope.meaning(mention)
    return meaning is not None and meaning is not NotImplemented


def own_argument(scope: Scope, given: Sequence[Step]) -> str | None:
    """Returns the name of the function's argument that is passed on unchanged."""
    taken = _argument(scope.code, given)
    bound = (one.argval for one in scope.steps if one.opname in _BINDS)
    return None if any(taken in (names if type(names) is tuple else (names,)) for names in bound) else taken


def _is_made(scope: Scope, given: Sequence[Step]) -> bool:
    """Returns whether the value is computed by something that is never `None`: arithmetic, numeric functions, another generator."""
    if given[-1].opname in _MAKES:
        return True
    named = next((one for one in mentions(given) if (call := called(given, one.place)) is not None), None)
    if named is None or call is None or _calls(given) != 1 + sum(map(_calls, call.arguments)):
        return False
    meaning = scope.meaning(named)
    told = known(meaning)
    # Whether that generator has a seed is checked at its own call.
    return any(meaning is one for one in _NUMBERS) or (told is not None and told.kind == BEGINS)


def _calls(steps: Sequence[Step]) -> int:
    return sum(one.opname in ("CALL", "CALL_KW") for one in steps)


def _calls_of(scope: Scope, other: Scope) -> Iterator[Call | None]:
    """Yields the calls of a function in other code, under any name; `None` if the function is passed on instead."""
    name, _ = _called_as(scope.code)
    names = {name} | {one for one in other.code.co_names if _code_of(other.namespace.get(one)) is scope.code}
    if names.isdisjoint(other.code.co_names):
        return
    for mention in mentions(other.steps):
        if mention.name in names:
            call = called(other.steps, mention.place)
            is_handed_on = mention.name != "__init__" and _code_of(other.meaning(mention)) is scope.code
            if call is not None or (is_handed_on and bound_to(other.steps, mention.place) is None):
                yield call


def _code_of(value: object) -> CodeType | None:
    return value.__code__ if type(value) is FunctionType else None


def _place_of(code: CodeType, taken: str) -> int | None:
    """Returns the position of an argument in calls; `None` if it is keyword-only."""
    place = code.co_varnames.index(taken)
    return None if place >= code.co_argcount else place - _called_as(code)[1]


def _begun_by_argument(scope: Scope) -> Iterator[tuple[Scope, str]]:
    if BEGUN.isdisjoint(scope.code.co_names):
        return
    for mention in mentions(scope.steps):
        if mention.name in BEGUN and (call := called(scope.steps, mention.place)) is not None:
            taken = _argument(scope.code, call.given(0, *SEEDS))
            if taken is not None:
                yield scope, taken


def _argument(code: CodeType, given: Sequence[Step] | None) -> str | None:
    """Returns the name of the function's argument that is passed on."""
    mention = dotted(given)
    if mention is None or not mention.is_local or len(mention.path) > 1:
        return None
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return mention.path[0] if mention.path[0] in names else None


def _called_as(code: CodeType) -> tuple[str, int]:
    """Returns the name under which a function is called, and the number of leading arguments that calls leave out (`self`)."""
    parts = code.co_qualname.split(".")
    is_method = len(parts) > 1 and parts[-2] != "<locals>"
    name = parts[-2] if is_method and parts[-1] in ("__init__", "__new__") else parts[-1]
    return name, int(is_method)


def _defaults_to_none(scope: Scope, taken: str) -> bool:
    """Returns whether the argument may be left out and then defaults to `None`, as far as that can be determined."""
    function = scope.namespace.get(_called_as(scope.code)[0])
    if type(function) is not FunctionType or function.__code__.co_name != scope.code.co_name:
        return True
    code = function.__code__
    named = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    by_name = dict(zip(named[len(named) - len(defaults) :], defaults, strict=True))
    return (by_name | (function.__kwdefaults__ or {})).get(taken, NotImplemented) is None


def is_begun_with_none(scope: Scope, call: Call) -> bool:
    """Returns whether a generator is created with `None` as its seed."""
    given = call.given(0, *SEEDS)
    return given is not None and scope.is_none(given)
