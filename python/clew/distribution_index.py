"""Identifies the installed distributions in a folder, and their entry points, for runs that looked them up."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Set
from urllib.parse import quote

from clew import evidence
from clew.installation import LISTED

INSTALLED = "installed distributions"
"""The name under which the evidence notes that a run listed the distributions, or looked some up."""


def asked_in(folder: str, names: Set[str]) -> str:
    """Describes the distributions in a folder with one of these names, or all of them if one name is empty. `is_as_asked` checks the
    description."""
    wanted = set[str]() if "" in names else {_quoted(name) for name in names}
    return _known(os.path.abspath(folder), wanted)  # noqa: PTH100


def is_as_asked(known: str) -> bool:
    """Returns whether the description is still true."""
    names, _, rest = known.partition(" ")
    return _known(rest.partition(" ")[2], set(filter(None, names.split(",")))) == known


def _known(folder: str, wanted: Set[str]) -> str:
    told = list[str]()
    with evidence.unwatched():
        try:
            entries = sorted(os.listdir(folder))  # noqa: PTH208
        except OSError:
            entries = []
        for entry in entries:
            name = entry.rpartition(".")[0].partition("-")[0]
            if entry.lower().endswith(LISTED) and (not wanted or _quoted(name) in wanted):
                # Code that looks up a distribution may read its entry points.
                told += [entry, _offered(os.path.join(folder, entry, "entry_points.txt"))]  # noqa: PTH118
    digest = hashlib.blake2b(repr(told).encode(), digest_size=16).hexdigest()
    return f"{','.join(sorted(wanted))} {digest} {folder}"


def _quoted(name: str) -> str:
    """Returns a distribution's name in normalized form (PEP 503)."""
    return quote(re.sub("[-_.]+", "-", name).lower(), safe="")


def _offered(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return hashlib.blake2b(file.read(), digest_size=16).hexdigest()
    except OSError:
        return ""
