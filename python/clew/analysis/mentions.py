"""Dotted names that compiled code loads, and what becomes of them there: called with what, bound to which name, handed on."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from types import CodeType
from typing import Any, NamedTuple

#: What loads a name of the namespace, and one of a function's own.
GLOBAL_LOADS = frozenset(("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"))
LOCAL_LOADS = frozenset(
    (
        "LOAD_FAST",
        "LOAD_FAST_CHECK",
        "LOAD_FAST_AND_CLEAR",
        "LOAD_FAST_LOAD_FAST",
        "STORE_FAST_LOAD_FAST",
        "LOAD_DEREF",
        "LOAD_CLASSDEREF",
        "LOAD_FROM_DICT_OR_DEREF",
    )
)
ATTRIBUTES = frozenset(("LOAD_ATTR", "LOAD_METHOD"))
_ELEMENT = frozenset(("BINARY_SUBSCR", "BINARY_OP_SUBSCR", "BINARY_SLICE"))
_SILENT = frozenset(("CACHE", "NOP", "EXTENDED_ARG", "RESUME"))
_CALLS = frozenset(("PRECALL", "CALL", "CALL_KW"))
_JUMPS = frozenset(dis.opname[code] for code in (*dis.hasjrel, *dis.hasjabs))
#: What handles two of a function's own names, and how each by itself would be.
_PAIRS = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
}
#: Whether the place of a method's object is made behind what is called, or before it.
_IS_NULL_BEHIND = sys.version_info >= (3, 13)
#: Longer arguments are not gone through.
_LONGEST = 500


class Mention(NamedTuple):
    """A dotted name at one place of some code."""

    #: Its parts; the first is empty where it goes on from what was no name.
    path: tuple[str, ...]
    #: Which step of the code loads its last part.
    place: int
    #: Whether the first part is one of a function's own names.
    is_local: bool

    @property
    def name(self) -> str:
        """Its last part."""
        return self.path[-1]


class Call(NamedTuple):
    """What something is called with."""

    #: The steps that load each argument, those by position first.
    arguments: list[list[dis.Instruction]]
    keywords: tuple[str, ...]
    #: Which step of the code calls it.
    place: int

    @property
    def positional(self) -> list[list[dis.Instruction]]:
        """Those that are given by their place."""
        return self.arguments[: len(self.arguments) - len(self.keywords)]

    def given(self, place: int | None, *names: str) -> list[dis.Instruction] | None:
        """The argument at that place, or of one of these names."""
        if place is not None and place < len(self.positional):
            return self.positional[place]
        named = dict(zip(self.keywords, self.arguments[len(self.positional) :], strict=True))
        return next((named[name] for name in names if name in named), None)


def steps_of(code: CodeType) -> list[dis.Instruction]:
    """Its instructions, without those that do nothing; those that do two things at once are two."""
    every = (one for one in dis.get_instructions(code) if one.opname not in _SILENT)
    steps = [each for one in every for each in ((one,) if one.opname not in _PAIRS else _pair(one))]
    # Not every version tells these constants.
    return [
        one._replace(argval=code.co_consts[one.arg or 0]) if one.opname == "KW_NAMES" else one
        for one in steps
    ]


def _pair(one: dis.Instruction) -> Iterator[dis.Instruction]:
    for name, variable in zip(_PAIRS[one.opname], one.argval, strict=True):
        yield one._replace(opname=name, opcode=dis.opmap[name], arg=0, argval=variable)


def begin_of(step: dis.Instruction) -> tuple[int | None, int | None] | None:
    """Where in the source a step's expression begins: line and column."""
    at = step.positions
    return None if at is None else (at.lineno, at.col_offset)


def holder_at(steps: list[dis.Instruction], place: int) -> range:
    """Where the steps stand that load what is set or changed at `place`: they begin with the name at which that begins in the source, and end
    with the key of an element. Empty where there is no such name."""
    begin = begin_of(steps[place])
    for number in range(place - 1, -1, -1):
        one, before = steps[number], steps[max(number - 1, 0)]
        if one.opname not in GLOBAL_LOADS | LOCAL_LOADS:
            continue
        # Of two that one instruction loads the second has the place of the first.
        is_second = (
            before is not one
            and {one.opname, before.opname} <= LOCAL_LOADS
            and one.positions == before.positions
        )
        is_holder = number + 1 == place or begin_of(steps[number + 1]) == begin
        if begin_of(one) == begin or (is_second and is_holder):
            # What goes on from what it was (`+=`) copies its holder first.
            copy = (at for at in range(number, place) if steps[at].opname == "COPY")
            return range(number, next(copy, place))
    return range(0)


def is_element_at(step: dis.Instruction, store: dis.Instruction) -> bool:
    """Whether what a store sets something on is an element of something, and not what stands in the brackets."""
    return step.opname in _ELEMENT and begin_of(step) == begin_of(store)


def mentions(steps: list[dis.Instruction]) -> Iterator[Mention]:
    """All that is loaded by name: `a.b.c` is `a`, `a.b` and `a.b.c`."""
    path, is_local = [""], False
    for place, one in enumerate(steps):
        if one.opname in GLOBAL_LOADS or one.opname in LOCAL_LOADS:
            names = one.argval if isinstance(one.argval, tuple) else (one.argval,)
            path, is_local = [names[-1]], one.opname in LOCAL_LOADS
            for name in names[:-1]:
                yield Mention((name,), place, is_local)
        elif one.opname in ATTRIBUTES:
            path = [*path, one.argval]
        else:
            if one.opname not in ("PUSH_NULL", "PRECALL"):
                path, is_local = [""], False
            continue
        yield Mention(tuple(path), place, is_local)


def called(steps: list[dis.Instruction], place: int) -> Call | None:
    """What the thing that is loaded at `place` is called with; `None` where it is not called at once, or that can't be told."""
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
        elif one.opname in _CALLS and steps[at - 1].opname != "PRECALL":
            # Where there is such a step before a call, it has taken the arguments off already.
            count, extra = one.arg or 0, one.opname == "CALL_KW"
            if depth == count + extra:
                if extra:
                    keywords = steps[at - 1].argval
                bounds = [begins[index] for index in range(count)] + [at - extra]
                # Names of arguments are told between these and the call.
                parts = [steps[bounds[index] : bounds[index + 1]] for index in range(count)]
                parts = [[step for step in part if step.opname != "KW_NAMES"] for part in parts]
                return Call(parts, tuple(keywords), at + (one.opname == "PRECALL"))
            keywords = () if one.opname != "CALL" else keywords
        if one.opname in _JUMPS:
            return None
        depth += dis.stack_effect(one.opcode, one.arg, jump=False)
        if depth < 0:
            return None
    return None


def bound_to(steps: list[dis.Instruction], place: int) -> str | None:
    """The name of the namespace that what is loaded at `place` is bound to, if nothing else is done with it."""
    after = steps[place + 1] if place + 1 < len(steps) else None
    return after.argval if after is not None and after.opname in ("STORE_NAME", "STORE_GLOBAL") else None


def is_annotation(steps: list[dis.Instruction], place: int) -> bool:
    """Whether what is loaded at `place` only says what type something has."""
    for one in steps[place + 1 :]:
        if one.opname == "LOAD_NAME" and one.argval == "__annotations__":
            return True
        if one.opname == "MAKE_FUNCTION":
            return True
        if not one.opname.startswith(("LOAD_", "BUILD_", "BINARY_", "PUSH_NULL")):
            return False
    return False


def constant(steps: list[dis.Instruction] | None) -> Any:
    """The constant that these steps load, `NotImplemented` if it is anything else."""
    if steps is not None and len(steps) == 1 and steps[0].opname in ("LOAD_CONST", "RETURN_CONST"):
        return steps[0].argval
    return NotImplemented


def dotted(steps: list[dis.Instruction] | None) -> Mention | None:
    """The dotted name that these steps load, and nothing else."""
    if not steps:
        return None
    last = list(mentions(steps))[-1:]
    return last[0] if last and len(last[0].path) == len(steps) and last[0].path[0] else None
