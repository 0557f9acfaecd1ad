"""Five case studies with seven scenarios each: `clew run`, which executes only the affected cells, compared with executing all cells
without Clew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.budgets.table import Row
from bench.studies import STUDIES, Played, play


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Measures a row for each scenario of each study. Both times begin with the command, include the start of kernels, and end when OUT is
    written."""
    rows = []
    for name, study in STUDIES.items():
        for played in play(study, folder / name, min(scale, 1.0)):
            rows.append(row(name, played))
            say(f"{rows[-1].what}: {rows[-1].note}")
    return rows


def row(name: str, played: Played) -> Row:
    """Returns the seconds of a scenario, the ratio, and the executed cells and tasks. A value that differs from the full run is a
    failure."""
    note = str(played)
    if played.differs:
        note += f"; NOT what the full run gives: {', '.join(played.differs)}"
    what = f"{name}: {played.scenario}"
    aim = 0.0 if played.differs else None
    return Row(what, played.full, played.seconds, played.seconds / played.full, aim, "x", note)
