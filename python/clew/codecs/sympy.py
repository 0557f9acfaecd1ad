"""sympy: expressions, which are immutable, so that all expressions with `x` are not joined into one co-variable."""

from __future__ import annotations

from typing import Any

from sympy.core.basic import Basic

from . import Codec, keyed, kinds_below


def _encode(value: Any) -> tuple[Any, ...]:
    make, args, *state = value.__reduce_ex__(2)[:3]
    return make, tuple(map(_own, args)), _own(state[0]) if state else None


def _own(part: Any) -> Any:
    """Copies a dict of assumptions: sympy shares one between all symbols with the same assumptions."""
    return dict(part) if type(part) is dict else part


def _decode(parts: tuple[Any, ...]) -> Any:
    make, args, state = parts
    made = make(*args)
    if state is not None:
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
        else:
            made.__dict__.update(state)
    return made


_EXPRESSION = Codec("sympy.expression", _encode, _decode, native=False, immutable=True)
NAMED = keyed(_EXPRESSION)
CODECS: dict[type, Codec] = dict.fromkeys(kinds_below(Basic, "sympy."), _EXPRESSION)
