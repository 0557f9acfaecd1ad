"""What an object refers to: what the collector sees, and what extension types keep from it.

An iterator of numpy's over an array, a pointer of ctypes, a reader over a buffer: they refer to the object whose memory they read, and
their types do not tell the collector of it. Runs no code of the user's.
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
"""The flag of types whose objects the collector may track. It leaves out single ones that hold nothing of this kind, a dict of arrays for
instance."""

ATTRIBUTES = {kind: names.split() for kind, names in by_module("references").items()} | {
    "builtins.CArgObject": ["_obj"]
}
"""Types that refer to something by way of memory that is no part of the object, or of objects that are not tracked, and the attributes
that give it."""

Interval = tuple[int, int]
"""Memory: its first address, and the one behind its end."""


def referents(items: list[Any], wanted: set[int]) -> Iterator[Any]:
    """What the ``items`` refer to, as far as it may refer to something in turn or its id is ``wanted``."""
    for item in gc.get_referents(*items):
        if may_refer(item) or id(item) in wanted:
            yield item
    for item in items:
        for name in ATTRIBUTES.get(_name(type(item)), ()):
            # An iterator that is closed has none any more.
            with suppress(ValueError):
                yield getattr(item, name)


def may_refer(item: Any) -> bool:
    """Whether an object may refer to others."""
    kind = type(item)
    return bool(kind.__flags__ & TRACKABLE) or is_opaque_to_collector(kind)


def is_opaque_to_collector(kind: type) -> bool:
    """Whether objects of this type may refer to something that the collector does not see: types that are written in C, outside of builtins."""
    is_builtin = _MODULE_OF(kind) == "builtins" and _name(kind) not in ATTRIBUTES
    return not is_builtin and not issubclass(kind, type | weakref.ref)


def hidden(items: list[Any], wanted: set[int]) -> set[int]:
    """Ids of ``wanted`` objects that stand in the structures of ``items``, of those that the collector does not see into."""
    return words_of([item for item in items if is_opaque_to_collector(type(item))], wanted)


def shown_memory(item: Any) -> Interval | None:
    """The memory that an object reads and writes without a reference to who owns it: what a pointer points to, what a buffer shows."""
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
    """The memory of an object that others may read and write."""
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


# As type has them: a metaclass may run code of the user's when it is asked.
_MODULE_OF, _QUALNAME_OF = type.__dict__["__module__"].__get__, type.__dict__["__qualname__"].__get__


def _name(kind: type) -> str:
    return f"{_MODULE_OF(kind)}.{_QUALNAME_OF(kind)}"
