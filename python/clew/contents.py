"""Replaces the contents of a live object by those of another one, so that all references see them."""

from __future__ import annotations

import io
from collections import deque
from typing import Any

KINDS = (list, dict, deque, io.StringIO, io.BytesIO)
"""Types whose contents can be exchanged exactly: their order is kept, and iterators continue at their positions. The order of a set would
change."""

FILES = (io.StringIO, io.BytesIO)


def can_take(old: Any, new: Any) -> bool:
    """Returns whether `old` can take the contents of `new`."""
    kind = type(old)
    if kind is not type(new) or kind not in KINDS:
        return False
    if kind is deque:
        return bool(old.maxlen == new.maxlen)
    return kind not in FILES or _can_be_written(old)


def copied(old: Any) -> Any:
    """Returns an object of the same type with the same contents."""
    if type(old) not in FILES:
        return old.copy()
    other = type(old)()
    other.__setstate__(old.__getstate__())
    return other


def take(old: Any, new: Any) -> None:
    """Replaces the contents of `old` by those of `new`."""
    kind = type(old)
    if kind in FILES:
        old.__setstate__(new.__getstate__())
    elif kind is list:
        old[:] = new
    elif kind is dict:
        old.clear()
        old.update(new)
    else:
        old.clear()
        old.extend(new)


def _can_be_written(file: Any) -> bool:
    """Returns whether a file is neither closed nor exported through a buffer."""
    try:
        file.__setstate__(file.__getstate__())
    except (ValueError, BufferError):
        return False
    return True
