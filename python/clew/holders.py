"""Who still holds an object that a mover replaced.

After an install the namespace refers to new objects. A thread, a callback or a closure may go on with an old one; that is
no failure, but the user must know of it (design 11, "Others hold the old object").
"""

from __future__ import annotations

import gc
import sys
import threading
import types
from typing import Any

LIMIT = 3


def holders(replaced: list[tuple[str, Any]], own: list[Any]) -> list[tuple[str, str]]:
    """For each replaced object that something outside holds: its label and the holders in words.

    ``replaced`` are (label, old object); ``own`` are containers of Clew's that may hold them. Objects that only other
    replaced objects hold are not reported. Runs no code of the user's.
    """
    ours = {id(replaced), id(own), *(id(pair) for pair in replaced), *(id(item) for item in own)}
    ours |= {id(item) for _, item in replaced}
    frames = _frames_of_threads()
    found = []
    for label, item in replaced:
        words = _holders_of(item, ours, frames)
        if words:
            found.append((label, ", ".join(words[:LIMIT])))
    return found


def _holders_of(item: Any, ours: set[int], frames: dict[int, str]) -> list[str]:
    words = [name for number, name in frames.items() if _is_in_frames(sys._current_frames().get(number), item)]
    own_frames = set()
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        own_frames.add(id(frame))
        frame = frame.f_back
    if not gc.is_tracked(item):
        return words
    for referrer in gc.get_referrers(item):
        if id(referrer) in ours or id(referrer) in own_frames or isinstance(referrer, types.FrameType):
            continue
        word = _name(referrer)
        if word and word not in words:
            words.append(word)
    return words


def _is_in_frames(frame: types.FrameType | None, item: Any) -> bool:
    """Whether a local variable of a thread is bound to the object."""
    while frame is not None:
        # A plain loop: a generator would hold the object in a closure of its own.
        for value in frame.f_locals.values():
            if value is item:
                return True
        frame = frame.f_back
    return False


def _frames_of_threads() -> dict[int, str]:
    current = threading.get_ident()
    return {
        thread.ident: thread.name
        for thread in threading.enumerate()
        if thread.ident is not None and thread.ident != current
    }


def _name(referrer: Any) -> str | None:
    """What a referrer is called, or None for what is not worth a word."""
    kind = type(referrer)
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
