"""What code may have set in libraries by what has no dotted name there: through a variable of a function, on what a call returned, on an
element of something. What is set by a dotted name `clew.shell.patches` tells.

By the names in the code and what they mean, so rather too much is told than too little.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dis import Instruction
from functools import lru_cache
from inspect import CO_OPTIMIZED, CO_VARARGS, CO_VARKEYWORDS
from itertools import islice, takewhile
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from clew.shell.mentions import (
    ATTRIBUTES,
    GLOBAL_LOADS,
    LOCAL_LOADS,
    Mention,
    called,
    constant,
    dotted,
    holder_at,
    is_element_at,
    mentions,
)
from clew.shell.own_modules import module_of, own_modules
from clew.shell.patches import (
    FIGURES,
    IN_PLACE,
    held_by,
    is_in_place,
    library_of,
    may_change,
    may_lead_out,
    may_set,
    named_held,
)
from clew.shell.patches import TOLD as OF_STATE
from clew.shell.scope import Scope

_ATTRIBUTES, _ELEMENTS = ("STORE_ATTR", "DELETE_ATTR"), ("STORE_SUBSCR", "DELETE_SUBSCR")
#: What sets an attribute that it is given by name, and what gives all of them as a table, which is called `__dict__` itself.
_SETTERS, _TABLE, _ANY = frozenset(("setattr", "delattr")), "vars", "__dict__"
#: Modules whose functions give what they are given, or something of it.
_HANDING_ON = frozenset(("builtins", "functools", "_functools", "operator", "_operator"))
#: What gives a module by its name in a text.
_BY_TEXT = frozenset(("modules", "import_module", "__import__"))
#: How a method calls what it belongs to.
_ITSELF = ("self", "cls")
#: What binds a variable of a function, and what ends a statement before it.
_BINDING = ("STORE_FAST", "STORE_DEREF")
_ENDING = frozenset(
    (*_BINDING, *_ATTRIBUTES, *_ELEMENTS, "STORE_GLOBAL", "STORE_NAME", "POP_TOP", "RETURN_VALUE")
)
#: So many elements of a variable are looked at.
_MOST = 100


class _Setter(NamedTuple):
    """Something that sets an attribute."""

    name: str
    #: The steps that load what it is set on.
    steps: list[Instruction]


def set_through(scopes: Iterable[Scope]) -> list[str]:
    """What may have been set, by its full name; `__dict__` stands for any name."""
    scopes = list(scopes)
    found, on_variables = dict[str, None](), dict[str, None]()
    is_given_changed = False
    for scope in scopes:
        given_to: set[str] | None = None
        for setter in _setters(scope):
            given_to = _given_to(scope) if given_to is None else given_to
            if _is_variable(scope, setter.steps, given_to):
                on_variables[setter.name] = None
            else:
                found.update((f"{library}.{setter.name}", None) for library in _reached(scope, setter.steps))
        # What is no function was called with nothing.
        changed = _changed(scope.code) if scope.code.co_flags & CO_OPTIMIZED else ()
        on_variables.update((name, None) for name in changed if name)
        is_given_changed = is_given_changed or "" in changed
    if on_variables:
        given = dict.fromkeys(library for scope in scopes for library in _given(scope))
        found.update((f"{library}.{name}", None) for library in given for name in on_variables)
    if is_given_changed:
        found.update((one, None) for scope in scopes for one in _given_of(scope))
    return list(found)


@lru_cache(maxsize=1024)
def _changed(code: CodeType) -> tuple[str, ...]:
    """What of that with which a function was called it changes in place: names of attributes (`given.table["x"] = 1`), and an empty text where it is
    a thing itself (`given |= {}`). Functions are asked about in each cell that calls them."""
    if not may_change(code):
        return ()
    scope = Scope(code, {})
    steps, given_to, found = scope.steps, _given_to(scope), dict[str, None]()
    for place, one in enumerate(steps):
        is_called = one.opname in ATTRIBUTES and one.argval in IN_PLACE
        if is_called or one.opname in _ELEMENTS or is_in_place(one):
            holder = _holder(steps, place)
            if _is_variable(scope, holder, given_to) and not any(is_element_at(step, one) for step in holder):
                path = list(takewhile(lambda step: step.opname in ATTRIBUTES, holder[1:]))
                found[path[-1].argval if path else ""] = None
    return tuple(found)


def _setters(scope: Scope) -> Iterator[_Setter]:
    code = scope.code
    has_table = not {_TABLE, _ANY}.isdisjoint(code.co_names)
    if not may_set(code) and not (may_change(code) and (has_table or _leads_out(scope))):
        return
    steps = scope.steps
    for place, one in enumerate(steps):
        if one.opname in _ATTRIBUTES:
            holder = _holder(steps, place)
            if dotted(holder) is None or holder[0].opname in LOCAL_LOADS:
                yield _Setter(one.argval, holder)
        elif one.opname in _ELEMENTS or (one.argval in IN_PLACE and one.opname in ATTRIBUTES):
            holder = _holder(steps, place)
            table = next((at for at, inner in enumerate(holder) if inner.argval == _ANY), None)
            if table is not None or (holder and holder[0].argval == _TABLE):
                yield _Setter(_ANY, holder[:table])
            elif one.opname in _ELEMENTS and any(is_element_at(inner, one) for inner in holder):
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


def _holder(steps: list[Instruction], place: int) -> list[Instruction]:
    """The steps that load what something is set on."""
    return [steps[at] for at in holder_at(steps, place)]


def _is_variable(scope: Scope, holder: list[Instruction], given_to: set[str]) -> bool:
    """Whether it is reached from one of the variables that were `given_to` a function, of which nobody knows what they were."""
    call = called(holder, 0) if holder and holder[0].argval == _TABLE else None
    first = (call.given(0) or holder if call is not None else holder)[:1]
    if not first or first[0].opname not in LOCAL_LOADS or first[0].argval not in given_to:
        return False
    return scope.imported.get(first[0].argval, NotImplemented) is NotImplemented


def _given_to(scope: Scope) -> set[str]:
    """Variables of a function that may be what it was called with, or something of that: its arguments but for the object that it is a method of,
    variables of functions around it, and what comes of these."""
    code = scope.code
    many = code.co_argcount + code.co_kwonlyargcount
    many += sum(bool(code.co_flags & flag) for flag in (CO_VARARGS, CO_VARKEYWORDS))
    found = {*code.co_varnames[:many], *code.co_freevars} - set(_ITSELF)
    steps = scope.steps
    for place, one in enumerate(steps):
        if one.opname in _BINDING:
            # Of several that are bound together each may be any of what is unpacked.
            begin = place
            while begin > 0 and steps[begin - 1].opname in (*_BINDING, "UNPACK_SEQUENCE", "UNPACK_EX"):
                begin -= 1
            made_of = takewhile(lambda step: step.opname not in _ENDING, reversed(steps[:begin]))
            if any(step.opname in LOCAL_LOADS and step.argval in found for step in made_of):
                found.add(one.argval)
    return found


def _reached(scope: Scope, holder: list[Instruction]) -> Iterator[str]:
    """Libraries in which what these steps load may lie."""
    root = next(_longest(holder), None)
    if root is None:
        return
    if not _BY_TEXT.isdisjoint(root.path):
        texts = (one.argval for one in holder if one.opname == "LOAD_CONST" and type(one.argval) is str)
        yield from filter(None, (_named(sys.modules.get(text)) for text in texts))
        return
    call, meaning = called(holder, root.place), scope.meaning(root)
    if call is not None and (module_of(meaning) in _HANDING_ON or _is_users(meaning)):
        for argument in filter(None, map(dotted, call.arguments)):
            yield from _libraries(scope, argument)
    else:
        is_itself = len(holder) == len(root.path)
        yield from (
            one
            for one in _libraries(scope, root)
            if is_itself or one.partition(".")[0] not in OF_STATE | {FIGURES}
        )


def _longest(steps: list[Instruction]) -> Iterator[Mention]:
    """Dotted names as far as they go."""
    every = list(mentions(steps))
    for number, mention in enumerate(every):
        then = every[number + 1] if number + 1 < len(every) else None
        if then is None or then.path[:-1] != mention.path:
            yield mention


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


def _given(scope: Scope) -> Iterator[str]:
    """Libraries, and classes and functions of theirs, that the user's own functions are called with."""
    for argument in _arguments(scope):
        yield from _libraries(scope, argument)


def _given_of(scope: Scope) -> Iterator[str]:
    """Lists, dictionaries and sets of libraries that the user's own functions are called with."""
    for argument in _arguments(scope):
        value = scope.meaning(argument)
        if type(value) in (list, dict, set):
            at = held_by({"": value}, besides=len(argument.path) == 1)
            yield from (f"{module.__name__}.{name}" for module, name in at.values())


def _arguments(scope: Scope) -> Iterator[Mention]:
    """The dotted names that the user's own functions are called with."""
    for mention in _longest(scope.steps):
        call = called(scope.steps, mention.place)
        if call is not None and (mention.is_local or _is_users(scope.meaning(mention))):
            yield from filter(None, map(dotted, call.arguments))


def _is_users(value: object) -> bool:
    value = value.__func__ if type(value) is MethodType else value
    module = module_of(value)
    return value is NotImplemented or module == "__main__" or module in own_modules()
