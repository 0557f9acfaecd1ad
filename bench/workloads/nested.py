"""A list of 250,000 dicts with a list in each; ten edits per run."""

from __future__ import annotations

from bench.workload import Workload, scaled

RUNS = 10


def make(scale: float) -> Workload:
    """Edits in the inner lists, at positions all over the list."""
    count = scaled(250_000, scale, 20)
    setup = f"rows = [{{'id': n, 'name': f'row {{n}}', 'values': [n, n + 1, n / 3]}} for n in range({count})]"
    cells = [
        f"for step in range(10):\n    rows[({run} * 613 + step * 24_989) % {count}]['values'][1] = -{run + 1} - step"
        for run in range(RUNS)
    ]
    return Workload(
        "nested",
        f"a list of {count:,} dicts, each with a list; ten edits a run",
        (setup,),
        tuple(cells),
        ("rows",),
    )
