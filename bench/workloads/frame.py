"""A frame with 5 million rows and 20 columns: columns dropped, added, edited, rows appended, grouped, fitted."""

from __future__ import annotations

from bench.workload import Workload, scaled

ROWS = 5_000_000

CELLS = (
    "df = df.drop(columns=['c3', 'c4'])",
    "df['ratio'] = df['c0'] / (df['c1'] + 1)",
    "df.loc[df.index[:1000], 'c5'] = 0.0",
    "df['c6'] = df['c6'].clip(-1, 1)",
    "by_group = df.groupby('group')[['c0', 'c1']].mean()",
    "more = df.iloc[:len(df) // 100].copy()\nmore['c0'] = -1.0",
    "df = pd.concat([df, more], ignore_index=True)",
    "df.iloc[17, 2] = 42.0",
    "top = df.nlargest(100, 'c2')",
    "sample = df[['c0', 'c1', 'c2']].to_numpy()[::50]\ntarget = df['c5'].to_numpy()[::50]",
    "model = LinearRegression().fit(sample, target)\nscore = round(model.score(sample, target), 6)",
    "df['flag'] = df['c2'] > 0",
    "df = df.rename(columns={'ratio': 'share'})",
    "totals = df.groupby('group').agg(most=('c0', 'max'), rows=('c1', 'size'))",
)


def make(scale: float) -> Workload:
    """Nineteen columns of floats and one of groups."""
    rows = scaled(ROWS, scale, 5_000)
    setup = (
        "import numpy as np\nimport pandas as pd\nfrom sklearn.linear_model import LinearRegression\n"
        "rng = np.random.default_rng(2)",
        f"df = pd.DataFrame({{f'c{{n}}': rng.normal(size={rows}) for n in range(19)}})\n"
        f"df['group'] = rng.integers(0, 50, {rows})",
    )
    checks = ("df", "by_group", "top", "model.coef_", "score", "totals")
    about = f"a frame of {rows:,} rows and 20 columns: dropped, added, edited, appended, grouped, fitted"
    return Workload("frame", about, setup, CELLS, checks, batch=2)
