"""The names that code may touch, read off its compiled form. Nothing is run."""

from __future__ import annotations

import dis
import re
from collections.abc import Iterator
from inspect import CO_OPTIMIZED
from types import CodeType

from clew.analysis.ipython_calls import COMMANDS, EXIT_CODE, SHELL, read_by_shell

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

_GLOBAL_WRITES = frozenset((dis.opmap["STORE_GLOBAL"], dis.opmap["DELETE_GLOBAL"]))
_WRITES = _GLOBAL_WRITES | {dis.opmap["STORE_NAME"], dis.opmap["DELETE_NAME"]}
_READS = frozenset(
    dis.opmap[name] for name in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS") if name in dis.opmap
)
_LOADS_FIRST = frozenset((dis.opmap[name], 0) for name in ("LOAD_CONST", "RETURN_CONST") if name in dis.opmap)
_LOAD_GLOBAL = dis.opmap["LOAD_GLOBAL"]
_EXTENDED = dis.EXTENDED_ARG


def nested(code: CodeType) -> Iterator[CodeType]:
    """The code itself and every code object inside it."""
    waiting = [code]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(constant for constant in one.co_consts if isinstance(constant, CodeType))


def bodies(code: CodeType) -> Iterator[CodeType]:
    """A statement and the bodies of the classes in it, which run with it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType) and not inner.co_flags & CO_OPTIMIZED:
            yield from bodies(inner)


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
    strings = [constant for constant in constants(code) if isinstance(constant, str)]
    if sum(map(len, strings)) > LONGEST_STRINGS or _names_notebook(strings, names):
        return None
    for text in strings:
        names.update(IDENTIFIER.findall(text))
    return frozenset(names)


def _names_notebook(strings: list[str], names: set[str]) -> bool:
    """Whether code may have the notebook's module by a text: where it is not certain that it only asks which module something is of."""
    is_named = any(text == _NOTEBOOK or text.startswith(f"{_NOTEBOOK}.") for text in strings)
    return is_named and (_COMPARED.isdisjoint(names) or not _ASKING.isdisjoint(names))


def constants(code: CodeType) -> Iterator[object]:
    """Constants that code uses, those inside constant tuples too. A docstring speaks of names and files to people."""
    used = code.co_consts
    return flattened(used[1:] if used and type(used[0]) is str and not _loads_first(code) else used)


def _loads_first(code: CodeType) -> bool:
    """Whether an instruction loads the first constant: the docstring of a function stands there, which none does."""
    units = code.co_code
    return not _LOADS_FIRST.isdisjoint(zip(units[::2], units[1::2], strict=True))


def flattened(values: tuple[object, ...]) -> Iterator[object]:
    """Constants, those inside constant tuples too."""
    waiting = list(values)
    while waiting:
        constant = waiting.pop()
        if isinstance(constant, (tuple, frozenset)):
            waiting.extend(constant)
        else:
            yield constant


def read_and_written(code: CodeType) -> tuple[set[str], set[str]]:
    """Names of the namespace that one code object loads, and those it stores or deletes; with those that its calls of IPython do."""
    names, reads, writes = code.co_names, set[str](), set[str]()
    # What the body of a class binds is the class's.
    is_class = not code.co_flags & CO_OPTIMIZED and not code.co_name.startswith("<")
    stores = _GLOBAL_WRITES if is_class else _WRITES
    extended = 0
    units = code.co_code
    for index in range(0, len(units), 2):
        operation, argument = units[index], units[index + 1] | extended
        extended = argument << 8 if operation == _EXTENDED else 0
        if operation in stores:
            writes.add(names[argument])
        elif operation in _READS:
            reads.add(names[argument >> 1 if operation == _LOAD_GLOBAL else argument])
    if SHELL in names:
        for text in read_by_shell(code) or ():
            reads.update(*(read_and_written(inner)[0] for inner in nested(text)))
        if not COMMANDS.isdisjoint(names):
            writes.add(EXIT_CODE)
    return reads, writes
