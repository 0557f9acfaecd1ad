"""The entry point of the package: what a cell may read, set and depend on."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from clew.analysis.bytecode import bodies, names_of, nested
from clew.analysis.dependencies import Dependencies, dependencies_of
from clew.analysis.implicit_reads import are_reads_known, in_texts, reach_back
from clew.analysis.indirect_patches import set_through
from clew.analysis.ipython_calls import SHELL, hiding
from clew.analysis.names import behind_magics, read_and_written, uses
from clew.analysis.own_modules import OwnCode, reached
from clew.analysis.patches import patched
from clew.analysis.scope import Scope


class Callees(NamedTuple):
    """The functions and classes that variables lead to."""

    functions: list[CodeType]
    #: Names in the texts of their annotations.
    annotated: Set[str] = frozenset()
    #: Whether one of them may look up any variable.
    looks_up_variables: bool = False


FindCallees = Callable[[Set[str], Set[str], list[CodeType]], Callees]
"""Finds what code may call: from the variables that it loads, those that it binds, and the code itself."""


@dataclass
class Effects:
    """What code may do."""

    #: Variables that it may read or delete before it binds them.
    reads: set[str]
    #: Variables that it may bind or delete.
    writes: set[str]
    #: Variables that it loads anywhere. If one is a function, it may be called.
    loads: set[str]
    #: Variables that it certainly binds.
    binds: set[str]
    #: Variables that functions defined in it may read when they are called.
    later: set[str]
    #: Attributes of libraries that it may set, with full names (`pandas.DataFrame.f`); with ` = ` and the value if that is certain.
    patches: list[str]
    #: What it depends on beyond variables.
    dependencies: Dependencies
    #: Its statements. If a magic runs statements, these instead of the magic's.
    statements: list[CodeType]
    #: All code in it, functions that ran, and code that magics run.
    codes: list[CodeType]
    #: Functions that it may call.
    called: list[CodeType]
    #: Code of the user's own modules that it may use.
    own: list[OwnCode]
    #: The current values of the names in it.
    namespace: Mapping[str, Any]

    @cached_property
    def inside(self) -> list[CodeType]:
        """Returns the functions that it may call, with all nested code."""
        return [inner for code in self.called for inner in nested(code)]

    @cached_property
    def reaches_back(self) -> bool:
        """Returns whether it may reach any variable through the user's own modules."""
        return reach_back([*self.codes, *self.called], self.namespace)

    @cached_property
    def are_reads_known(self) -> bool:
        """Returns whether `reads` is complete. Otherwise the code may read any variable."""
        inner = [one for code in self.statements for one in nested(code)]
        is_known = not self.dependencies.looks_up_variables and are_reads_known(
            [*inner, *self.called], self.namespace
        )
        return is_known and not self.reaches_back


def effects(
    code: str | CodeType | Sequence[CodeType],
    namespace: Mapping[str, Any],
    *,
    ran: Iterable[CodeType] = (),
    find_callees: FindCallees | None = None,
    read: Set[str] = frozenset(),
    is_whole: bool = True,
) -> Effects:
    """Returns what code may do if its names have their values in `namespace`. The code is the text of a cell, or its compiled statements.

    `ran` are functions that are known to have run. `find_callees` finds other functions that variables lead to; without it, functions are
    looked up in the namespace by name. `read` are variables that were observed to be read. Unless the code `is_whole`, its last statement
    may not have completed.
    """
    statements = _statements(code)
    ran = list(ran)
    everything = [inner for one in statements for inner in nested(one)] + ran
    plain, run = behind_magics(statements)
    # Code that a magic runs is analyzed like plain code.
    searched = everything + [inner for one in run for inner in nested(one)]
    used = uses(plain, is_whole=is_whole, run=run)
    if len(plain) < len(statements):
        used.reads.add(SHELL)
    # Does not consider that the cell may bind a name before it is looked up.
    looked_up = in_texts(everything, namespace) | read
    used.reads |= looked_up
    used.loads |= looked_up
    writes = set[str]().union(*(read_and_written(one)[1] for one in searched))
    # Statements, and classes in them, start like functions, and were analyzed already.
    begun = {id(body) for one in statements for body in bodies(one)}
    callees = (find_callees or _callees_by_name(namespace))(used.loads, writes, everything)
    called = [one for one in ran if id(one) not in begun] + callees.functions
    # A class may name itself in its annotations.
    used.reads |= callees.annotated - used.binds
    inside = [inner for one in called for inner in nested(one)]
    used.reads |= in_texts(inside, namespace)
    used.call(called)
    own = list(reached(searched + called, namespace))
    scopes = [Scope(one, namespace) for one in everything + called]
    patches = patched(everything + called, namespace, is_whole=is_whole)
    patches += (name for one in own if one.is_function for name in patched([one.code], one.namespace))
    patches += set_through([*scopes, *(Scope(one.code, one.namespace) for one in own)])
    dependencies = dependencies_of(searched + called, namespace, own)
    dependencies.looks_up_variables |= callees.looks_up_variables
    return Effects(
        reads=used.reads,
        writes=writes.union(*(read_and_written(one)[1] for one in inside)),
        loads=used.loads,
        binds=used.binds,
        later=used.later,
        patches=list(dict.fromkeys([*patches, *hiding(everything)])),
        dependencies=dependencies,
        statements=[*plain, *run],
        codes=searched,
        called=called,
        own=own,
        namespace=namespace,
    )


def _statements(code: str | CodeType | Sequence[CodeType]) -> list[CodeType]:
    if isinstance(code, str):
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = ast.parse(code).body
        return [compile(ast.Module([one], []), "<cell>", "exec", flags, dont_inherit=True) for one in tree]
    return [code] if isinstance(code, CodeType) else list(code)


def _callees_by_name(namespace: Mapping[str, Any]) -> FindCallees:
    """Finds functions and classes in the namespace by the names that code loads, then by the names that these load."""

    def find(loads: Set[str], _writes: Set[str], _codes: list[CodeType]) -> Callees:
        found, waiting = list[CodeType](), list(loads)
        while waiting:
            name = waiting.pop()
            value = namespace.get(name)
            for one in value.__dict__.values() if isinstance(value, type) else (value,):
                if type(one) is FunctionType and one.__globals__ is namespace and one.__code__ not in found:
                    found.append(one.__code__)
                    waiting += (name for inner in nested(one.__code__) for name in names_of(inner).loaded)
        return Callees(found)

    return find
