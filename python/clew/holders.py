"""Finds objects that still refer to an object that a restore replaced.

After an install, the namespace refers to new objects. A thread, a callback or a closure may continue with an old one. That is not an error,
but it is reported to the user.
"""

from __future__ import annotations

import gc
import sys
import threading
import types
from typing import Any

from clew._engine import locals_elsewhere
from clew.installation import PACKAGES

from . import references
from .references import Interval

LIMIT = 3

NOT_WORTH_A_WORD = (types.ModuleType, types.BuiltinFunctionType)
"""Types that many objects refer to, without consequences for the user. Classes are left out, too, because their own methods refer to
them."""


CLOSED = (types.ModuleType, types.FunctionType, type)
"""Types with references to many unrelated objects: globals, modules, the class of all instances."""

DEPTH = 6
"""The maximal number of references from a live object to another one that are followed."""

REACHED = 20_000
"""The maximal number of objects that are examined for one live object."""

CONSTANTS = (
    type(None),
    type(Ellipsis),
    type(NotImplemented),
    int,
    float,
    complex,
    str,
    bytes,
    range,
    slice,
)
"""Types of immutable values."""

_DICT_OF = type.__dict__["__dict__"].__get__
"""Reads the attributes of a class without calling its metaclass."""


def holders(replaced: list[tuple[str, Any]], own: list[Any]) -> list[tuple[str, str]]:
    """For each replaced object with references from outside, returns its label and descriptions of the holders.

    ``replaced`` are (label, old object); ``own`` are Clew's own containers that may refer to them. Objects that only other replaced objects
    refer to are not reported. Runs none of the user's code.
    """
    ours = {id(replaced), id(own), *(id(pair) for pair in replaced), *(id(item) for item in own)}
    ours |= {id(item) for _, item in replaced}
    suspects = [pair for pair in replaced if not _is_beyond_doubt(pair[1])]
    if not suspects:
        return []
    ours |= {id(suspects), *(id(pair) for pair in suspects)}
    words: dict[int, list[str]] = {id(item): [] for _, item in suspects}
    _by_threads(words)
    _by_others([pair for pair in suspects if gc.is_tracked(pair[1])], words, ours)
    return [(label, ", ".join(words[id(item)][:LIMIT])) for label, item in suspects if words[id(item)]]


def referred(live: list[Any], items: list[Any], names: dict[str, Any]) -> list[tuple[int, int]]:
    """Returns which ``items`` the ``live`` objects refer to, other than through the namespace ``names``, as pairs of positions.

    Follows references that the garbage collector sees, and those that extension types hide from it. Runs none of the user's code. Objects
    that all code shares are left out; `_reached` does not follow classes, modules or Python functions.
    """
    parts = [(position, part) for position, item in enumerate(items) for part in (item, *_arrays(item))]
    at = {id(part): position for position, part in parts if not _is_everybodys(part)}
    wanted = set(at)
    closed = {id(names), id(live), id(items), id(parts), *map(id, parts)}
    owned = ((id(part), references.owned_memory(part)) for _, part in parts)
    memory = {item: interval for item, interval in owned if interval is not None}
    return [
        (user, position)
        for user, value in enumerate(live)
        for position in sorted({at[item] for item in _reached(value, wanted, closed, memory) - {id(value)}})
    ]


def _arrays(item: Any) -> list[Any]:
    """Returns the arrays that contain the values of a pandas frame or series: an iterator over it only refers to these."""
    pandas = sys.modules.get("pandas")
    kinds = getattr(pandas, "Series", None), getattr(pandas, "DataFrame", None)
    manager = object.__getattribute__(item, "__dict__").get("_mgr") if type(item) in kinds else None
    return list(getattr(manager, "arrays", ()))


def _reached(value: Any, wanted: set[int], closed: set[int], memory: dict[int, Interval]) -> set[int]:
    """Returns which of the ``wanted`` ids can be reached from a value, other than through the ``closed`` ones; ``memory`` is the memory
    that these objects own."""
    seen, found, level = set(closed), set(), [value]
    for _ in range(DEPTH):
        level = [item for item in level if not issubclass(type(item), CLOSED) and id(item) not in seen]
        seen.update(map(id, level))
        if not level or len(seen) > REACHED:
            break
        found |= references.hidden(level, wanted)
        for item in level:
            shown = references.shown_memory(item) if memory else None
            if shown is not None:
                found.update(
                    owner for owner, own in memory.items() if shown[0] < own[1] and own[0] < shown[1]
                )
        level = list(references.referents(level, wanted))
    return (seen & wanted) | found


def _is_beyond_doubt(item: Any) -> bool:
    """Returns whether references to it do not matter."""
    kind = type(item)
    return (
        kind in NOT_WORTH_A_WORD
        or isinstance(item, type)
        or _is_constant(item)
        or _is_clews(_DICT_OF(kind).get("__module__"))
    )


def _is_everybodys(item: Any) -> bool:
    """Returns whether a reference to it does not relate to a variable: an immutable value, or a function in C of a module."""
    is_in_c = type(item) is types.BuiltinFunctionType
    return _is_constant(item) or (is_in_c and isinstance(item.__self__, types.ModuleType | None))


def _is_clews(module: object) -> bool:
    """Returns whether a module of this name is Clew's own. Its frames and objects do not concern the user."""
    return type(module) is str and (module == "clew" or module.startswith("clew."))


def _is_constant(item: Any) -> bool:
    """Returns whether it is immutable, so that references to it do not matter: every frame refers to some `None` or `()`."""
    if isinstance(item, tuple | frozenset):
        # The garbage collector tracks these only while something in them may change.
        return len(item) == 0 or not gc.is_tracked(item)
    return isinstance(item, CONSTANTS)


# From here on, no frame of Clew's own may keep a reference to an item: a frame that refers to itself would keep replaced objects alive
# until the garbage collector runs. So items are passed by id.


def _by_threads(words: dict[int, list[str]]) -> None:
    """Adds the threads that have an item in a local variable."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for thread, frames in locals_elsewhere().items():
        local = {item for called, held in frames if not _is_clews(called.get("__name__")) for item in held}
        for item in local & words.keys():
            words[item].append(names.get(thread, "a thread"))


def _by_others(suspects: list[tuple[str, Any]], words: dict[int, list[str]], ours: set[int]) -> None:
    """Adds all other referrers of an item. All live objects are searched once, however many items there are."""
    for referrer in gc.get_referrers(*(item for _, item in suspects)) if suspects else []:
        if id(referrer) in ours or isinstance(referrer, types.FrameType) or _is_of_library(referrer):
            continue
        word = _name(referrer)
        if word is None:
            continue
        for item in {id(referent) for referent in gc.get_referents(referrer)} & words.keys():
            if word not in words[item]:
                words[item].append(word)


def _is_of_library(referrer: Any) -> bool:
    """Returns whether it is a method of an installed library: an object that a library registered with itself, like each figure of
    Matplotlib."""
    if not isinstance(referrer, types.MethodType) or not isinstance(referrer.__func__, types.FunctionType):
        return False
    return any(folder in referrer.__func__.__code__.co_filename for folder in PACKAGES)


def _name(referrer: Any) -> str | None:
    """Returns a description of a referrer; `None` for those that are not reported, such as Clew itself."""
    kind = type(referrer)
    if _is_clews(_module_of(referrer)):
        return None
    if kind is types.CellType:
        return "a closure"
    if isinstance(referrer, types.FunctionType):
        return f"the function {referrer.__qualname__}"
    if isinstance(referrer, types.MethodType):
        return f"the method {referrer.__func__.__qualname__}"
    if kind in (types.GeneratorType, types.CoroutineType):
        return f"the {kind.__name__} {referrer.__qualname__}"
    if isinstance(referrer, types.ModuleType):
        return f"the module {referrer.__name__}"
    return None


def _module_of(referrer: Any) -> object:
    """Returns the name of the module whose code a referrer runs, or of the module that it is."""
    if isinstance(referrer, types.MethodType):
        referrer = referrer.__func__
    if isinstance(referrer, types.FunctionType):
        return referrer.__globals__.get("__name__")
    if isinstance(referrer, types.ModuleType):
        return referrer.__dict__.get("__name__")
    if type(referrer) is types.GeneratorType:
        return _module_of_frame(referrer.gi_frame)
    if type(referrer) is types.CoroutineType:
        return _module_of_frame(referrer.cr_frame)
    return None


def _module_of_frame(frame: types.FrameType | None) -> object:
    """Returns the name of the module whose code a frame runs; `None` for a generator that has ended."""
    return frame.f_globals.get("__name__") if frame is not None else None
