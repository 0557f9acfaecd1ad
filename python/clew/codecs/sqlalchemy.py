"""SQLAlchemy: values bound to statements, whose names are made of their addresses."""

from __future__ import annotations

from typing import Any

from sqlalchemy.sql.elements import BindParameter

from . import Codec, Parts

_OF_ADDRESS = ("key", "_anon_map_key")
"""What one without a name of its own is called by, and gets anew where it is made again."""


def _encode(parameter: Any) -> Parts:
    state = parameter.__getstate__()
    left_out = _OF_ADDRESS if state.get("unique") else ()
    return Parts((type(parameter),), {name: state[name] for name in sorted(state) if name not in left_out})


def _fill(parameter: Any, state: dict[str, Any]) -> None:
    parameter.__setstate__(dict(state))


_CODEC = Codec("sqlalchemy.bound", _encode, lambda args: object.__new__(args[0]), _fill, native=False)
NAMED: dict[str, Codec] = {"bound": _CODEC}
CODECS: dict[type, Codec] = {BindParameter: _CODEC}
