"""Describes objects of one type as parts, and creates objects from parts. `clew.codecs` states what a codec promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class NoValue(Exception):
    """Raised if an object has no value that could be compared or stored. The message gives the reason, for users."""


class Parts(NamedTuple):
    """The parts of an object that may contain itself: `decode(args)` creates it, `fill(it, state)` adds the rest."""

    args: tuple[Any, ...]
    state: Any


class Codec(NamedTuple):
    """How objects of one type become parts, and parts become objects."""

    name: str
    """The stored name, from which `named` finds the codec: file of this folder, dot, key in its `NAMED`."""
    encode: Callable[[Any], tuple[Any, ...] | Parts]
    decode: Callable[[tuple[Any, ...]], Any]
    fill: Callable[[Any, Any], None] | None = None
    """Set exactly if `encode` returns `Parts`: `decode` then gets only `args`."""
    finish: Callable[[Any], None] | None = None
    """Completes what `fill` left open, once every object of the co-variable has been filled."""
    version: int = 1
    native: bool = True
    """Whether decoding never calls anything that the parts name, whatever they are. Only such codecs decode untrusted parts
    (crates/clew-python/src/strangers.rs)."""
    decode_as: Callable[[type, tuple[Any, ...]], Any] | None = None
    """Creates an instance of a subclass from the same parts, without running its `__init__`; `None` if that is not possible."""
    kind: type | None = None
    """The type that is stored, if objects of another type stand in for its own."""
    immutable: bool = False
    """Whether sharing the object does not join variables: equal objects are distinguished only within a co-variable."""
    has_attributes: bool = False
    """Whether an immutable object has attributes that can be set. Sharing it then joins variables that are bound to the object itself."""


def keyed(*codecs: Codec) -> dict[str, Codec]:
    """Returns codecs by the last parts of their names, as `named` looks them up in a file."""
    return {codec.name.rpartition(".")[2]: codec for codec in codecs}


def kinds_below(kind: type, package: str = "") -> Iterator[type]:
    """Yields all classes that derive from a class, if their modules are in a package; some have private names."""
    derived: type
    for derived in type.__subclasses__(kind):
        if str(derived.__module__).startswith(package):
            yield derived
            yield from kinds_below(derived, package)
