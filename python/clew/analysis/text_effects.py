"""What code asks for by texts: code in them, and attributes that go by them."""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, ModuleType

from clew.analysis import nondeterminism as objects
from clew.analysis.bytecode import ATTRIBUTES, Call, called, constants, dotted, mentions, nested
from clew.analysis.effect_types import Asked
from clew.analysis.name_effects import FAILED
from clew.analysis.nondeterminism import attribute, known
from clew.analysis.scope import Scope
from clew.events import HAVING_ALL

#: What runs the code in a text, and what looks something up by its name.
_RUNS, _GETS = frozenset(("eval", "exec", "timeit")), frozenset(("attrgetter", "methodcaller"))
_IMPORTS = frozenset(("import_module", "__import__", "modules", "locate", "resolve_name"))
#: Texts that name what gives them: alone or as the last part of a dotted name, and anywhere.
_LEADING = re.compile(
    r"(?:^|[.:])(?:globals|locals|vars|modules|get_objects|get_referrers|get_referents)\Z"
    r"|__globals__|__builtins__|\b(?:f_globals|f_locals|_getframe|currentframe|user_ns|user_global_ns)\b"
)
_LOOKS_UP = _GETS | _IMPORTS | {"getattr"}
_MAGICS = frozenset(("run_line_magic", "run_cell_magic"))
_OF_ENVIRONMENT, _OF_FAILED = "env", frozenset(("tb", "debug"))
#: Texts within texts are followed so deep.
_DEEPEST = 3
LONGEST = 10_000
"""Longer texts are not read."""
NAMES = _RUNS | _LOOKS_UP | _MAGICS
"""What takes texts so."""


def told_by_text(scope: Scope, found: Asked, texts: set[str], read: Callable[[Scope, Asked], None]) -> None:
    """Adds what code in the texts asks for, which `read` reads, and attributes that are looked up by them."""
    names = set(scope.code.co_names)
    if not _MAGICS.isdisjoint(names) and not _OF_FAILED.isdisjoint(texts):
        found.words.add(FAILED)
    if not _MAGICS.isdisjoint(names) and _OF_ENVIRONMENT in texts:
        _magic_of_environment(found, texts - {_OF_ENVIRONMENT})
    if not _LOOKS_UP.isdisjoint(names):
        _looked_up_in(scope, found, texts, names)
    if not (_RUNS | _MAGICS).isdisjoint(names) and scope.depth < _DEEPEST:
        for text in texts:
            for code in compiled(text):
                read(Scope(code, scope.namespace, scope.depth + 1), found)


def lead_to_all(texts: Iterable[str]) -> bool:
    """Whether one of the texts names what gives all variables of the notebook, for whoever looks attributes up by texts."""
    return any(len(text) < LONGEST and _LEADING.search(text) for text in texts)


def hands_on_builtins(scope: Scope) -> bool:
    """Whether code does more with the module of built-in functions than load one by its name: `globals` may be found there by any text."""
    names = scope.code.co_names
    if builtins.__name__ not in names and all(scope.namespace.get(name) is not builtins for name in names):
        return False
    steps = scope.steps
    found = [one.place + 1 for one in mentions(steps) if scope.meaning(one) is builtins]
    after = [steps[place] for place in found if place < len(steps)]
    return any(one.opname not in ATTRIBUTES or one.argval.startswith("__") for one in after)


def _names_all(scope: Scope) -> bool:
    """Whether a text in the code or in a variable that it names is the name of a module that has all variables."""
    # A class asks for `__name__`, to say what it is of.
    held = (scope.namespace.get(name) for name in scope.code.co_names if name != "__name__")
    return any(type(one) is str and one in HAVING_ALL for one in (*constants(scope.code), *held))


def _looked_up_in(scope: Scope, found: Asked, texts: set[str], names: set[str]) -> None:
    """Modules and attributes that are looked up by their names."""
    every = [scope.meaning(one) for one in mentions(scope.steps)]
    imported = [module for module in map(sys.modules.get, texts) if module is not None]
    if not _IMPORTS.isdisjoint(names):
        found.looks_up |= _names_all(scope)
        for name in names & objects.NAMES | texts:
            _looked_up(found, imported, name)
    if not _GETS.isdisjoint(names):
        found.looks_up |= objects.looks_up_by(texts)
        for text in texts:
            _looked_up(found, every, text)
    for mention in mentions(scope.steps):
        if mention.name == "getattr":
            _getattr(scope, found, called(scope.steps, mention.place), every, texts)


def _getattr(scope: Scope, found: Asked, call: Call | None, every: list[object], texts: set[str]) -> None:
    """`getattr(a, "b")` is `a.b`; where the name is another, it may be any text."""
    holder = dotted(call.given(0)) if call is not None else None
    value = scope.value(call.given(1) if call is not None else None)
    holders = every if holder is None else [scope.meaning(holder)]
    for text in [value] if type(value) is str else texts:
        _looked_up(found, holders, text)


def _looked_up(found: Asked, holders: Iterable[object], name: str) -> None:
    told = [
        known(attribute(holder, name))
        for holder in holders
        if type(holder) is ModuleType or isinstance(holder, type)
    ]
    for one in told:
        if one is None:
            continue
        if one.kind in (objects.DRAWS, objects.BEGINS, objects.UNSEEDED):
            found.is_drawn = True
        elif one.kind in (objects.VARIABLES, objects.GETTER):
            found.words.add(objects.ENVIRONMENT)
        elif one.kind == objects.LOOKS_UP:
            found.looks_up = True
        elif one.kind not in (*objects.STATES, objects.ADDRESS, objects.HASH, objects.BY_TEXT):
            found.words.add(one.kind)


def _magic_of_environment(found: Asked, texts: set[str]) -> None:
    """`%env NAME` reads one, `%env` all; `%env NAME=VALUE` sets one."""
    for text in texts:
        words = text.split()
        if not words:
            found.words.add(objects.ENVIRONMENT)
        elif len(words) == 1 and "=" not in text:
            # A name that is filled in is known only when it runs.
            found.reads_variable(None if {"$", "{"} & set(text) else words[0])


def compiled(text: str) -> Iterator[CodeType]:
    """The code in a text, with what lies within it; nothing where it is no code, or too long."""
    if not 2 < len(text) < LONGEST:
        return
    try:
        yield from nested(compile(text, "<text>", "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
