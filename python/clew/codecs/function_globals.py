"""Globals that a library made for functions: a copy of the notebook's names, in which attrs, doctest and others run the code they generate.

A function reads few of them. Were all of them a part of it, every value of the session would be a part of every such function, and an open
connection among them would keep all of them from being stored. So of such a dict counts what its functions may read, unless somebody else
has the dict, too.
"""

from __future__ import annotations

import gc
import re
import sys
import weakref
from collections.abc import Iterator
from itertools import chain, repeat
from operator import is_
from types import FrameType, FunctionType
from typing import Any

_READS_ALL = frozenset(("globals", "eval", "exec", "vars", "locals", "dir", "__import__"))
"""Names whose use says that any name may be read."""

_WORD = re.compile(r"[^\W\d]\w*")

_MADE_ANEW = ("__name__", "__builtins__")
"""What every such dict gets when it is made again."""

_known: dict[int, tuple[int, list[weakref.ref[FunctionType]]]] = {}
"""Who had a dict when it was last asked: how many references there were, and the functions. By the dict's address."""


def names_read(space: dict[str, Any]) -> dict[str, Any] | None:
    """What the functions with these globals may read of them; `None` if others hold the dict, or read all of it."""
    functions = _functions(space)
    if functions is None:
        return None
    read: set[str] = set()
    for function in functions:
        read.update(_read_by(function))
    if read & _READS_ALL:
        return None
    return {name: value for name, value in space.items() if name in read and name not in _MADE_ANEW}


def _functions(space: dict[str, Any]) -> list[FunctionType] | None:
    """The functions whose globals this is; `None` if it is held by anything else. All objects are gone through for that, so it is done
    once for as long as the same hold it."""
    count = sys.getrefcount(space)
    known = _known.get(id(space))
    if known is not None and known[0] == count:
        functions = [function for held in known[1] if (function := held()) is not None]
        if len(functions) == len(known[1]) and all(
            map(is_, (one.__globals__ for one in functions), repeat(space))
        ):
            return functions
    functions = []
    # No closure here may have `space`: its cell would be one of those that hold it.
    for holder in gc.get_referrers(space):
        if isinstance(holder, FunctionType) and holder.__globals__ is space:
            functions.append(holder)
        elif not isinstance(holder, FrameType):
            return None
    _known[id(space)] = (count, [weakref.ref(function) for function in functions])
    return functions


def _read_by(function: FunctionType) -> Iterator[str]:
    # Most processes have no such function.
    from clew.analysis.bytecode import names_of, nested

    for code in nested(function.__code__):
        yield from chain.from_iterable(names_of(code))
    # `typing.get_type_hints` looks up what annotations name.
    for annotation in function.__annotations__.values():
        if isinstance(annotation, str):
            yield from _WORD.findall(annotation)
