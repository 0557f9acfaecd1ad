"""Frames and arrays: columns, views, copies on write, and memory shared with Arrow."""

from __future__ import annotations

from textwrap import dedent

from cases.story import Case
from cases.tables import test_back_and_forth, test_found_again  # noqa: F401 -- the tests over CASES

PANDAS = "import numpy as np\nimport pandas as pd\n"

SALES = (
    PANDAS
    + "df = pd.DataFrame({'city': ['Rome', 'Oslo', 'Lima'], 'sold': [3, 1, 2], 'price': [1.5, 2.5, 3.5]})\n"
    "df['when'] = pd.to_datetime(['2026-01-01', '2026-01-02', None])\n"
)

CASES = [
    Case(
        "Un-dropping a column",
        SALES,
        "df.drop(columns='price', inplace=True)",
        ["list(df.columns)", "df.to_dict()", "df.dtypes.astype(str).to_dict()", "df.index"],
        {"df": "restored"},
    ),
    Case(
        "A column dropped into the same name",
        SALES,
        "df = df.drop(columns=['price', 'sold'])",
        ["list(df.columns)", "df.to_dict()"],
        {"df": "restored"},
    ),
    Case(
        "Two names bound to one DataFrame",
        SALES + "same = df",
        "same['double'] = same.sold * 2",
        ["df is same", "df.to_dict()", "list(same.columns)"],
        {"df": "restored", "same": "restored"},
        probe=("(df.insert(0, 'new', 1), list(same.columns))[1]", "['new', 'city', 'sold', 'price', 'when']"),
    ),
    Case(
        "Slices of frames stay independent, as copy-on-write has it",
        SALES
        + dedent("""
        top = df[:2]
        sold = df['sold']
        """),
        "df.loc[0, 'sold'] = 100",
        ["df.sold.tolist()", "top.sold.tolist()", "sold.tolist()"],
        {"df": "restored", "top": "restored|unchanged", "sold": "restored|unchanged"},
        probe=(
            "(top.__setitem__('sold', [7, 7]), df.sold.tolist(), sold.tolist())[1:]",
            "([3, 1, 2], [3, 1, 2])",
        ),
    ),
    Case(
        "A frame over an array stays shared",
        PANDAS
        + dedent("""
        a = np.arange(6.0).reshape(3, 2)
        df = pd.DataFrame(a, columns=['x', 'y'], copy=False)
        """),
        "a[0, 0] = 99",
        ["a.tolist()", "df.x.tolist()", "np.shares_memory(a, df.to_numpy())"],
        {"a": "restored", "df": "restored"},
        probe=("(a.__setitem__((2, 1), -1), df.y.tolist())[1]", "[1.0, 3.0, -1.0]"),
    ),
    Case(
        "An Arrow table over an array stays shared",
        """
        import numpy as np
        import pyarrow as pa
        a = np.arange(100.0)
        table = pa.table({'x': pa.array(a)})
        """,
        "a[3] = 99",
        ["a[:5].tolist()", "table['x'].to_pylist()[:5]", "table.schema", "table.num_rows"],
        {"a": "restored", "table": "restored"},
        probe=("(a.__setitem__(0, -1), table['x'][0].as_py())[1]", "-1.0"),
    ),
    Case(
        "Arrow tables with strings, lists and nulls",
        """
        import pyarrow as pa
        table = pa.table({'s': ['a', None, 'ccc'], 'l': [[1], None, [2, 3]], 'b': [True, None, False]})
        """,
        "table = table.drop_columns(['s'])",
        ["table.to_pydict()", "table.schema"],
        {"table": "restored"},
    ),
    Case(
        "One element edited in a frame",
        SALES,
        "df.iloc[1, 2] = -1",
        ["df.to_dict()", "df.price.dtype"],
        {"df": "restored"},
    ),
    Case(
        "A frame sorted in place, its index set",
        SALES,
        "df.sort_values('sold', inplace=True); df.set_index('city', inplace=True)",
        ["df.to_dict()", "df.index.name", "df.index"],
        {"df": "restored"},
    ),
    Case(
        "Categories, nullable numbers, time zones and intervals",
        PANDAS
        + dedent("""
        df = pd.DataFrame({'c': pd.Categorical(['a', 'b', 'a'], ordered=True), 'n': pd.array([1, None, 3], dtype='Int64'),
            't': pd.date_range('2026-03-01', periods=3, tz='Europe/Rome'), 'i': pd.interval_range(0, 3),
            'p': pd.period_range('2026-01', periods=3, freq='M'), 'd': pd.to_timedelta([1, 2, 3], unit='h')})
        """),
        "df.drop(columns=['c', 't'], inplace=True); df.loc[1, 'n'] = 7",
        ["df.to_dict()", "df.dtypes.astype(str).to_dict()", "'c' in df and df.c.cat.ordered"],
        {"df": "restored"},
    ),
    Case(
        "A hierarchical index on both sides",
        PANDAS
        + dedent("""
        df = pd.DataFrame(np.arange(8).reshape(4, 2), columns=pd.MultiIndex.from_tuples([('a', 1), ('b', 2)]),
            index=pd.MultiIndex.from_product([['x', 'y'], [1, 2]], names=['k', 'n']))
        """),
        "df = df.unstack('n')",
        ["df.to_dict()", "df.index.names", "df.columns.nlevels"],
        {"df": "restored"},
    ),
    Case(
        "Lists in a column of objects, shared with a name",
        PANDAS
        + dedent("""
        tags = ['new']
        df = pd.DataFrame({'tags': [tags, tags, []]})
        """),
        "tags.append('seen')",
        ["tags", "df.tags.tolist()", "df.tags[0] is tags", "df.tags[0] is df.tags[1]"],
        {"tags": "restored", "df": "restored"},
    ),
    Case(
        "Attributes put on a frame",
        SALES
        + dedent("""
        df.attrs['source'] = 'shop'
        import warnings
        """),
        """
        df.attrs['source'] = 'elsewhere'
        df.flags.allows_duplicate_labels = False
        """,
        ["df.attrs", "df.flags.allows_duplicate_labels"],
        {"df": "restored"},
    ),
    Case(
        "A series renamed and shifted",
        PANDAS + "s = pd.Series([1.0, 2.0, 3.0], index=list('abc'), name='first')",
        "s.name = 'second'; s.iloc[0] = 9",
        ["s.to_dict()", "s.name", "s.index"],
        {"s": "restored"},
    ),
    Case(
        "`df.query('a > @t')` and the name inside its string",
        PANDAS
        + dedent("""
        df = pd.DataFrame({'a': [1, 2, 3]})
        t = 1
        above = df.query('a > @t')
        """),
        """
        t = 2
        above = df.query('a > @t')
        """,
        ["t", "above.a.tolist()"],
        {"t": "restored", "above": "restored"},
        kept=["df"],
    ),
    Case(
        "SQL over a frame by its name",
        PANDAS
        + dedent("""
        import duckdb
        orders = pd.DataFrame({'n': [1, 2, 3]})
        total = duckdb.sql('select sum(n) as s from orders').df()
        """),
        """
        orders.loc[0, 'n'] = 100
        total = duckdb.sql('select sum(n) as s from orders').df()
        """,
        ["orders.n.tolist()", "total.s.tolist()"],
        {"orders": "restored", "total": "restored"},
    ),
    Case(
        "Reading a frame is no change, and reading it after undo gives the old answers",
        PANDAS
        + dedent("""
        df = pd.DataFrame({'k': list('abca'), 'v': [1, 2, 3, 4]}).set_index('k')
        df.loc['b']; df.groupby('k').sum(); df.index.is_unique
        """),
        "df.loc['b', 'v'] = 20",
        [
            "df.loc['b', 'v']",
            "df.groupby('k').v.sum().to_dict()",
            "df.index.is_unique",
            "df.v.is_monotonic_increasing",
        ],
        {"df": "restored"},
    ),
    Case(
        "A grouped frame and a rolling window over it",
        PANDAS
        + dedent("""
        df = pd.DataFrame({'k': list('abab'), 'v': [1.0, 2.0, 3.0, 4.0]})
        means = df.groupby('k').v.mean()
        """),
        "df['v'] *= 10; means = df.groupby('k').v.mean()",
        ["df.v.tolist()", "means.to_dict()"],
        {"df": "restored", "means": "restored"},
    ),
    Case(
        "Arrays: Fortran order, read-only, dates, strings, complex and zero dimensions",
        """
        import numpy as np
        f = np.asfortranarray(np.arange(6).reshape(2, 3))
        r = np.arange(3); r.flags.writeable = False
        d = np.array(['2026-01-01', 'NaT'], dtype='M8[D]')
        s = np.array(['a', 'bcd'])
        c = np.array(1 + 2j)
        e = np.empty((0, 4))
        """,
        "f[0, 0] = 7; r = r * 2; d[0] = 'NaT'; s[0] = 'zzz'; c[()] = 0; e = e.T",
        [
            "(f.tolist(), f.flags.f_contiguous)",
            "(r.tolist(), r.flags.writeable)",
            "(d.astype(str).tolist(), d.dtype)",
            "(s.tolist(), s.dtype)",
            "(c.item(), c.shape)",
            "(e.shape, e.dtype)",
        ],
        dict.fromkeys("frdsce", "restored"),
    ),
    Case(
        "Masked arrays keep mask and hardness",
        """
        import numpy as np
        m = np.ma.array([1, 2, 3], mask=[0, 1, 0])
        m.harden_mask()
        """,
        "m[0] = np.ma.masked; m.soften_mask()",
        ["m.tolist()", "m.mask.tolist()", "m.hardmask", "m.fill_value"],
        {"m": "restored"},
    ),
    Case(
        "numpy and Arrow scalars",
        """
        import numpy as np
        import pyarrow as pa
        x = np.float32(1.5)
        when = np.datetime64('2026-01-01')
        one = pa.scalar(1)
        """,
        "x = np.float64(1.5); when = when + 1; one = pa.scalar('one')",
        ["(x, type(x))", "when", "(one.as_py(), one.type)"],
        {"x": "restored", "when": "restored", "one": "restored"},
    ),
    Case(
        "A polars frame",
        """
        import polars as pl
        df = pl.DataFrame({'a': [1, 2], 'b': ['x', None]})
        """,
        "df = df.with_columns(c=pl.col('a') * 2).drop('b')",
        ["df.to_dict(as_series=False)", "df.schema"],
        {"df": "restored"},
    ),
    Case(
        "A sparse matrix",
        """
        import numpy as np
        import scipy.sparse as sp
        m = sp.csr_matrix(np.eye(4))
        """,
        "m.data[1] = 5.0",
        ["m.toarray().tolist()", "m.format", "m.nnz"],
        {"m": "restored"},
    ),
]

NAMED = ("(setattr({0}, 'name', 'told'), {1}.name)[1]", "'told'")
"""A name set through one way is seen through the other."""


def labels(name: str, given: str, change: str, one: str, other: str, words: str) -> Case:
    """A case of labels that a name is bound to and a table has: `one is other` before and after."""
    return Case(
        name,
        PANDAS + dedent(given),
        change,
        [f"{one} is {other}", f"{one}.name", f"{other}.tolist()", words.split()[-2]],
        dict.fromkeys(words.split(), "restored"),
        probe=(NAMED[0].format(one, other), NAMED[1]),
    )


CASES += [
    labels(
        "An index with a name of its own stays the frame's",
        "idx = pd.Index(list('xyz')); df = pd.DataFrame({'a': [1, 2, 3]}, index=idx)",
        "df['b'] = df['a'] * 2",
        "idx",
        "df.index",
        "df idx",
    ),
    labels(
        "An index that was taken from a frame, by a function",
        """
        df = pd.DataFrame({'a': [1, 2, 3]}, index=list('xyz'))
        def taken(): return df.index
        idx = taken()
        """,
        "df.loc['x', 'a'] = 9",
        "idx",
        "df.index",
        "df idx",
    ),
    labels(
        "The columns of a frame",
        "df = pd.DataFrame({'a': [1, 2, 3], 'b': [3, 4, 5]}); cols = df.columns",
        "df.loc[0, 'a'] = 9",
        "cols",
        "df.columns",
        "df cols",
    ),
    labels(
        "The index of a series",
        "idx = pd.date_range('2026-01-01', periods=3); s = pd.Series([1, 2, 3], index=idx)",
        "s.iloc[0] = 9",
        "idx",
        "s.index",
        "s idx",
    ),
    labels(
        "An index in a list, and a name for it",
        "idx = pd.Index([1.5, 2.5]); held = [pd.Series([1, 2], index=idx)]",
        "held.append(1)",
        "idx",
        "held[0].index",
        "held idx",
    ),
    labels(
        "An index with a name that two frames share",
        "df = pd.DataFrame({'a': [1, 2, 3]}, index=list('xyz')); more = df + 1; idx = df.index",
        "more['b'] = 3",
        "idx",
        "more.index",
        "df more idx",
    ),
    Case(
        "A name that was given to an index of a frame",
        PANDAS + "idx = pd.Index(list('xyz')); df = pd.DataFrame({'a': [1, 2, 3]}, index=idx)",
        "idx.name = 'told'",
        ["df.index.name", "idx.name", "df.index is idx"],
        {"df": "restored", "idx": "restored"},
    ),
    Case(
        "Frames whose index no name is bound to stay apart",
        PANDAS
        + "df = pd.DataFrame({'a': [1, 2, 3]}, index=list('xyz')); more = df + 1; assert more.index is df.index",
        "more['b'] = 3",
        ["list(more.columns)", "df.to_dict()"],
        {"more": "restored"},
        kept=["df"],
    ),
    Case(
        "Frames whose index has a name no more are parted",
        PANDAS
        + "df = pd.DataFrame({'a': [1, 2, 3]}, index=list('xyz')); more = df + 1; idx = df.index\ndel idx",
        "more['b'] = 3",
        ["list(more.columns)", "df.to_dict()"],
        {"more": "restored"},
        kept=["df"],
    ),
]
