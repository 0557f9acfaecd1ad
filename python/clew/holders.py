"""Who still holds an object that a mover replaced.

After an install the namespace refers to new objects. A thread, a callback or a closure may go on with an old one; that is
no failure, but the user must know of it.
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
"""What everybody holds and nobody changes by holding it; classes, too, which their own methods hold."""


CLOSED = (types.ModuleType, types.FunctionType, type)
"""What holds much that has nothing to do with what it is for: globals, modules, all instances' class."""

DEPTH = 6
"""How many references away from a live object another one is still looked for."""

REACHED = 20_000
"""How many objects are looked at for one live object."""

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
"""Kinds of values that never change."""

_DICT_OF = type.__dict__["__dict__"].__get__
"""The attributes of a class, without asking its metaclass."""


def holders(replaced: list[tuple[str, Any]], own: list[Any]) -> list[tuple[str, str]]:
    """For each replaced object that something outside holds: its label and the holders in words.

    ``replaced`` are (label, old object); ``own`` are containers of Clew's that may hold them. Objects that only other
    replaced objects hold are not reported. Runs no code of the user's.
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
    """Which ``items`` the ``live`` objects refer to, not by way of the namespace ``names``: pairs of positions.

    Goes along the references that the collector sees and those that extension types keep from it; runs no code of the user's. What everybody
    shares is left out; `_reached` comes to no class, module or function in Python.
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
    """The arrays that a frame or a series of pandas keeps its values in: an iterator over it holds these alone."""
    pandas = sys.modules.get("pandas")
    kinds = getattr(pandas, "Series", None), getattr(pandas, "DataFrame", None)
    manager = object.__getattribute__(item, "__dict__").get("_mgr") if type(item) in kinds else None
    return list(getattr(manager, "arrays", ()))


def _reached(value: Any, wanted: set[int], closed: set[int], memory: dict[int, Interval]) -> set[int]:
    """Which of the ``wanted`` ids are reached from a value, not by way of the ``closed`` ones; ``memory`` is what these objects own."""
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
    """Whether it does not matter who holds it."""
    kind = type(item)
    return (
        kind in NOT_WORTH_A_WORD
        or isinstance(item, type)
        or _is_constant(item)
        or _is_clews(_DICT_OF(kind).get("__module__"))
    )


def _is_everybodys(item: Any) -> bool:
    """Whether a reference to it says nothing of a variable: a value that never changes, a module's function in C."""
    is_in_c = type(item) is types.BuiltinFunctionType
    return _is_constant(item) or (is_in_c and isinstance(item.__self__, types.ModuleType | None))


def _is_clews(module: object) -> bool:
    """Whether a module of this name is one of Clew's. Its frames and objects do not concern the user."""
    return type(module) is str and (module == "clew" or module.startswith("clew."))


def _is_constant(item: Any) -> bool:
    """Whether nobody can change it, so that it does not matter who holds it: every frame holds some `None` or `()`."""
    if isinstance(item, tuple | frozenset):
        # The collector tracks these as long as something in them may change.
        return len(item) == 0 or not gc.is_tracked(item)
    return isinstance(item, CONSTANTS)


# In what follows no frame of our own may go on holding an item: a frame that holds itself would keep what was replaced alive
# until the collector runs. So items are spoken of by their ids.


def _by_threads(words: dict[int, list[str]]) -> None:
    """Adds the threads that have an item in a local variable."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for thread, frames in locals_elsewhere().items():
        local = {item for called, held in frames if not _is_clews(called.get("__name__")) for item in held}
        for item in local & words.keys():
            words[item].append(names.get(thread, "a thread"))


def _by_others(suspects: list[tuple[str, Any]], words: dict[int, list[str]], ours: set[int]) -> None:
    """Adds whatever else refers to an item. All that lives is gone through once, however many items there are."""
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
    """Whether it is a method of an installed library: an object that a library registered with itself, as each figure of Matplotlib is."""
    if not isinstance(referrer, types.MethodType) or not isinstance(referrer.__func__, types.FunctionType):
        return False
    return any(folder in referrer.__func__.__code__.co_filename for folder in PACKAGES)


def _name(referrer: Any) -> str | None:
    """What a referrer is called, or None for what is not worth a word, such as Clew itself."""
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
    """The name of the module whose code a referrer runs, or which it is."""
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
    """The name of the module whose code a frame runs; a generator that ended has none."""
    return frame.f_globals.get("__name__") if frame is not None else None
