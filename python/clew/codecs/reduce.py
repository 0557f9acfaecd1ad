"""Describes objects without a codec through their reducers, as pickle and cloudpickle do.

The input is an object without a codec. The output is the name of a global as `module:qualname`, or six parts (callable, args, state, list
items, dict items, state setter) from which it is rebuilt as pickle does. Out-of-band buffers of a reducer become `Buffer`s. Exceptions of a
reducer are propagated: the object is then opaque.
"""

from __future__ import annotations

import copyreg
import gc
import os
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

from cloudpickle.cloudpickle import Pickler as CloudPickler

from clew._engine import Buffer
from clew.installation import is_installed, is_standard

from . import NoValue

Reduced = tuple[Callable[..., Any], tuple[Any, ...], Any, list[Any] | None, list[tuple[Any, Any]] | None, Any]

PROTOCOL = 5

NOT_OURS = ("TextIOWrapper", "memoryview", "module", "code", "cell", "WeakSet")
"""Reducers of cloudpickle that are not used: some types are opaque here, others are walked or encoded natively."""

CLOUD_REDUCERS: dict[type, Callable[[Any], Any]] = {
    kind: reducer for kind, reducer in CloudPickler._dispatch_table.items() if kind.__name__ not in NOT_OURS
}


def reduce_value(value: Any) -> str | Reduced:
    """Returns the parts that rebuild `value`, or the name of the global that it is.

    Raises the exceptions of the object's own reducer, and `NoValue` if its result cannot be stored.
    """
    name = global_name(value) if isinstance(value, type | types.FunctionType) else None
    return name or _normal(value, _ask(value))


def global_name(value: Any) -> str | None:
    """Returns `module:qualname` if this very object can be found by it."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module == "__main__":
        return None
    return f"{module}:{name}" if _found(module, name) is value else None


_MISSING = object()


def _found(module: str, qualname: str) -> Any:
    found: Any = sys.modules.get(module, _MISSING)
    for part in qualname.split("."):
        found = getattr(found, part, _MISSING)
    return found


def _ask(value: Any) -> Any:
    kind = type(value)
    reducer = CLOUD_REDUCERS.get(kind) or copyreg.dispatch_table.get(kind)
    if reducer is not None:
        return reducer(value)
    if isinstance(value, type | types.FunctionType):
        return _ask_cloudpickle(value)
    return value.__reduce_ex__(PROTOCOL)


def _ask_cloudpickle(value: Any) -> Any:
    import io

    reduced = CloudPickler(io.BytesIO(), PROTOCOL).reducer_override(value)
    if reduced is NotImplemented:
        raise NoValue(f"{type(value).__qualname__}: {value!r} cannot be found by its name")
    return reduced


def _normal(value: Any, reduced: Any) -> str | Reduced:
    if isinstance(reduced, str):
        return _named(value, reduced)
    if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6:
        raise pickle.PicklingError(f"The reducer of {type(value).__qualname__} returned no parts")
    make, args, state, items, pairs, setter = reduced + (None,) * (6 - len(reduced))
    if hasattr(type(value), "__setstate__"):
        state = _steady(value, state)
    return (
        make,
        _with_buffers(args),
        _with_buffers(state),
        None if items is None else list(items),
        None if pairs is None else list(pairs),
        setter,
    )


def _is_of_library(kind: type) -> bool:
    """Returns whether a class comes from the interpreter or an installed distribution."""
    parts = kind.__module__.split(".")
    if is_standard(parts[0]):
        return True
    # Namespace packages may come from several places: a module inside determines which.
    holding = (sys.modules.get(".".join(parts[:end])) for end in range(1, len(parts) + 1))
    file = next((file for one in holding if isinstance(file := getattr(one, "__file__", None), str)), "")
    return is_installed(os.path.abspath(file))  # noqa: PTH100


def _steady(value: Any, state: Any) -> Any:
    """Returns a state with attributes in the order of their names: the state is the attributes, or contains them besides other data, as for
    an array."""
    is_pair = type(state) is tuple and any(type(part) is dict and part for part in state)
    if not (type(state) is dict or is_pair) or _keeps_order(type(value)) or not _is_of_library(type(value)):
        return state
    if type(state) is dict:
        return _by_name(state)
    # Reading `__dict__` would create a dict where there is none.
    held = {id(one) for one in gc.get_referents(value) if type(one) is dict}
    return tuple(_by_name(part) if type(part) is dict and id(part) in held else part for part in state)


ORDERED = frozenset([("sklearn.base", "BaseEstimator.__setstate__")])
"""Setters of complete states that are known to set the attributes in their given order."""


def _keeps_order(kind: type) -> bool:
    setter = next((vars(one)["__setstate__"] for one in kind.__mro__ if "__setstate__" in vars(one)), None)
    return type(setter) is types.FunctionType and (setter.__module__, setter.__qualname__) in ORDERED


def _by_name(state: dict[Any, Any]) -> dict[Any, Any]:
    """Returns a state in the order of its names: an object that unpacks its state itself loses the original order.

    For the user's own classes, the attributes are compared separately, in their order.
    """
    if not all(type(name) is str for name in state):
        return state
    return {name: state[name] for name in sorted(state)}


def _named(value: Any, qualname: str) -> str:
    """Returns the global name for a reducer that returns a string; the module is the object's or its type's."""
    candidates = (getattr(value, "__module__", None), type(value).__module__)
    for module in candidates:
        if isinstance(module, str) and module != "__main__" and _found(module, qualname) is value:
            return f"{module}:{qualname}"
    raise NoValue(f"{type(value).__qualname__}: {qualname} cannot be found by its name")


def _with_buffers(part: Any) -> Any:
    """Replaces each out-of-band buffer by a `Buffer`, in nested tuples, too."""
    if isinstance(part, pickle.PickleBuffer):
        return Buffer(part.raw(), 0, False)
    if type(part) is tuple and any(isinstance(item, tuple | pickle.PickleBuffer) for item in part):
        return tuple(_with_buffers(item) for item in part)
    return part
