"""Raw results as the benchmarks would have written them."""

from __future__ import annotations

from typing import Any

from bench.raw import Raw, cell_name, reference_name

GIGA = 1e9
LIMITS = dict.fromkeys(
    ("memory_read", "memory_copy", "disk_write", "disk_sync", "disk_read_cached", "disk_read"), GIGA
)
MOVES = [f"{mark} {way}" for mark in ("previous", "middle", "first") for way in ("there", "back")]
CELLS = 4


def reference(**others: Any) -> dict[str, Any]:
    """A workload of four cells, each of which changes a block and names a megabyte."""
    return {
        "scale": 1.0,
        "about": "ten arrays",
        "digests": {},
        "changed": [65536] * CELLS,
        "touched": [1_000_000] * CELLS,
        "errors": [None] * CELLS,
        "apart": {str(mark): [65536, 131072] for mark in (0, 2, 3)},
        "bytes": 10_000_000,
    } | others


def move(seconds: float, wrong: tuple[str, ...] = (), check: float | None = None) -> dict[str, Any]:
    """A move that took so long."""
    rest = None if check is None else seconds - check
    told = {"seconds": seconds, "check": check, "move": rest}
    return told | {"says": "", "of": 10, "wrong": list(wrong), "wrong_count": len(wrong)}


def course(
    peer: str, reply: float = 0.0, next: float = 0.0, seconds: float = 0.1, **others: Any
) -> dict[str, Any]:
    """What a peer gave that adds so much to every cell; plain cells take 1 and 0.5 ms."""
    return {
        "scale": 1.0,
        "workload": "arrays",
        "about": "ten arrays",
        "peer": peer,
        "title": peer.capitalize(),
        "machine": {"processor": "some"},
        "limits": LIMITS,
        "failed": {},
        "cells": {"plain": [[1.0, 0.5]] * CELLS, "peer": [[1.0 + reply, 0.5 + next]] * CELLS},
        "errors": {"plain": [None] * CELLS, "peer": [None] * CELLS},
        "troubles": {"plain": [], "peer": []},
        "peaks": {"setup": [100, 200], "cells": [1_000_000, 3_000_000]},
        "stored": 1_000_000,
        "stored_after_gc": None,
        "right_at_end": {"of": 10, "wrong": [], "wrong_count": 0},
        "moves": {name: move(seconds) for name in MOVES},
        "restart": move(seconds),
        "verify": None,
    } | others


def plain() -> dict[str, Any]:
    """What the plain kernel gave: no moves."""
    found = course("plain", stored=0, moves={})
    del found["restart"]
    return found


def clew(**others: Any) -> dict[str, Any]:
    """A Clew that adds a millisecond a cell and returns in ten."""
    moves = {name: move(0.01, check=0.002) for name in MOVES}
    return course("clew", 0.25, 0.75, 0.01, moves=moves, stored_after_gc=900_000, verify="", **others)


def write(raw: Raw, *courses: dict[str, Any], **others: Any) -> None:
    """Puts results of the workload `arrays` into a folder."""
    raw.write(reference_name("arrays"), reference(**others))
    for found in courses:
        raw.write(cell_name("arrays", found["peer"]), found)
