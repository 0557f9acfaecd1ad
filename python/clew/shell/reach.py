"""Notebook functions that can be reached from objects, found without calling anything of the user's.

On Python 3.11 this stands in for watching which functions ran: what a name can reach, a run that names it may
call. On 3.12+ it finds functions that no cell defined under our eyes (those a move brought back, `exec`).
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from types import CodeType, FunctionType, ModuleType
from typing import Any

#: A search that meets more objects, or a larger container, gives up: then any function counts as reachable.
MOST_OBJECTS = 5_000
LARGEST_CONTAINER = 1_000

_PLAIN = (int, float, complex, bool, str, bytes, type(None), range, slice, CodeType)
_CONTAINERS = (list, tuple, dict, set, frozenset)
_module_of = type.__dict__["__module__"]


def codes_within(objects: Iterable[object], namespace: dict[str, Any]) -> tuple[list[CodeType], bool]:
    """Codes of the notebook's functions that `objects` can reach, and whether the search saw all of them."""
    codes: list[CodeType] = []
    waiting = list(objects)
    met = {id(namespace)}
    while waiting:
        one = waiting.pop()
        if type(one) in _PLAIN or id(one) in met:
            continue
        if len(met) > MOST_OBJECTS or is_large(one):
            return codes, False
        met.add(id(one))
        if type(one) is FunctionType:
            if one.__globals__ is namespace:
                codes.append(one.__code__)
            waiting += [*(one.__closure__ or ()), one.__defaults__, one.__kwdefaults__, one.__dict__]
        elif not is_foreign(one):
            waiting += gc.get_referents(one)
    return codes, True


def is_foreign(one: object) -> bool:
    """Whether it is a module or a class of a library: nothing of the notebook's hangs below it."""
    if isinstance(one, type):
        return bool(_module_of.__get__(one) != "__main__")
    return isinstance(one, ModuleType)


def is_large(one: Any) -> bool:
    """Whether it is a builtin container with more members than are worth a search."""
    return type(one) in _CONTAINERS and len(one) > LARGEST_CONTAINER
