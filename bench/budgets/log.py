"""`clew log` in a terminal, for a history with ten thousand runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.budgets.session import clew_kernel, time_command
from bench.budgets.table import Row, alone
from bench.kernel import Request, timed

RUNS = 10_000
TIMES = 7


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Measures the command including its start. The first call creates the index."""
    runs = max(200, int(RUNS * scale))
    with clew_kernel(folder, ["counter = 0"]) as clew:
        for start in range(0, runs, 100):
            timed(clew.kernel, [Request("counter += 1")] * 100)
            if start % 1000 == 0:
                say(f"run {start} of {runs}")
        clew.wait_until_synced()
        took = [time_command(clew, "log") for _ in range(TIMES)]
    return [
        alone(f"`clew log` on {runs:,} runs, the first time", took[0], None, "ms"),
        alone(
            f"`clew log` on {runs:,} runs, the best of {TIMES - 1} after it",
            min(took[1:]),
            100.0,
            "ms",
        ),
    ]
