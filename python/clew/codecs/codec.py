"""Describes objects of one type as parts, and creates objects from parts. `clew.codecs` states what a codec promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class NoValue(Exception):
    """Says that an object has no value that could be compared or stored, and why, for people."""


class Parts(NamedTuple):
    """Parts of an object that can be part of itself: `decode(args)` makes it, `fill(it, state)` puts in the rest."""

    args: tuple[Any, ...]
    state: Any


class Codec(NamedTuple):
    """How objects of one type become parts, and parts become objects."""

    name: str
    """What is stored and asked for again by `named`: file of this folder, dot, key in its `CODECS`."""
    encode: Callable[[Any], tuple[Any, ...] | Parts]
    decode: Callable[[tuple[Any, ...]], Any]
    fill: Callable[[Any, Any], None] | None = None
    """Set exactly when `encode` gives `Parts`: `decode` then gets `args` alone."""
    finish: Callable[[Any], None] | None = None
    """Completes what `fill` left open, once every object of the co-variable has been filled."""
    version: int = 1
    native: bool = True
    """Whether nothing that the parts name is ever called, whatever they are: only then a stranger's are decoded
    (crates/clew-python/src/strangers.rs)."""
    decode_as: Callable[[type, tuple[Any, ...]], Any] | None = None
    """Makes an instance of a subclass from the same parts, without running its `__init__`; `None` if there is no way."""
    kind: type | None = None
    """The type that is written down, where objects of another stand in for its own."""
    immutable: bool = False
    """Whether sharing the object joins nothing: equal ones are told apart only within a co-variable."""
    has_attributes: bool = False
    """Whether an immutable object has attributes that can be set: sharing it joins where a name is bound to the object itself."""


def keyed(*codecs: Codec) -> dict[str, Codec]:
    """Codecs by the last parts of their names, as `named` looks for them in a file."""
    return {codec.name.rpartition(".")[2]: codec for codec in codecs}


def kinds_below(kind: type, package: str = "") -> Iterator[type]:
    """All classes that derive from one, as far as their modules are in a package; some have private names."""
    derived: type
    for derived in type.__subclasses__(kind):
        if str(derived.__module__).startswith(package):
            yield derived
            yield from kinds_below(derived, package)
