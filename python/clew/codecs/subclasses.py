"""Attributes: of subclasses that add them to a type that hides its state, and of instances that are nothing but these.

Their reducers forget either half: a subclass of `datetime`, `Decimal`, `deque` or `ndarray` with attributes of its own
comes back without them. Here the hidden part is written by the base's codec and the attributes beside it, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MemberDescriptorType
from typing import Any

from . import Codec, Parts, keyed, named

PICKLING = (
    "__reduce__",
    "__reduce_ex__",
    "__getstate__",
    "__setstate__",
    "__getnewargs__",
    "__getnewargs_ex__",
)
"""A class that defines one of these has its own idea of its state, and is asked for it."""

HEAP_TYPE = 1 << 9
"""The flag of classes made at run time; the others keep their members themselves."""


def codec_for(kind: type, base: type, codec: Codec) -> Codec | None:
    """The codec for `kind`, whose nearest known base is `base`; `None` if only its reducer can tell."""
    return None if codec.decode_as is None or defines_pickling(kind, base) else subclass(kind, base, codec)


def subclass(kind: type, base: type, codec: Codec) -> Codec:
    """The codec for `kind`, which adds nothing but attributes to `base`, whatever it says of its pickling; `codec` is that of `base`."""

    def encode(value: Any) -> Parts:
        parts = codec.encode(value)
        args, state = parts if isinstance(parts, Parts) else (parts, None)
        return Parts((kind, codec.name, args), (state, attributes(value, base)))

    return Codec("inherited.subclass", encode, _decode, _fill, native=False)


def defines_pickling(kind: type, base: type) -> bool:
    """Whether a class between `kind` and `base` says itself how it is pickled."""
    between = kind.__mro__[: kind.__mro__.index(base)]
    return any(name in vars(part) for part in between for name in PICKLING)


def attributes(value: Any, base: type) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The instance's own dict, and its filled slots by name, as far as `base` does not keep them itself."""
    kind = type(value)
    has_own_dict = kind.__dictoffset__ != 0 and base.__dictoffset__ == 0
    own = object.__getattribute__(value, "__dict__") if has_own_dict else None
    return own or None, dict(_slots(value, kind.__mro__[: kind.__mro__.index(base)]))


def _slots(value: Any, classes: tuple[type, ...]) -> Iterator[tuple[str, Any]]:
    for part in classes:
        if not part.__flags__ & HEAP_TYPE:
            continue
        for name, descriptor in vars(part).items():
            if isinstance(descriptor, MemberDescriptorType):
                try:
                    yield name, descriptor.__get__(value)
                except AttributeError:
                    continue


def restore_attributes(value: Any, own: dict[str, Any] | None, slots: dict[str, Any]) -> None:
    """Puts attributes back without calling a `__setattr__` of the user's."""
    if own:
        object.__getattribute__(value, "__dict__").update(own)
    for name, slot in slots.items():
        descriptor = next(vars(part)[name] for part in type(value).__mro__ if name in vars(part))
        descriptor.__set__(value, slot)


def instances(name: str, encode: Callable[[Any], Any], fill: Callable[[Any, Any], None]) -> Codec:
    """The codec for instances, subclasses' too, whose attributes say all there is: they are made without `__init__`, and `fill` puts back what
    `encode` took, whatever the class says of its pickling."""
    return Codec(
        name,
        lambda value: Parts((type(value),), encode(value)),
        lambda args: object.__new__(args[0]),
        fill,
        native=False,
        decode_as=lambda kind, args: object.__new__(kind),
    )


def plain(name: str) -> Codec:
    """The codec for instances that are stored as they are: with their own dict and their slots."""
    return instances(
        name, lambda value: attributes(value, object), lambda value, state: restore_attributes(value, *state)
    )


def _decode(parts: tuple[Any, ...]) -> Any:
    kind, name, args = parts
    make = named(name).decode_as
    if make is None:
        raise TypeError(f"{name} cannot create instances of {kind.__qualname__}")
    return make(kind, args)


def _fill(value: Any, state: Any) -> None:
    inner, (own, slots) = state
    codec = next(_bases(type(value)))
    if codec.fill is not None:
        codec.fill(value, inner)
    restore_attributes(value, own, slots)


def _bases(kind: type) -> Iterator[Codec]:
    from . import _exact

    for base in kind.__mro__[1:-1]:
        codec = _exact(base)
        if codec is not None:
            yield codec


NAMED = keyed(Codec("inherited.subclass", lambda value: (), _decode, _fill, native=False))
