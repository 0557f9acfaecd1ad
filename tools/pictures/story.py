"""The notebook in the pictures: an analysis with a mistake, a second branch, a failed cell and a dead kernel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One cell, and the name of its picture."""

    source: str
    picture: str = ""
    #: Whether the kernel is restarted before the cell runs.
    is_after_restart: bool = False
    #: The earlier cell whose source it replaces, if it is not a new cell.
    replaces: str = ""


LATE = """\
# how late are they?
late = trips[trips.delay > 30]
limits = {"late": 30, "very late": 60}
len(late), len(trips)"""

STEPS = [
    Cell("%load_ext clew"),
    Cell(
        """\
import sqlite3
import numpy as np, pandas as pd
rng = np.random.default_rng(7)
trips = pd.DataFrame({
    "hour": rng.integers(5, 24, 4000),
    "km": rng.gamma(3, 400, 4000).round(1),
    "delay": rng.normal(8, 25, 4000).round(),
})"""
    ),
    Cell(LATE),
    Cell(
        """\
import matplotlib.pyplot as plt
plt.figure(figsize=(5, 2.2))
plt.hist(trips.delay, bins=40)
plt.xlabel("delay (min)");"""
    ),
    Cell('log_db = sqlite3.connect(":memory:")\nweights = np.linspace(0, 1, 24)'),
    Cell('trips = trips.drop(columns="km")\ndel limits'),
    Cell("%clew undo", picture="lab-undo"),
    Cell("%clew branch by-hour\n%clew tag all-trips 3"),
    Cell(
        """\
# how late are they, by hour?
late = trips[trips.delay > 45]
limits = {"late": 45, "very late": 60}
by_hour = late.groupby("hour").delay.agg(["mean", "count"])
len(late), len(trips)""",
        replaces=LATE,
    ),
    Cell("weights[3] = 0.5"),
    Cell('by_hour["meen"].max()'),
    Cell("slope, base = np.polyfit(trips.hour, trips.delay, 1)\nround(slope, 3)"),
    Cell('%clew describe 8 -m "sharper weights"'),
    Cell("%clew log --all --graph", picture="lab-log"),
    Cell("%clew diff 5 @", picture="lab-diff"),
    Cell("%clew vars", picture="lab-vars"),
    Cell("%clew show 4", picture="lab-show"),
    Cell("%load_ext clew", is_after_restart=True),
    Cell("%clew resume", picture="lab-report"),
    Cell("%clew status", picture="lab-status"),
]

#: Returns the cells of the notebook before any cell ran.
CELLS = [step for step in STEPS if not step.replaces]


def place(step: Cell) -> int:
    """Returns the index in the notebook of the cell that a step runs."""
    if step.replaces:
        return [cell.source for cell in CELLS].index(step.replaces)
    return next(index for index, cell in enumerate(CELLS) if cell is step)
