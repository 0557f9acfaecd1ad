"""Detects attributes of libraries that code may set without a dotted name there: through a local variable, on the result of a call, on an
element. `clew.analysis.patches` detects those that are set with a dotted name.

Each function is analyzed on its own. Its result lists which attributes it sets on which argument, like the summaries in data-flow analysis
(Sharir and Pnueli, *Two approaches to interprocedural data flow analysis*, 1981). If the callee of a call is unknown, it may be any of the
functions. The result is an over-approximation.
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
#: Functions that set an attribute given by name; and `__dict__`, the table of all attributes, which stands for any attribute.
_SETTERS, _ANY = frozenset(("setattr", "delattr")), "__dict__"
#: Modules whose functions return their arguments, or parts of them.
_HANDING_ON = frozenset(("builtins", "functools", "_functools", "operator", "_operator"))
#: Names that lead to a module through its name in a text.
_BY_TEXT = frozenset(("modules", "import_module", "__import__"))
#: The maximal number of elements of a variable that are checked.
_MOST = 100
#: The function that returns the table of attributes; and the marker, among attribute names, for in-place changes of the object itself.
_TABLE, _ITSELF = "vars", ""
#: The names of a method's first argument.
_SELF = ("self", "cls")
#: Instructions that end the statement before one that binds a local variable.
_ENDING = LOCAL_STORES | ELEMENTS | GLOBAL_STORES | {"STORE_ATTR", "DELETE_ATTR", "POP_TOP", "RETURN_VALUE"}
#: The maximal number of passes that propagate effects from functions to their callers.
_DEEPEST = 10
#: The iterable of a comprehension.
_ITERATED = ".0"

#: The number of code objects for which results are cached: functions are analyzed for each cell that calls them.
_REMEMBERED = 2048
_Found = TypeVar("_Found")


def remembered(found_in: Callable[[CodeType], Iterator[_Found]]) -> Callable[[CodeType], tuple[_Found, ...]]:
    """Caches a function of a code object."""
    return lru_cache(maxsize=_REMEMBERED)(lambda code: tuple(found_in(code)))


Roots = Mapping[str, frozenset[str]]
"""The arguments that each local variable may come from. Variables of enclosing functions stand for themselves."""


class Given(NamedTuple):
    """A dotted name that is passed to a function."""

    scope: Scope
    mention: Mention
    #: The attributes that the function may set on it, and `_ITSELF`.
    names: frozenset[str]


class _Call(NamedTuple):
    """A call of one of the functions, or of an unknown one (`None`), and which names it passes as which arguments."""

    function: CodeType | None
    arguments: list[tuple[str, Mention]]


class Functions:
    """Functions that may have been called, and which attributes each sets on which argument."""

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
        """Notes that one of them sets an attribute on one of its variables."""
        if scope.code in self._sets:
            for root in roots_of(scope).get(variable, ()):
                self._sets[scope.code].setdefault(root, set()).add(name)

    def given(self) -> Iterator[Given]:
        """Yields the names that they are called with and set something on."""
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
        """Propagates effects to functions that pass their own arguments on, and to enclosing functions."""
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
        """Counts the known effects. The count only grows."""
        return sum(len(names) for sets in self._sets.values() for names in sets.values())

    def _hand_out(self, scope: Scope, inner: CodeType) -> None:
        """Propagates the effects of a nested function to variables of the enclosing one. The iterable of a comprehension may be any
        variable."""
        for variable, names in list(self._sets[inner].items()):
            variables = list(roots_of(scope)) if variable == _ITERATED else [variable]
            for name in list(names):
                for one in variables:
                    self.sets(scope, one, name)

    def _calls(self, scope: Scope) -> Iterator[_Call]:
        """Yields the calls in some code that may be calls of one of the functions."""
        for mention, given in _calls_in(scope.code):
            for function, first in self._callees(scope, mention):
                arguments = [
                    (_argument(function, None if keyword else first + place, keyword), one)
                    for place, (keyword, one) in enumerate(given)
                    if one is not None
                ]
                yield _Call(function, arguments)

    def _callees(self, scope: Scope, mention: Mention) -> Iterator[tuple[CodeType | None, int]]:
        """Yields the functions that a name may lead to, each with the index of its first parameter in a call; `None` if it may be any."""
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
    """Yields the dotted names that code calls, each with its arguments: the keyword, if any, and the dotted name, if it is one."""
    steps = steps_of(code)
    for mention in longest(steps):
        call = called(steps, mention.place)
        if call is not None and call.arguments:
            keywords = [""] * len(call.positional) + list(call.keywords)
            yield mention, tuple(zip(keywords, map(dotted, call.arguments), strict=True))


def _argument(function: CodeType | None, place: int | None, keyword: str) -> str:
    """Returns the name of the parameter for an argument given by position or keyword."""
    if function is None:
        return ""
    names, named = function.co_varnames, function.co_argcount + function.co_kwonlyargcount
    if place is not None:
        return names[place] if place < function.co_argcount else _rest(function, CO_VARARGS, named)
    is_named = keyword in names[function.co_posonlyargcount : named]
    return keyword if is_named else _rest(function, CO_VARKEYWORDS, named)


def _rest(function: CodeType, kind: int, named: int) -> str:
    """Returns the name of the `*args` or `**kwargs` parameter."""
    if not function.co_flags & kind:
        return ""
    return function.co_varnames[named + (kind == CO_VARKEYWORDS and bool(function.co_flags & CO_VARARGS))]


def is_function(code: CodeType) -> bool:
    """Returns whether code belongs to a function, not to a cell."""
    return bool(code.co_flags & CO_OPTIMIZED)


def is_users(value: object) -> bool:
    """Returns whether an object is, or may be, from the user's own code."""
    value = value.__func__ if type(value) is MethodType else value
    return value is NotImplemented or is_users_module(module_of(value))


def longest(steps: Sequence[Step]) -> Iterator[Mention]:
    """Yields the dotted names with all their attributes."""
    every = list(mentions(steps))
    for number, mention in enumerate(every):
        then = every[number + 1] if number + 1 < len(every) else None
        if then is None or then.path[:-1] != mention.path:
            yield mention


def holder_of(steps: Sequence[Step], place: int) -> Sequence[Step]:
    """Returns the steps that load the object on which something is set."""
    return [steps[at] for at in holder_at(steps, place)]


def variable_of(scope: Scope, holder: Sequence[Step]) -> str | None:
    """Returns the variable through which an object is reached, if it may come from the arguments of the function; otherwise `None`."""
    call = called(holder, 0) if holder and holder[0].argval == _TABLE else None
    first = (call.given(0) or holder if call is not None else holder)[:1]
    if not first or first[0].opname not in LOCAL_LOADS or first[0].argval not in roots_of(scope):
        return None
    name: str = first[0].argval
    return name if scope.imported.get(name, NotImplemented) is NotImplemented else None


def roots_of(scope: Scope) -> Roots:
    """Returns the variables of a function that may come from its arguments: the arguments except `self` and `cls`, variables of enclosing
    functions, and variables assigned from these."""
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
            # If several variables are bound by unpacking, each may be any part of the value.
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
    """Yields variables that come from arguments, each with what is changed in place: the name of an attribute (`given.table["x"] = 1`), or
    the object itself (`given |= {}`)."""
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
    """A step that sets an attribute."""

    name: str
    #: The steps that load the object on which it sets the attribute.
    steps: Sequence[Step]


def set_through(scopes: Iterable[Scope]) -> list[str]:
    """Returns the full names of attributes that may have been set; `__dict__` stands for any attribute."""
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
                # A change of a list in a module is detected by `patches`. Changes of its elements are detected here.
                yield _Setter(_ANY, holder)
        elif (
            one.argval in _SETTERS
            and one.opname in GLOBAL_LOADS
            and (call := called(steps, place)) is not None
        ):
            name = constant(call.given(1))
            yield _Setter(name if type(name) is str else _ANY, call.given(0) or [])


def _leads_out(scope: Scope) -> bool:
    """Returns whether a name in the code may lead to a library, or to a container of one."""
    code, namespace = scope.code, scope.namespace
    return may_lead_out(code, namespace) or bool(named_held([code], namespace))


def _reached(scope: Scope, holder: Sequence[Step]) -> Iterator[str]:
    """Yields the libraries from which the object that these steps load may come."""
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
    """Yields the libraries that a dotted name leads to, or that its value contains."""
    for many in range(len(mention.path), 0, -1):
        value: Any = scope.meaning(mention._replace(path=mention.path[:many]))
        if (library := _named(value)) is not None:
            yield library
            return
        if type(value) in (list, tuple, set, dict):
            held = value.values() if type(value) is dict else value
            yield from filter(None, map(_named, islice(held, _MOST)))
        # Deeper objects are found through a module.
        at = held_by({"": value}, besides=1) if many == 1 else {}
        yield from (f"{module.__name__}.{name}" for module, name in at.values())
        if at or type(value) in (list, tuple, set, dict):
            return


def _named(value: object) -> str | None:
    """Returns the full name of a library's module, class or function."""
    return library_of(value) if isinstance(value, ModuleType | type | FunctionType) else None


def _containers(scope: Scope, mention: Mention) -> Iterator[str]:
    """Yields the name of a library's list, dictionary or set that a dotted name leads to."""
    value = scope.meaning(mention)
    if type(value) in (list, dict, set):
        at = held_by({"": value}, besides=len(mention.path) == 1)
        yield from (f"{module.__name__}.{name}" for module, name in at.values())
