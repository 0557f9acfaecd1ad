"""`clew log` in a terminal, on a history of ten thousand runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bench.budgets.session import clew_kernel
from bench.budgets.table import Row, alone
from bench.kernel import Request, timed
from bench.peers.clew import Clew

RUNS = 10_000
TIMES = 7


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Start-up of the command included; the first time makes the index."""
    runs = max(200, int(RUNS * scale))
    with clew_kernel(folder, ["counter = 0"]) as clew:
        for start in range(0, runs, 100):
            timed(clew.kernel, [Request("counter += 1")] * 100)
            if start % 1000 == 0:
                say(f"run {start} of {runs}")
        clew.wait_until_synced()
        seconds = [asked(clew) for _ in range(TIMES)]
    return [
        alone(f"`clew log` on {runs:,} runs, the first time", seconds[0] * 1000, None, "ms"),
        alone(
            f"`clew log` on {runs:,} runs, the best of {TIMES - 1} after it",
            min(seconds[1:]) * 1000,
            100.0,
            "ms",
        ),
    ]


def asked(clew: Clew) -> float:
    """Seconds of the command."""
    start = time.perf_counter()
    typed = clew.kernel.terminal("log")
    took = time.perf_counter() - start
    if typed.exit:
        raise RuntimeError(typed.err[-300:])
    return took
