"""SQLAlchemy: values bound to statements, whose names contain addresses, and tables and types without cached properties."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from sqlalchemy import Column, MetaData, Table, util
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.types import TypeEngine
from sqlalchemy.util import immutabledict

from . import Codec, keyed, kinds_below
from .subclasses import instances

_OF_ADDRESS = ("key", "_anon_map_key")
"""The names of a bound value without a name of its own. They are generated again when it is restored."""


def _encode_element(made: Any) -> dict[str, Any]:
    """Encodes a table or column without its cached properties."""
    state = made.__getstate__()
    worked_out = {"_memoized_keys", *state.get("_memoized_keys", ())}
    return {name: value for name, value in state.items() if name not in worked_out}


def _fill_element(built: Any, state: dict[str, Any]) -> None:
    vars(built).update(state)


def _encode_type(made: Any) -> dict[str, Any]:
    """Encodes a column type without its cached properties."""
    own = vars(made)
    return {name: own[name] for name in sorted(own) if not _is_worked_out(made, name)}


def _is_worked_out(made: Any, name: str) -> bool:
    return isinstance(inspect.getattr_static(type(made), name, None), util.memoized_property)


def _encode_bound(parameter: Any) -> dict[str, Any]:
    state = parameter.__getstate__()
    left_out = _OF_ADDRESS if state.get("unique") else ()
    return {name: state[name] for name in sorted(state) if name not in left_out}


def _fill_bound(parameter: Any, state: dict[str, Any]) -> None:
    parameter.__setstate__(dict(state))


def _encode_metadata(made: Any) -> dict[str, Any]:
    """Encodes the pickled state, and the notes that the user keeps in `info`."""
    state: dict[str, Any] = made.__getstate__()
    info = vars(made).get("info")
    return {**state, "info": info} if info else state


def _fill_metadata(built: Any, state: dict[str, Any]) -> None:
    built.__setstate__(state)
    if "info" in state:
        built.info = state["info"]


_ELEMENT = instances("sqlalchemy.element", _encode_element, _fill_element)
_METADATA = instances("sqlalchemy.metadata", _encode_metadata, _fill_metadata)
_BOUND = instances("sqlalchemy.bound", _encode_bound, _fill_bound)._replace(decode_as=None)
# A declaration takes the types of its columns from a table of the library, so all models of a session share them.
_TYPE = instances("sqlalchemy.type", _encode_type, _fill_element)._replace(immutable=True)

# Every MetaData of a session shares the dict of the naming convention.
_DICT = Codec(
    "sqlalchemy.dict",
    lambda made: (dict(made),),
    lambda parts: immutabledict(parts[0]),
    native=False,
    immutable=True,
)


NAMED = keyed(_ELEMENT, _METADATA, _BOUND, _TYPE, _DICT)
CODECS: dict[type, Codec] = {
    Column: _ELEMENT,
    Table: _ELEMENT,
    MetaData: _METADATA,
    BindParameter: _BOUND,
    immutabledict: _DICT,
    **dict.fromkeys(kinds_below(TypeEngine, "sqlalchemy."), _TYPE),
}


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for mapped classes from `sqlalchemy_orm`, as soon as the session has imported that part of SQLAlchemy."""
    if not kind.__module__.startswith("sqlalchemy.orm.") or "sqlalchemy.orm" not in sys.modules:
        return None
    from . import sqlalchemy_orm

    return sqlalchemy_orm.CODECS.get(kind) or sqlalchemy_orm.codec_for(kind)
