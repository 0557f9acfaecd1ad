"""What people import: models, figures, formulas, pools. Recorded beside them, never in their way."""

from __future__ import annotations

from importlib.util import find_spec
from textwrap import dedent

import pytest

from cases.story import Case, Notebook
from cases.tables import test_back_and_forth, test_found_again  # noqa: F401 -- the tests over CASES

XY = "import numpy as np\nrng = np.random.default_rng(0)\nX = rng.normal(size=(60, 3))\ny = X @ [1.0, 2.0, 3.0] + 0.1\n"

#: Numba is not there for every Python.
_COMPILED = [
    Case(
        "Compiled functions",
        dedent("""
        import numba
        factor = 2.0
        @numba.njit
        def total(values):
            found = 0.0
            for value in values:
                found += value * factor
            return found
        @numba.njit
        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)
        @numba.njit('f8(f8)')
        def double(x):
            return x * 2
        total((1.0, 2.0)), fib(9), double(3)
        """),
        "total = fib = double = None",
        [
            "total and total((1.0, 3.0))",
            "fib and fib(10)",
            "double and (double(4), double.signatures, double._can_compile)",
        ],
        {"total": "restored", "fib": "restored", "double": "restored"},
        kept=["numba", "factor"],
    )
] * bool(find_spec("numba"))

CASES = [
    Case(
        "A linear model fitted anew",
        XY
        + dedent("""
        from sklearn.linear_model import LinearRegression
        model = LinearRegression().fit(X, y)
        """),
        "model.fit(X[:, :2], y); model.note = 'two columns'",
        ["model.coef_.tolist()", "model.n_features_in_", "hasattr(model, 'note')", "model.get_params()"],
        {"model": "restored"},
        kept=["X", "y", "LinearRegression"],
    ),
    Case(
        "A forest and its trees",
        XY
        + dedent("""
        from sklearn.ensemble import RandomForestRegressor
        forest = RandomForestRegressor(3, random_state=0).fit(X, y)
        """),
        "forest.set_params(n_estimators=5, warm_start=True).fit(X, y)",
        [
            "len(forest.estimators_)",
            "forest.predict(X[:3]).tolist()",
            "forest.estimators_[0].tree_.node_count",
        ],
        {"forest": "restored"},
        kept=["X", "y"],
    ),
    Case(
        "A pipeline with a scaler, a grid search over it",
        XY
        + dedent("""
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.linear_model import Ridge
        from sklearn.model_selection import GridSearchCV
        pipe = make_pipeline(StandardScaler(), Ridge())
        search = GridSearchCV(pipe, {'ridge__alpha': [0.1, 1.0]}, cv=2).fit(X, y)
        """),
        "search = GridSearchCV(pipe, {'ridge__alpha': [5.0]}, cv=2).fit(X, y)",
        ["search.best_params_", "search.predict(X[:2]).tolist()", "hasattr(pipe, 'n_features_in_')"],
        {"search": "restored", "pipe": "restored|unchanged"},
        kept=["X", "y"],
    ),
    *_COMPILED,
    Case(
        "A figure of Plotly and its parts",
        dedent("""
        import plotly.express as px
        figure = px.scatter(x=[1, 2], y=[3, 4])
        trace = figure.data[0]
        """),
        "figure.update_layout(title='after').add_hline(y=2); trace.marker.color = 'red'",
        [
            "figure.to_json()",
            "figure.data[0] is trace",
            "figure.layout.title.text",
            "trace.marker.color",
        ],
        {"figure": "restored", "trace": "restored"},
        kept=["px"],
    ),
    Case(
        "A matplotlib figure kept in a variable",
        """
        import matplotlib
        matplotlib.use('agg')
        from matplotlib.figure import Figure
        fig = Figure()
        ax = fig.subplots()
        _ = ax.plot([1, 2, 3], label='line')
        """,
        "_ = ax.plot([3, 2, 1]); ax.set_title('changed');",
        ["len(ax.lines)", "ax.get_title()", "ax.figure is fig", "fig.axes[0] is ax"],
        {"fig": "restored", "ax": "restored"},
    ),
    Case(
        "Figures with axes of classes that are not matplotlib's own: mplot3d's, the user's",
        """
        import matplotlib
        matplotlib.use('agg')
        from matplotlib.axes import Axes
        from matplotlib.figure import Figure
        class Mine(Axes):
            name = 'mine'
        class Page(Figure):
            pass
        fig = Figure()
        solid = fig.add_subplot(projection='3d')
        _ = solid.plot([1, 2], [1, 2], [1, 2])
        import numpy as np
        across, along = np.meshgrid([0.0, 1, 2], [0.0, 1, 2])
        # Made a class of its own of mpl_toolkits, which is a package without a file.
        rings = solid.contour(across, along, across * along)
        page = Page()
        own = Mine(page, [0, 0, 1, 1])
        own.notes = ['kept']
        _ = page.add_axes(own)
        """,
        "solid.set_title('changed'); own.notes.append('changed');",
        [
            "solid.get_title()",
            "len(solid.lines)",
            "solid.figure is fig",
            "own.notes",
            "page.axes[0] is own",
            "rings.axes is solid, rings.levels.tolist()",
        ],
        {"fig": "restored", "solid": "restored", "rings": "restored", "page": "restored", "own": "restored"},
        kept=["Mine", "Page"],
    ),
    Case(
        "`from sympy import *` and an expression",
        """
        from sympy import *
        x, t = symbols('x t')
        e = sin(x) ** 2 + t
        """,
        "e = diff(e, x); q = 1",
        [
            "str(e)",
            "e.free_symbols == {x} or e.free_symbols == {x, t}",
            "'q' in globals()",
            "str(integrate(x))",
        ],
        {"e": "restored", "q": "removed", "x": "restored|unchanged", "t": "restored|unchanged"},
    ),
    Case(
        "A DuckDB result fetched into lists",
        """
        import duckdb
        rows = duckdb.sql('select range as n from range(3)').fetchall()
        """,
        "rows = duckdb.sql('select 7').fetchall()",
        ["rows"],
        {"rows": "restored"},
    ),
    Case(
        "An interpolator and an optimiser's result",
        """
        import numpy as np
        from scipy import optimize
        res = optimize.minimize_scalar(lambda x: (x - 2) ** 2)
        """,
        "res = optimize.minimize_scalar(lambda x: (x - 5) ** 2)",
        ["round(res.x, 3)", "type(res).__name__", "bool(res.success)"],
        {"res": "restored"},
    ),
    Case(
        "A parsed tree of XML and of Python",
        """
        import ast
        import xml.etree.ElementTree as ET
        root = ET.fromstring('<a><b x="1"/></a>')
        tree = ast.parse('x = 1')
        """,
        "root[0].set('x', '2'); tree.body[0].targets[0].id = 'y'",
        ["ET.tostring(root)", "ast.unparse(tree)"],
        {"root": "restored", "tree": "restored"},
    ),
]


WORK = "offset = 10\nclass Job:\n    def __init__(self, n):\n        self.n = n\ndef work(n):\n    return n + offset\ndef job(j):\n    return j.n * 2"

POOLS = {
    "pickle of a notebook function and class": (
        "import pickle\ngot = [pickle.loads(pickle.dumps(work)) is work, pickle.loads(pickle.dumps(Job(3))).n]",
        "[True, 3]",
    ),
    "`ProcessPoolExecutor` that forks": (
        "import multiprocessing as mp\nfrom concurrent.futures import ProcessPoolExecutor\nwith ProcessPoolExecutor(2, mp_context=mp.get_context('fork')) as pool:\n    got = list(pool.map(work, range(3))) + list(pool.map(job, [Job(1)]))",
        "[10, 11, 12, 2]",
    ),
    "`multiprocessing.Pool`": (
        "import multiprocessing as mp\nwith mp.get_context('fork').Pool(2) as pool:\n    got = pool.map(work, range(3))",
        "[10, 11, 12]",
    ),
    "joblib with processes": (
        "from joblib import Parallel, delayed\ngot = Parallel(2)(delayed(work)(n) for n in range(3))",
        "[10, 11, 12]",
    ),
    "joblib with threads": (
        "from joblib import Parallel, delayed\ngot = Parallel(2, prefer='threads')(delayed(work)(n) for n in range(3))",
        "[10, 11, 12]",
    ),
    "cloudpickle, and a deep copy": (
        "import cloudpickle, copy\ngot = [cloudpickle.loads(cloudpickle.dumps(lambda: offset))(), copy.deepcopy(Job([4])).n]",
        "[10, [4]]",
    ),
}


@pytest.mark.parametrize("cell, expected", POOLS.values(), ids=POOLS.keys())
def test_pools_and_pickles_work_on_notebook_functions_while_recording(
    notebook: Notebook, cell: str, expected: str
) -> None:
    notebook.run(WORK + "\nx = [1]")
    identities = notebook.identities(["work", "Job", "x"])
    notebook.run(cell)
    assert notebook.read("got") == [expected]
    report = notebook.move("undo")
    assert report.word("got") == "removed"
    assert notebook.identities(["work", "Job", "x"]) == identities
    notebook.run("offset = 10\n" + cell)
    assert notebook.read("got") == [expected], "and after an undo"


def test_after_patsy_formulas_everything_else_goes_on_being_recorded(notebook: Notebook) -> None:
    """A design matrix refuses to be pickled, and is stored all the same."""
    notebook.run(
        """
        import numpy as np
        import patsy
        x = [1]
        design = patsy.dmatrix('a + np.log(b)', {'a': [1.0, 2.0, 4.0], 'b': [1, 2, 3]})
        """
    )
    identity = notebook.identities(["design"])
    notebook.run("x.append(2)")
    report = notebook.move("undo")
    assert notebook.read("x", "design.shape") == ["[1]", "(3, 3)"]
    assert report.word("design") == "unchanged"
    assert notebook.identities(["design"]) == identity
    notebook.run("x.append('a')", "x.append('b')")
    notebook.move("undo")
    assert notebook.read("x") == ["[1, 'a']"]


def test_attributes_of_an_estimator_come_back_in_their_order(notebook: Notebook) -> None:
    notebook.run("from sklearn.linear_model import LogisticRegression\nm = LogisticRegression(C=3)")
    notebook.run("m.fit([[0], [1]], [0, 1])")
    states = [notebook.read("list(vars(m))")]
    notebook.run("m.C = 5", "m.C = 6; m.alpha = 1")
    states.append(notebook.read("list(vars(m))"))
    assert states[0] != states[1]
    for move, state in (("undo", states[0]), ("redo", states[1]), ("undo", states[0])):
        assert notebook.move(move).word("m") == "restored"
        assert notebook.read("list(vars(m))") == state
