"""Finds the objects that an object refers to, including references that extension types hide from the garbage collector.

Examples are numpy's iterators over an array, ctypes pointers, readers over a buffer: they refer to the object whose memory they read, but
their types do not report it to the collector. Runs none of the user's code.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from clew._engine import words_of
from clew.codecs.libraries import by_module

TRACKABLE = 1 << 14
"""The flag of types whose objects the collector may track. It does not track single objects that contain nothing trackable, such as a dict
of arrays."""

ATTRIBUTES = {kind: names.split() for kind, names in by_module("references").items()} | {
    "builtins.CArgObject": ["_obj"]
}
"""Types with references in memory outside of the object, or to untracked objects, and the attributes that return these."""

Interval = tuple[int, int]
"""A range of memory: its first address, and the address after its end."""


def referents(items: list[Any], wanted: set[int]) -> Iterator[Any]:
    """Yields the objects that the ``items`` refer to, if they may refer to others, or their ids are ``wanted``."""
    for item in gc.get_referents(*items):
        if may_refer(item) or id(item) in wanted:
            yield item
    for item in items:
        for name in ATTRIBUTES.get(_name(type(item)), ()):
            # A closed iterator has none.
            with suppress(ValueError):
                yield getattr(item, name)


def may_refer(item: Any) -> bool:
    """Returns whether an object may refer to others."""
    kind = type(item)
    return bool(kind.__flags__ & TRACKABLE) or is_opaque_to_collector(kind)


def is_opaque_to_collector(kind: type) -> bool:
    """Returns whether objects of this type may have references that the collector does not see: types written in C, outside of builtins."""
    is_builtin = _MODULE_OF(kind) == "builtins" and _name(kind) not in ATTRIBUTES
    return not is_builtin and not issubclass(kind, type | weakref.ref)


def hidden(items: list[Any], wanted: set[int]) -> set[int]:
    """Returns ids of ``wanted`` objects whose addresses occur in the memory of ``items``, for items that the collector does not see
    into."""
    return words_of([item for item in items if is_opaque_to_collector(type(item))], wanted)


def shown_memory(item: Any) -> Interval | None:
    """Returns the memory that an object accesses without a reference to its owner: the target of a pointer, the memory of a buffer."""
    kind = type(item)
    if "pyarrow" in sys.modules and issubclass(kind, sys.modules["pyarrow"].lib.Buffer):
        return (item.address, item.address + item.size) if item.is_cpu else None
    if "_ctypes" not in sys.modules:
        return None
    import ctypes

    pointer: Any = ctypes._Pointer
    if issubclass(kind, pointer):
        if not pointer.__bool__(item):
            return None
        item = pointer.contents.__get__(item)
        kind = type(item)
    if issubclass(kind, (ctypes.Array, ctypes.Structure, ctypes.Union, ctypes._SimpleCData)):
        return ctypes.addressof(item), ctypes.addressof(item) + ctypes.sizeof(item)
    return None


def owned_memory(item: Any) -> Interval | None:
    """Returns the memory of an object that other objects may access."""
    kind = type(item)
    if "numpy" in sys.modules and issubclass(kind, sys.modules["numpy"].ndarray):
        from .codecs.numpy import bounds, ndarray

        low, length = bounds(ndarray.view(item, ndarray)) if item.size else (0, 0)
        return (low, low + length) if length else None
    if kind is bytearray or _name(kind) == "array.array":
        import ctypes

        with suppress(ValueError):
            low = ctypes.addressof(ctypes.c_char.from_buffer(item))
            return low, low + memoryview(item).nbytes
    return shown_memory(item)


# Read through `type`: a metaclass may run the user's code.
_MODULE_OF, _QUALNAME_OF = type.__dict__["__module__"].__get__, type.__dict__["__qualname__"].__get__


def _name(kind: type) -> str:
    return f"{_MODULE_OF(kind)}.{_QUALNAME_OF(kind)}"
