"""The recorder's memory: the additional memory of a kernel with Clew, idle and at its peak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.budgets.session import must, pair, usual
from bench.budgets.table import Row, alone, compared
from bench.kernel import peak, resident
from bench.limit import MEGABYTE

RUNS = 100


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Measures a session of one gigabyte, with runs that change some of every kind of value."""
    with pair(folder, usual(scale)) as kernels:
        for run in range(RUNS):
            for peer in kernels.each():
                must(
                    peer,
                    f"array_{run % 20}[{run}] = {run}\nname_{run}.append({run})\nmany[{run}].append({run})",
                )
        say(f"{RUNS} runs")
        aim = max(64.0, 0.05 * kernels.size.array_bytes / MEGABYTE)
        plain, clew = (peer.kernel for peer in kernels.each())
        at_rest, most = f"resident memory of the kernel after {RUNS} runs", "the most resident memory it had"
        return [
            compared(at_rest, resident(plain) / MEGABYTE, resident(clew) / MEGABYTE, aim, "MB"),
            compared(most, peak(plain) / MEGABYTE, peak(clew) / MEGABYTE, aim, "MB"),
            alone("on disk", kernels.clew.stored() / MEGABYTE, None, "MB"),
        ]
