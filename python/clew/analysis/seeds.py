"""Determines which process-wide random generators a cell certainly seeds before anything draws from them. Earlier draws then do not affect
the cell's result.

There are two sources. The generators' states before each statement that may seed show whether the cell had drawn by then. The code of the
statement shows whether it may draw before it seeds. What cannot be determined counts as drawn.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from enum import Enum
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from clew import evidence
from clew.analysis.bytecode import CALLS, RETURNS, Mention, called, end_of_reach, jumps_in, mentions, nested
from clew.analysis.names import behind
from clew.analysis.scope import Scope
from clew.codecs.libraries import PROCESS_GENERATORS, union

#: Functions that set a generator's state independently of its previous state, by generator.
SEEDS = {
    "random": {"random": "seed setstate"},
    **{name: generator.seeds for name, generator in PROCESS_GENERATORS.items()},
}
_NAMES = frozenset(name for modules in SEEDS.values() for names in modules.values() for name in names.split())
#: Built-in functions, and methods of libraries, that do not draw.
_HARMLESS = [
    getattr(builtins, name)
    for name in ("range", "len", "int", "float", "str", "bool", "print", "list", "dict", "tuple", "set")
    + ("enumerate", "zip", "isinstance", "abs", "min", "max", "sum", "round", "ord", "hash", "type", "format")
]
_HARMLESS_NAMES = _NAMES | union("draws_nothing") | {"info", "debug", "warning", "setdefault", "format"}
#: How deep called functions are followed.
_DEEPEST = 4
#: The maximal number of statements of a cell that are examined.
_MOST = 100


class States(NamedTuple):
    """The states of the process-wide generators at one moment."""

    fingerprints: dict[str, str]
    #: The generators that are still as their libraries seeded them.
    undrawn: Set[str]

    @classmethod
    def now(cls) -> States:
        """Returns the current states."""
        found = evidence.random_fingerprints()
        return cls(found, evidence.undrawn_of(found.keys()))


class Seeding:
    """Notes the states of the generators around the statements of a cell that may seed one."""

    def __init__(self) -> None:
        self._begin: Mapping[str, str] = {}
        #: The statements, with the states before and after each.
        self._noted: list[tuple[CodeType, States, States]] = []
        self._open: tuple[CodeType, States] | None = None
        #: Whether the state of Python's own generator at the start of the run did not come from any cell.
        self.was_undecided = self._is_undecided = False

    def begin(self) -> None:
        """Starts a run."""
        self._begin = evidence.random_before()
        self._noted, self._open = [], None
        self.was_undecided = evidence.was_undecided()

    def note(self, code: CodeType, namespace: Mapping[str, Any]) -> None:
        """Notes the states before a statement that may seed."""
        self.end()
        if len(self._noted) < _MOST and _may_seed(code, namespace):
            self._open = code, States.now()

    def end(self) -> None:
        """Notes the states after the last statement, if it was one that may seed."""
        if self._open is not None:
            self._noted.append((*self._open, States.now()))
            self._open = None

    def close(self) -> None:
        """Ends the run."""
        self.end()
        self._is_undecided = self.was_undecided and evidence.is_undecided()

    @property
    def is_decided_anew(self) -> bool:
        """Returns whether no cell had determined the state of Python's own generator before the run, and the run drew from it or seeded
        it."""
        return self.was_undecided and not self._is_undecided

    def seeded(self, namespace: Mapping[str, Any]) -> set[str]:
        """Returns the generators that the run certainly seeded before anything was drawn from them, by the names of their states."""
        noted = self._noted
        return {name for name in SEEDS if noted and self._is_seeded(name, namespace)}

    def _is_seeded(self, name: str, namespace: Mapping[str, Any]) -> bool:
        for code, before, after in self._noted:
            if name in before.fingerprints and not self._is_untouched(name, before):
                return False
            how = _Reading(_functions(SEEDS[name])).of_statement(code, namespace)
            if how is _How.CERTAIN:
                return True
            if name in after.fingerprints and not self._is_as_before(name, before, after):
                return how is _How.MAYBE
        return False

    def _is_untouched(self, name: str, states: States) -> bool:
        return states.fingerprints[name] == self._begin.get(name) or (
            name not in self._begin and name in states.undrawn
        )

    def _is_as_before(self, name: str, before: States, after: States) -> bool:
        if name not in before.fingerprints:
            return name in after.undrawn
        return after.fingerprints[name] == before.fingerprints[name]


def _may_seed(code: CodeType, namespace: Mapping[str, Any], depth: int = 0) -> bool:
    """Returns whether code uses a name of a function that seeds, or calls a function that does."""
    for inner in nested(code):
        names = inner.co_names
        if not _NAMES.isdisjoint(names) or (depth == 0 and _is_magic_that_may(inner)):
            return True
        for name in names if depth < _DEEPEST else ():
            held = namespace.get(name)
            within = [held.__dict__.get(other) for other in names] if type(held) is ModuleType else (held,)
            for one in within:
                if (
                    type(one) is FunctionType
                    and one.__code__ is not code
                    and (depth == 0 or one.__globals__ is namespace)
                    and _may_seed(one.__code__, one.__globals__, depth + 1)
                ):
                    return True
    return False


def _is_magic_that_may(code: CodeType) -> bool:
    texts = (text for text in code.co_consts if isinstance(text, str))
    return "run_cell_magic" in code.co_names and any(name in text for text in texts for name in _NAMES)


def names_seed(generator: str, code: CodeType, namespace: Mapping[str, Any]) -> bool:
    """Returns whether code itself names a function that seeds a generator."""
    if _NAMES.isdisjoint(code.co_names):
        return False
    scope, seeds = Scope(code, namespace), _functions(SEEDS[generator])
    return any(scope.meaning(mention) is one for mention in mentions(scope.steps) for one in seeds)


class _How(Enum):
    """Whether code seeds a generator before it may draw from one."""

    CERTAIN = 1
    #: Seeds it first if it uses it at all.
    MAYBE = 2
    NO = 3


class _Step(NamedTuple):
    """A call in some code that may seed or draw."""

    offset: int
    how: _How


class _Reading:
    """Analyzes code for one generator."""

    def __init__(self, seeds: Sequence[object], met: Set[int] = frozenset()) -> None:
        self._seeds = seeds
        self._met = met

    def of_statement(self, code: CodeType, namespace: Mapping[str, Any]) -> _How | None:
        """Returns the effect of a cell's statement on the generator; `None` if it has no effect."""
        found: _How | None = None
        # The number of runs of code under `%timeit` depends on its speed.
        body = behind(code, is_once=True)
        for one in [code] if body is None else body:
            how = self.of(Scope(one, namespace))
            if how is _How.CERTAIN or how is _How.NO:
                return how
            found = how or found
        return found

    def of(self, scope: Scope) -> _How | None:
        """Returns the same for any code."""
        if id(scope.code) in self._met or len(self._met) > _DEEPEST:
            return _How.NO
        steps = list(self._steps(scope))
        jumps = jumps_in(scope.code)
        regions = [(one.offset, end_of_reach(one.offset, jumps)) for one in steps if one.how is _How.CERTAIN]
        if any(one.how is _How.NO and not _is_within(one.offset, regions) for one in steps):
            return _How.NO
        returns = [one.offset for one in scope.steps if one.opname in RETURNS]
        if any(all(at < offset < end for offset in returns) for at, end in regions):
            return _How.CERTAIN
        return _How.MAYBE if steps else None

    def _steps(self, scope: Scope) -> Iterator[_Step]:
        known: dict[int, _How | None] = {}
        for mention in mentions(scope.steps):
            call = called(scope.steps, mention.place)
            if call is not None:
                known[call.place] = self._how(scope, mention)
        for place, one in enumerate(scope.steps):
            how = known.get(place, _How.NO) if one.opname in CALLS else None
            if how is not None:
                yield _Step(one.offset, how)

    def _how(self, scope: Scope, mention: Mention) -> _How | None:
        """Returns the effect of a call."""
        meaning = scope.meaning(mention)
        if any(meaning is one for one in self._seeds):
            return _How.CERTAIN
        is_harmless = mention.name in _HARMLESS_NAMES or any(meaning is one for one in _HARMLESS)
        if type(meaning) is not FunctionType:
            return None if is_harmless else _How.NO
        inner = _Reading(self._seeds, self._met | {id(scope.code)})
        how = inner.of(Scope(meaning.__code__, meaning.__globals__))
        return None if how is _How.NO and is_harmless else how


def _functions(modules: Mapping[str, str]) -> list[object]:
    held = [(sys.modules.get(module), names) for module, names in modules.items()]
    every = [
        module.__dict__.get(name) for module, names in held if module is not None for name in names.split()
    ]
    return [one for one in every if one is not None]


def _is_within(offset: int, regions: Iterable[tuple[int, int]]) -> bool:
    return any(at < offset < end for at, end in regions)
