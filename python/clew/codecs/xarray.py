"""xarray: variables, arrays and data sets, without values that are set by merely reading them."""

from __future__ import annotations

import sys
from typing import Any

from xarray import DataArray, Dataset, IndexVariable, Variable

from . import Codec, keyed
from .subclasses import instances, restore_attributes

_ON_READING = ("_attrs", "_encoding")
"""Slots that are `None` until the first access, and an empty dict from then on."""

_OURS = 3
"""The reference count of a slot's value that no other object holds: the slot, the dict of slots, and the call."""


def _encode(value: Any) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    state: Any = object.__getstate__(value)  # type: ignore[attr-defined, unused-ignore]
    own, slots = state if type(state) is tuple else (state, {})
    for name in _ON_READING:
        if slots.get(name) == {} and sys.getrefcount(slots[name]) == _OURS:
            slots[name] = None
    kept = {name: one for name, one in (slots.get("_cache") or {}).items() if not _is_own(one)}
    slots["_cache"] = kept or None
    return own, {name: slots[name] for name in sorted(slots) if slots[name] is not None}


def _is_own(accessor: Any) -> bool:
    """Returns whether an accessor is xarray's own: it holds only its object. An accessor of the user may hold anything."""
    return str(type(accessor).__module__).startswith("xarray.")


def _fill(value: Any, state: Any) -> None:
    own, slots = state
    absent = dict.fromkeys(name for name in (*_ON_READING, *_NONE) if name in _slots(type(value)))
    restore_attributes(value, own, absent | slots)


_NONE = ("_close", "_name", "_indexes", "_coords")
"""Other slots that are often `None`. Values of `None` are not stored."""


def _slots(kind: type) -> set[str]:
    return {name for part in kind.__mro__ for name in vars(part).get("__slots__", ())}


_CODEC = instances("xarray.data", _encode, _fill)
NAMED = keyed(_CODEC)
CODECS: dict[type, Codec] = dict.fromkeys((DataArray, Dataset, IndexVariable, Variable), _CODEC)
