"""Attributes of instances: of subclasses that add attributes to a type with hidden state, and of classes whose instances consist of
attributes.

Their reducers lose one half: a subclass of `datetime`, `Decimal`, `deque` or `ndarray` with its own attributes is restored without them.
Here the base's codec encodes the hidden part, and the attributes are stored besides, by name.
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
"""A class that defines one of these determines its own state, so the codec does not apply."""

HEAP_TYPE = 1 << 9
"""The flag of classes that were created at run time. Other classes store their members themselves."""


def codec_for(kind: type, base: type, codec: Codec) -> Codec | None:
    """Returns the codec for `kind`, whose nearest known base is `base`; `None` if its reducer must be used."""
    return None if codec.decode_as is None or defines_pickling(kind, base) else subclass(kind, base, codec)


def subclass(kind: type, base: type, codec: Codec) -> Codec:
    """Returns the codec for `kind`, which only adds attributes to `base`, even if it defines its own pickling; `codec` is the codec of
    `base`."""

    def encode(value: Any) -> Parts:
        parts = codec.encode(value)
        args, state = parts if isinstance(parts, Parts) else (parts, None)
        return Parts((kind, codec.name, args), (state, attributes(value, base)))

    return Codec("inherited.subclass", encode, _decode, _fill, native=False)


def defines_pickling(kind: type, base: type) -> bool:
    """Returns whether a class between `kind` and `base` defines its own pickling."""
    between = kind.__mro__[: kind.__mro__.index(base)]
    return any(name in vars(part) for part in between for name in PICKLING)


def attributes(value: Any, base: type) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Returns the instance's own dict, and its filled slots by name, without those that `base` stores itself."""
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
    """Restores attributes without calling a `__setattr__` of the user."""
    if own:
        object.__getattribute__(value, "__dict__").update(own)
    for name, slot in slots.items():
        descriptor = next(vars(part)[name] for part in type(value).__mro__ if name in vars(part))
        descriptor.__set__(value, slot)


def instances(name: str, encode: Callable[[Any], Any], fill: Callable[[Any, Any], None]) -> Codec:
    """Returns the codec for instances, also of subclasses, whose attributes are complete: they are created without `__init__`, and `fill`
    restores the result of `encode`, even if the class defines its own pickling."""
    return Codec(
        name,
        lambda value: Parts((type(value),), encode(value)),
        lambda args: object.__new__(args[0]),
        fill,
        native=False,
        decode_as=lambda kind, args: object.__new__(kind),
    )


def plain(name: str) -> Codec:
    """Returns the codec for instances that are stored with their own dict and slots."""
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
