"""Frames, series, indexes and what they are made of come back as they were, and reads change nothing."""

from __future__ import annotations

import datetime
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from heap import Stored, copy, fingerprint

MODERN = int(pd.__version__.split(".")[0]) >= 3
same = pd.testing.assert_frame_equal


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "a": [1, 2, 3],
            "b": [1.5, None, 2.5],
            "c": ["x", "y", None],
            "d": pd.date_range("2020", periods=3, tz="Europe/Berlin"),
            "e": pd.Categorical(["u", "v", "u"], ordered=True),
            "f": pd.array([1, None, 3], dtype="Int64"),
            "g": [True, False, True],
            "h": [[1], {"k": 2}, None],
            "i": pd.timedelta_range("1h", periods=3),
            "j": [4, 5, 6],
        },
        index=pd.Index(["r1", "r2", "r3"], name="row"),
    )


FRAMES = {
    "mixed": frame(),
    "numbers": pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc")),
    "transposed": pd.DataFrame(np.arange(12.0).reshape(4, 3)).T,
    "empty": pd.DataFrame(),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="i8"), "b": pd.Series([], dtype="M8[ns]")}),
    "no columns": pd.DataFrame(index=range(3)),
    "same name twice": pd.DataFrame([[1, 2.0]], columns=["a", "a"]),
    "two levels": pd.DataFrame(
        {("a", "x"): [1, 2], ("a", "y"): [3, 4]}, index=pd.MultiIndex.from_tuples([(1, "p"), (2, "q")])
    ),
    "naive dates": pd.DataFrame(
        {"a": pd.date_range("2020", periods=3), "b": pd.date_range("2021", periods=3)}
    ),
    "sparse": pd.DataFrame(
        {"a": pd.arrays.SparseArray([0, 0, 1]), "b": pd.arrays.SparseArray([1.0, np.nan, 2])}
    ),
    "periods": pd.DataFrame(
        {"a": pd.period_range("2020", periods=3, freq="M"), "b": pd.interval_range(0, 3)}
    ),
    "nullable": pd.DataFrame(
        {
            "a": pd.array([True, None]),
            "b": pd.array([1.5, None], dtype="Float64"),
            "c": pd.array(["x", None], dtype="string"),
        }
    ),
    "python strings": pd.DataFrame({"a": pd.array(["x", None], dtype=pd.StringDtype("python"))}),
    "arrow": pd.DataFrame(
        {
            "a": pd.array(
                [[1], None], dtype=pd.ArrowDtype(__import__("pyarrow").list_(__import__("pyarrow").int64()))
            )
        }
    ),
    "many": pd.DataFrame({f"c{n}": [n, n + 1] for n in range(150)}),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frame_comes_back(name):
    before = FRAMES[name]
    back = copy(before)
    same(back, before, check_freq=True)
    assert list(back.dtypes) == list(before.dtypes)


SERIES = {
    "numbers": pd.Series([1, 2], name="n"),
    "dates": pd.Series(pd.date_range("2020", periods=3, tz="UTC"), name=("a", 1)),
    "strings": pd.Series(["a", None], dtype="str"),
    "objects": pd.Series([1, "a", [2]], dtype=object),
    "column": frame()["j"],
    "row": FRAMES["numbers"].iloc[1],
    "every second": pd.Series(np.arange(10))[::2],
    "category": pd.Series(["a", "b"], dtype="category"),
}


@pytest.mark.parametrize("name", SERIES)
def test_series_comes_back(name):
    pd.testing.assert_series_equal(copy(SERIES[name]), SERIES[name], check_freq=True)


INDEXES = [
    pd.RangeIndex(2, 10, 3, name="r"),
    pd.Index([1, 5], name="x"),
    pd.Index(["a", "b"]),
    pd.Index([1, "a", (2,)], dtype=object),
    pd.date_range("2020", periods=3, freq="W-TUE", tz="Europe/Berlin"),
    pd.date_range("2020", periods=3, freq=pd.DateOffset(months=1)),
    pd.DatetimeIndex(["2020-01-01", None]).as_unit("s"),
    pd.timedelta_range("1h", periods=3),
    pd.period_range("2020", periods=3, freq="Q"),
    pd.interval_range(0, 3, closed="left"),
    pd.IntervalIndex.from_breaks(pd.date_range("2020", periods=3)),
    pd.CategoricalIndex(["a", "b", "a"], name="c"),
    pd.MultiIndex.from_product([[1, 2], ["a", "b"]], names=["n", None]),
    pd.Index(pd.array([1, None], dtype="Int64")),
]


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: type(index).__name__)
def test_index_comes_back(index):
    back = copy(index)
    pd.testing.assert_index_equal(back, index, exact=True)
    assert getattr(back, "freq", None) == getattr(index, "freq", None)
    assert not index.is_unique or back.get_indexer(index[:2]).tolist() == [0, 1]


VALUES = [
    pd.Timestamp("2020-01-01", tz="Europe/Berlin"),
    pd.Timestamp(datetime.datetime(2020, 10, 25, 2, 30, fold=1)),
    pd.Timedelta("3h"),
    pd.Period("2020-01", "M"),
    pd.Interval(1, 2, closed="both"),
    pd.offsets.BusinessDay(3),
    pd.offsets.CustomBusinessDay(holidays=["2020-01-01"]),
    pd.offsets.Week(weekday=2),
    pd.DateOffset(months=2, days=3),
    pd.CategoricalDtype(["a", "b"], ordered=True),
    pd.DatetimeTZDtype("us", "UTC"),
    pd.PeriodDtype("M"),
    pd.IntervalDtype("i8", "left"),
    pd.SparseDtype("f8", 0.0),
    pd.StringDtype("python"),
    pd.Int8Dtype(),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_value_comes_back(value):
    back = copy([value])[0]
    assert back == value and type(back) is type(value) and repr(back) == repr(value)


def test_missing_values_are_themselves():
    assert copy([pd.NaT])[0] is pd.NaT and copy([pd.NA])[0] is pd.NA


READS = {
    "column": lambda f: f["a"],
    "attribute": lambda f: f.a,
    "loc": lambda f: f.loc["r1", "b"],
    "rows": lambda f: f[f.a > 1],
    "repr": repr,
    "groupby": lambda f: f.groupby("e", observed=True)["a"].sum(),
    "describe": lambda f: f.describe(),
    "values": lambda f: f.values,
    "strings": lambda f: f.c.str.upper(),
    "dates": lambda f: f.d.dt.year,
    "sum": lambda f: f[["a", "b", "j"]].sum(),
    "quantile": lambda f: f[["a", "b"]].quantile(0.5),
    "copy": lambda f: f.copy(),
    "index": lambda f: (f.index.get_loc("r2"), f.columns.is_unique, f.index.inferred_type),
    "merge": lambda f: f.merge(f, on="a"),
    "pickle": lambda f: __import__("pickle").dumps(f),
    "iterate": lambda f: list(f.iterrows()),
    "memory": lambda f: f.memory_usage(deep=True),
    "html": lambda f: f._repr_html_(),
}


@pytest.mark.parametrize("read", READS)
def test_reading_changes_nothing(read):
    value = frame()
    before = fingerprint(value)
    READS[read](value)
    assert fingerprint(value) == before


def test_merging_blocks_changes_nothing():
    value = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    value["c"] = [5, 6]
    before = fingerprint(value)
    value._consolidate_inplace()
    assert fingerprint(value) == before


def test_dropping_a_column_leaves_the_others_as_they_were():
    one = pd.DataFrame({name: np.arange(3.0) for name in "abcd"})
    other = one[["a", "b", "d"]].copy()
    assert fingerprint(one.drop(columns="c")) == fingerprint(other)


def test_writes_are_seen():
    value = frame()
    before = fingerprint(value)
    value.loc["r1", "a"] = 99
    assert fingerprint(value) != before


def test_what_came_out_of_a_pickle_is_what_went_in():
    # As workers send it.
    for value in (frame(), frame()["a"], frame().index):
        assert fingerprint({"x": pickle.loads(pickle.dumps(value))}) == fingerprint({"x": value})


def test_attributes_of_the_user_attrs_and_flags():
    value = frame()
    value.attrs["unit"] = ["m"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value.foo = {"k": 1}
    value = value.set_flags(allows_duplicate_labels=False, copy=False) if not MODERN else value
    series = pd.Series([1])
    series.note = [5]
    back, series2 = copy([value, series])
    assert back.attrs == value.attrs and series2.note == [5]
    assert back.flags.allows_duplicate_labels == value.flags.allows_duplicate_labels
    assert getattr(back, "foo", None) == getattr(value, "foo", None)


class Table(pd.DataFrame):
    _metadata = ["owner"]

    @property
    def _constructor(self):
        return Table


def test_subclasses_keep_their_metadata():
    table = Table({"a": [1, 2]})
    table.owner = ["me"]
    back = copy(table)
    assert type(back) is Table and back.owner == ["me"] and type(back[["a"]]) is Table


def test_frames_that_copy_on_write_stay_apart():
    f = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc"))
    parts = copy([f, f.drop(columns="b"), f["a"], f[:]])
    parts[0].iloc[0, 0] = 99
    if MODERN:
        assert [parts[1].iloc[0, 0], parts[2].iloc[0], parts[3].iloc[0, 0]] == [0, 0, 0]


@pytest.mark.parametrize("order", ["C", "F"])
def test_frame_over_an_array_goes_on_sharing(order):
    array = np.array(np.arange(6.0).reshape(3, 2), order=order)
    f = pd.DataFrame(array, copy=False)
    array[0, 0] = 5
    assert f.iloc[0, 0] == 5
    array2, f2 = copy([array, f])
    array2[1, 1] = 77
    assert f2.iloc[1, 1] == 77
    f2.iloc[0, 0] = 8
    assert array2[0, 0] == 8


def test_what_is_made_of_a_loaded_frame_lies_over_the_same_array():
    f = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc"), copy=False).take([2, 0, 1])
    assert np.asarray(f).base.shape == (3, 3) and not f._mgr.blocks[0].values.flags.c_contiguous
    f2 = copy(f)
    # What a model keeps that is fitted anew must be what it was, its memory's owner too.
    assert fingerprint([f, np.asarray(f)]) == fingerprint([f2, np.asarray(f2)])


def test_series_over_an_array_goes_on_sharing():
    array = np.arange(4)
    array2, s = copy([array, pd.Series(array, copy=False)])
    array2[1] = 50
    assert s[1] == 50


def test_loaded_frames_work_on():
    f = copy(frame())
    f["z"] = 1
    f.loc["r9"] = f.loc["r1"]
    assert f.groupby("a").size().sum() == 4
    many = copy(FRAMES["many"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        many["new"] = 5
    assert many.sum().sum() == sum(2 * n + 1 for n in range(150)) + 10


def test_axes_are_shared():
    f = frame()
    f2, index = copy([f, f.index])
    assert f2.index is index


def test_groups_come_back_and_reading_them_changes_nothing():
    grouped = FRAMES["numbers"].assign(k=[1, 1, 2, 2]).groupby("k")
    before = fingerprint(grouped)
    grouped.sum(), grouped.groups
    assert fingerprint(grouped) == before
    same(copy(grouped).sum(), grouped.sum())
    rolling = pd.Series([1.0, 2, 3]).rolling(2)
    assert copy(rolling).sum().tolist()[1:] == [3, 5]


ARRAYS = [
    pd.array([1, None], dtype="Int64"),
    pd.Categorical(["a", "b"]),
    pd.arrays.SparseArray([0, 1, 0]),
    pd.array(["a", None], dtype="string"),
    pd.date_range("2020", periods=2, tz="UTC").array,
    pd.period_range("2020", periods=2, freq="D").array,
    pd.arrays.IntervalArray.from_breaks([0, 1, 2]),
]


@pytest.mark.parametrize("values", ARRAYS, ids=lambda values: type(values).__name__)
def test_array_comes_back(values):
    pd.testing.assert_extension_array_equal(copy(values), values)


def test_plain_frames_need_no_code():
    stored = Stored()
    stored.walk([frame().drop(columns="h"), pd.Timestamp("2020", tz=datetime.UTC)])
    assert stored.native
