"""The variables that code uses, from its compiled form: those that it may touch, read or bind, those that it reads before it binds them,
those that it certainly binds, and those that its functions read later.

Nothing is run. What cannot be determined counts as read and as not bound. So a data-flow analysis over runs follows too many names, never
too few.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from inspect import CO_OPTIMIZED
from types import CodeType

from clew.analysis.bytecode import (
    GLOBAL_DELETES,
    GLOBAL_LOADS,
    GLOBAL_STORES,
    IN_CLASS,
    RETURNS,
    Step,
    constants,
    end_of_reach,
    jumps_in,
    loaded_constants,
    names_of,
    nested,
    steps_of,
)
from clew.analysis.ipython_calls import COMMANDS, EXIT_CODE, SHELL, read_by_shell
from clew.sources import plain

#: Code that uses one of these names can access any variable, so it may have touched all of them.
# fmt: off
ESCAPES = frozenset({
    "globals", "locals", "vars", "dir", "eval", "exec", "getattr", "setattr", "delattr", "__main__",
    "get_ipython", "_getframe", "currentframe", "sql", "query", "_oh", "Out", "In", "register_globals",
    "__globals__", "f_globals", "f_locals", "get_objects", "get_referrers", "user_ns", "user_global_ns",
    "run_cell", "run_line_magic", "run_cell_magic", "__subclasses__", "pythonapi", "getmodule", "get_referents",
    "__self__",
})
#: Code of a cell or of the user's own modules that uses one of these names may access the notebook's variables without naming them.
REACHES = frozenset({
    "__main__", "__globals__", "_getframe", "currentframe", "f_globals", "f_locals", "get_ipython", "get_objects",
    "get_referrers", "modules", "stack", "__subclasses__", "pythonapi",
})
# fmt: on
#: The name of the notebook's module in a text, functions that look up a module by such a text, and attributes that texts are compared with.
_NOTEBOOK, _ASKING, _COMPARED = (
    "__main__",
    frozenset({"modules", "__import__", "import_module"}),
    frozenset({"__name__", "__module__"}),
)
#: The marker of `from module import *`.
EVERYTHING = "*"
IDENTIFIER = re.compile(r"[^\W\d]\w*")
OUTPUT = re.compile(r"_\d+\Z")
#: The variables for the last results. Many people use these names for unused values.
LAST_RESULTS = frozenset({"_", "__", "___"})
#: If the texts in one code object are longer than this in total, they are not searched.
LONGEST_STRINGS = 1_000_000


def mentioned(code: CodeType, besides: frozenset[str] = frozenset()) -> frozenset[str] | None:
    """Returns the names that one code object may touch, without nested code; `None` if it may touch any name, through names other than
    `besides`.

    Identifiers in texts count, too: queries, formulas and `timeit` name variables there.
    """
    names = set(code.co_names)
    imports_all = EVERYTHING not in besides and (EVERYTHING,) in code.co_consts
    if not (ESCAPES - besides).isdisjoint(names) or imports_all or any(map(OUTPUT.match, names)):
        return None
    if not LAST_RESULTS.isdisjoint(names) and not LAST_RESULTS.isdisjoint(read_and_written(code)[0]):
        return None
    strings = [one for one in constants(code) if isinstance(one, str)]
    if sum(map(len, strings)) > LONGEST_STRINGS or _names_notebook(strings, names):
        return None
    for text in strings:
        names.update(IDENTIFIER.findall(text))
    return frozenset(names)


def _names_notebook(strings: list[str], names: set[str]) -> bool:
    """Returns whether code may access the notebook's module by name: unless it certainly only compares the name with an object's module."""
    is_named = any(text == _NOTEBOOK or text.startswith(f"{_NOTEBOOK}.") for text in strings)
    return is_named and (_COMPARED.isdisjoint(names) or not _ASKING.isdisjoint(names))


def read_and_written(code: CodeType) -> tuple[Set[str], Set[str]]:
    """Returns the names that one code object loads, and those that it stores or deletes, including those in its calls of IPython."""
    reads, stored, deleted = names_of(code)
    writes = stored | deleted
    if SHELL in code.co_names:
        inner = [one for text in read_by_shell(code) or () for one in nested(text)]
        reads = reads.union(*(read_and_written(one)[0] for one in inner))
        if not COMMANDS.isdisjoint(code.co_names):
            writes |= {EXIT_CODE}
    return reads, writes


#: The control flow of longer statements is not analyzed: all names that they load count as read, none as bound.
_LONGEST = 20_000
#: The instructions between a function's code object and its store, if nothing else uses the function before.
_MAKES = frozenset(("MAKE_FUNCTION", "SET_FUNCTION_ATTRIBUTE"))


@dataclass
class Uses:
    """The names that a cell used."""

    #: Names that it may have read or deleted before it bound them.
    reads: set[str] = field(default_factory=set)
    #: Names that it loads anywhere. If one is a function, it may have been called.
    loads: set[str] = field(default_factory=set)
    #: Names that it certainly bound.
    binds: set[str] = field(default_factory=set)
    #: Names that functions defined in it may read when they are called.
    later: set[str] = field(default_factory=set)
    #: Functions that it defined: the name, the code, and the names that were certainly bound at that time.
    defined: list[tuple[str, CodeType, frozenset[str]]] = field(default_factory=list)

    def call(self, ran: Iterable[CodeType]) -> None:
        """Adds the names that functions read that ran, or may have run."""
        bound_before = {code: bound for _, code, bound in self.defined}
        waiting, met = list(ran), set[CodeType]()
        # On Python 3.11, functions that a cell defines, calls and deletes are not in `ran`.
        waiting += [code for name, code, _ in self.defined if name in self.loads]
        for code in waiting:
            bound = bound_before.get(code, frozenset())
            for inner in nested(code):
                if inner not in met:
                    met.add(inner)
                    self.reads |= read_and_written(inner)[0] - bound


def uses(statements: list[CodeType], *, is_whole: bool = True, run: Iterable[CodeType] = ()) -> Uses:
    """Returns the names that the statements of a cell used. Unless `is_whole`, the last statement may not have completed.

    `run` are statements that magics ran at some time between. How far they got is not known.
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


#: Magics that run the code after them unchanged.
_RUNNING = frozenset(("time", "capture"))
#: The magic that times its line, then its cell; and its options before the code, without those that bind a variable.
_TIMING, _OPTIONS = "timeit", re.compile(r"\A(\s*-([nrp]\s*\d+|[tcqo]+)(?=\s|\Z))*\s*")


def behind_magics(statements: list[CodeType]) -> tuple[list[CodeType], list[CodeType]]:
    """Splits statements into plain ones, and the ones that known magics run."""
    plain, run = list[CodeType](), list[CodeType]()
    for code in statements:
        body = behind(code)
        plain += [code] if body is None else []
        run += body or []
    return plain, run


def behind(code: CodeType, *, is_once: bool = False) -> list[CodeType] | None:
    """Returns the statements that a known magic runs (with `is_once`, only those that it runs once), with the expressions in its line;
    `None` for any other statement."""
    names = set(code.co_names)
    of_line, of_cell = names == {"get_ipython", "run_line_magic"}, names == {"get_ipython", "run_cell_magic"}
    if not (of_line or of_cell):
        return None
    texts = [one for one in loaded_constants(code) if isinstance(one, str)]
    if len(texts) != (2 if of_line else 3):
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
        return [compile(ast.Module([one], []), "<cell>", "exec", dont_inherit=True) for one in statements]
    except (SyntaxError, ValueError):
        return None


def _parsed(body: str) -> ast.Module:
    """Parses the code after a magic, as IPython runs it: it may contain commands and magics."""
    try:
        return ast.parse(body)
    except SyntaxError:
        return ast.parse(plain(body))


@dataclass
class _Store:
    name: str
    at: int
    #: Up to this offset, every path has passed this store.
    until: int
    #: Whether it binds a name of the class in whose body it is.
    in_class: bool


def _follow(code: CodeType, bound: frozenset[str], found: Uses, *, is_class: bool = False) -> frozenset[str]:
    """Adds the names that one statement or class body uses to `found`. Returns the names that are certainly bound after it."""
    if len(code.co_code) > _LONGEST:
        found.reads |= set[str]().union(*(read_and_written(inner)[0] for inner in nested(code)))
        found.loads |= found.reads
        return bound - read_and_written(code)[1]
    steps, jumps = steps_of(code), jumps_in(code)
    stores = [
        _Store(one.argval, one.offset, end_of_reach(one.offset, jumps), one.opname in IN_CLASS)
        for one in steps
        if one.opname in GLOBAL_STORES
    ]

    def bound_at(offset: int, *, is_global: bool) -> frozenset[str]:
        """Returns the names that are bound at this offset. With `is_global`, without names that a class body binds."""
        hidden = is_class and is_global
        inside = [
            store.name
            for store in stores
            if store.at < offset < store.until and not (hidden and store.in_class)
        ]
        return bound.union(inside) if inside else bound

    for one in steps:
        if one.opname in GLOBAL_LOADS or one.opname in GLOBAL_DELETES:
            found.loads.add(one.argval)
            if one.argval not in bound_at(one.offset, is_global=one.opname not in IN_CLASS):
                found.reads.add(one.argval)
    if SHELL in code.co_names:
        # Does not consider which texts are expanded before a name is bound, and which after.
        for text in read_by_shell(code) or ():
            _follow(text, bound, found)
    for made, offset, name in _made(steps):
        _follow_made(made, name, bound_at(offset, is_global=True), found)
    returns = [one.offset for one in steps if one.opname in RETURNS]
    deleted = {one.argval for one in steps if one.opname in GLOBAL_DELETES}
    certain = {store.name for store in stores if all(store.at < offset < store.until for offset in returns)}
    return (bound | certain) - deleted


def _made(steps: Sequence[Step]) -> Iterator[tuple[CodeType, int, str | None]]:
    """Yields the code objects of functions and classes that the statement creates: with the offset, and with the name if the result is only
    bound to it."""
    for place, one in enumerate(steps):
        if not isinstance(one.argval, CodeType):
            continue
        after = place + 1
        while after < len(steps) and steps[after].opname in _MAKES:
            after += 1
        is_bound = after < len(steps) and steps[after].opname in GLOBAL_STORES
        yield one.argval, one.offset, steps[after].argval if is_bound else None


def _follow_made(code: CodeType, name: str | None, bound: frozenset[str], found: Uses) -> None:
    if name is not None:
        found.defined.append((name, code, bound))
        found.later |= set[str]().union(*(read_and_written(inner)[0] for inner in nested(code)))
    elif code.co_flags & CO_OPTIMIZED:
        # A comprehension, a lambda that is passed on, or a decorated function: it may have been called already.
        reads = set[str]().union(*(read_and_written(inner)[0] for inner in nested(code)))
        found.reads |= reads - bound
        found.loads |= reads
        found.later |= reads
    else:
        # The body of a class runs at once.
        _follow(code, bound, found, is_class=True)
