"""Attributes of libraries that the notebook's code sets: `np.mean = f`, `math.tau = 6`, `pd.DataFrame.head = g`.

The original value of an attribute is noted before code that names it runs. The attribute is part of the state while it differs from that.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from clew.roots.root import MISSING, Root


class _Slot(NamedTuple):
    holder: Any
    name: str
    original: Any


_slots: dict[str, _Slot] = {}
"""By the full name of each attribute."""

ORIGINALS: dict[str, Any] = {}
"""The original values of such attributes, by `module:path`. Objects that are stored by name are looked up here first."""

_waiting: list[CodeType] = []
"""Functions with names that had no value yet when the functions were defined."""

_MOST_WAITING = 100
_DELETED = "deleted attribute "


def foresee(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> None:
    """Notes the values of attributes that code which is about to run may set. The first code object runs now, the others may be called
    later."""
    from clew.analysis.patches import may_set, set_in

    ones = [code for code in codes if may_set(code)]
    if not ones and not _waiting:
        return
    again, _waiting[:] = list(_waiting), []
    for code in [*again, *ones]:
        is_known = True
        for holder, name in set_in(code, namespace):
            is_known &= holder is not None
            if holder is not None:
                _note(holder, name)
        if not is_known and len(_waiting) < _MOST_WAITING:
            _waiting.append(code)


def _note(holder: Any, name: str) -> None:
    key = _key(holder, name)
    if key is None or (key in _slots and _slots[key].holder is holder):
        return
    original = _attributes(holder).get(name, MISSING)
    _slots[key] = _Slot(holder, name, original)
    module, path = _named(holder)
    if original is not MISSING and module is not None:
        ORIGINALS[f"{module}:{path}.{name}" if path else f"{module}:{name}"] = original


def _attributes(holder: Any) -> Mapping[str, Any]:
    if isinstance(holder, ModuleType):
        return ModuleType.__getattribute__(holder, "__dict__")  # type: ignore[no-any-return]
    attributes: Mapping[str, Any] = holder.__dict__
    return type.__getattribute__(holder, "__dict__") if isinstance(holder, type) else attributes


def _named(holder: Any) -> tuple[str | None, str]:
    if isinstance(holder, ModuleType):
        module, path = _attributes(holder).get("__name__"), ""
    else:
        module, path = holder.__module__, holder.__qualname__
    return (module, path) if isinstance(module, str) and module != "__main__" else (None, "")


def _key(holder: Any, name: str) -> str | None:
    module, path = _named(holder)
    return None if module is None else ".".join([module, *([path] if path else []), name])


def collect(shell: Any) -> Iterator[Root]:
    for key, (holder, name, original) in list(_slots.items()):
        now = _attributes(holder).get(name, MISSING)
        if now is original or _is_shells(now):
            continue
        if now is MISSING:
            yield "setting", f"{_DELETED}{key}", True
        else:
            yield "module_attribute", key, now


def is_deletion(key: str) -> bool:
    """Returns whether the key of a setting stands for a deleted attribute."""
    return key.startswith(_DELETED)


def _is_shells(value: Any) -> bool:
    """Returns whether the shell set the value, as it sets `sys.excepthook` while a cell runs."""
    return type(value) is MethodType and type(value.__self__).__module__.startswith(
        ("IPython.", "ipykernel.")
    )


def knows(key: str) -> bool:
    """Returns whether an attribute of that full name was set, or may have been."""
    return key in _slots


def is_of_function(key: str) -> bool:
    """Returns whether it is an attribute of a function."""
    found = _found(key)
    return found is not None and type(found[0]) is FunctionType


def install(shell: Any, key: str, value: Any) -> None:
    """Sets an attribute to its recorded value, or to its original value from before any cell set it."""
    if key.startswith(_DELETED):
        _install_deletion(key.removeprefix(_DELETED), value)
        return
    slot = _slot(key)
    _set(slot, slot.original if value is MISSING else value)


def _install_deletion(key: str, value: Any) -> None:
    slot = _slot(key)
    is_there = slot.name in _attributes(slot.holder)
    if value is not MISSING:
        _set(slot, MISSING)
    elif not is_there:
        _set(slot, slot.original)


def _set(slot: _Slot, value: Any) -> None:
    holder, name = slot.holder, slot.name
    if isinstance(holder, type):
        if value is not MISSING:
            type.__setattr__(holder, name, value)
        elif name in _attributes(holder):
            type.__delattr__(holder, name)
    elif value is MISSING:
        holder.__dict__.pop(name, None)
    else:
        holder.__dict__[name] = value


def _slot(key: str) -> _Slot:
    if key not in _slots:
        found = _found(key)
        if found is None:
            raise AttributeError(f"{key.rpartition('.')[0]} does not exist here")
        _note(*found)
    return _slots[key]


def _found(key: str) -> tuple[Any, str] | None:
    """Returns the holder of an attribute of this full name, which is imported if necessary, and the attribute's name."""
    path, _, name = key.rpartition(".")
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        module = ".".join(parts[:end])
        try:
            held: Any = sys.modules.get(module) or importlib.import_module(module)
        except ImportError:
            continue
        for part in parts[end:]:
            held = _attributes(held).get(part) if isinstance(held, ModuleType | type) else None
            held = held.__func__ if isinstance(held, staticmethod | classmethod) else held
        is_holder = isinstance(held, ModuleType | type) or type(held) is FunctionType
        return (held, name) if is_holder and _key(held, name) == key else None
    return None
