"""Reads compiled code for all supported Python versions: instructions as steps, the names and constants that code uses, the dotted names
that it loads, and their uses: how each is called, bound or passed on.

This is the only module that parses bytecode. Steps are cached while their code lives, so all analyses of a run read each code object once.
"""

from __future__ import annotations

import dis
import sys
import weakref
from collections.abc import Iterable, Iterator, Sequence
from inspect import CO_OPTIMIZED
from types import CodeType
from typing import Any, NamedTuple

GLOBAL_LOADS = frozenset(("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"))
"""Instructions that load a global name."""
GLOBAL_STORES = frozenset(("STORE_NAME", "STORE_GLOBAL"))
"""Instructions that bind a global name."""
GLOBAL_DELETES = frozenset(("DELETE_NAME", "DELETE_GLOBAL"))
"""Instructions that delete a global name."""
LOCAL_LOADS = frozenset((
    "LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_FAST_AND_CLEAR", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF",
))  # fmt: skip
"""Instructions that load a local variable."""
LOCAL_STORES = frozenset(("STORE_FAST", "STORE_DEREF"))
"""Instructions that bind a local variable."""
ANNOTATE = "__annotate__"
"""The name of the code objects for annotations, which the compiler creates since Python 3.14."""
IN_CLASS = frozenset(("LOAD_NAME", "STORE_NAME", "DELETE_NAME"))
"""Instructions that use the class namespace first, in the body of a class."""
ATTRIBUTES = frozenset(("LOAD_ATTR", "LOAD_METHOD"))
ELEMENTS = frozenset(("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"))
"""Instructions that set or delete an element, or a slice."""
RETURNS = frozenset(("RETURN_VALUE", "RETURN_CONST"))
CALLS = frozenset(("CALL", "CALL_KW", "CALL_FUNCTION_EX"))
WITH_BEGINS = frozenset(("BEFORE_WITH", "BEFORE_ASYNC_WITH", "LOAD_SPECIAL"))
"""The instructions that begin a `with`: one up to Python 3.13, then one for each method."""
_CONSTANTS = frozenset(("LOAD_CONST", "RETURN_CONST"))
_ELEMENT = frozenset(("BINARY_SUBSCR", "BINARY_OP_SUBSCR", "BINARY_SLICE"))
_CALLED = frozenset(("PRECALL", "CALL", "CALL_KW"))
#: Instructions that handle two local variables, and the two single instructions that each stands for.
_PAIRS = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("LOAD_FAST_BORROW", "LOAD_FAST_BORROW"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
}
_JUMPS = frozenset(dis.opname[code] for code in (*dis.hasjrel, *dis.hasjabs))
#: Whether `PUSH_NULL` follows the callable, or precedes it.
_IS_NULL_BEHIND = sys.version_info >= (3, 13)
#: The numbers of in-place operators in `BINARY_OP`, from `+=` to `^=`, and the number for loading an element (since Python 3.14).
_OPERATORS_IN_PLACE, _SUBSCRIPT = range(13, 26), 26
#: Longer argument lists (in steps) are not analyzed.
_LONGEST = 500
LONGEST_TEXT = 10_000
"""Longer texts are not read as code."""
#: The steps of this many code objects are cached, except those of code longer than the second number (bytes).
_KEPT, _LONGEST_KEPT = 512, 20_000


class Step(NamedTuple):
    """One instruction. Instructions without effect are left out, and those with two effects are split."""

    opname: str
    #: Its argument; `None` if it has none.
    arg: int | None
    #: The name, constant or offset that the argument stands for; otherwise `None`.
    argval: Any
    #: The offset at which it begins.
    offset: int
    #: The position of its expression in the source: line, last line, column, last column.
    position: tuple[int | None, ...]

    @property
    def begin(self) -> tuple[int | None, int | None]:
        """Returns the line and column at which its expression begins."""
        return self.position[0], self.position[2]

    @property
    def loads_element(self) -> bool:
        """Returns whether it loads an element of an object."""
        return self.opname in _ELEMENT or (self.opname == "BINARY_OP" and self.arg == _SUBSCRIPT)

    @property
    def is_in_place(self) -> bool:
        """Returns whether it is an in-place operator, such as in `types |= {...}`. For immutable objects that binds a new value."""
        return self.opname == "BINARY_OP" and self.arg in _OPERATORS_IN_PLACE


#: How the argument of an instruction is read.
_PLAIN, _NONE, _NAME, _CONSTANT, _SMALL_INT, _COMMON, _VARIABLE, _PAIR, _JUMP, _EXTENDED, _SILENT = range(11)
#: Constants that are not stored in the code object, since Python 3.14.
_COMMON_CONSTANTS: Sequence[object] = getattr(dis, "_common_constants", ())


def _kinds() -> list[tuple[str, int, int]]:
    """Returns, for each opcode: its name, how its argument is read, and by how many bits a name's index is shifted."""
    takes_any = frozenset(getattr(dis, "hasarg", range(dis.HAVE_ARGUMENT, 256)))
    version = sys.version_info
    shifts = {
        "LOAD_GLOBAL": 1,
        "LOAD_SUPER_ATTR": 2,
        "LOAD_ATTR": int(version >= (3, 12)),
        "IMPORT_NAME": 2 * (version >= (3, 15)),
    }
    found = []
    for number, name in enumerate(dis.opname):
        kind = _PLAIN if number in takes_any else _NONE
        if name in ("CACHE", "NOP", "RESUME"):
            kind = _SILENT
        elif name == "EXTENDED_ARG":
            kind = _EXTENDED
        elif name in _PAIRS:
            kind = _PAIR
        elif name == "LOAD_SMALL_INT":
            # This and the next instruction load constants, like `LOAD_CONST`.
            name, kind = "LOAD_CONST", _SMALL_INT
        elif name == "LOAD_COMMON_CONSTANT":
            name, kind = "LOAD_CONST", _COMMON
        elif number in dis.hasname:
            kind = _NAME
        elif number in dis.hasconst or name == "KW_NAMES":
            kind = _CONSTANT
        elif number in dis.haslocal or number in dis.hasfree:
            kind = _VARIABLE
        elif name in _JUMPS:
            kind = _JUMP
        found.append((name, kind, shifts.get(name, 0)))
    return found


_KINDS, _CACHE = _kinds(), dis.opmap["CACHE"]


class _Read:
    """The analysis results of one code object."""

    def __init__(self, code: CodeType) -> None:
        self.steps = tuple(_steps_in(code))
        self.names: Names | None = None
        self.constants: tuple[object, ...] | None = None
        self.jumps: list[tuple[int, int]] | None = None


_known: dict[int, tuple[weakref.ref[CodeType], _Read]] = {}


def _read(code: CodeType) -> _Read:
    key = id(code)
    known = _known.get(key)
    if known is not None and known[0]() is code:
        return known[1]
    read = _Read(code)
    if len(code.co_code) <= _LONGEST_KEPT:
        if len(_known) >= _KEPT:
            _known.clear()
        _known[key] = weakref.ref(code, lambda _: _known.pop(key, None)), read
    return read


def steps_of(code: CodeType) -> tuple[Step, ...]:
    """Returns the steps of a code object, without instructions that do nothing. Instructions that do two things are split."""
    return _read(code).steps


def _steps_in(code: CodeType) -> Iterator[Step]:
    names, constants, units = code.co_names, code.co_consts, code.co_code
    variable: Any = code._varname_from_oparg  # type: ignore[attr-defined]  # not in the stubs
    # Creating a named tuple like this is twice as fast.
    make, extended, begin, offset = tuple.__new__, 0, 0, -2
    for number, argument, position in zip(units[::2], units[1::2], code.co_positions(), strict=True):
        offset += 2
        opname, kind, shift = _KINDS[number]
        if kind == _SILENT:
            begin = offset + 2
            continue
        argument |= extended
        if kind == _NAME:
            yield make(Step, (opname, argument, names[argument >> shift], begin, position))
        elif kind == _CONSTANT:
            yield make(Step, (opname, argument, constants[argument], begin, position))
        elif kind == _VARIABLE:
            yield make(Step, (opname, argument, variable(argument), begin, position))
        elif kind == _SMALL_INT:
            yield make(Step, (opname, argument, argument, begin, position))
        elif kind == _COMMON:
            yield make(Step, (opname, argument, _COMMON_CONSTANTS[argument], begin, position))
        elif kind == _PLAIN:
            yield make(Step, (opname, argument, None, begin, position))
        elif kind == _NONE:
            yield make(Step, (opname, None, None, begin, position))
        elif kind == _JUMP:
            after = offset + 2
            while after < len(units) and units[after] == _CACHE:
                after += 2
            target = after + (-2 if "BACKWARD" in opname else 2) * argument
            yield make(Step, (opname, argument, target, begin, position))
        elif kind == _EXTENDED:
            extended = argument << 8
            continue
        else:
            for one, local in zip(_PAIRS[opname], (argument >> 4, argument & 15), strict=True):
                yield make(Step, (one, local, variable(local), begin, position))
        extended, begin = 0, offset + 2


class Names(NamedTuple):
    """The global names that one code object uses, without nested code."""

    loaded: frozenset[str]
    stored: frozenset[str]
    deleted: frozenset[str]


def names_of(code: CodeType) -> Names:
    """Returns the names that code loads (including built-in functions), binds and deletes. Names bound in a class body belong to the
    class."""
    read = _read(code)
    if read.names is None:
        is_class = not code.co_flags & CO_OPTIMIZED and not code.co_name.startswith("<")
        loaded, stored, deleted = set[str](), set[str](), set[str]()
        for opname, _, name, _, _ in read.steps:
            if opname in GLOBAL_LOADS:
                loaded.add(name)
            elif opname in GLOBAL_STORES and not (is_class and opname in IN_CLASS):
                stored.add(name)
            elif opname in GLOBAL_DELETES and not (is_class and opname in IN_CLASS):
                deleted.add(name)
        read.names = Names(frozenset(loaded), frozenset(stored), frozenset(deleted))
    return read.names


def jumps_in(code: CodeType) -> list[tuple[int, int]]:
    """Returns the jumps in code as pairs of offset and target, including those to exception handlers."""
    read = _read(code)
    if read.jumps is None:
        read.jumps = [(step.offset, step.argval) for step in read.steps if step.opname in _JUMPS]
        if code.co_exceptiontable:
            entries = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]  # not in the stubs
            read.jumps += [(entry.start, entry.target) for entry in entries]
    return read.jumps


def end_of_reach(at: int, jumps: list[tuple[int, int]]) -> int:
    """Returns the end of the range behind `at` that can only be reached through `at`: up to the target of a jump from before it, or of a
    chain of such jumps."""
    end = min((target for source, target in jumps if source < at < target), default=1 << 60)
    while True:
        back = min((target for source, target in jumps if source >= end and at < target < end), default=end)
        if back == end:
            return end
        end = back


def numbers_of(*opnames: str) -> frozenset[int]:
    """Returns the opcodes of those instructions that this Python version has, for `does_any`."""
    return frozenset(dis.opmap[name] for name in opnames if name in dis.opmap)


def does_any(code: CodeType, numbers: frozenset[int]) -> bool:
    """Returns whether code contains one of these instructions. Much faster than reading the code."""
    return not numbers.isdisjoint(code.co_code[::2])


def nested(code: CodeType) -> Iterator[CodeType]:
    """Yields the code object and all code objects nested in it."""
    waiting = [code]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(constant for constant in one.co_consts if isinstance(constant, CodeType))


def bodies(code: CodeType) -> Iterator[CodeType]:
    """Yields a statement and the bodies of the classes in it, which run with it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType) and not inner.co_flags & CO_OPTIMIZED:
            yield from bodies(inner)


def code_in(text: str) -> Iterator[CodeType]:
    """Yields the code in a text, with nested code; nothing if the text is not code, or too long."""
    if not 2 < len(text) < LONGEST_TEXT:
        return
    try:
        yield from nested(compile(text, "<text>", "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return


def constants(code: CodeType) -> tuple[object, ...]:
    """Returns the constants that code uses, including those inside constant tuples. Docstrings are left out: no instruction loads them."""
    read = _read(code)
    if read.constants is None:
        used = code.co_consts
        is_docstring = used and type(used[0]) is str and not _loads_first(code)
        if does_any(code, _COMMON_LOADS):
            used += tuple(loaded_constants(code))
        read.constants = tuple(flattened(used[1:] if is_docstring else used))
    return read.constants


def loaded_constants(code: CodeType) -> list[object]:
    """Returns the constants that the code loads, in order. Since Python 3.14 these are more than it stores."""
    return [step.argval for step in steps_of(code) if step.opname in _CONSTANTS or step.opname == "KW_NAMES"]


_ASSERTIONS = numbers_of("LOAD_ASSERTION_ERROR", "LOAD_COMMON_CONSTANT")


def asserts(code: CodeType) -> bool:
    """Returns whether the code has an `assert`, unless Python optimizes it away."""
    if not does_any(code, _ASSERTIONS):
        return False
    return not _COMMON_CONSTANTS or any(one is AssertionError for one in loaded_constants(code))


def texts_of(code: CodeType) -> set[str]:
    """Returns the texts among its constants."""
    return {one for one in constants(code) if isinstance(one, str)}


#: Instructions that load constants that the code does not store.
_COMMON_LOADS = numbers_of("LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT")
_LOADS_FIRST = frozenset((number, 0) for number in numbers_of(*_CONSTANTS))


def _loads_first(code: CodeType) -> bool:
    units = code.co_code
    return not _LOADS_FIRST.isdisjoint(zip(units[::2], units[1::2], strict=True))


def flattened(values: tuple[object, ...]) -> Iterator[object]:
    """Yields constants, including those inside constant tuples."""
    waiting = list(values)
    while waiting:
        constant = waiting.pop()
        if isinstance(constant, (tuple, frozenset)):
            waiting.extend(constant)
        else:
            yield constant


class Import(NamedTuple):
    """One `import` in code."""

    #: The full name of the module; empty if it cannot be determined.
    module: str
    #: The names after `from … import`; empty for a plain `import`.
    taken: tuple[str, ...]
    #: The variables that it binds, with the dotted names that they stand for.
    bound: dict[str, str]


IMPORTS = numbers_of("IMPORT_NAME")
"""For `does_any`."""


def imports_in(steps: Sequence[Step], package: str = "") -> Iterator[Import]:
    """Yields the imports in the code of a module in `package`."""
    for place, one in enumerate(steps):
        if one.opname != "IMPORT_NAME" or place < 2:
            continue
        # Two constants are loaded before: the level of a relative import, and the names after `from … import`.
        level, what = steps[place - 2 : place]
        taken = what.argval if isinstance(what.argval, tuple) else ()
        module = _whole_name(one.argval, level.argval, package)
        yield Import(module, taken, dict(_bound_by(steps[place + 1 :], module, is_taken=bool(taken))))


def _bound_by(steps: Iterable[Step], module: str, *, is_taken: bool) -> Iterator[tuple[str, str]]:
    last = ""
    for one in steps:
        if one.opname == "IMPORT_FROM":
            last = one.argval
        elif one.opname in GLOBAL_STORES or one.opname in LOCAL_STORES:
            if is_taken:
                yield one.argval, f"{module}.{last}" if module else ""
                continue
            # `import a.b` binds `a`; `import a.b as c` loads the parts one by one.
            yield one.argval, module if last else module.partition(".")[0]
            return
        elif one.opname != "SWAP" and (one.opname != "POP_TOP" or is_taken):
            return


def _whole_name(name: str, level: object, package: str) -> str:
    """Returns the full name of a module from a relative import at this level."""
    if not isinstance(level, int) or not level:
        return name
    parts = package.split(".")
    above = parts[: len(parts) - level + 1]
    return ".".join([*above, name] if name else above) if package and above else ""


class Mention(NamedTuple):
    """A dotted name at one place in some code."""

    #: Its parts. The first is empty if the name continues an expression that is not a name.
    path: tuple[str, ...]
    #: The index of the step that loads its last part.
    place: int
    #: Whether the first part is a local variable.
    is_local: bool

    @property
    def name(self) -> str:
        """Returns its last part."""
        return self.path[-1]


class Call(NamedTuple):
    """The arguments of a call."""

    #: The steps that load each argument, positional ones first.
    arguments: list[Sequence[Step]]
    keywords: tuple[str, ...]
    #: The index of the step that makes the call.
    place: int

    @property
    def positional(self) -> list[Sequence[Step]]:
        """Returns the positional arguments."""
        return self.arguments[: len(self.arguments) - len(self.keywords)]

    def given(self, place: int | None, *names: str) -> Sequence[Step] | None:
        """Returns the argument at this position, or with one of these names."""
        if place is not None and place < len(self.positional):
            return self.positional[place]
        named = dict(zip(self.keywords, self.arguments[len(self.positional) :], strict=True))
        return next((named[name] for name in names if name in named), None)


def holder_at(steps: Sequence[Step], place: int) -> range:
    """Returns the range of the steps that load the object on which the step at `place` sets something. The range begins with the name at
    which that expression begins in the source, and ends with the key of an element. Empty if there is no such name."""
    begin = steps[place].begin
    for number in range(place - 1, -1, -1):
        one, before = steps[number], steps[max(number - 1, 0)]
        if one.opname not in GLOBAL_LOADS and one.opname not in LOCAL_LOADS:
            continue
        # The second step of a split instruction has the position of the first.
        is_second = (
            before is not one
            and {one.opname, before.opname} <= LOCAL_LOADS
            and one.position == before.position
        )
        is_holder = number + 1 == place or steps[number + 1].begin == begin
        if one.begin == begin or (is_second and is_holder):
            # An augmented assignment (`+=`) copies the holder first.
            copy = (at for at in range(number, place) if steps[at].opname == "COPY")
            return range(number, next(copy, place))
    return range(0)


def is_element_at(step: Step, store: Step) -> bool:
    """Returns whether a step loads the element on which a store sets something, and not an element inside the brackets."""
    return step.loads_element and step.begin == store.begin


def mentions(steps: Sequence[Step]) -> Iterator[Mention]:
    """Yields all dotted names that are loaded: `a.b.c` gives `a`, `a.b` and `a.b.c`."""
    path, is_local = [""], False
    for place, one in enumerate(steps):
        if one.opname in GLOBAL_LOADS or one.opname in LOCAL_LOADS:
            path, is_local = [one.argval], one.opname in LOCAL_LOADS
        elif one.opname in ATTRIBUTES:
            path = [*path, one.argval]
        else:
            if one.opname not in ("PUSH_NULL", "PRECALL"):
                path, is_local = [""], False
            continue
        yield Mention(tuple(path), place, is_local)


def called(steps: Sequence[Step], place: int) -> Call | None:
    """Returns the call of the object that is loaded at `place`; `None` if it is not called at once, or that cannot be determined."""
    begins: dict[int, int] = {}
    depth, keywords = 0, ()
    first = place + 1
    if _IS_NULL_BEHIND and first < len(steps) and steps[first].opname == "PUSH_NULL":
        first += 1
    for at in range(first, min(len(steps), first + _LONGEST)):
        one = steps[at]
        begins[depth] = at
        if one.opname == "KW_NAMES":
            keywords = one.argval
        elif one.opname in _CALLED and steps[at - 1].opname != "PRECALL":
            # A `PRECALL` before the call has taken the arguments off the stack already.
            count, extra = one.arg or 0, one.opname == "CALL_KW"
            if depth == count + extra:
                if extra:
                    keywords = steps[at - 1].argval
                bounds = [begins[index] for index in range(count)] + [at - extra]
                # The steps for the names of keyword arguments are between these and the call.
                parts = [steps[bounds[index] : bounds[index + 1]] for index in range(count)]
                parts = [[step for step in part if step.opname != "KW_NAMES"] for part in parts]
                return Call(parts, tuple(keywords), at + (one.opname == "PRECALL"))
            keywords = () if one.opname != "CALL" else keywords
        if one.opname in _JUMPS:
            return None
        depth += dis.stack_effect(dis.opmap[one.opname], one.arg, jump=False)
        if depth < 0:
            return None
    return None


def bound_to(steps: Sequence[Step], place: int) -> str | None:
    """Returns the global name that the object loaded at `place` is bound to, if that is its only use."""
    after = steps[place + 1] if place + 1 < len(steps) else None
    return after.argval if after is not None and after.opname in GLOBAL_STORES else None


def is_annotation(steps: Sequence[Step], place: int) -> bool:
    """Returns whether the object loaded at `place` is only used in an annotation."""
    for one in steps[place + 1 :]:
        if one.opname == "LOAD_NAME" and one.argval == "__annotations__":
            return True
        if one.opname == "MAKE_FUNCTION":
            return True
        if not one.opname.startswith(("LOAD_", "BUILD_", "BINARY_", "PUSH_NULL")):
            return False
    return False


def is_bound_by_with(steps: Sequence[Step], store: int) -> bool:
    """Returns whether `with … as` stores its value here."""
    # Since Python 3.14, `with` calls the loaded method `__enter__`.
    begin = store - 1 if sys.version_info < (3, 14) else store - 2
    return begin >= 0 and steps[begin].opname in WITH_BEGINS


def constant(steps: Sequence[Step] | None) -> Any:
    """Returns the constant that these steps load; `NotImplemented` for anything else."""
    if steps is not None and len(steps) == 1 and steps[0].opname in _CONSTANTS:
        return steps[0].argval
    return NotImplemented


def dotted(steps: Sequence[Step] | None) -> Mention | None:
    """Returns the dotted name that these steps load, if they load nothing else."""
    if not steps:
        return None
    last = list(mentions(steps))[-1:]
    return last[0] if last and len(last[0].path) == len(steps) and last[0].path[0] else None
