"""Figures, fitted models, sparse matrices, formulas and symbols come back and work on."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from heap import TestHeap, copy, fingerprint

HERE = Path(__file__).parent
LIBRARIES = ("pandas", "pyarrow", "matplotlib", "scipy", "sklearn", "dateutil")
matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402


@pytest.fixture
def figure():
    made, axes = plt.subplots(1, 3)
    axes[0].plot([1, 2, 3], label="line")
    axes[0].legend()
    axes[0].set_title("title")
    axes[1].imshow(np.ones((3, 3)))
    axes[2].bar(["a", "b"], [1, 2])
    made.colorbar(axes[1].images[0], ax=axes[1])
    yield made
    plt.close(made)


def drawn(figure) -> bytes:
    sink = io.BytesIO()
    figure.savefig(sink, format="raw")
    return sink.getvalue()


def test_figure_comes_back_beside_the_live_one(figure):
    numbers = plt.get_fignums()
    back, axes = copy([figure, figure.axes[0]])
    assert back.axes[0] is axes and plt.get_fignums() == numbers
    assert drawn(back) == drawn(figure)


@pytest.mark.parametrize("kind", [{}, {"bbox_inches": "tight"}, {"format": "svg"}])
def test_a_figure_that_was_shown_comes_back(figure, kind):
    figure.savefig(io.BytesIO(), **kind)
    back = copy(figure)
    assert drawn(back) == drawn(figure)
    # What it is made of still follows what that is made of.
    for one in (back, figure):
        one.set_dpi(50)
        one.axes[0].set_xlim(0, 9)
        one.subplots_adjust(left=0.3)
    assert drawn(back) == drawn(figure)


def test_looking_at_a_figure_changes_nothing(figure):
    before = fingerprint(figure)
    assert fingerprint(figure) == before
    figure.axes[0].set_title("other")
    assert fingerprint(figure) != before


def test_lines_and_artists_that_stand_alone():
    line = matplotlib.lines.Line2D([1, 2], [3, 4])
    assert copy(line).get_ydata().tolist() == [3, 4] if hasattr(line.get_ydata(), "tolist") else [3, 4]
    assert copy([matplotlib.colormaps["viridis"]])[0](0.5) == matplotlib.colormaps["viridis"](0.5)


X = np.random.default_rng(1).random((60, 3))
Y = (X[:, 0] > 0.5).astype(int)


def models():
    from sklearn.cluster import KMeans
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    return [
        DecisionTreeClassifier(random_state=1),
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=1)),
        LogisticRegression(),
        KNeighborsClassifier(),
        GradientBoostingClassifier(n_estimators=3, random_state=np.random.RandomState(2)),
        MLPClassifier(max_iter=5, random_state=1),
        SVC(),
        KMeans(2, n_init=1, random_state=1),
    ]


@pytest.mark.parametrize("model", models(), ids=lambda model: type(model).__name__)
def test_fitted_model_comes_back(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, Y)
    before = fingerprint(model)
    predicted = model.predict(X)
    assert fingerprint(model) == before
    back = copy(model)
    assert (back.predict(X) == predicted).all()


def test_a_data_set_comes_back_with_its_keys_and_attributes():
    from sklearn.datasets import load_iris

    irises = load_iris()
    irises["self"] = irises
    back, data = copy([irises, irises.data])
    assert type(back) is type(irises) and list(back) == list(irises) and vars(back) == vars(irises)
    assert back.data is data and back["self"] is back and fingerprint(back) == fingerprint(irises)
    before = fingerprint(irises)
    irises.frame = "another"
    assert fingerprint(irises) != before


def test_sparse_matrices_share_their_data():
    import scipy.sparse as sparse

    matrix = sparse.csr_matrix(np.eye(3))
    back, data = copy([matrix, matrix.data])
    data[0] = 7
    assert back[0, 0] == 7
    for kind in (sparse.coo_matrix, sparse.dok_matrix, sparse.csc_array, sparse.lil_matrix):
        assert (copy(kind(np.eye(3))).toarray() == np.eye(3)).all()


def test_scipy_objects():
    from scipy import interpolate, spatial, stats

    spline = interpolate.CubicSpline([1, 2, 3], [1, 4, 9])
    assert copy(spline)(2.5) == spline(2.5)
    assert copy(spatial.KDTree(X)).query(X[0])[1] == 0
    assert copy(stats.norm(1, 2)).mean() == 1


def test_symbols_and_formulas():
    import patsy
    import sympy

    x = sympy.Symbol("x", positive=True)
    back, symbol = copy([x**2 + sympy.sin(1), x])
    assert back.free_symbols == {symbol} and back == x**2 + sympy.sin(1)
    design = patsy.dmatrix("a + C(b)", {"a": [1.0, 2, 3], "b": ["u", "v", "u"]})
    assert np.asarray(copy(np.asarray(design))).tolist() == np.asarray(design).tolist()


def test_plotly_figures():
    import pandas as pd
    import plotly.express as px
    from plotly.subplots import make_subplots

    figure = px.scatter(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), x="a", y="b", trendline=None)
    figure.update_layout(title="before")
    back, trace = copy([figure, figure.data[0]])
    # What the constructor would sort anew stands as it stood, and the parts are the figure's own.
    assert back.to_json() == figure.to_json() and back.data[0] is trace
    assert fingerprint(back) == fingerprint(figure)
    trace.marker.color = "red"
    back.update_layout(title="after").add_hline(y=2)
    assert back.to_dict()["data"][0]["marker"]["color"] == "red" and back.layout.title.text == "after"
    assert figure.layout.title.text == "before" and not figure.layout.shapes
    grid = copy(make_subplots(2, 1, shared_xaxes=True))
    grid.add_bar(y=[1], row=2, col=1)
    assert grid.data[0].yaxis == "y2"


def test_polars_frames():
    import polars as pl

    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None], "c": [[1], []]})
    assert copy(frame).equals(frame) and copy(frame["b"]).to_list() == ["x", None]
    assert fingerprint(frame) == fingerprint(pl.DataFrame({"a": [1, 2], "b": ["x", None], "c": [[1], []]}))


ALONE = {
    "numpy": "import numpy as np; value = np.arange(3)",
    "pandas": "import pandas as pd; value = pd.DataFrame({'a': ['x']})",
    "arrow": "import pyarrow as pa; value = pa.array([1])",
    "sparse": "import scipy.sparse as sp; value = sp.csr_matrix([[1]])",
    "options": "import matplotlib; value = matplotlib.rcParams",
    "estimator": "from sklearn.linear_model import LogisticRegression; value = LogisticRegression()",
    "difference": "from dateutil.relativedelta import relativedelta; value = relativedelta(days=1)",
}


@pytest.mark.parametrize("name", ALONE)
def test_no_part_of_a_library_is_imported_that_the_session_has_not(name):
    program = f"""
import sys
sys.path.insert(0, {str(HERE)!r})
{ALONE[name]}
before = set(sys.modules)
import conftest
from clew.codecs import find
find(type(value))
roots = {{name.partition(".")[0] for name in before}}
print(sorted(n for n in set(sys.modules) - before if n.partition(".")[0] in {LIBRARIES!r}))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def together(**values) -> list[list[str]]:
    """Names that the engine puts into one co-variable."""
    found = TestHeap({"__name__": "__main__"}).look(values)
    return sorted(sorted(group.roots) for group in found if not group.roots[0].startswith("definition"))


def test_what_libraries_share_inside_joins_nothing():
    import datetime
    import decimal

    import pandas as pd
    import pyarrow as pa
    import sympy

    x = sympy.Symbol("x", positive=True)
    frame = pd.DataFrame(
        {"a": [1, 2], "b": ["x", "y"], "c": pd.date_range("2020", periods=2, tz="Europe/Berlin")}
    )
    sparse = pd.Series(pd.arrays.SparseArray([0.0, np.nan]))
    table = pa.table({"a": ["x"]})
    ones, others = plt.figure(), plt.figure()
    ones.add_subplot().plot([1, 2])
    others.add_subplot().plot([1, 2])
    apart = {
        "expressions": [x + 1, sympy.sin(x), x],
        "frames": [frame, frame[["a"]], frame["b"], frame.index, frame.columns, frame.copy(), frame.dtypes],
        "sparse": [sparse, sparse.copy()],
        "tables": [table, table.slice(0), table.to_pandas()],
        "figures": [ones, others],
        "dates": [[datetime.UTC], [datetime.UTC], [pd.NaT], [pd.NaT], [pd.NA], [pd.NA]],
        "numbers": [[one := decimal.Decimal(1)], [one], [np.nan], [np.nan], [np.float64], [np.dtype("f8")]],
        "random": [np.random.default_rng(1), np.random.default_rng(1), [np.random.rand], [np.random.randint]],
        "masked": [np.ma.array([1, 2]), np.ma.array([1, 2])],
    }
    for name, values in apart.items():
        named = {f"n{index}": value for index, value in enumerate(values)}
        assert together(**named) == sorted([key] for key in named), name
    plt.close("all")


def test_what_shares_memory_joins():
    import pandas as pd
    import pyarrow as pa

    x = np.arange(4.0)
    names = together(
        x=x, view=x[1:], frame=pd.DataFrame(x, copy=False), arrow=pa.array(x), other=np.arange(4.0)
    )
    assert names == [["arrow", "frame", "view", "x"], ["other"]]


def test_expressions_come_back():
    import sympy as S

    x, y = S.symbols("x y", positive=True)
    f, n = S.Function("f"), S.Symbol("n", integer=True)
    for value in [
        S.sin(x) ** 2 + y / 3,
        S.Integral(S.exp(x), (x, 0, 1)),
        S.Matrix([[1, x], [y, 2]]),
        f(x).diff(x),
        S.Piecewise((x, x > 1), (0, True)),
        S.Sum(n**2, (n, 1, 10)),
        S.Poly(x**2 + 1, x),
        S.Float("1.5"),
        S.oo,
    ]:
        assert copy(value) == value
