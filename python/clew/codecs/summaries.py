"""Helpers for short descriptions of values."""

from __future__ import annotations

import sys
from itertools import islice
from typing import Any

ATOMS = (type(None), bool, int, float, complex)
TEXTS = (str, bytes, bytearray)
MOST_COLUMNS = 50
"""The maximal number of column names that are listed."""
#: The size of this many members is read. The others are estimated with their average.
_SAMPLE = 64


def members_size(members: Any) -> int:
    """Estimates how many bytes the numbers and texts among ``members`` take, from a sample of them."""
    if isinstance(members, (dict, set, frozenset)):
        sample = list(islice(members.values() if isinstance(members, dict) else members, _SAMPLE))
    else:
        sample = list(members[:: max(1, len(members) // _SAMPLE)])
    known = [sys.getsizeof(member) for member in sample if type(member) in (*ATOMS, *TEXTS)]
    return sum(known) * len(members) // max(1, len(sample))


def count(number: int, noun: str) -> str:
    """Formats a number with a noun: `1 row`, `2 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
