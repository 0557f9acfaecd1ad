"""The cost of a run as the number of runs grows: two thousand light cells in a session with 200 variables and one gigabyte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.budgets.session import Pair, pair, usual
from bench.budgets.table import Row, alone
from bench.figures import Spread, added, windows
from bench.kernel import Request, timed

RUNS = 2_000
CELLS = ("counter += 1", "name_7.append(counter)", "len(name_3)", "name_9[0] = counter")


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Measures the added time in windows of a twentieth of all runs, and compares the p50 of the last window with that of the first."""
    runs = max(100, int(RUNS * scale))
    with pair(folder, usual(scale)) as kernels:
        found = windows(costs(kernels, runs, say), runs // 20)
    first, last = (middle(found[start : start + 5]) for start in (0, 15))
    rows = [
        alone(
            f"added to a run, p50, runs {n * runs // 20 + 1:,} to {(n + 1) * runs // 20:,}",
            one.p50,
            None,
            "ms",
        )
        for n, one in enumerate(found)
    ]
    return [*rows, alone("the last quarter beside the first", last / max(first, 0.01), None, "x")]


def costs(kernels: Pair, runs: int, say: Callable[[str], None]) -> list[float]:
    """Returns the milliseconds added to each run. Ten runs are queued at once in one kernel, then in the other."""
    plain: list[float] = []
    clew: list[float] = []
    for start in range(0, runs, 10):
        requests = [Request(CELLS[number % len(CELLS)]) for number in range(start, start + 10)]
        for peer, totals in zip(kernels.each(), (plain, clew), strict=True):
            totals += [timing.total for timing in timed(peer.kernel, requests)]
        if start % 200 == 0:
            say(f"run {start} of {runs}")
    return added(plain, clew)


def middle(found: list[Spread]) -> float:
    """Returns the median of the windows' medians."""
    return sorted(one.p50 for one in found)[len(found) // 2]
