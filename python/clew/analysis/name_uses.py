"""What a cell used of the namespace: what it read before it bound it, what it certainly bound anew, what its functions
read later.

Read off the compiled statements, nothing is run. What can't be told counts as read and as not bound: so that whoever
follows names back from run to run follows too many rather than too few.
"""

from __future__ import annotations

import ast
import dis
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from inspect import CO_OPTIMIZED
from types import CodeType
from typing import Any, NamedTuple

from clew.analysis.ipython_calls import SHELL, read_by_shell
from clew.analysis.names import nested, read_and_written

#: Longer statements are not gone through jump by jump; all they load counts as read, nothing as bound.
LONGEST = 20_000

_LOADS = frozenset(("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"))
_STORES = frozenset(("STORE_NAME", "STORE_GLOBAL"))
_DELETES = frozenset(("DELETE_NAME", "DELETE_GLOBAL"))
_RETURNS = frozenset(("RETURN_VALUE", "RETURN_CONST"))
_JUMPS = frozenset(dis.opname[code] for code in (*dis.hasjrel, *dis.hasjabs))
#: What goes to a class first, in its body.
_IN_CLASS = frozenset(("LOAD_NAME", "STORE_NAME", "DELETE_NAME"))
_NAMED = _LOADS | _STORES | _DELETES
_OPNAME, _CACHE = dis.opname, dis.opmap["CACHE"]
#: What stands between a function's code and the name it is bound to, if nothing else sees it before.
_MAKES = frozenset(("MAKE_FUNCTION", "SET_FUNCTION_ATTRIBUTE"))


@dataclass
class Uses:
    """What a cell used."""

    #: Names it may have read or deleted before it bound them.
    reads: set[str] = field(default_factory=set)
    #: Names it loads anywhere: functions among them may have been called.
    loads: set[str] = field(default_factory=set)
    #: Names it certainly bound anew.
    binds: set[str] = field(default_factory=set)
    #: Names that functions it defined may read when they are called.
    later: set[str] = field(default_factory=set)
    #: Functions it defined, by the name each was bound to, with what was certainly bound when it was.
    defined: list[tuple[str, CodeType, frozenset[str]]] = field(default_factory=list)

    def call(self, ran: Iterable[CodeType]) -> None:
        """Adds what functions read that (may have) run."""
        bound_before = {code: bound for _, code, bound in self.defined}
        waiting, met = list(ran), set[CodeType]()
        # On Python 3.11 a function that a cell defines, calls and takes away again can't be found any more.
        waiting += [code for name, code, _ in self.defined if name in self.loads]
        for code in waiting:
            bound = bound_before.get(code, frozenset())
            for inner in nested(code):
                if inner not in met:
                    met.add(inner)
                    self.reads |= read_and_written(inner)[0] - bound


def uses(statements: list[CodeType], *, is_whole: bool = True, run: Iterable[CodeType] = ()) -> Uses:
    """What the statements of a cell used. The last of them may not have come to its end unless `is_whole`.

    `run` are statements that magics ran at some time between: nobody knows how far they came.
    """
    found, bound = Uses(), frozenset[str]()
    for code in run:
        bound = _follow(code, bound, found)
    bound = frozenset()
    for place, code in enumerate(statements):
        after = _follow(code, bound, found)
        if is_whole or place + 1 < len(statements):
            bound = after
    found.binds = set(bound)
    return found


#: Magics that run what follows them as it stands.
_RUNNING = frozenset(("time", "capture"))
#: The options of the one that runs what follows them on its line, then its cell; not those by which it binds a name.
_TIMING, _OPTIONS = "timeit", re.compile(r"\A(\s*-([nrp]\s*\d+|[tcqo]+)(?=\s|\Z))*\s*")


def behind_magics(statements: list[CodeType]) -> tuple[list[CodeType], list[CodeType]]:
    """Statements with those magics taken away whose use of names is known: the plain ones, and those that magics run."""
    plain, run = list[CodeType](), list[CodeType]()
    for code in statements:
        body = behind(code)
        plain += [code] if body is None else []
        run += body or []
    return plain, run


def behind(code: CodeType, *, is_once: bool = False) -> list[CodeType] | None:
    """The statements that a call of a known magic runs, those only that it runs once if so wanted, with the expressions
    that stand in its line; `None` if the statement is anything else."""
    names, texts = set(code.co_names), [one for one in code.co_consts if isinstance(one, str)]
    of_line = names == {"get_ipython", "run_line_magic"} and len(texts) == 2
    of_cell = names == {"get_ipython", "run_cell_magic"} and len(texts) == 3
    if not (of_line or of_cell):
        return None
    magic, *bodies = texts
    if magic == _TIMING and not is_once:
        bodies[0] = _OPTIONS.sub("", bodies[0])
    elif magic not in _RUNNING:
        return read_by_shell(code)
    elif of_cell and bodies.pop(0):
        return None
    try:
        statements = [one for body in bodies for one in _parsed(body).body]
        return [compile(ast.Module([one], []), "<cell>", "exec") for one in statements]
    except (SyntaxError, ValueError):
        return None


def _parsed(body: str) -> ast.Module:
    """What follows a magic, as IPython runs it: there may be commands and magics in it."""
    try:
        return ast.parse(body)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        text: str = TransformerManager().transform_cell(body)
        return ast.parse(text)


class _Instruction(NamedTuple):
    """As the library's own, whose making costs twenty times as much."""

    opname: str
    offset: int
    #: The name, the code object or the offset that it refers to; `None` where none of these.
    argval: Any


def _decoded(code: CodeType) -> list[_Instruction]:
    names, constants, units = code.co_names, code.co_consts, code.co_code
    found: list[_Instruction] = []
    extended, offset, end = 0, 0, len(units)
    while offset < end:
        opname, argument, at = _OPNAME[units[offset]], units[offset + 1] | extended, offset
        offset += 2
        while offset < end and units[offset] == _CACHE:
            offset += 2
        extended = argument << 8 if opname == "EXTENDED_ARG" else 0
        value: Any = None
        if opname in _NAMED:
            value = names[argument >> 1 if opname == "LOAD_GLOBAL" else argument]
        elif opname == "LOAD_CONST":
            value = constants[argument] if isinstance(constants[argument], CodeType) else None
        elif opname in _JUMPS:
            value = offset + (-2 if "BACKWARD" in opname else 2) * argument
        found.append(_Instruction(opname, at, value))
    return found


@dataclass
class _Store:
    name: str
    at: int
    #: Up to here every path has come through it.
    until: int
    #: Whether it binds a name of the class in whose body it stands.
    in_class: bool


def _follow(code: CodeType, bound: frozenset[str], found: Uses, *, is_class: bool = False) -> frozenset[str]:
    """Adds what one statement, or the body of a class, uses to `found`; what is certainly bound after it."""
    if len(code.co_code) > LONGEST:
        found.reads |= set[str]().union(*(read_and_written(inner)[0] for inner in nested(code)))
        found.loads |= found.reads
        return bound - read_and_written(code)[1]
    instructions = _decoded(code)
    edges = [(one.offset, one.argval) for one in instructions if one.opname in _JUMPS]
    if code.co_exceptiontable:
        entries = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]  # not in the stubs
        edges += [(entry.start, entry.target) for entry in entries]
    stores = [
        _Store(one.argval, one.offset, until(one.offset, edges), one.opname in _IN_CLASS)
        for one in instructions
        if one.opname in _STORES
    ]

    def bound_at(offset: int, *, is_global: bool) -> frozenset[str]:
        """What is bound there, for who sees none of what a class binds if `is_global`."""
        hidden = is_class and is_global
        inside = [
            store.name
            for store in stores
            if store.at < offset < store.until and not (hidden and store.in_class)
        ]
        return bound.union(inside) if inside else bound

    for one in instructions:
        if one.opname in _LOADS or one.opname in _DELETES:
            found.loads.add(one.argval)
            if one.argval not in bound_at(one.offset, is_global=one.opname not in _IN_CLASS):
                found.reads.add(one.argval)
    if SHELL in code.co_names:
        # Which texts are filled in before and which after a name is bound is not followed.
        for text in read_by_shell(code) or ():
            _follow(text, bound, found)
    for made, offset, name in _made(instructions):
        _follow_made(made, name, bound_at(offset, is_global=True), found)
    returns = [one.offset for one in instructions if one.opname in _RETURNS]
    deleted = {one.argval for one in instructions if one.opname in _DELETES}
    certain = {store.name for store in stores if all(store.at < offset < store.until for offset in returns)}
    return (bound | certain) - deleted


def until(at: int, edges: list[tuple[int, int]]) -> int:
    """How far what lies behind `at` can only be reached through it: up to where a jump from before it lands, directly
    or through what lies behind there."""
    until = min((target for source, target in edges if source < at < target), default=1 << 60)
    while True:
        back = min(
            (target for source, target in edges if source >= until and at < target < until), default=until
        )
        if back == until:
            return until
        until = back


def _made(instructions: list[_Instruction]) -> Iterator[tuple[CodeType, int, str | None]]:
    """Code objects that the statement makes functions or classes of: where, and the name if nothing else sees it."""
    for place, one in enumerate(instructions):
        if not isinstance(one.argval, CodeType):
            continue
        after = place + 1
        while after < len(instructions) and instructions[after].opname in _MAKES:
            after += 1
        is_bound = after < len(instructions) and instructions[after].opname in _STORES
        yield one.argval, one.offset, instructions[after].argval if is_bound else None


def _follow_made(code: CodeType, name: str | None, bound: frozenset[str], found: Uses) -> None:
    if name is not None:
        found.defined.append((name, code, bound))
        found.later |= set[str]().union(*(read_and_written(inner)[0] for inner in nested(code)))
    elif code.co_flags & CO_OPTIMIZED:
        # A comprehension, a lambda handed on, a decorated function: whoever got it may have called it.
        reads = set[str]().union(*(read_and_written(inner)[0] for inner in nested(code)))
        found.reads |= reads - bound
        found.loads |= reads
        found.later |= reads
    else:
        # The body of a class runs at once.
        _follow(code, bound, found, is_class=True)
