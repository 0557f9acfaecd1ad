"""What functions may have set on what they were called with: followed from each call to the function, and through those that it calls.

Each function is gone through by itself, and what it sets is told by argument, as in summaries of data flow (Sharir and Pnueli, *Two approaches to
interprocedural data flow analysis*, 1981). Where nobody knows who is called, it may be any of the functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from inspect import CO_OPTIMIZED, CO_VARARGS, CO_VARKEYWORDS, getattr_static
from itertools import takewhile
from types import CodeType, FunctionType, MethodType
from typing import NamedTuple, TypeVar

from clew.analysis.bytecode import (
    ATTRIBUTES,
    ELEMENTS,
    LOCAL_LOADS,
    Mention,
    Step,
    called,
    dotted,
    holder_at,
    is_element_at,
    mentions,
    steps_of,
)
from clew.analysis.own_modules import is_users_module, module_of
from clew.analysis.patches import IN_PLACE, may_change
from clew.analysis.scope import Scope

TABLE = "vars"
"""What gives all attributes as a table."""
ITSELF = ""
"""What stands for a thing itself, where it is changed in place, among names of attributes."""
#: How a method calls what it belongs to.
_SELF = ("self", "cls")
#: What binds a variable of a function, and what ends a statement before it.
_BINDING = ("STORE_FAST", "STORE_DEREF")
_ENDING = frozenset(
    (*_BINDING, *ELEMENTS, "STORE_ATTR", "DELETE_ATTR", "STORE_GLOBAL", "STORE_NAME", "POP_TOP")
    + ("RETURN_VALUE",)
)
#: So often what functions set is handed on to those that call them.
_DEEPEST = 10
#: What a comprehension goes over.
_ITERATED = ".0"

#: What was found in so many codes is remembered: functions are asked about in each cell that calls them.
_REMEMBERED = 2048
_Found = TypeVar("_Found")


def remembered(found_in: Callable[[CodeType], Iterator[_Found]]) -> Callable[[CodeType], tuple[_Found, ...]]:
    """Has what is found in some code by itself worked out once."""
    return lru_cache(maxsize=_REMEMBERED)(lambda code: tuple(found_in(code)))


Roots = Mapping[str, frozenset[str]]
"""The arguments that each variable of a function may come from; of those of functions around it the variable's own name."""


class Given(NamedTuple):
    """A dotted name that some function is called with."""

    scope: Scope
    mention: Mention
    #: What the function may set on it: names of attributes, and `ITSELF`.
    names: frozenset[str]


class _Call(NamedTuple):
    """A call of one of the functions, or of nobody knows whom (`None`): what it hands on to which arguments."""

    function: CodeType | None
    arguments: list[tuple[str, Mention]]


class Functions:
    """Functions that may have been called, and what each sets on which argument."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._scopes = list(scopes)
        self._sets: dict[CodeType, dict[str, set[str]]] = {}
        self._named: dict[str, list[CodeType]] = {}
        for scope in self._scopes:
            if is_function(scope.code) and scope.code not in self._sets:
                self._sets[scope.code] = {}
                self._named.setdefault(scope.code.co_name, []).append(scope.code)
                for variable, name in _changed(scope.code):
                    self.sets(scope, variable, name)

    def sets(self, scope: Scope, variable: str, name: str) -> None:
        """One of them sets an attribute on one of its variables."""
        if scope.code in self._sets:
            for root in roots_of(scope).get(variable, ()):
                self._sets[scope.code].setdefault(root, set()).add(name)

    def given(self) -> Iterator[Given]:
        """What they are called with and set something on."""
        if not any(self._sets.values()):
            return
        calls = [(scope, call) for scope in self._scopes for call in self._calls(scope)]
        self._hand_on(calls)
        for scope, call in calls:
            for argument, mention in call.arguments:
                names = self._set_on(call.function, argument)
                if names:
                    yield Given(scope, mention, frozenset(names))

    def _set_on(self, function: CodeType | None, argument: str) -> set[str]:
        if function is not None:
            return self._sets[function].get(argument, set())
        return {name for sets in self._sets.values() for names in sets.values() for name in names}

    def _hand_on(self, calls: list[tuple[Scope, _Call]]) -> None:
        """Tells of each function what those set that it calls with its own arguments, and those that stand within it."""
        for _ in range(_DEEPEST):
            before = self._many()
            for scope, call in calls:
                for argument, mention in call.arguments if is_function(scope.code) else ():
                    if mention.is_local:
                        for name in list(self._set_on(call.function, argument)):
                            self.sets(scope, mention.path[0], name)
            for scope in self._scopes:
                for inner in filter(self._sets.get, scope.code.co_consts) if is_function(scope.code) else ():
                    self._hand_out(scope, inner)
            if self._many() == before:
                return

    def _many(self) -> int:
        """How much is known to be set: it only grows."""
        return sum(len(names) for sets in self._sets.values() for names in sets.values())

    def _hand_out(self, scope: Scope, inner: CodeType) -> None:
        """What a function within another sets on variables of that, and a comprehension on what it goes over, which may be any."""
        for variable, names in list(self._sets[inner].items()):
            variables = list(roots_of(scope)) if variable == _ITERATED else [variable]
            for name in list(names):
                for one in variables:
                    self.sets(scope, one, name)

    def _calls(self, scope: Scope) -> Iterator[_Call]:
        """The calls in some code that may be of one of them."""
        for mention, given in _calls_in(scope.code):
            for function, first in self._callees(scope, mention):
                arguments = [
                    (_argument(function, None if keyword else first + place, keyword), one)
                    for place, (keyword, one) in enumerate(given)
                    if one is not None
                ]
                yield _Call(function, arguments)

    def _callees(self, scope: Scope, mention: Mention) -> Iterator[tuple[CodeType | None, int]]:
        """Which of them a name may lead to, each with the number of its first argument that a call gives; `None` if it may be any."""
        meaning = scope.meaning(mention)
        if meaning is NotImplemented:
            named = self._named.get(mention.name, [])
            yield from ((code, first) for code in named for first in {0, int(len(mention.path) > 1)})
            if not named and len(mention.path) == 1:
                yield None, 0
        elif isinstance(meaning, MethodType | FunctionType | type):
            first = int(not isinstance(meaning, FunctionType))
            function = meaning.__func__ if isinstance(meaning, MethodType) else meaning
            if isinstance(function, type):
                function = getattr_static(function, "__init__", None)
            if isinstance(function, FunctionType) and function.__code__ in self._sets:
                yield function.__code__, first
        elif is_users(meaning):
            yield None, 0


@remembered
def _calls_in(code: CodeType) -> Iterator[tuple[Mention, tuple[tuple[str, Mention | None], ...]]]:
    """Dotted names that code calls, each with what it gives them: the keyword, if there is one, and the dotted name, if it is one."""
    steps = steps_of(code)
    for mention in longest(steps):
        call = called(steps, mention.place)
        if call is not None and call.arguments:
            keywords = [""] * len(call.positional) + list(call.keywords)
            yield mention, tuple(zip(keywords, map(dotted, call.arguments), strict=True))


def _argument(function: CodeType | None, place: int | None, keyword: str) -> str:
    """The name of the argument that a call gives by its place or by a keyword."""
    if function is None:
        return ""
    names, named = function.co_varnames, function.co_argcount + function.co_kwonlyargcount
    if place is not None:
        return names[place] if place < function.co_argcount else _rest(function, CO_VARARGS, named)
    is_named = keyword in names[function.co_posonlyargcount : named]
    return keyword if is_named else _rest(function, CO_VARKEYWORDS, named)


def _rest(function: CodeType, kind: int, named: int) -> str:
    """The name of the argument that takes all others."""
    if not function.co_flags & kind:
        return ""
    return function.co_varnames[named + (kind == CO_VARKEYWORDS and bool(function.co_flags & CO_VARARGS))]


def is_function(code: CodeType) -> bool:
    """Whether it is called with something: a cell is not."""
    return bool(code.co_flags & CO_OPTIMIZED)


def is_users(value: object) -> bool:
    """Whether something is the user's own, or may be."""
    value = value.__func__ if type(value) is MethodType else value
    return value is NotImplemented or is_users_module(module_of(value))


def longest(steps: Sequence[Step]) -> Iterator[Mention]:
    """Dotted names as far as they go."""
    every = list(mentions(steps))
    for number, mention in enumerate(every):
        then = every[number + 1] if number + 1 < len(every) else None
        if then is None or then.path[:-1] != mention.path:
            yield mention


def holder_of(steps: Sequence[Step], place: int) -> Sequence[Step]:
    """The steps that load what something is set on."""
    return [steps[at] for at in holder_at(steps, place)]


def variable_of(scope: Scope, holder: Sequence[Step]) -> str | None:
    """The variable that something is reached from which a function may have been called with; `None` if it is reached from anything else."""
    call = called(holder, 0) if holder and holder[0].argval == TABLE else None
    first = (call.given(0) or holder if call is not None else holder)[:1]
    if not first or first[0].opname not in LOCAL_LOADS or first[0].argval not in roots_of(scope):
        return None
    name: str = first[0].argval
    return name if scope.imported.get(name, NotImplemented) is NotImplemented else None


def roots_of(scope: Scope) -> Roots:
    """Variables of a function that may be what it was called with, or something of that: its arguments but for the object that it is a method of,
    variables of functions around it, and what comes of these."""
    return _roots(scope.code)


@lru_cache(maxsize=_REMEMBERED)
def _roots(code: CodeType) -> Roots:
    many = code.co_argcount + code.co_kwonlyargcount
    many += sum(bool(code.co_flags & flag) for flag in (CO_VARARGS, CO_VARKEYWORDS))
    found = {name: frozenset((name,)) for name in (*code.co_varnames[:many], *code.co_freevars)}
    for name in _SELF:
        found.pop(name, None)
    steps = steps_of(code) if found else []
    for place, one in enumerate(steps):
        if one.opname in _BINDING:
            # Of several that are bound together each may be any of what is unpacked.
            begin = place
            while begin > 0 and steps[begin - 1].opname in (*_BINDING, "UNPACK_SEQUENCE", "UNPACK_EX"):
                begin -= 1
            made_of = takewhile(lambda step: step.opname not in _ENDING, reversed(steps[:begin]))
            roots = [
                found[step.argval] for step in made_of if step.opname in LOCAL_LOADS and step.argval in found
            ]
            if roots:
                found[one.argval] = found.get(one.argval, frozenset()).union(*roots)
    return found


@remembered
def _changed(code: CodeType) -> Iterator[tuple[str, str]]:
    """Variables with which a function was called, each with what it changes there in place: the name of an attribute (`given.table["x"] = 1`), or the
    thing itself (`given |= {}`)."""
    scope = Scope(code, {})
    for place, one in enumerate(scope.steps) if may_change(code) else ():
        is_called = one.opname in ATTRIBUTES and one.argval in IN_PLACE
        if is_called or one.opname in ELEMENTS or one.is_in_place:
            holder = holder_of(scope.steps, place)
            variable = variable_of(scope, holder)
            if variable is not None and not any(is_element_at(step, one) for step in holder):
                path = list(takewhile(lambda step: step.opname in ATTRIBUTES, holder[1:]))
                yield variable, path[-1].argval if path else ITSELF
