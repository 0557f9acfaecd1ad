"""The notebook that the pictures are of: an analysis with a mistake, a second line, a failure and a dead kernel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One cell, and under which name a picture of it is kept."""

    source: str
    picture: str = ""
    #: The kernel is started anew before it.
    is_after_restart: bool = False


CELLS = [
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
    Cell(
        """\
# how late are they?
late = trips[trips.delay > 30]
limits = {"late": 30, "very late": 60}
len(late), len(trips)"""
    ),
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
    Cell(
        """\
# how late are they, by hour?
by_hour = trips.groupby("hour").delay.agg(["mean", "count"])
limits["very late"] = 90
weights[3] = 0.5
by_hour.head(3)"""
    ),
    Cell('by_hour["dellay"].max()'),
    Cell("slope, base = np.polyfit(trips.hour, trips.delay, 1)\nround(slope, 3)"),
    Cell("%clew log --all --graph", picture="lab-log"),
    Cell("%clew diff 3 @", picture="lab-diff"),
    Cell("%clew vars", picture="lab-vars"),
    Cell("%clew show 4", picture="lab-show"),
    Cell("%load_ext clew", is_after_restart=True),
    Cell("%clew resume", picture="lab-report"),
    Cell("%clew status", picture="lab-status"),
]
