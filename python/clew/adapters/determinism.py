"""Detects functions of tasks whose results may differ from call to call. Each function is checked once, by the meaning of its code.

Tasks can depend on the same things as cells (`clew.analysis.dependencies`). A cell that is executed again continues from the recorded
random state, and sees the current options and the notebook's names. A task result from the store takes none of these into account. So more
tasks are excluded than cells.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

from clew.adapters.file_opens import OPENS, needs_of
from clew.analysis import nondeterminism as objects
from clew.analysis.bytecode import Mention, called, constant, dotted, mentions, nested, texts_of
from clew.analysis.dependencies import Dependencies, add_dependencies
from clew.analysis.generator_factories import seed_of
from clew.analysis.names import REACHES
from clew.analysis.nondeterminism import attribute, known, known_within
from clew.analysis.own_modules import is_users_module
from clew.analysis.scope import Scope
from clew.closures import closed_over
from clew.codecs.libraries import union

_DRAWS = "it draws random numbers that cannot be reproduced"
_ENVIRONMENT = "it reads the environment"
_TEXT = "it looks up names that are known only at run time"
_OPTION = "it reads options of a library"
#: Names that lead to code without mentioning it. `modules` and `stack` have many other meanings, and are detected by value instead.
_LEADS = (REACHES - {"modules", "stack"}) | {"user_ns", "__subclasses__"}
_QUERIES = frozenset(("query", "eval"))
#: Names that read or set options of a library.
_OPTIONS = union("options") | {"getcontext", "setcontext", "localcontext", "getlocale", "localeconv"}
_SETTINGS = union("options_modules")

Told = tuple[str | None, tuple[str, ...]]


def of_function(function: FunctionType) -> Told:
    """Returns why the result of a function is not determined by its key, and which of its arguments must be seeds or paths."""
    objects.outdate()
    needs = set[str]()
    for code in nested(function.__code__):
        scope = Scope(code, function.__globals__)
        scope.imported.update(closed_over(function))
        why, names = _of_scope(scope, is_outer=code is function.__code__)
        if why is not None:
            return why, ()
        needs |= names
    return None, tuple(sorted(needs))


def _of_scope(scope: Scope, *, is_outer: bool) -> tuple[str | None, set[str]]:
    found = Dependencies()
    add_dependencies(scope, found)
    seeds = [seed_of(scope, call) for one, call in found.generators if one is scope]
    if found.draws_unseeded or found.generator_states or not all(seeds) or len(seeds) < len(found.generators):
        return _DRAWS, set()
    if found.unrepeatable:
        return f"it depends on {min(found.unrepeatable)}", set()
    if found.environment_variables:
        return _ENVIRONMENT, set()
    names = {one for one in seeds if isinstance(one, str)}
    if names and not is_outer:
        return _DRAWS, set()
    paths = needs_of(scope)
    if paths is None:
        return OPENS, set()
    return _by_text(scope) or _by_mention(scope), names | paths


def _by_text(scope: Scope) -> str | None:
    names = scope.code.co_names
    if not _LEADS.isdisjoint(names):
        return _TEXT
    if not _QUERIES.isdisjoint(names):
        return _TEXT if any("@" in one for one in texts_of(scope.code)) else None
    return None


def _by_mention(scope: Scope) -> str | None:
    for mention in mentions(scope.steps):
        meaning = scope.meaning(mention)
        if meaning is not NotImplemented and (why := _of_meaning(meaning)) is not None:
            return why
        if len(mention.path) > 1 and mention.path[0]:
            holder = scope.meaning(Mention(mention.path[:-1], mention.place, mention.is_local))
            if type(holder) is ModuleType and (why := _of_attribute(holder, mention.name)) is not None:
                return why
        if mention.path in (("getattr",), ("vars",)) and not _is_told(scope, mention):
            return _TEXT
    return None


def _of_meaning(meaning: object) -> str | None:
    """Checks for state of the process, and for functions that stand for options."""
    kind = type(meaning)
    holder = meaning.__self__ if kind in (BuiltinFunctionType, MethodType) else meaning  # type: ignore[attr-defined]
    if any(holder is one for one in _generators()):
        return _DRAWS
    if holder is os.environ._data:  # type: ignore[attr-defined]
        return _ENVIRONMENT
    module = (
        getattr(meaning, "__module__", None)
        if kind in (FunctionType, BuiltinFunctionType)
        else kind.__module__
    )
    if isinstance(module, str) and not is_users_module(module):
        name = meaning.__name__ if kind in (FunctionType, BuiltinFunctionType) else ""  # type: ignore[attr-defined]
        is_option = name in _OPTIONS or module in _SETTINGS
        return _OPTION if is_option else None
    return None


def _of_attribute(holder: ModuleType, name: str) -> str | None:
    """Checks an attribute of a module: a list of all attributes, an option, or a replacement by the user."""
    if name == "__dict__":
        return _TEXT
    if is_users_module(holder.__name__):
        return None
    value = attribute(holder, name)
    if name in _OPTIONS or holder.__name__ in _SETTINGS:
        return _OPTION
    is_put = type(value) is FunctionType and is_users_module(value.__module__)
    return f"`{holder.__name__}.{name}` was replaced" if is_put else None


def _is_told(scope: Scope, mention: Mention) -> bool:
    """Returns whether `getattr` and `vars` access only attributes of modules that can be determined."""
    call = called(scope.steps, mention.place)
    holder = dotted(call.given(0)) if call is not None else None
    if call is None or holder is None:
        return call is not None and call.given(0) is not None
    module = scope.meaning(holder)
    if type(module) is not ModuleType:
        return True
    name = constant(call.given(1)) if mention.name == "getattr" else None
    if type(name) is not str or is_users_module(module.__name__):
        return False
    value = attribute(module, name)
    return value is not NotImplemented and _of_meaning(value) is None and known(value) is None


def of_value(value: object, is_called: bool) -> str | None:
    """Returns why the result of a task is not determined, judging by an object that the task calls itself or gets besides values."""
    if type(value) is FunctionType and objects.is_one_of(value.__module__, objects.DRAWING):
        # These functions draw from generators that they are given.
        return None
    objects.outdate()
    for told in known_within(value, is_users_module):
        if told.kind in (objects.DRAWS, *objects.STATES) or (told.kind == objects.BEGINS and is_called):
            return _DRAWS
        if told.kind in (objects.VARIABLES, objects.GETTER):
            return _ENVIRONMENT
        if told.kind != objects.BEGINS:
            return f"it depends on {told.kind}"
    return _of_meaning(value)


def _generators() -> Iterator[object]:
    """Yields the process-wide generators."""
    yield random._inst
    numpy = sys.modules.get("numpy.random.mtrand")
    if numpy is not None:
        yield numpy.__dict__.get("_rand")
