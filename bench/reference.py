"""The reference of a workload, independent of peers: the correct values at the states to restore, and the bytes that differ between states.

It is created by one untimed run in a plain kernel. Bytes are counted in blocks of 64 KiB: the minimum that any tool could store or restore.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.kernel import run
from bench.peers.peer import Failed
from bench.peers.plain import Plain
from bench.progress import tell_cells
from bench.workload import Workload

PROBE = "__import__('bench_probe')"


def digests(peer: Any, workload: Workload) -> dict[str, str]:
    """Returns digests of the kernel's state."""
    found = peer.silently("", expression=f"{PROBE}.digests(globals(), {workload.checks!r})").value
    if not isinstance(found, dict):
        raise Failed(f"the digests could not be had: {found}"[:300])
    return found


def take(
    workload: Workload, home: Path, limit: float, paths: list[Path], say: Callable[[str], None]
) -> dict[str, Any]:
    """Runs all cells and examines the state after each."""
    peer = Plain(home, limit, paths)
    try:
        for code in workload.setup:
            run(peer.kernel, code, limit)
        return look(peer, workload, say)
    finally:
        peer.close()


def look(peer: Plain, workload: Workload, say: Callable[[str], None]) -> dict[str, Any]:
    """Returns the digests at the marks and at the end, the bytes that every cell changed, and the bytes that differ between every mark and
    the end."""
    marks, last = set(workload.marks().values()), len(workload.cells)
    right = {"0": digests(peer, workload)}
    states, changed, touched, errors = Kept(peer, workload, marks), [], [], []
    for number, code in enumerate(workload.cells, 1):
        errors.append(run(peer.kernel, code, peer.limit).error)
        changed.append(states.next(number))
        touched.append(workload.mentions(number - 1, states.sizes))
        if number in marks or number == last:
            right[str(number)] = digests(peer, workload)
        tell_cells(say, number - 1, number, last)
    return {
        "about": workload.about,
        "digests": right,
        "changed": changed,
        "touched": touched,
        "errors": errors,
        "apart": {str(mark): states.apart(mark, last) for mark in sorted(marks)},
        "bytes": sum(states.sizes.values()),
    }


class Kept:
    """The hashes of states, stored in the kernel: those of the last state, and of the states to restore."""

    def __init__(self, peer: Plain, workload: Workload, marks: set[int]) -> None:
        self.peer = peer
        self.checks = workload.checks
        self.marks = marks
        self.sizes: dict[str, int] = {}
        self.ask(0, None)

    def next(self, number: int) -> int:
        """Stores the hashes of the state after a cell. Returns the bytes by which it differs from the previous state."""
        changed = self.ask(number, number - 1)
        if number - 1 not in self.marks:
            self.peer.silently("", expression=f"{PROBE}.drop({str(number - 1)!r})")
        return changed

    def ask(self, number: int, since: int | None) -> int:
        """Stores the hashes of a state under its number."""
        before = None if since is None else str(since)
        asked = f"{PROBE}.keep(globals(), {self.checks!r}, {str(number)!r}, {before!r})"
        changed, self.sizes = self.peer.silently("", expression=asked).value
        return int(changed)

    def apart(self, mark: int, last: int) -> list[int]:
        """Returns the bytes to restore from the end to a mark, and from the mark to the end."""
        ways = [(last, mark), (mark, last)]
        asked = ", ".join(f"{PROBE}.differing({str(one)!r}, {str(other)!r})" for one, other in ways)
        found: list[int] = self.peer.silently("", expression=f"[{asked}]").value
        return found
