"""What code may have set in libraries by what has no dotted name there: through a variable of a function, on what a call returned, on an
element of something. What is set by a dotted name `clew.analysis.patches` tells.

By the names in the code and what they mean, so rather too much is told than too little.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from clew.analysis.argument_mutations import (
    ITSELF,
    TABLE,
    Functions,
    holder_of,
    is_users,
    longest,
    remembered,
    variable_of,
)
from clew.analysis.bytecode import (
    ATTRIBUTES,
    ELEMENTS,
    GLOBAL_LOADS,
    LOCAL_LOADS,
    Mention,
    Step,
    called,
    constant,
    dotted,
    is_element_at,
    steps_of,
)
from clew.analysis.own_modules import module_of
from clew.analysis.patches import (
    FIGURES,
    IN_PLACE,
    held_by,
    library_of,
    may_change,
    may_lead_out,
    may_set,
    named_held,
)
from clew.analysis.patches import TOLD as OF_STATE
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
        names = given.names - {ITSELF}
        for library in _libraries(given.scope, given.mention) if names else ():
            found.update((f"{library}.{name}", None) for name in sorted(names))
        if ITSELF in given.names:
            found.update((one, None) for one in _containers(given.scope, given.mention))
    return list(found)


def _setters(scope: Scope) -> Iterator[_Setter]:
    code = scope.code
    has_table = not {TABLE, _ANY}.isdisjoint(code.co_names)
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
            if table is not None or (holder and holder[0].argval == TABLE):
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
            if is_itself or one.partition(".")[0] not in OF_STATE | {FIGURES}
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
