"""Which distributions lie in a folder that modules are looked for in, and what they offer: what a run is known by that asked for them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Set
from urllib.parse import quote

from clew import evidence
from clew.installation import LISTED

INSTALLED = "installed distributions"
"""The name under which it is noted that a run asked which there are, or for some of them."""


def asked_in(folder: str, names: Set[str]) -> str:
    """What is known of the distributions in a folder that have one of these names, or of all where one is empty; `is_as_asked` reads it."""
    wanted = set[str]() if "" in names else {_quoted(name) for name in names}
    return _known(os.path.abspath(folder), wanted)  # noqa: PTH100


def is_as_asked(known: str) -> bool:
    """Whether that is what it was."""
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
                # Whoever asks for one by its name may ask what it offers.
                told += [entry, _offered(os.path.join(folder, entry, "entry_points.txt"))]  # noqa: PTH118
    digest = hashlib.blake2b(repr(told).encode(), digest_size=16).hexdigest()
    return f"{','.join(sorted(wanted))} {digest} {folder}"


def _quoted(name: str) -> str:
    """A distribution's name as they are compared (PEP 503)."""
    return quote(re.sub("[-_.]+", "-", name).lower(), safe="")


def _offered(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return hashlib.blake2b(file.read(), digest_size=16).hexdigest()
    except OSError:
        return ""
