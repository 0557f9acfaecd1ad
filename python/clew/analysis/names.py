"""The variables that code uses, read off its compiled form: those that it may touch, read or bind, those that it reads before it binds them,
those that it certainly binds anew, and those that its functions read later.

Nothing is run. What can't be told counts as read and as not bound: so that whoever follows names back from run to run follows too many rather
than too few.
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

#: Code that names one of these can reach any name, so it may have touched all of them.
# fmt: off
ESCAPES = frozenset({
    "globals", "locals", "vars", "dir", "eval", "exec", "getattr", "setattr", "delattr", "__main__",
    "get_ipython", "_getframe", "currentframe", "sql", "query", "_oh", "Out", "In", "register_globals",
    "__globals__", "f_globals", "f_locals", "get_objects", "get_referrers", "user_ns", "user_global_ns",
    "run_cell", "run_line_magic", "run_cell_magic", "__subclasses__", "pythonapi", "getmodule", "get_referents",
    "__self__",
})
#: Code that names one of these may find the notebook's names without naming them: a cell's, and that of the user's own modules.
REACHES = frozenset({
    "__main__", "__globals__", "_getframe", "currentframe", "f_globals", "f_locals", "get_ipython", "get_objects",
    "get_referrers", "modules", "stack", "__subclasses__", "pythonapi",
})
# fmt: on
#: The notebook's module by its name in a text, what asks for a module so, and what a text is only compared with.
_NOTEBOOK, _ASKING, _COMPARED = (
    "__main__",
    frozenset({"modules", "__import__", "import_module"}),
    frozenset({"__name__", "__module__"}),
)
#: What `from module import *` imports.
EVERYTHING = "*"
IDENTIFIER = re.compile(r"[^\W\d]\w*")
OUTPUT = re.compile(r"_\d+\Z")
#: The last results, under names that many use for what they don't need.
LAST_RESULTS = frozenset({"_", "__", "___"})
#: Strings beyond this length in one code object are no queries; reading them would cost more than it tells.
LONGEST_STRINGS = 1_000_000


def mentioned(code: CodeType, besides: frozenset[str] = frozenset()) -> frozenset[str] | None:
    """Names that one code object (without those inside it) may touch; `None` where that may be any, by others than `besides`.

    Identifiers inside strings count: queries, formulas and `timeit` name variables there.
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
    """Whether code may have the notebook's module by a text: where it is not certain that it only asks which module something is of."""
    is_named = any(text == _NOTEBOOK or text.startswith(f"{_NOTEBOOK}.") for text in strings)
    return is_named and (_COMPARED.isdisjoint(names) or not _ASKING.isdisjoint(names))


def read_and_written(code: CodeType) -> tuple[Set[str], Set[str]]:
    """Names of the namespace that one code object loads, and those it stores or deletes; with those that its calls of IPython do."""
    reads, stored, deleted = names_of(code)
    writes = stored | deleted
    if SHELL in code.co_names:
        inner = [one for text in read_by_shell(code) or () for one in nested(text)]
        reads = reads.union(*(read_and_written(one)[0] for one in inner))
        if not COMMANDS.isdisjoint(code.co_names):
            writes |= {EXIT_CODE}
    return reads, writes


#: Longer statements are not gone through jump by jump; all they load counts as read, nothing as bound.
_LONGEST = 20_000
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
    """What follows a magic, as IPython runs it: there may be commands and magics in it."""
    try:
        return ast.parse(body)
    except SyntaxError:
        return ast.parse(plain(body))


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
        """What is bound there, for who sees none of what a class binds if `is_global`."""
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
        # Which texts are filled in before and which after a name is bound is not followed.
        for text in read_by_shell(code) or ():
            _follow(text, bound, found)
    for made, offset, name in _made(steps):
        _follow_made(made, name, bound_at(offset, is_global=True), found)
    returns = [one.offset for one in steps if one.opname in RETURNS]
    deleted = {one.argval for one in steps if one.opname in GLOBAL_DELETES}
    certain = {store.name for store in stores if all(store.at < offset < store.until for offset in returns)}
    return (bound | certain) - deleted


def _made(steps: Sequence[Step]) -> Iterator[tuple[CodeType, int, str | None]]:
    """Code objects that the statement makes functions or classes of: where, and the name if nothing else sees it."""
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
        # A comprehension, a lambda handed on, a decorated function: whoever got it may have called it.
        reads = set[str]().union(*(read_and_written(inner)[0] for inner in nested(code)))
        found.reads |= reads - bound
        found.loads |= reads
        found.later |= reads
    else:
        # The body of a class runs at once.
        _follow(code, bound, found, is_class=True)
