"""Five case studies in seven scenarios each: `clew run`, which executes what a change reaches, beside executing all without Clew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.budgets.table import Row
from bench.studies import STUDIES, Played, play


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """A row for each scenario of each study. Both sides begin with the command, start kernels where they need any, and end when OUT is
    written."""
    rows = []
    for name, study in STUDIES.items():
        for played in play(study, folder / name, min(scale, 1.0)):
            rows.append(row(name, played))
            say(f"{rows[-1].what}: {rows[-1].note}")
    return rows


def row(name: str, played: Played) -> Row:
    """A scenario's seconds, their ratio, and what ran. A value that is not the full run's is a failure of the row."""
    note = str(played)
    if played.differs:
        note += f"; NOT what the full run gives: {', '.join(played.differs)}"
    what = f"{name}: {played.scenario}"
    aim = 0.0 if played.differs else None
    return Row(what, played.full, played.seconds, played.seconds / played.full, aim, "x", note)
