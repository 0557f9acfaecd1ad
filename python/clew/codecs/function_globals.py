"""Globals that a library created for functions: a copy of the notebook's names, in which attrs, doctest and others run generated code.

A function reads few of these names. If all of them were part of the function, it would contain every value of the session, and one open
connection among them would make it impossible to store. So only the names that its functions may read count, unless another object holds
the dict, too.
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
"""Names whose use means that any name may be read."""

_WORD = re.compile(r"[^\W\d]\w*")

_MADE_ANEW = ("__name__", "__builtins__")
"""The names that are set in every such dict when it is restored."""

_known: dict[int, tuple[int, list[weakref.ref[FunctionType]]]] = {}
"""The last known holders of a dict, by its address: the reference count, and the functions."""


def names_read(space: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the names that functions with these globals may read, with values; `None` if other objects hold the dict, or a function may
    read all of it."""
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
    """Returns the functions with these globals; `None` if any other object holds the dict. This searches all objects, so the result is
    cached while the holders stay the same."""
    count = sys.getrefcount(space)
    known = _known.get(id(space))
    if known is not None and known[0] == count:
        functions = [function for held in known[1] if (function := held()) is not None]
        if len(functions) == len(known[1]) and all(
            map(is_, (one.__globals__ for one in functions), repeat(space))
        ):
            return functions
    functions = []
    # No closure here may have `space`: its cell would be one of the holders.
    for holder in gc.get_referrers(space):
        if isinstance(holder, FunctionType) and holder.__globals__ is space:
            functions.append(holder)
        elif not isinstance(holder, FrameType):
            return None
    _known[id(space)] = (count, [weakref.ref(function) for function in functions])
    return functions


def _read_by(function: FunctionType) -> Iterator[str]:
    # Imported here because most processes have no such function.
    from clew.analysis.bytecode import names_of, nested, texts_of

    # Since Python 3.14, a function of its own computes the annotations when they are first read.
    annotate = getattr(getattr(function, "__annotate__", None), "__code__", None)
    bodies = [function.__code__] if annotate is None else [function.__code__, annotate]
    for code in chain.from_iterable(map(nested, bodies)):
        yield from chain.from_iterable(names_of(code))
    # `typing.get_type_hints` looks up the names in annotations.
    written = function.__annotations__.values() if annotate is None else texts_of(annotate)
    for annotation in written:
        if isinstance(annotation, str):
            yield from _WORD.findall(annotation)
