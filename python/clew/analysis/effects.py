"""What code may ask for that does not follow from what it reads: the time, somebody at the keyboard, environment
variables, random numbers that nobody can draw again, where it runs, whether a file is there.

Read off compiled code: by what its names mean now, whatever they are called (clew.analysis.nondeterminism), and where that can't be told by the
names alone. Whoever is wrong runs again what need not run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from clew.analysis import name_effects, text_effects
from clew.analysis import nondeterminism as objects
from clew.analysis.bytecode import (
    Call,
    Mention,
    bound_to,
    called,
    is_annotation,
    mentions,
    nested,
    texts_of,
)
from clew.analysis.effect_types import Asked
from clew.analysis.environment_variables import known_variable
from clew.analysis.generator_factories import SEEDS, draws_by_default, is_begun_with_none
from clew.analysis.ipython_calls import PLACED, SHELL, read_by_shell
from clew.analysis.name_effects import told_by_name
from clew.analysis.nondeterminism import Known, known, known_within
from clew.analysis.own_modules import Reached, own_modules, reached
from clew.analysis.paths import CHECKING, LOOKING, REMOVING, looked_at, programs
from clew.analysis.scope import Scope
from clew.analysis.source_readers import of_sources
from clew.analysis.text_effects import hands_on_builtins, told_by_text
from clew.analysis.text_literals import asked_by, draw

#: What depends on the directory without opening anything.
_PLACES = frozenset(
    (
        "getcwd",
        "getcwdb",
        "cwd",
        "chdir",
        "fchdir",
        "abspath",
        "absolute",
        "resolve",
        "realpath",
        "relpath",
        "__file__",
    )
)
_MAY_ASK = (
    name_effects.NAMES | text_effects.NAMES | _PLACES | CHECKING | LOOKING.keys() | objects.NAMES | {"psutil"}
)


def asked(
    codes: Iterable[CodeType],
    namespace: Mapping[str, Any] | None = None,
    own: Iterable[Reached] | None = None,
) -> Asked:
    """What the code, and functions of the user's own modules, may have asked for: those whose names it mentions, in modules that the
    names in it lead to (`own`, where they are known)."""
    objects.outdate()
    found = Asked()
    everything = list(codes)
    live = namespace or {}
    scopes = [Scope(code, live) for code in everything]
    scopes += [Scope(one.code, one.namespace) for one in (reached(everything, live) if own is None else own)]
    for scope in scopes:
        asked_by_scope(scope, found)
    found.is_drawn = found.is_drawn or draws_by_default(scopes)
    return found


def asked_by_scope(scope: Scope, found: Asked) -> None:
    """Adds what some code alone asks for."""
    _Reading(scope, found).read()


def _is_users(module: object) -> bool:
    return module == "__main__" or (isinstance(module, str) and module in own_modules())


class _Reading:
    """Reads one code."""

    def __init__(self, scope: Scope, found: Asked) -> None:
        self.scope = scope
        self.found = found

    def read(self) -> None:
        """Adds what it asks for."""
        code, found = self.scope.code, self.found
        names = set(code.co_names)
        for name in name_effects.BY_SYSTEM.keys() & names:
            found.variables.update(name_effects.BY_SYSTEM[name])
        found.is_placed |= not _PLACES.isdisjoint(names)
        texts = texts_of(code)
        self._of_files(names, texts)
        live = (self.scope.namespace.get(name) for name in names)
        texts |= {one for one in live if type(one) is str and len(one) < text_effects.LONGEST}
        # Given by name, it is no name of the code. What an import names stands there as a text, too.
        found.looks_up |= (
            "register_globals" in texts
            or text_effects.lead_to_all(texts - names)
            or hands_on_builtins(self.scope)
        )
        found.words |= asked_by(texts, names, self.scope.namespace) | of_sources(code, self.scope.namespace)
        found.is_drawn |= draw(texts)
        if not _MAY_ASK.isdisjoint(names) or self._has_alias(names):
            for mention in mentions(self.scope.steps):
                self._mention(mention)
        if not text_effects.NAMES.isdisjoint(names):
            told_by_text(self.scope, found, texts, asked_by_scope)
        if SHELL in names:
            found.is_placed |= "run_line_magic" in names and not PLACED.isdisjoint(texts)
            for text in read_by_shell(code) or ():
                for inner in nested(text):
                    asked_by_scope(Scope(inner, self.scope.namespace, self.scope.depth + 1), found)

    def _of_files(self, names: set[str], texts: set[str]) -> None:
        """What it asks of files beside what they hold: whether they are there, where links lead, when they were written."""
        found, live = self.found, self.scope.namespace
        held = (live[name] for name in names if name in live)
        called = names | {one.__name__ for one in held if type(one) in (FunctionType, BuiltinFunctionType)}
        if not text_effects.NAMES.isdisjoint(names):
            called |= texts
        if not CHECKING.isdisjoint(called):
            found.checked |= texts
        if looks := called & LOOKING.keys():
            found.looks.update(*(LOOKING[name] for name in looks))
            found.checked |= looked_at(texts)
        found.words |= {words for name, words in REMOVING.items() if name in called}
        if "which" in called:
            found.checked |= set(programs(texts))

    def _has_alias(self, names: set[str]) -> bool:
        """Whether one of the names means something known, or holds it; or may lead to it through a module."""
        live = self.scope.namespace
        held = [live[name] for name in names if name in live]
        modules = [one for one in held if type(one) is ModuleType]
        if any(one.__name__.partition(".")[0] in objects.WHOLE for one in modules):
            return True
        modules = [one for one in modules if one.__name__ in own_modules()]
        held += [one.__dict__[name] for one in modules for name in names if name in one.__dict__]
        return any(True for one in held for _ in known_within(one, _is_users))

    def _mention(self, mention: Mention) -> None:
        meaning = self.scope.meaning(mention)
        if meaning is not NotImplemented:
            direct = known(meaning)
            for told in [direct] if direct is not None else known_within(meaning, _is_users):
                self._known(told, mention, is_itself=direct is not None)
            if direct is not None:
                return
        told_by_name(self.scope, self.found, mention)

    def _known(self, told: Known, mention: Mention, *, is_itself: bool) -> None:
        """What is known is mentioned: called, or given to somebody who may call it."""
        steps = self.scope.steps
        if is_annotation(steps, mention.place):
            return
        call = called(steps, mention.place) if is_itself else None
        bound = bound_to(steps, mention.place)
        if bound is not None and is_itself:
            now = self.scope.namespace.get(bound, NotImplemented)
            if now is not NotImplemented and known(now) == told:
                # Whoever uses that name is told of by what it means.
                return
        if told.kind == objects.VARIABLES or told.kind == objects.GETTER:
            known_variable(self.scope, self.found, told, mention, call, is_itself=is_itself)
        elif told.kind == objects.BEGINS:
            self._begins(call)
        elif told.kind == objects.DRAWS:
            self.found.is_drawn = True
        elif told.kind == objects.UNSEEDED:
            given = None if call is None else call.given(None, *objects.SEED_NAMES)
            self.found.is_drawn |= given is None or self.scope.is_none(given)
        elif told.kind == objects.LOOKS_UP:
            self.found.looks_up |= not self._is_harmless(told, call)
        elif told.kind == objects.BY_TEXT:
            self.found.looks_up |= objects.looks_up_by(texts_of(self.scope.code))
        elif told.kind in objects.STATES:
            self.found.states.add(objects.STATES[told.kind])
        elif told.kind in (objects.ADDRESS, objects.HASH):
            self._of_process(told.kind, call)
        elif not self._is_harmless(told, call):
            self.found.words.add(told.kind)

    def _is_harmless(self, told: Known, call: Call | None) -> bool:
        if told.harmless_from is None or call is None:
            return False
        given = call.positional
        return len(given) >= told.harmless_from and not self.scope.is_none(given[told.harmless_from - 1])

    def _of_process(self, kind: str, call: Call | None) -> None:
        """Addresses, and hashes of texts. A class that says how it is hashed is asked by dictionaries, whose order is none of it, and by sets, where
        it does no more than classes that do not say it."""
        if call is None or self.scope.code.co_name == "__hash__":
            return
        given = call.arguments[0] if call.arguments else None
        is_number = isinstance(self.scope.value(given), int | float | complex)
        if kind == objects.ADDRESS or not is_number:
            self.found.words.add(kind)

    def _begins(self, call: Call | None) -> None:
        if call is None and "isinstance" in self.scope.code.co_names:
            return
        self.found.begun.append((self.scope, call))
        if call is None or call.given(0, *SEEDS) is None or is_begun_with_none(self.scope, call):
            self.found.is_drawn = True
