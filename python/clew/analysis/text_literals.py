"""Texts that create dependencies where they are used: queries, files with information about the machine, `"now"` for a date."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import FunctionType
from typing import Any

from clew.analysis.nondeterminism import MACHINE, TIME
from clew.codecs.libraries import union

#: Functions that take `"now"` for the current time.
_DATES = union("takes_dates")
_NOW = frozenset(("now", "today"))
_SQL = re.compile(
    r"\s*(select|with|insert|update|create|replace|delete|values|from|pragma|copy)\b", re.IGNORECASE
)
_SQL_TIME = re.compile(
    r"'now'|\b(current_(timestamp|date|time)|localtimestamp|sysdate)\b|\b(now|today|get_current_\w+)\s*\(",
    re.IGNORECASE,
)
_SQL_DRAWS = re.compile(
    r"\b(random|randomblob|uuid|gen_random_uuid|uuidv[47])\s*\(|\b(tablesample|using\s+sample)\b",
    re.IGNORECASE,
)
_OF_MACHINE, _OF_SYSTEM = re.compile(r"/(proc|sys)(/|$)"), ("/dev/urandom", "/dev/random")


def asked_by(texts: set[str], names: Iterable[str], namespace: Mapping[str, Any]) -> set[str]:
    """Returns descriptions of the dependencies that texts create in code that mentions `names`."""
    found = set[str]()
    for text in texts:
        if _OF_MACHINE.match(text):
            found.add(MACHINE)
        elif _SQL.match(text) and _SQL_TIME.search(text):
            found.add(TIME)
    if not _NOW.isdisjoint(texts) and _takes_dates(set(names), namespace):
        found.add(TIME)
    return found


def draw(texts: set[str]) -> bool:
    """Returns whether texts draw random numbers that cannot be drawn again."""
    return any(
        text.startswith(_OF_SYSTEM) or (_SQL.match(text) and _SQL_DRAWS.search(text)) for text in texts
    )


def _takes_dates(names: set[str], namespace: Mapping[str, Any]) -> bool:
    held = (namespace.get(name) for name in names)
    called = {one.__name__ for one in held if isinstance(one, type) or type(one) is FunctionType}
    return not _DATES.isdisjoint(names | called)
