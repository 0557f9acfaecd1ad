"""Two thousand runs: the cost of a run in a long session."""

from __future__ import annotations

from bench.workload import Workload, scaled

CELLS = (
    "counter += 1",
    "log.append(counter)",
    "table['k%d' % (counter % 100)] = counter",
    "signal[counter % 1000] = counter",
    "len(log)",
)


def make(scale: float) -> Workload:
    """Five light cells in turn, which use a counter, a growing list, a dict and an array."""
    count = scaled(2_000, scale, 40)
    setup = ("import numpy as np\ncounter = 0\nlog = []\ntable = {}\nsignal = np.zeros(1000)",)
    cells = tuple(CELLS[number % len(CELLS)] for number in range(count))
    checks = ("counter", "log", "table", "signal")
    return Workload("runs", f"{count:,} runs of light cells", setup, cells, checks, batch=20)
