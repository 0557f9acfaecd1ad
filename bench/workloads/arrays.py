"""Ten arrays of 100 MB, edited one element at a time."""

from __future__ import annotations

from bench.workload import Workload, scaled

ARRAYS = 10
EDITS = 20


def make(scale: float) -> Workload:
    """Random numbers, so that compression does not help. Every array is edited twice, at different positions."""
    length = scaled(100_000_000 / 8, scale)
    setup = ["import numpy as np\nrng = np.random.default_rng(1)"]
    setup += [f"array_{number} = rng.random({length})" for number in range(ARRAYS)]
    cells = [f"array_{edit % ARRAYS}[{(edit * 7919) % length}] = {-edit - 1}" for edit in range(EDITS)]
    return Workload(
        "arrays",
        f"ten arrays of {length * 8 / 1e6:,.0f} MB, edited one element at a time",
        tuple(setup),
        tuple(cells),
        tuple(f"array_{number}" for number in range(ARRAYS)),
    )
