"""Sixty light cells of an exploration, with a model and a helper function."""

from __future__ import annotations

from bench.workload import Workload, scaled

SETUP = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
rng = np.random.default_rng(3)
people = pd.DataFrame({{"age": rng.integers(18, 90, {rows}), "income": rng.gamma(2.0, 20_000.0, {rows}), "town": rng.choice(["A", "B", "C"], {rows})}})
people["bought"] = (people.income / 50_000 + people.age / 100 + rng.normal(size={rows}) > 1.5).astype(int)
notes = {{"seen": []}}
""".strip()

HELPER = """
LIMIT = 40
def young(frame):
    return frame[frame.age < LIMIT]
""".strip()

#: Twelve cells in a fixed order, repeated with other numbers.
CELLS = (
    "people.describe().round(3).loc['mean', 'income']",
    "young_ones = young(people)\nlen(young_ones)",
    "notes['seen'].append('young {n}')",
    "by_town = people.groupby('town').income.mean().round(3)",
    "threshold = 20_000 + 100 * {n}\nrich = people[people.income > threshold]",
    "people['decade'] = people.age // 10",
    "features = people[['age', 'income']].to_numpy() / [100, 100_000]",
    "model = LogisticRegression(C=1 + {n} / 10, max_iter=200).fit(features, people.bought)",
    "score = round(float(model.score(features, people.bought)), 6)\nscore",
    "notes['score {n}'] = score",
    "LIMIT = 30 + {n}",
    "share = len(young(people)) / len(people)\nround(share, 4)",
)


def make(scale: float) -> Workload:
    """Five rounds of the twelve cells, on a table with 20,000 rows."""
    rows = scaled(20_000, scale, 500)
    cells = tuple(cell.format(n=n) for n in range(5) for cell in CELLS)
    checks = (
        "people",
        "notes",
        "LIMIT",
        "len(young(people))",
        "model.coef_",
        "score",
        "by_town",
        "rich",
        "share",
    )
    about = f"{len(cells)} light cells over {rows:,} rows, with a model and a helper function"
    return Workload("exploration", about, (SETUP.format(rows=rows), HELPER), cells, checks, batch=6)
