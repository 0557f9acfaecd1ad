"""A session with a thousand variables."""

from __future__ import annotations

from bench.workload import Workload, scaled

EDITS = 40


def make(scale: float) -> Workload:
    """Small lists, dicts and arrays, each in its own variable. A run changes or creates one of them."""
    count = scaled(1_000, scale, 50)
    setup = (
        "import numpy as np",
        f"for _n in range({count}):\n    globals()[f'v_{{_n}}'] = [[_n, str(_n)], {{'n': _n}}, np.arange(10.0) + _n][_n % 3]",
    )
    cells = [cell(edit, (edit * 37) % count) for edit in range(EDITS)]
    checks = tuple(f"v_{number}" for number in range(count)) + ("made_0", "made_20", "total")
    about = f"{count:,} variables, one changed or made a run"
    return Workload("variables", about, setup, tuple(cells), checks, batch=10)


def cell(edit: int, number: int) -> str:
    """Returns a cell that changes a variable, creates one, or counts."""
    if edit % 4 == 0:
        return f"made_{edit} = [v_{number}, {edit}]"
    if edit % 4 == 1:
        return f"total = len(v_{number})"
    return [
        f"v_{number}.append({edit})",
        f"v_{number}['edit'] = {edit}",
        f"v_{number}[3] = -{edit + 1}",
    ][number % 3]
