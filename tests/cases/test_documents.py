"""Documents whose elements are views of one tree, and models and data sets that hold what cannot be stored."""

from __future__ import annotations

from collections.abc import Callable

from cases.story import Case, Notebook
from cases.tables import test_back_and_forth, test_found_again

__all__ = ["test_back_and_forth", "test_found_again"]

LXML = "from lxml import etree, html, objectify\n"

CASES = [
    Case(
        "lxml.objectify: an element, its document, and one that was replaced",
        LXML
        + "root = objectify.fromstring('<r><a>1</a><b k=\"v\">t</b><a>2</a></r>')\na, b = root.a, root.b",
        "root.a = 5\nroot.c = 'new'\nb.set('k', 'w')",
        [
            "etree.tostring(root)",
            "int(a), type(a).__name__",
            "a.getparent() is root, a.getroottree().getroot() is root",
            "b.getparent() is root, b.get('k')",
            "[int(one) for one in root.a]",
        ],
        {"root": "restored", "a": "restored", "b": "restored"},
    ),
    Case(
        "lxml.objectify: an element alone, and trees that were built",
        LXML
        + "b = objectify.fromstring('<r><a>1</a><b k=\"v\">t</b></r>').b\nmade = objectify.E.root(objectify.E.a(1))\nfive = objectify.DataElement(5)",
        "b.set('k', 'w')\nmade.a = 7\nfive = objectify.DataElement(6)",
        ["etree.tostring(b.getparent())", "etree.tostring(made)", "five.pyval, type(five).__name__"],
        {"b": "restored", "made": "restored", "five": "restored"},
    ),
    Case(
        "lxml.etree: elements, attributes and texts of one tree",
        LXML
        + "root = etree.fromstring('<r><a>1</a>tail<b k=\"v\">t</b></r>')\na, tree, attributes = root[0], root.getroottree(), root[1].attrib\ntexts = root.xpath('//text()') + root.xpath('//@k')",
        "a.text = '9'\nattributes['k'] = 'w'",
        [
            "etree.tostring(root)",
            "a.getparent() is root, tree.getroot() is root, root[0] is a",
            "dict(attributes), root[1].get('k')",
            "texts, [one.getparent().tag for one in texts]",
            "tree.docinfo.encoding, root[1].sourceline",
        ],
        {
            "root": "restored",
            "a": "restored",
            "tree": "restored",
            "attributes": "restored",
            "texts": "restored",
        },
    ),
    Case(
        "lxml.etree: a document with everything, and one that was built",
        LXML
        + """
source = b'<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?><!DOCTYPE r [<!ENTITY q "uu">]><?pi a?><!--c--><r z="1">&q;<b/>\\n<![CDATA[z<]]></r><!--after-->'
root = etree.fromstring(source, etree.XMLParser(strip_cdata=False, resolve_entities=False))
comment, after = root.getprevious(), root.getnext()
made = etree.Element('{http://x}a', nsmap={None: 'http://x', 'p': 'http://p'})
below = etree.SubElement(made, '{http://p}b')
below.tail = 'h\\xe9'
gone = etree.SubElement(made, 'gone')
gone.append(etree.Comment('inside'))
inside = gone[0]
made.remove(gone)
alone = etree.Comment('alone'), etree.ProcessingInstruction('one', 'two')
""",
        "root.set('z', '2')\ncomment.text = 'd'\nbelow.set('q', '1')\ninside.text = 'outside'\nalone[0].text = 'other'",
        [
            "etree.tostring(root.getroottree())",
            "root.getprevious() is comment, after.getprevious() is root",
            "root.getroottree().docinfo.encoding, root.getroottree().docinfo.standalone, root.getroottree().docinfo.doctype",
            "etree.tostring(made), made.nsmap, below.getparent() is made",
            "etree.tostring(gone), inside.getparent() is gone, gone.getparent()",
            "alone[0].text, alone[1].target, alone[1].text",
        ],
        dict.fromkeys(("root", "comment", "after", "made", "below", "gone", "inside", "alone"), "restored"),
    ),
    Case(
        "lxml.html: markup that is no XML, too",
        LXML
        + """
part = html.fromstring('<div class="a b" @click="1"><p>a<br>b</p><a href="x">l</a></div>')
first = part[0]
page = html.document_fromstring('<!DOCTYPE html><html><body><p id=q>x&nbsp;y</p></body></html>')
plain = etree.HTML('<p>1<p>2')
""",
        "first.text = 'z'\npage.body.set('k', '1')\nplain[0].set('k', '2')",
        [
            "html.tostring(part), first.getparent() is part, list(part.classes)",
            "html.tostring(page.getroottree()), type(page.body).__name__",
            "page.getroottree().docinfo.doctype, page.get_element_by_id('q').text",
            "etree.tostring(plain), type(plain).__name__",
        ],
        dict.fromkeys(("part", "first", "page", "plain"), "restored"),
    ),
    Case(
        "xml.etree and xml.dom: elements of one tree",
        """
        import xml.etree.ElementTree as ET
        from xml.dom import minidom
        root = ET.fromstring('<r><a>1</a>tail<b k="v">t</b></r>')
        a, tree = root[0], ET.ElementTree(root)
        document = minidom.parseString('<r><a>1</a></r>')
        node = document.documentElement.firstChild
        """,
        "a.text = '9'\nnode.setAttribute('q', '9')",
        [
            "ET.tostring(root), root[0] is a, tree.getroot() is root",
            "document.toxml(), node.parentNode is document.documentElement",
        ],
        dict.fromkeys(("root", "a", "tree", "document", "node"), "restored"),
    ),
    Case(
        "Beautiful Soup: a document and an element of it",
        "from bs4 import BeautifulSoup\nsoup = BeautifulSoup('<html><p class=\"a\">1</p><p>2</p></html>', 'html.parser')\np = soup.p",
        "p.string = '9'",
        [
            "str(soup), str(p)",
            "soup.p is p, p.parent is soup.html, p['class']",
            "[str(one) for one in soup.find_all('p')]",
        ],
        {"soup": "restored", "p": "restored"},
    ),
    Case(
        "xarray and astropy: what has coordinates and units",
        """
        import numpy as np, pandas as pd, xarray as xr
        import astropy.units as u
        from astropy.coordinates import SkyCoord
        from astropy.table import Table
        labelled = xr.DataArray(np.arange(6.).reshape(2, 3), dims=('a', 'b'), coords={'a': [1, 2], 'b': list('xyz')})
        together = xr.Dataset({'v': labelled, 'w': ('t', pd.date_range('2020', periods=3))}, attrs={'k': 1})
        length = [1, 2] * u.m
        table = Table({'a': [1, 2], 'length': length})
        sky = SkyCoord([10, 20] * u.deg, [30, 40] * u.deg)
        """,
        "labelled.values[0, 0] = 9\ntogether['z'] = 3\nlength[0] = 5 * u.m\ntable['z'] = 1\nsky = SkyCoord([1] * u.deg, [2] * u.deg)",
        [
            "labelled.values.tolist(), labelled.sel(a=1, b='y').item(), repr(labelled)",
            "list(together), together.attrs, repr(together)",
            "str(length), length.unit is u.m",
            "str(table), str(sky), sky.galactic.l[0].deg",
        ],
        dict.fromkeys(("labelled", "together", "length", "table", "sky"), "restored"),
    ),
    Case(
        "Rotations and a fitted search",
        """
        import numpy as np
        from scipy.spatial.transform import Rotation
        from sklearn.linear_model import Ridge
        from sklearn.model_selection import GridSearchCV
        X = np.arange(20.).reshape(10, 2)
        search = GridSearchCV(Ridge(), {'alpha': [1, 2]}, cv=2).fit(X, X[:, 0])
        turn = Rotation.from_euler('z', [[90], [45]], degrees=True)
        one = Rotation.from_euler('z', 90, degrees=True)
        """,
        "turn, one = turn.inv(), one * one\nsearch.refit = False",
        ["turn.as_quat().tolist(), one.as_quat().tolist()", "search.best_params_, search.refit"],
        {"turn": "restored", "one": "restored", "search": "restored"},
    ),
    Case(
        "SQLAlchemy: a table, what holds it, and a statement over it",
        """
        import enum
        import sqlalchemy as sa
        class Color(enum.Enum):
            R = 1
            G = 2
        known = sa.MetaData()
        table = sa.Table('t', known, sa.Column('id', sa.Integer, primary_key=True), sa.Column('c', sa.Enum(Color)), sa.Column('p', sa.Integer, sa.ForeignKey('t.id')))
        query = sa.select(table).where(table.c.id > 3)
        """,
        "table.append_column(sa.Column('z', sa.String))",
        [
            "str(query), query.compile().params, str(sa.insert(table))",
            "table.c.keys(), known.tables['t'] is table, table.c.c.type.enum_class is Color",
        ],
        dict.fromkeys(("known", "table", "query"), "restored"),
    ),
    Case(
        "LightGBM's data set over a plain array",
        "import lightgbm as lgb, numpy as np\nX = np.arange(200.).reshape(100, 2)\ndata = lgb.Dataset(X, np.arange(100.), params={'verbose': -1})",
        "X[0, 0] = 99",
        ["X[0, 0]", "data.data is X, type(data).__name__"],
        {"X": "restored", "data": "restored"},
    ),
]


def test_a_data_set_that_has_been_built_takes_no_array_with_it(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(
        "import lightgbm as lgb, numpy as np, pandas as pd, statsmodels.formula.api as smf\nX = np.arange(200.).reshape(100, 2)",
        "data = lgb.Dataset(X, np.arange(100.), params={'verbose': -1}, free_raw_data=False).construct()",
        "df = pd.DataFrame({'a': [1., 2, 3, 5], 'b': [2., 3, 1, 4]})\nfit = smf.ols('a ~ b', df).fit()",
    )
    notebook.run("X[0, 0] = 99\ndf['c'] = 3")
    report = notebook.move("undo")
    assert {report.word(name) for name in ("X", "data", "df", "fit")} == {"restored"}, report.data
    assert "is the current live object" in report.why("data") and report.why("fit") == "None"
    there = (
        "X[0, 0]",
        "data.data is X",
        "list(df)",
        "fit.params.tolist()",
        "fit.predict({'b': [1.]}).tolist()",
    )
    before = notebook.read(*there)
    assert before[:3] == ["np.float64(0.0)", "True", "['a', 'b']"]
    revision = notebook.at()
    notebook.kill()
    # What lies in LightGBM's own memory is missing; the rest is there.
    again = kernels()
    report = again.move(f"resume {revision}")
    assert {report.word(name) for name in ("X", "df", "fit")} == {"restored"}, report.data
    assert report.word("data") == "not_identical" and "`data._handle` is missing" in report.why("data"), (
        report.why("data")
    )
    assert again.read(*there) == before


def test_what_formulas_are_made_of_comes_back_and_goes_on(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(
        "import numpy as np, pandas as pd, patsy\ndf = pd.DataFrame({'a': [1, 2, 3, 4.], 'b': [2., 4, 1, 3], 'k': list('xyxy')})",
        "def twice(v): return 2 * v",
        "y, X = patsy.dmatrices('a ~ center(b) + C(k) + np.log(b) + twice(b)', df)\nmade_of = X.design_info",
    )
    there = (
        "X.design_info is made_of",
        "np.asarray(X).tolist()",
        "made_of.column_names",
        "patsy.build_design_matrices([made_of], df.head(2))[0].tolist()",
        "str(made_of.linear_constraint('C(k)[T.y] = 0').coefs)",
    )
    before = notebook.read(*there)
    notebook.run("X[0, 0] = 7\ndf['a'] = 0")
    report = notebook.move("undo")
    assert set(report.names.values()) <= {"unchanged", "restored"} and notebook.read(*there) == before, (
        report.data
    )
    revision = notebook.at()
    notebook.kill()
    again = kernels()
    report = again.move(f"resume {revision}")
    assert set(report.names.values()) == {"restored"} and again.read(*there) == before, report.data


def test_what_a_model_s_formula_took_from_the_session_comes_back_with_it(
    kernels: Callable[..., Notebook],
) -> None:
    """statsmodels' own pickling evaluates the formula again, where there may be no such names, or others."""
    notebook = kernels()
    notebook.run(
        "import numpy as np, pandas as pd, statsmodels.api as sm, statsmodels.formula.api as smf",
        "df = pd.DataFrame({'a': [1., 0, 1, 1, 0, 1], 'b': [2., 3, 1, 4, 2, 5], 'k': list('xyxxyy')})\nw = np.array([3., 1, 4, 1, 5, 9])",
        "def twice(v): return 2 * v",
        "fit = smf.ols('a ~ b + I(w * b) + twice(w)', df).fit()\nfit.summary();",
        "other = smf.glm('a ~ C(k) + np.log(w)', df, family=sm.families.Binomial()).fit()",
    )
    spec = "[sorted(one.state['eval_env']._namespaces[0]) for one in {}.model.data.model_spec.factor_infos.values()]"
    there = (
        spec.format("fit"),
        spec.format("other"),
        "fit.predict(df).tolist()",
        "other.predict(df).round(6).tolist()",
        "fit.params.tolist()",
        "fit.model.data.frame is other.model.data.frame",
    )
    before = notebook.read(*there)
    assert "'twice'" in before[0] and "'w'" in before[1]
    notebook.run("del w, twice\nfit.model.data.frame['a'] = 0")
    report = notebook.move("undo")
    assert set(report.names.values()) <= {"unchanged", "restored"} and notebook.read(*there) == before, (
        report.data
    )
    revision = notebook.at()
    notebook.kill()
    again = kernels()
    report = again.move(f"resume {revision}")
    assert set(report.names.values()) == {"restored"} and again.read(*there) == before, report.data


def test_results_of_a_discrete_model_keep_the_settings_of_their_fit(
    kernels: Callable[..., Notebook],
) -> None:
    """statsmodels' own pickling takes them away from the results that are pickled."""
    notebook = kernels()
    notebook.run(
        "import numpy as np, pandas as pd, statsmodels.api as sm, statsmodels.formula.api as smf",
        "df = pd.DataFrame({'a': [1., 0, 1, 1, 0, 1], 'b': [2., 3, 1, 4, 2, 5]})",
        "fit = smf.logit('a ~ b', df).fit(disp=0)\nother = smf.poisson('a ~ b', df).fit_regularized(disp=0)\nmade = sm.MNLogit(df.a, df.b).fit(disp=0)",
    )
    there = [
        f"[(name, str(value).split(' at ')[0]) for name, value in {one}.mle_settings.items() if callable(value)], {one}.params.values.round(6).tolist()"
        for one in ("fit", "other", "made")
    ] + ["fit.mle_settings['callback'].__self__ is fit.model"]
    before = notebook.read(*there)
    assert all("callback" in one for one in before[:3]) and before[3] == "True"
    notebook.run("fit = other = made = None")
    report = notebook.move("undo")
    assert set(report.names.values()) <= {"unchanged", "restored"} and notebook.read(*there) == before, (
        report.data
    )
    revision = notebook.at()
    notebook.kill()
    again = kernels()
    report = again.move(f"resume {revision}")
    assert set(report.names.values()) == {"restored"} and again.read(*there) == before, report.data
