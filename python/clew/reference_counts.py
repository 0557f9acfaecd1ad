"""Reference counts of objects, and the count of an object that only one container holds."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any


def counts(objects: Iterable[Any]) -> list[int]:
    """Returns the reference count of each object. The references that this function adds differ between versions of Python."""
    return [sys.getrefcount(one) for one in objects]


#: The count of an object that only one list or dict refers to.
HELD_ONCE = counts([object()])[0]
