"""astropy: units, which are immutable, so that sharing a unit does not join variables; and frames without cached results."""

from __future__ import annotations

import sys
from typing import Any

from . import Codec, keyed
from .subclasses import instances


def _encode_unit(unit: Any) -> tuple[Any, ...]:
    """Describes astropy's own units by name, compound units by their bases, and the user's units by their reducer."""
    name = getattr(unit, "_names", None)
    if name and getattr(sys.modules["astropy.units"], name[0], None) is unit:
        return ("named", name[0])
    if type(unit).__name__ == "CompositeUnit":
        return ("composite", unit.scale, tuple(unit.bases), tuple(unit.powers))
    make, args, *state = unit.__reduce_ex__(5)[:3]
    own = dict(state[0]) if state and type(state[0]) is dict else {}
    return ("made", make, args, {key: own[key] for key in sorted(own) if key not in _UNIT_CACHES})


_UNIT_CACHES = ("_hash", "_type_id", "_decomposed_cache")


def _decode_unit(parts: tuple[Any, ...]) -> Any:
    from astropy import units
    from astropy.units.core import CompositeUnit

    match parts:
        case ("named", name):
            return getattr(units, name)
        case ("composite", scale, bases, powers):
            return CompositeUnit(scale, list(bases), list(powers), _error_check=False)
        case (_, make, args, own):
            made = make(*args)
            vars(made).update(own)
            return made
    raise ValueError(f"{parts!r} does not describe a unit")


def _encode_frame(frame: Any) -> dict[str, Any]:
    """Returns the attributes except `cache`, which has results computed from the others."""
    own = vars(frame)
    return {name: own[name] for name in sorted(own) if name != "cache"}


NAMED = keyed(
    Codec("astropy.unit", _encode_unit, _decode_unit, native=False, immutable=True),
    instances("astropy.frame", _encode_frame, lambda frame, own: vars(frame).update(own)),
)
CODECS: dict[type, Codec] = {}


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for a type of astropy. `astropy_units` and `astropy_frames` register the types as soon as the session imports their
    modules."""
    found = _below("astropy.units.core", "UnitBase", "unit", kind)
    return found or _below("astropy.coordinates.baseframe", "BaseCoordinateFrame", "frame", kind)


def _below(module: str, base: str, name: str, kind: type) -> Codec | None:
    found = getattr(sys.modules.get(module), base, None)
    return NAMED[name] if isinstance(found, type) and issubclass(kind, found) else None
