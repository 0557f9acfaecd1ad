"""Whole notebooks: those of `examples/`, and five more of other kinds. Those of `examples/moving` are carried by
`tests/journeys` instead; two need what is not installed."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"

PLOTS = """
import matplotlib.pyplot as plt
import numpy as np
plt.rcParams["figure.dpi"] = 50
x = np.linspace(0, 6, 200)
# %%
fig, (left, right) = plt.subplots(1, 2)
left.plot(x, np.sin(x), label="sin")
right.hist(np.random.default_rng(2).normal(size=500), bins=20)
left.legend()
plt.show()
# %%
left.set_title("changed later")
colours = [line.get_color() for line in left.lines]
titles = [axis.get_title() for axis in fig.axes]
plt.close("all")
colours, titles
"""

PIPELINE = """
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
np.random.seed(4)
# %%
X, y = make_classification(400, n_features=8, random_state=4)
parts = train_test_split(X, y, test_size=0.25)
# %%
pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(parts[0], parts[2])
forest = RandomForestClassifier(10).fit(parts[0], parts[2])
scores = {"line": pipe.score(parts[1], parts[3]), "forest": forest.score(parts[1], parts[3])}
scores
# %%
folds = cross_val_score(pipe, X, y, cv=3)
guesses = forest.predict_proba(parts[1]).round(6)
after = np.random.rand(3)
folds.mean()
"""

SYMBOLS = """
from sympy import *
import warnings
x, y = symbols("x y")
e = expand((x + y) ** 4)
# %%
warnings.simplefilter("ignore", DeprecationWarning)
import patsy
import decimal
decimal.getcontext().prec = 12
d = decimal.Decimal(1) / 7
design = patsy.dmatrix("a + b", {"a": [1.0, 2, 3], "b": ["u", "v", "u"]})
names = design.design_info.column_names
# %%
roots = solve(x**2 - 2, x)
text = [str(diff(e, x)), str(roots), latex(e)]
text
"""

MAGICS = """
import asyncio, os, random
random.seed(9)
log = []
# %%
%%capture said
print("to be kept")
log.append(1)
# %%
async def later(n):
    await asyncio.sleep(0)
    return n * 2
got = await asyncio.gather(*map(later, range(4)))
got
# %%
log.append(2)
raise KeyError("on purpose")
# %%
log.append(3
# %%
out = !echo hello
%timeit -n 2 -r 1 log.copy()
_[0] if isinstance(_, list) else None
# %%
os.environ["CASE_OF_THE_ORACLE"] = "set"
del got
text = said.stdout
z = [random.random() for _ in range(3)]
z
"""

TABLES = """
import duckdb
import polars as pl
import pyarrow as pa
import numpy as np
pl.Config.set_tbl_rows(5)
base = np.arange(12.0)
# %%
table = pa.table({"x": pa.array(base), "s": list("abcdefghijkl")})
frame = pl.from_arrow(table).with_columns(y=pl.col("x") * 2)
# %%
sums = duckdb.sql("select s, sum(y) as y from frame group by s order by s").fetchall()
base[0] = 50
shown = table["x"].to_pylist()[:3], frame["x"].to_list()[:3]
sums[:2], shown
# %%
wide = frame.filter(pl.col("x") > 3).to_dict(as_series=False)
top = frame.sort("y", descending=True).head(2).rows()
top
"""

MORE = {"plots": PLOTS, "pipeline": PIPELINE, "symbols": SYMBOLS, "magics": MAGICS, "tables": TABLES}


CLEWS = re.compile(r"^%(load_ext )?clew\b", re.MULTILINE)


def notebooks() -> dict[str, list[str]]:
    """The code cells of every notebook, by its name; cells that load Clew or talk to it left out."""
    found = {}
    # Those of `distributed` read data that is made for them; tests/run/test_studies.py runs them.
    others = {*EXAMPLES.glob("moving/*"), *EXAMPLES.glob("distributed/*")}
    for path in sorted({*EXAMPLES.rglob("*.ipynb")} - others):
        cells = nbformat.read(path, as_version=4).cells
        found[path.stem] = [c.source for c in cells if c.cell_type == "code" and not CLEWS.search(c.source)]
    return found | {name: [cell.strip("\n") for cell in text.split("# %%\n")] for name, text in MORE.items()}
