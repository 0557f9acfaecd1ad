"""Simulated disks, crashed at every effect with any part of what was not synced, torn at 512 bytes (`clew_testing::machine`)."""

from __future__ import annotations

from pathlib import Path

from crash.lives import AT_ONCE, IS_LONG, ask, each
from crash.tally import Tally

SEEDS, STRIDE = (range(100, 300), 1) if IS_LONG else (range(100, 104), 3)


def run(folder: Path) -> list[Tally]:
    tally = Tally("crash images of a simulated disk")

    def some(first: int) -> None:
        last = min(first + len(SEEDS) // AT_ONCE // 2, SEEDS.stop)
        counts, findings, _ = ask("images", str(first), str(last), str(STRIDE))
        tally.times["crashed"] += counts["images"]
        tally.compared += counts["images"]
        tally.wrong += findings

    each(some, range(SEEDS.start, SEEDS.stop, max(1, len(SEEDS) // AT_ONCE // 2)))
    return [tally]
