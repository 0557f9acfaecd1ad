"""Editing one element of a gigabyte and undoing the edit, in an array and in a frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.budgets.session import clew_kernel, must
from bench.budgets.table import Row, alone
from bench.limit import warm
from bench.peers.clew import Clew

TIMES = 5
BYTES = 1_000_000_000

EDITS = {
    "array": ("big = rng.random({words})", "big[{place}] = -1.0 - {place}"),
    "frame": (
        "import pandas as pd\nbig = pd.DataFrame({{f'c{{n}}': rng.random({words} // 25) for n in range(25)}})",
        "big.iloc[{place}, 7] = -1.0 - {place}",
    ),
}


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Measures the best of five for each."""
    size = int(BYTES * scale)
    warm(size * 3)
    rows = []
    for kind, (make, edit) in EDITS.items():
        cells = ["import numpy as np\nrng = np.random.default_rng(0)", make.format(words=size // 8)]
        with clew_kernel(folder / kind, cells) as clew:
            rows += undone(clew, f"{kind} of {size / 1e6:,.0f} MB", edit)
        say(kind)
    return rows


def undone(clew: Clew, what: str, edit: str) -> list[Row]:
    """Edits elements at different positions and undoes each edit. Returns the times and the stored bytes."""
    recorded, moves, stored = [], [], []
    for number in range(TIMES):
        before = clew.stored()
        recorded.append(must(clew, edit.format(place=1000 * number)))
        clew.wait_until_synced()
        stored.append(clew.stored() - before)
        moves.append(clew.moved("undo"))
    return [
        alone(f"{what}: one element edited and recorded", min(recorded), None, "ms"),
        alone(f"{what}: undo, the look before it", min(move.check or 0 for move in moves) * 1000, None, "ms"),
        alone(f"{what}: undo, after the look", min(move.move or 0 for move in moves) * 1000, 50.0, "ms"),
        alone(f"{what}: stored for it", min(stored) / 1024, None, "KB", "a block is 64 KiB"),
    ]
