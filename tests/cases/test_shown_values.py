"""A cell that only shows a value changes nothing, and what is equal in a new kernel is not said to differ: over values of many libraries.

Many objects note what they compute while they are printed: a cache is no part of a value. All values stand in one kernel, one cell shows
them all, and a new kernel takes all of them up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from harness import Kernel

from cases.story import Notebook

IMPORTS = """
import array, collections, dataclasses, datetime, decimal, enum, fractions, functools, io, ipaddress, operator, pathlib, random, re
import string, types, uuid, zoneinfo
import xml.etree.ElementTree as ET
import matplotlib
matplotlib.use('agg')
import matplotlib.pyplot as plt, numpy as np, pandas as pd, networkx as nx, polars as pl, pyarrow as pa, sympy, PIL.Image
import scipy.interpolate, scipy.optimize, scipy.sparse, scipy.spatial.transform, scipy.stats
import sklearn.cluster, sklearn.decomposition, sklearn.ensemble, sklearn.linear_model, sklearn.model_selection, sklearn.neighbors
import sklearn.pipeline, sklearn.preprocessing, sklearn.impute
import astropy.coordinates, astropy.table, astropy.time, astropy.units as u, bs4, lightgbm as lgb, xarray as xr
from lxml import etree, objectify, html
def frame(): return pd.DataFrame({'a': [1., 2, 3, 5], 'c': list('xyxz'), 't': pd.date_range('2020-01-01', periods=4)})
X = np.arange(40.).reshape(20, 2) % 7
y = (np.arange(20) % 3 == 0) * 1
"""

SHOW = """
def show(value):
    from IPython.core.formatters import format_display_data
    repr(value), str(value), dir(value)
    format_display_data(value)
"""

VALUES = {
    "figure": "plt.figure()",
    "drawn": "plt.figure().add_subplot().plot([1, 2, 3])[0].figure",
    "axes": "plt.figure().add_subplot()",
    "axes_3d": "plt.figure().add_subplot(projection='3d')",
    "line": "plt.figure().add_subplot().plot([1, 2])[0]",
    "bars": "plt.figure().add_subplot().bar([1, 2], [3, 4])",
    "image": "plt.figure().add_subplot().imshow([[1, 2], [3, 4]])",
    "points": "plt.figure().add_subplot().scatter([1, 2], [3, 4])",
    "dated": "frame().plot(x='t', y='a')",
    "colormap": "plt.get_cmap('viridis').copy()",
    "normed": "matplotlib.colors.Normalize(0, 1)",
    "df": "frame()",
    "series": "frame()['a']",
    "categories": "frame()['c'].astype('category')",
    "levels": "pd.MultiIndex.from_product([[1, 2], ['a', 'b']])",
    "dates": "pd.date_range('2020', periods=3)",
    "styler": "frame().style.highlight_max(subset=['a']).format(precision=1)",
    "grouped": "frame().groupby('c')",
    "grouped_column": "frame().groupby('c')['a']",
    "rolling": "frame()['a'].rolling(2)",
    "resampler": "frame().set_index('t').resample('D')",
    "texts": "frame()['c'].str",
    "stamp": "pd.Timestamp('2020-01-01', tz='Europe/Paris')",
    "nullable": "pd.array([1, None], dtype='Int64')",
    "masked": "np.ma.array([1, 2], mask=[0, 1])",
    "records": "np.rec.array([(1, 'a')], dtype=[('x', 'i4'), ('y', 'U1')])",
    "dtype": "np.dtype('f8,i4')",
    "dtype_copy": "(np.dtype('i8'), np.dtype('i8', copy=True))",
    "generator": "np.random.default_rng(1)",
    "polynomial": "np.polynomial.Polynomial([1, 2])",
    "finfo": "np.finfo('f4')",
    "moment": "datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Paris'))",
    "zone": "zoneinfo.ZoneInfo('Asia/Tokyo')",
    "fraction": "fractions.Fraction(1, 3)",
    "number": "decimal.Decimal('1.5')",
    "deque": "collections.deque([1, 2])",
    "counter": "collections.Counter('abca')",
    "chain": "collections.ChainMap({'a': 1}, {'b': 2})",
    "user_dict": "collections.UserDict(a=1)",
    "pattern": "re.compile('a+')",
    "match": "re.match('a+', 'aab')",
    "path": "pathlib.Path('a/b')",
    "windows_path": "pathlib.PureWindowsPath('a/b')",
    "unique": "uuid.UUID(int=5)",
    "partial": "functools.partial(int, base=2)",
    "space": "types.SimpleNamespace(a=1)",
    "drawing": "random.Random(3)",
    "template": "string.Template('$a')",
    "network": "ipaddress.ip_network('10.0.0.0/8')",
    "text_stream": "io.StringIO('a')",
    "byte_stream": "io.BytesIO(b'a')",
    "getter": "operator.itemgetter(1)",
    "tree": "ET.fromstring('<a><b/></a>')",
    "error": "ValueError('a')",
    "expression": "sympy.Symbol('x') ** 2 + 1",
    "matrix": "sympy.Matrix([[1, 2], [3, 4]])",
    "sparse_rows": "scipy.sparse.csr_matrix([[1, 0], [0, 1]])",
    "sparse_columns": "scipy.sparse.csc_array([[1, 0], [0, 1]])",
    "spline": "scipy.interpolate.CubicSpline([1, 2, 3], [1, 2, 3])",
    "frozen": "scipy.stats.norm(0, 1)",
    "density": "scipy.stats.gaussian_kde([1, 2, 3.])",
    "rotation": "scipy.spatial.transform.Rotation.from_euler('z', [[90], [45]], degrees=True)",
    "linear": "sklearn.linear_model.LinearRegression().fit(X, y)",
    "forest": "sklearn.ensemble.RandomForestClassifier(2).fit(X, y)",
    "boosted": "sklearn.ensemble.HistGradientBoostingClassifier(max_iter=2).fit(X, y)",
    "pipeline": "sklearn.pipeline.make_pipeline(sklearn.preprocessing.StandardScaler(), sklearn.linear_model.Ridge())",
    "clusters": "sklearn.cluster.KMeans(2, n_init=1).fit(X)",
    "neighbors": "sklearn.neighbors.KNeighborsClassifier().fit(X, y)",
    "components": "sklearn.decomposition.PCA().fit(X)",
    "search": "sklearn.model_selection.GridSearchCV(sklearn.linear_model.Ridge(), {'alpha': [1, 2]}, cv=2).fit(X, y)",
    "imputer": "sklearn.impute.SimpleImputer().fit(X)",
    "graph": "nx.path_graph(4)",
    "directed": "nx.MultiDiGraph([(1, 2)])",
    "part_of_graph": "nx.path_graph(4).subgraph([1, 2])",
    "polars_frame": "pl.DataFrame({'a': [1, 2]})",
    "arrow_table": "pa.table({'a': [1, 2]})",
    "picture": "PIL.Image.new('RGB', (2, 2))",
    "labelled": "xr.DataArray(np.arange(6.).reshape(2, 3), dims=('a', 'b'), coords={'a': [1, 2], 'b': list('xyz')})",
    "labelled_set": "xr.Dataset({'v': ('a', [1, 2])}, {'w': ('t', pd.date_range('2020', periods=3))})",
    "unit": "u.m / u.s",
    "quantity": "[1, 2] * u.m",
    "quantities": "astropy.table.QTable({'a': [1, 2] * u.m, 'b': ['x', 'y']})",
    "time": "astropy.time.Time(['2020-01-01', '2021-01-01'])",
    "sky": "astropy.coordinates.SkyCoord([10, 20] * u.deg, [30, 40] * u.deg)",
    "place": "astropy.coordinates.EarthLocation.from_geodetic(1 * u.deg, 2 * u.deg)",
    "lightgbm": "lgb.LGBMClassifier(n_estimators=2, verbose=-1).fit(X, y)",
    "soup": "bs4.BeautifulSoup('<p>a</p>', 'html.parser')",
    "element": "etree.fromstring('<a><b/></a>')",
    "objectified": "objectify.fromstring('<a><b>1</b></a>')",
    "markup": "html.fromstring('<div @click=\"1\"><p>a<br>b</p></div>')",
}


class Shown(NamedTuple):
    """What became of the values."""

    changed: dict[str, set[str]]
    """Names that a cell changed, by what it did."""
    words: dict[str, str]
    """What a new kernel that resumes said of each."""
    reasons: dict[str, str]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    home = tmp_path_factory.mktemp("shown")
    kernel = Kernel(home=home / "home", notebook=home / "notebook.ipynb")
    again = None
    try:
        notebook = Notebook(kernel)
        notebook.run(IMPORTS, SHOW, "\n".join(f"{name} = {value}" for name, value in VALUES.items()))
        changed = {}
        for what in ("show", "show"):
            notebook.run("\n".join(f"{what}({name})" for name in VALUES))
            changed[f"{what} {len(changed)}"] = {root["key"] for root in notebook.ask("show")["changed"]}
        notebook.run(
            "quantity[0] = 5 * u.m\ngraph.add_edge(0, 3)\nsparse_rows.has_sorted_indices = False\ncolormap._lut[0] = 0"
        )
        changed["real"] = {root["key"] for root in notebook.ask("show")["changed"]}
        notebook.move("undo")
        notebook.kill()
        again = Kernel(home=home / "home", notebook=home / "notebook.ipynb")
        report = Notebook(again).move("resume")
        yield Shown(changed, report.words, {name: report.why(name) for name in VALUES})
    finally:
        for one in (kernel, again):
            if one is not None:
                one.end()


@pytest.mark.parametrize("name", VALUES)
def test_a_cell_that_shows_a_value_does_not_change_it(shown: Shown, name: str) -> None:
    assert [what for what, names in shown.changed.items() if name in names and what != "real"] == []


def test_a_change_of_what_can_also_be_computed_is_a_change(shown: Shown) -> None:
    assert shown.changed["real"] == {"quantity", "graph", "sparse_rows", "colormap"}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_is_equal_in_a_new_kernel_is_not_said_to_differ(shown: Shown, name: str) -> None:
    assert shown.words[name] == "restored", shown.reasons[name]
