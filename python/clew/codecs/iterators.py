"""Built-in generators, coroutines and iterators that are exhausted. The contents of suspended code cannot be read."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

from . import Codec, NoValue
from .handles import WORDS


def _encode_code(prefix: str) -> Callable[[Any], tuple[Any, ...]]:
    def encode(value: Any) -> tuple[Any, ...]:
        is_over = not getattr(value, f"{prefix}_running") and not getattr(value, f"{prefix}_suspended")
        if not is_over or getattr(value, f"{prefix}_frame") is not None:
            raise NoValue(WORDS[f"builtins.{type(value).__name__}"])
        return getattr(value, f"{prefix}_code"), value.__name__, value.__qualname__

    return encode


def _decode_code(parts: tuple[Any, ...]) -> Any:
    """Creates an exhausted generator. Calling its function runs no code of it, and neither does closing an unstarted generator."""
    code, name, qualname = parts
    cells = tuple(types.CellType() for _ in code.co_freevars)
    function = types.FunctionType(code, {}, name, None, cells)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    made = function(*names[: code.co_argcount], **dict.fromkeys(names[code.co_argcount :]))
    made.close()
    made.__name__, made.__qualname__ = name, qualname
    return made


def _encode_iterator(value: Any) -> tuple[Any, ...]:
    """Returns nothing for an exhausted iterator. Otherwise returns the iterated object and the position; for a dict or set, the remaining
    items."""
    _, args, *state = value.__reduce__()
    if type(value) in _MADE_OF_REST:
        return (args,) if args[0] else ()
    goes_on = state or (type(value) is _CALLING and len(args) == 2)
    return (args, *state) if goes_on else ()


def _decode_iterator(kind: type, empty: Callable[[], Iterator[Any]]) -> Callable[[tuple[Any, ...]], Any]:
    def decode(parts: tuple[Any, ...]) -> Any:
        if not parts:
            made: Any = empty()
            next(made, None)
            return made
        args, *state = parts
        if kind in _MADE_OF_REST:
            return _MADE_OF_REST[kind](*args)
        made = (reversed if kind is _REVERSED else iter)(*args)
        if state:
            made.__setstate__(*state)
        return made

    return decode


def _over_set(rest: list[Any]) -> Iterator[Any]:
    """Returns an iterator over the remaining items. A new set of them may have another order. Then it is a list iterator, and reported as
    different."""
    return iter(made) if list(made := set(rest)) == rest else iter(rest)


_MADE_OF_REST: dict[type, Callable[[list[Any]], Iterator[Any]]] = {
    type(iter({})): lambda rest: iter(dict.fromkeys(rest)),
    type(iter({}.values())): lambda rest: iter(dict(enumerate(rest)).values()),
    type(iter({}.items())): lambda rest: iter(dict(rest).items()),
    type(iter(set())): _over_set,
}
_CALLING: type = type(iter(int, 0))
_REVERSED: type = type(reversed(list[int]()))
_EMPTY: tuple[Callable[[], Iterator[Any]], ...] = (
    lambda: iter([]),
    lambda: iter(()),
    lambda: iter(""),
    lambda: iter(b""),
    lambda: iter(bytearray()),
    lambda: reversed([]),
    lambda: iter(int, 0),
    lambda: iter(set()),
    lambda: iter({}),
    lambda: iter({}.values()),
    lambda: iter({}.items()),
)
CODECS: dict[type, Codec] = {
    types.GeneratorType: Codec("closed.generator", _encode_code("gi"), _decode_code, native=False),
    types.CoroutineType: Codec("closed.coroutine", _encode_code("cr"), _decode_code, native=False),
    **{
        kind: Codec(f"closed.{kind.__name__}", _encode_iterator, _decode_iterator(kind, empty), native=False)
        for kind, empty in ((type(empty()), empty) for empty in _EMPTY)
    },
}
