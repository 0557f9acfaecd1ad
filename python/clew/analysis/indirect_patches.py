"""What code may have set in libraries by what has no dotted name there: through a variable of a function, on what a call returned, on an
element of something. What is set by a dotted name `clew.analysis.patches` tells.

Each function is gone through by itself, and what it sets is told by argument, as in summaries of data flow (Sharir and Pnueli, *Two approaches to
interprocedural data flow analysis*, 1981). Where nobody knows who is called, it may be any of the functions. By the names in the code and what
they mean, so rather too much is told than too little.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from inspect import CO_OPTIMIZED, CO_VARARGS, CO_VARKEYWORDS, getattr_static
from itertools import islice, takewhile
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple, TypeVar

from clew.analysis.bytecode import (
    ATTRIBUTES,
    ELEMENTS,
    GLOBAL_LOADS,
    GLOBAL_STORES,
    LOCAL_LOADS,
    LOCAL_STORES,
    Mention,
    Step,
    called,
    constant,
    dotted,
    holder_at,
    is_element_at,
    mentions,
    steps_of,
)
from clew.analysis.own_modules import is_users_module, module_of
from clew.analysis.patches import (
    FIGURES,
    IN_PLACE,
    TOLD,
    held_by,
    library_of,
    may_change,
    may_lead_out,
    may_set,
    named_held,
)
from clew.analysis.scope import Scope

_ATTRIBUTES = ("STORE_ATTR", "DELETE_ATTR")
#: What sets an attribute that it is given by name, and what gives all of them as a table, which is called `__dict__` itself.
_SETTERS, _ANY = frozenset(("setattr", "delattr")), "__dict__"
#: Modules whose functions give what they are given, or something of it.
_HANDING_ON = frozenset(("builtins", "functools", "_functools", "operator", "_operator"))
#: What gives a module by its name in a text.
_BY_TEXT = frozenset(("modules", "import_module", "__import__"))
#: So many elements of a variable are looked at.
_MOST = 100
#: What gives all attributes as a table, and what stands for a thing itself, where it is changed in place, among names of attributes.
_TABLE, _ITSELF = "vars", ""
#: How a method calls what it belongs to.
_SELF = ("self", "cls")
#: What ends a statement before one that binds a variable of a function.
_ENDING = LOCAL_STORES | ELEMENTS | GLOBAL_STORES | {"STORE_ATTR", "DELETE_ATTR", "POP_TOP", "RETURN_VALUE"}
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
    #: What the function may set on it: names of attributes, and `_ITSELF`.
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
    call = called(holder, 0) if holder and holder[0].argval == _TABLE else None
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
        if one.opname in LOCAL_STORES:
            # Of several that are bound together each may be any of what is unpacked.
            begin = place
            while begin > 0 and steps[begin - 1].opname in LOCAL_STORES | {"UNPACK_SEQUENCE", "UNPACK_EX"}:
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
                yield variable, path[-1].argval if path else _ITSELF


class _Setter(NamedTuple):
    """Something that sets an attribute."""

    name: str
    #: The steps that load what it is set on.
    steps: Sequence[Step]


def set_through(scopes: Iterable[Scope]) -> list[str]:
    """What may have been set, by its full name; `__dict__` stands for any name."""
    scopes = list(scopes)
    functions, found = Functions(scopes), dict[str, None]()
    for scope in scopes:
        for setter in _setters(scope):
            variable = variable_of(scope, setter.steps)
            if variable is not None:
                functions.sets(scope, variable, setter.name)
            else:
                found.update((f"{library}.{setter.name}", None) for library in _reached(scope, setter.steps))
    for given in functions.given():
        names = given.names - {_ITSELF}
        for library in _libraries(given.scope, given.mention) if names else ():
            found.update((f"{library}.{name}", None) for name in sorted(names))
        if _ITSELF in given.names:
            found.update((one, None) for one in _containers(given.scope, given.mention))
    return list(found)


def _setters(scope: Scope) -> Iterator[_Setter]:
    code = scope.code
    has_table = not {_TABLE, _ANY}.isdisjoint(code.co_names)
    if may_set(code) or (may_change(code) and (has_table or _leads_out(scope))):
        yield from _setters_in(code)


@remembered
def _setters_in(code: CodeType) -> Iterator[_Setter]:
    steps = steps_of(code)
    for place, one in enumerate(steps):
        if one.opname in _ATTRIBUTES:
            holder = holder_of(steps, place)
            if dotted(holder) is None or holder[0].opname in LOCAL_LOADS:
                yield _Setter(one.argval, holder)
        elif one.opname in ELEMENTS or (one.argval in IN_PLACE and one.opname in ATTRIBUTES):
            holder = holder_of(steps, place)
            table = next((at for at, inner in enumerate(holder) if inner.argval == _ANY), None)
            if table is not None or (holder and holder[0].argval == _TABLE):
                yield _Setter(_ANY, holder[:table])
            elif one.opname in ELEMENTS and any(is_element_at(inner, one) for inner in holder):
                # A list that a module holds is told of where it is changed itself (`patches`), and not what lies in it.
                yield _Setter(_ANY, holder)
        elif (
            one.argval in _SETTERS
            and one.opname in GLOBAL_LOADS
            and (call := called(steps, place)) is not None
        ):
            name = constant(call.given(1))
            yield _Setter(name if type(name) is str else _ANY, call.given(0) or [])


def _leads_out(scope: Scope) -> bool:
    """Whether a name in the code may lead to a library, or stands for what one holds."""
    code, namespace = scope.code, scope.namespace
    return may_lead_out(code, namespace) or bool(named_held([code], namespace))


def _reached(scope: Scope, holder: Sequence[Step]) -> Iterator[str]:
    """Libraries in which what these steps load may lie."""
    root = next(longest(holder), None)
    if root is None:
        return
    if not _BY_TEXT.isdisjoint(root.path):
        texts = (one.argval for one in holder if one.opname == "LOAD_CONST" and type(one.argval) is str)
        yield from filter(None, (_named(sys.modules.get(text)) for text in texts))
        return
    call, meaning = called(holder, root.place), scope.meaning(root)
    if call is not None and (module_of(meaning) in _HANDING_ON or is_users(meaning)):
        for argument in filter(None, map(dotted, call.arguments)):
            yield from _libraries(scope, argument)
    else:
        is_itself = len(holder) == len(root.path)
        yield from (
            one
            for one in _libraries(scope, root)
            if is_itself or one.partition(".")[0] not in TOLD | {FIGURES}
        )


def _libraries(scope: Scope, mention: Mention) -> Iterator[str]:
    """Libraries that a dotted name leads to, or that what it leads to holds."""
    for many in range(len(mention.path), 0, -1):
        value: Any = scope.meaning(mention._replace(path=mention.path[:many]))
        if (library := _named(value)) is not None:
            yield library
            return
        if type(value) in (list, tuple, set, dict):
            held = value.values() if type(value) is dict else value
            yield from filter(None, map(_named, islice(held, _MOST)))
        # What lies further down a module leads to.
        at = held_by({"": value}, besides=1) if many == 1 else {}
        yield from (f"{module.__name__}.{name}" for module, name in at.values())
        if at or type(value) in (list, tuple, set, dict):
            return


def _named(value: object) -> str | None:
    """The name of a library's module, class or function."""
    return library_of(value) if isinstance(value, ModuleType | type | FunctionType) else None


def _containers(scope: Scope, mention: Mention) -> Iterator[str]:
    """The list, dictionary or set of a library that a dotted name leads to."""
    value = scope.meaning(mention)
    if type(value) in (list, dict, set):
        at = held_by({"": value}, besides=len(mention.path) == 1)
        yield from (f"{module.__name__}.{name}" for module, name in at.values())
