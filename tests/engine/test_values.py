"""What looking says of stored values, held against what Python computes: a layout is known in a codec and in a reader.

`compare` looks at a notebook, edits it, looks again, and compares both looks as `clew diff` compares two runs.
"""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notebooks import Notebook

IMPORTS = "import numpy as np, pandas as pd, pyarrow as pa, datetime, decimal, collections"


class Compared:
    """What lies between two looks at `x`."""

    def __init__(self, before: str, after: str, memory: int | None = None) -> None:
        self.notebook = Notebook(IMPORTS, before)
        self.was = self.notebook.value("x")
        first = self.look()
        self.notebook.run(after)
        self.now = self.notebook.value("x")
        text, self.blocks = first.compare("x", self.look(), memory=memory)
        self.detail: dict[str, Any] = json.loads(text)

    def look(self) -> Any:
        return next(found for found in self.notebook.look() if "x" in found.roots)

    def __getitem__(self, name: str) -> Any:
        return self.detail[name]

    def changes(self) -> dict[str, tuple[str | None, str | None]]:
        assert self.detail["kind"] == "members", self.detail
        return {change["path"]: (change["before"], change["after"]) for change in self.detail["changes"]}

    def columns(self) -> dict[str, dict[str, Any]]:
        assert self.detail["kind"] == "table", self.detail
        return {column["name"]: column for column in self.detail["columns_changed"]}


# --- plain values -------------------------------------------------------------------------------------------------

VALUES = {
    "int": ("3", "4"),
    "negative": ("-1", "-129"),
    "big int": ("2**70", "-2**70"),
    "bool": ("True", "False"),
    "float": ("0.1", "1e-07"),
    "large float": ("1e16", "1e22"),
    "none": ("None", "0"),
    "complex": ("1+2j", "-0.5j"),
    "text": ("'a'", '"it\'s"'),
    "bytes": ("b'ab'", "b'\\x00c'"),
    "tuple": ("(1, 'a')", "5"),
    "list": ("[1]", "{1: 2}"),
}


@pytest.mark.parametrize(("before", "after"), VALUES.values(), ids=VALUES.keys())
def test_a_value_in_place_of_another_reads_as_python_writes_it(before: str, after: str) -> None:
    found = Compared(f"x = {before}", f"x = {after}")
    assert found.detail == {"kind": "value", "before": repr(eval(before)), "after": repr(eval(after))}


def test_numbers_that_look_alike_are_told_apart_by_their_type() -> None:
    found = Compared("x = np.int64(1)", "x = 1")
    assert (found["before"], found["after"]) == ("1 (numpy.int64)", "1 (int)")


SCALARS = {
    "date": ("datetime.date(2024, 2, 3)", "2024-02-03"),
    "datetime": ("datetime.datetime(2024, 2, 3, 4, 5, 6, 7)", "2024-02-03 04:05:06.000007"),
    "in utc": ("datetime.datetime(2024, 2, 3, tzinfo=datetime.UTC)", "2024-02-03 00:00:00 UTC"),
    "span": ("datetime.timedelta(days=1, seconds=2)", "1 day 00:00:02"),
    "decimal": ("decimal.Decimal('-1.50')", "-1.50"),
    "timestamp": ("pd.Timestamp('2024-02-03 04:05')", "2024-02-03 04:05:00"),
    "zoned": ("pd.Timestamp('2024-07-03 04:05', tz='Europe/Berlin')", "2024-07-03 04:05:00+02:00"),
    "timedelta": ("pd.Timedelta(90, 's')", "00:01:30"),
    "numpy scalar": ("np.float32(0.1)", "0.1"),
    "numpy time": ("np.datetime64('2024-02-03')", "2024-02-03"),
    "path": ("__import__('pathlib').PurePosixPath('/a/b')", "/a/b"),
    "range": ("range(3)", "range(0, 3, 1)"),
    "class": ("dict", "dict"),
    "of a library": ("collections.OrderedDict", "collections.OrderedDict"),
    "module": ("json", "json"),
}


@pytest.mark.parametrize(("made", "read"), SCALARS.values(), ids=SCALARS.keys())
def test_values_of_libraries_read_as_people_write_them(made: str, read: str) -> None:
    found = Compared("import json\nx = None", f"x = {made}")
    assert (found["before"], found["after"]) == ("None", read)


# --- containers and objects -----------------------------------------------------------------------------------------


def test_a_dict_is_compared_by_key_as_deep_as_it_goes() -> None:
    found = Compared(
        "x = {'lr': 0.1, 'layers': [10, 20], 'deep': {'a': {'b': 1}}, 'drop': 3, (1, 2): 'k'}",
        "x['lr'] = 0.01; x['layers'].append(30); x['deep']['a']['b'] = 2; del x['drop']; x['new'] = 'n'; x[1, 2] = 'l'",
    )
    assert found.changes() == {
        "['drop']": ("3", None),
        "['new']": (None, "'n'"),
        "['lr']": ("0.1", "0.01"),
        "[(1, 2)]": ("'k'", "'l'"),
        "['layers'][2]": (None, "30"),
        "['deep']['a']['b']": ("1", "2"),
    }
    assert found["differ"] == 6 and found["length"] is None


def test_an_insertion_into_a_list_is_one_change() -> None:
    found = Compared("x = list(range(100))", "x.insert(5, 'new')")
    assert found.changes() == {"[5]": (None, "'new'")}
    assert found["length"] == {"before": 100, "after": 101}


def test_long_lists_are_compared_by_place() -> None:
    found = Compared("x = list(range(20_000))", "x[7] = -1; x[19_000] = -2; x.append(1)")
    assert found.changes()["[7]"] == ("7", "-1")
    found = Compared("x = list(range(20_000))", "x[7] = -1; x[19_000] = -2")
    assert found.changes() == {"[7]": ("7", "-1"), "[19000]": ("19000", "-2")} and found["differ"] == 2


def test_sets_are_compared_by_member() -> None:
    found = Compared("x = {1, 2, ('a', 3)}", "x -= {1}; x |= {9}")
    assert {(change["before"], change["after"]) for change in found["changes"]} == {("1", None), (None, "9")}


def test_order_of_keys_alone_is_said() -> None:
    found = Compared("x = {1: 1, 2: 2}", "x[1] = x.pop(1)")
    assert found["note"] == "its keys are in another order" and found["differ"] == 0


CONTAINERS = {
    "deque": ("collections.deque([1, 2])", "x.append(3)", {"[2]": (None, "3")}),
    "counter": ("collections.Counter('aab')", "x['a'] += 1", {"['a']": ("2", "3")}),
    "ordered": ("collections.OrderedDict(a=1)", "x['a'] = 2", {"['a']": ("1", "2")}),
    "default": ("collections.defaultdict(list, a=[1])", "x['a'].append(2)", {"['a'][1]": (None, "2")}),
    "namespace": ("__import__('types').SimpleNamespace(a=1)", "x.a = 2", {".a": ("1", "2")}),
    "tuple in list": ("[(1, 2), (3, 4)]", "x[1] = (3, 5)", {"[1][1]": ("4", "5")}),
}


@pytest.mark.parametrize(("made", "edit", "changes"), CONTAINERS.values(), ids=CONTAINERS.keys())
def test_containers_of_libraries_are_compared_like_python_s_own(made: str, edit: str, changes: Any) -> None:
    assert Compared(f"x = {made}", edit).changes() == changes


def test_cycles_and_shared_parts_end() -> None:
    found = Compared("a = [1]; x = [a, a, 2]; x.append(x); a.append(x)", "x[2] = 3; x[0][0] = 9")
    assert found.changes() == {"[2]": ("2", "3"), "[0][0]": ("1", "9")}


def test_what_is_equal_and_not_shared_any_more_is_said() -> None:
    found = Compared("x = [[1], 0]; x[1] = x[0]", "x[1] = [1]")
    assert found["kind"] == "same"


def test_a_deep_list_ends_in_words_and_not_in_a_crash() -> None:
    found = Compared("x = []\nfor _ in range(100_000): x = [x]", "x = []\nfor _ in range(100_001): x = [x]")
    assert found["kind"] == "unread" and "too deep" in found["why"]


INSTANCES = """
import dataclasses
@dataclasses.dataclass
class D:
    a: int = 1
    b: list = dataclasses.field(default_factory=lambda: [1])
class S:
    __slots__ = ("left", "right")
class L(list): pass
class R:
    def __init__(self): self.kept = 1
    def __reduce__(self): return (R, (), {"kept": self.kept})
"""

OBJECTS = {
    "dataclass": (
        "D()",
        "x.a = 5; x.b.append(2); x.c = 'new'",
        {".a": ("1", "5"), ".b[1]": (None, "2"), ".c": (None, "'new'")},
    ),
    "slots": ("S(); x.left = 1", "x.left = 2; x.right = 3", {".left": ("1", "2"), ".right": (None, "3")}),
    "list of a class": (
        "L([1, 2]); x.name = 'n'",
        "x[0] = 9; x.name = 'm'",
        {"[0]": ("1", "9"), ".name": ("'n'", "'m'")},
    ),
    "reducer": ("R()", "x.kept = 2", {".kept": ("1", "2")}),
    "partial": (
        "__import__('functools').partial(int, base=2)",
        "x = __import__('functools').partial(int, base=3)",
        {".keywords['base']": ("2", "3")},
    ),
    "defaults": (
        "None\ndef x(a, b=2): return a",
        "def x(a, b=3): return a",
        {".__defaults__[0]": ("2", "3")},
    ),
}


@pytest.mark.parametrize(("made", "edit", "changes"), OBJECTS.values(), ids=OBJECTS.keys())
def test_objects_are_compared_by_attribute(made: str, edit: str, changes: Any) -> None:
    assert Compared(f"{INSTANCES}\nx = {made}", edit).changes() == changes


def test_the_code_of_a_function_is_said_to_differ() -> None:
    found = Compared("def x(a): return a", "def x(a): return a + 1")
    assert found["note"] == "its code differs"


def test_a_model_is_compared_by_its_parameters_first() -> None:
    make = "import sklearn.ensemble as e\nx = e.RandomForestClassifier(max_depth={}, n_estimators=2, random_state=0)"
    fit = ".fit(np.arange(40).reshape(20, 2), [0, 1] * 10)"
    found = Compared(make.format(3) + fit, make.format(5) + fit)
    assert found["changes"][0]["path"] == ".max_depth"
    assert found.changes()[".max_depth"] == ("3", "5")


def test_texts_are_compared_by_line() -> None:
    found = Compared("x = 'a\\nb\\nc\\n'", "x = 'a\\nB\\nc\\n'")
    assert (found["added"], found["removed"], found["lines"]) == (1, 1, [" a", "-b", "+B", " c"])


# --- arrays -------------------------------------------------------------------------------------------------------------

DTYPES = [
    "?",
    "i1",
    "u2",
    "i4",
    "u8",
    "f2",
    "f4",
    "f8",
    "c8",
    "c16",
    ">i4",
    ">f8",
    "U3",
    "S4",
    "M8[D]",
    "M8[ns]",
    "m8[s]",
    "V3",
]
LAYOUTS = {
    "plain": "a",
    "fortran": "np.asfortranarray(a)",
    "view": "a[1:, ::2]",
    "reversed": "a[::-1]",
    "transposed": "a.T",
    "broadcast base": "a[2]",
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("dtype", DTYPES)
def test_elements_that_differ_are_counted_as_numpy_counts_them(dtype: str, layout: str) -> None:
    number = dtype.lstrip(">")[0] in "?iufc"
    make = "(np.arange(24).reshape(4, 6) % 3 == 0)" if dtype == "?" else "np.arange(24).reshape(4, 6)"
    make += ".astype('U3').astype('S3').astype('V3')" if dtype == "V3" else f".astype({dtype!r})"
    found = Compared(
        f"a = {make}\nx = {layout}",
        "x = x.copy(order='K')\n"
        "for at in [(0,) * x.ndim, tuple(n - 1 for n in x.shape)]:\n"
        "    x[at] = x[next(to for to in np.ndindex(x.shape) if x[to] != x[at])]",
    )
    was, now = found.was, found.now
    was = np.array(eval(layout, {"np": np, "a": eval(make, {"np": np})}))
    places = [list(map(int, place)) for place in np.argwhere(was != now)]
    assert found["kind"] == "array", found.detail
    assert (found["elements"], found["differ"]) == (was.size, len(places))
    shown = [example["at"] for example in found["examples"]]
    assert sorted(shown) == sorted(places)[: len(shown)] and shown
    if number and dtype != "?" and np.dtype(dtype).kind in "iuf":
        largest = np.max(np.abs(was.astype("f8") - now.astype("f8")))
        assert found["max_difference"] == pytest.approx(largest)
    if np.dtype(dtype).kind in "iufUM" and dtype != "f2":
        texts = [example["before"] for example in found["examples"]]
        shown_by_numpy = [was[tuple(place)] for place in shown]
        expected = [
            repr(str(v)) if was.dtype.kind == "U" else str(v).replace("T", " ") for v in shown_by_numpy
        ]
        if dtype == "M8[ns]":
            expected = [text.removesuffix("000000000").rstrip(".") or text for text in texts]
        assert texts == expected


def test_nan_is_nan_and_infinity_has_no_distance() -> None:
    found = Compared("x = np.array([1.0, np.nan, 2.0, np.inf])", "x[0] = np.nan; x[2] = np.inf")
    assert (found["differ"], found["max_difference"]) == (2, None)
    assert [example["after"] for example in found["examples"]] == ["nan", "inf"]


def test_one_element_of_a_large_array_costs_two_blocks() -> None:
    found = Compared("x = np.zeros((4000, 1000))", "x[17, 3] += 0.5")
    assert (found["differ"], found["elements"], found["max_difference"]) == (1, 4_000_000, 0.5)
    assert found["examples"] == [{"at": [17, 3], "before": "0.0", "after": "0.5"}]
    assert found.blocks == 2


def test_what_is_too_much_to_read_is_said_by_its_blocks() -> None:
    found = Compared("x = np.zeros(1_000_000)", "x += 1", memory=200_000)
    assert found["differ"] is None
    assert found["unread"] == {"blocks": 123, "of": 123, "bytes": 16_000_000}
    assert found["examples"][0] == {"at": [0], "before": "0.0", "after": "1.0"}
    assert found.blocks <= 6


PYTHON_TEXT = "pd.StringDtype('python', na_value=np.nan)"


def test_texts_that_are_too_many_to_read_are_shown_from_where_they_begin_to_differ() -> None:
    before = (
        f"x = pd.DataFrame({{'a': pd.array([f'id{{i:06d}}' for i in range(200_000)], dtype={PYTHON_TEXT})}})"
    )
    found = Compared(before, "x['a'] = x['a'].str.upper()", memory=300_000)
    column = found.columns()["a"]
    assert column["differ"] is None and column["unread"]["bytes"] > 1_000_000
    assert column["examples"][0] == {"row": "0", "before": "'id000000'", "after": "'ID000000'"}
    assert len(column["examples"]) == 5


def test_labels_that_are_too_many_to_read_leave_open_which_rows_are_gone() -> None:
    before = "x = pd.DataFrame({'a': np.arange(300_000.)}, index=np.arange(300_000)[::-1].copy())"
    found = Compared(before, "x = x[x.a > 10]", memory=100_000)
    assert (found["labels_unread"], found["matched_by"]) == (True, "position")
    assert found["rows_removed"] == {"count": 11, "examples": [], "last": None}
    found = Compared(before, "x = x[::-1]", memory=100_000)
    assert found["labels_unread"] is True
    found = Compared(before, "x.loc[7] = 8.5", memory=300_000)
    assert found["labels_unread"] is False
    # The label is read alone, though all labels are too many.
    assert found.columns()["a"]["examples"] == [{"row": "7", "before": "299992.0", "after": "8.5"}]


def test_distinct_values_of_many_rows_are_counted_by_their_codes() -> None:
    codes = "np.arange(1_200_000) % 3"
    found = Compared(
        f"x = pd.Series(pd.Categorical.from_codes({codes}, ['a', 'b', 'c', 'd']))",
        "x.iloc[4:7] = ['d', 'd', np.nan]",
    )
    column = found.columns()[""]
    assert (column["differ"], column["summary"]["before"]["distinct"]) == (3, 3)
    after = column["summary"]["after"]
    assert (after["count"], after["missing"], after["distinct"]) == (1_200_000, 1, 4)


def test_an_append_is_compared_as_far_as_both_go() -> None:
    found = Compared("x = np.arange(12.).reshape(4, 3)", "x = np.vstack([x, np.ones((2, 3))]); x[1, 1] = 9")
    assert (found["shape"], found["elements"], found["differ"]) == (
        {"before": [4, 3], "after": [6, 3]},
        12,
        1,
    )


def test_other_shapes_and_types_are_said() -> None:
    found = Compared("x = np.arange(6)", "x = x.reshape(2, 3)")
    assert (found["elements"], found["differ"]) == (None, None)
    found = Compared("x = np.arange(6)", "x = x.astype('f4')")
    assert (found["dtype"], found["differ"]) == ({"before": "int64", "after": "float32"}, 0)


def test_records_and_objects_are_elements_too() -> None:
    found = Compared("x = np.array([(1, 2.), (3, 4.)], dtype=[('a', 'i4'), ('b', 'f8')])", "x['b'][1] = 5")
    assert found["examples"] == [{"at": [1], "before": "(3, 4.0)", "after": "(3, 5.0)"}]
    found = Compared("x = np.array([1, 'a', None, [2]], dtype=object)", "x[1] = 'b'; x[3].append(3)")
    assert [example["after"] for example in found["examples"]] == ["'b'", "[2, 3]"]


def test_bytes_and_buffers_are_arrays() -> None:
    found = Compared("x = bytearray(200_000)", "x[150_000] = 7")
    assert found["examples"] == [{"at": [150_000], "before": "0", "after": "7"}]


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=60),
    st.lists(st.tuples(st.integers(0, 59), st.integers(-5, 5)), max_size=10),
    st.sampled_from(["i2", "f4", "f8", "c8", "?"]),
    st.sampled_from(["x", "x[::2]", "x[::-1]", "x[1:]"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_edit_of_any_view_is_counted_right(
    items: list[int], edits: list[tuple[int, int]], dtype: str, view: str
) -> None:
    was = eval(view, {"x": np.array(items).astype(dtype)})
    now = was.copy()
    for at, value in edits:
        if len(now):
            now[at % len(now)] = value
    notebook = Notebook()
    notebook.names["x"] = was
    (first,) = notebook.look("x")
    notebook.names["x"] = now
    (second,) = notebook.look("x")
    detail = json.loads(first.compare("x", second)[0])
    differ = int((was != now).sum())
    assert (detail["kind"] == "same" and differ == 0) or detail["differ"] == differ


# --- frames -------------------------------------------------------------------------------------------------------------

FRAME = """
n = 200
x = pd.DataFrame({
    'price': np.arange(n) / 4, 'qty': np.arange(n), 'name': [f'n{i % 7}' for i in range(n)], 'old': 1.0,
    'cat': pd.Categorical(['a', 'b'] * (n // 2)), 'when': pd.date_range('2024-01-01', periods=n, tz='Europe/Berlin'),
    'some': pd.array([1, None] * (n // 2), dtype='Int64'), 'flag': pd.array([True, None] * (n // 2), dtype='boolean'),
    'day': pd.period_range('2024-01-01', periods=n, freq='D'), 'obj': [[i] for i in range(n)],
    'span': pd.to_timedelta(np.arange(n), unit='s'), 'arrow': pd.array([f'{i}' for i in range(n)], dtype='string[pyarrow]'),
    'big': pd.array(range(n), dtype='int64[pyarrow]'), 'python': pd.array(['a'] * n, dtype='string[python]'),
})
"""

COLUMNS = {
    "price": (
        "x.loc[17, 'price'] = 99.5; x.loc[20, 'price'] = np.nan",
        [("17", "4.25", "99.5"), ("20", "5.0", "nan")],
    ),
    "qty": ("x.loc[3, 'qty'] = -1", [("3", "3", "-1")]),
    "name": ("x.loc[3, 'name'] = 'zz'", [("3", "'n3'", "'zz'")]),
    "cat": ("x.loc[5, 'cat'] = 'a'", [("5", "'b'", "'a'")]),
    "when": (
        "x.loc[9, 'when'] = pd.Timestamp('2030-05-05 12:00', tz='Europe/Berlin')",
        [("9", "2024-01-10 00:00:00+01:00", "2030-05-05 12:00:00+02:00")],
    ),
    "some": ("x.loc[1, 'some'] = 7", [("1", "<NA>", "7")]),
    "flag": ("x.loc[0, 'flag'] = pd.NA", [("0", "True", "<NA>")]),
    "day": ("x.loc[0, 'day'] = pd.Period('2025-01-01', 'D')", [("0", "2024-01-01", "2025-01-01")]),
    "obj": ("x.loc[4, 'obj'].append(9)", [("4", "[4]", "[4, 9]")]),
    "span": ("x.loc[1, 'span'] = pd.Timedelta('1h')", [("1", "00:00:01", "01:00:00")]),
    "arrow": ("x.loc[4, 'arrow'] = 'new'", [("4", "'4'", "'new'")]),
    "big": ("x.loc[4, 'big'] = 5", [("4", "4", "5")]),
    "python": ("x.loc[4, 'python'] = 'b'", [("4", "'a'", "'b'")]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_values_of_a_column_that_differ_are_shown_by_label(name: str) -> None:
    edit, examples = COLUMNS[name]
    found = Compared(FRAME, edit)
    columns = found.columns()
    assert list(columns) == [name]
    shown = [(one["row"], one["before"], one["after"]) for one in columns[name]["examples"]]
    assert (columns[name]["differ"], shown) == (len(examples), examples)
    assert found["columns_kept"] == 13


def test_the_dtypes_of_columns_are_called_as_pandas_calls_them() -> None:
    found = Compared(FRAME, "x = x.iloc[:, :0]")
    called = {column["name"]: column["dtype"] for column in found["columns_removed"]}
    expected = {name: str(dtype) for name, dtype in found.was.dtypes.items()}
    assert called == {
        name: {"int64[pyarrow]": "int64[pyarrow]"}.get(dtype, dtype) for name, dtype in expected.items()
    }


def test_a_frame_that_lost_a_column_and_got_rows_says_so() -> None:
    found = Compared(
        FRAME,
        "x = pd.concat([x.drop(columns='old').assign(new=1), x.iloc[:50].drop(columns='old')], ignore_index=True)",
    )
    assert [column["name"] for column in found["columns_removed"]] == ["old"]
    assert [column["name"] for column in found["columns_added"]] == ["new"]
    assert found["rows"] == {"before": 200, "after": 250}
    assert found["rows_added"] == {"count": 50, "examples": ["200", "201", "202"], "last": "249"}
    assert found["columns_changed"] == []


def test_rows_that_stayed_are_matched_by_label() -> None:
    found = Compared(FRAME, "x = x[x.qty % 3 != 0].copy(); x.loc[100, 'price'] = -1")
    gone = [str(i) for i in range(0, 200, 3)]
    assert found["rows_removed"] == {"count": len(gone), "examples": gone[:3], "last": gone[-1]}
    assert found["matched_by"] == "label" and list(found.columns()) == ["price"]
    assert found.columns()["price"]["examples"] == [{"row": "100", "before": "25.0", "after": "-1.0"}]


def test_a_sorted_frame_has_its_rows_in_another_order_and_nothing_else() -> None:
    found = Compared(FRAME, "x = x.sort_values('name', kind='stable')")
    assert found["rows_reordered"] and not found["columns_changed"]
    assert found["rows_added"]["count"] == found["rows_removed"]["count"] == 0


def test_renamed_and_reordered_columns_are_told() -> None:
    found = Compared(FRAME, "x = x.rename(columns={'qty': 'quantity'})")
    assert found["columns_renamed"] == [{"before": "qty", "after": "quantity"}]
    found = Compared(FRAME, "x = x[x.columns[::-1]]")
    assert found["columns_reordered"] and not found["columns_changed"]


def test_a_summary_says_what_pandas_says() -> None:
    found = Compared(
        FRAME,
        "x.loc[::3, 'price'] = np.nan; x.loc[1, 'price'] = -4; x['name'] = x['name'].replace('n3', 'n1')",
    )
    price, name = found.columns()["price"], found.columns()["name"]
    after = price["summary"]["after"]
    column = found.now["price"]
    assert after["missing"] == int(column.isna().sum()) and after["count"] == len(column)
    assert after["mean"] == pytest.approx(column.mean())
    assert (float(after["min"]), float(after["max"])) == (column.min(), column.max())
    assert name["summary"]["after"]["distinct"] == found.now["name"].nunique()
    assert price["summary"]["before"]["missing"] == 0


def test_a_column_of_another_type_is_compared_by_value() -> None:
    found = Compared(FRAME, "x['qty'] = x['qty'].astype('float32'); x.loc[2, 'qty'] = 0.5")
    qty = found.columns()["qty"]
    assert (qty["dtype"], qty["differ"]) == ({"before": "int64", "after": "float32"}, 1)


CODED = {
    "categories in another order": "x['kind'] = x['kind'].cat.reorder_categories(['n2', 'n0', 'n1'])",
    "one more category": "x['kind'] = x['kind'].cat.add_categories(['n9'])",
    "sorted rows": "x = x.sort_values('price', ascending=False)",
    "sorted rows, categories in another order": (
        "x['kind'] = x['kind'].cat.reorder_categories(['n1', 'n2', 'n0']); x = x.iloc[::-1]"
    ),
    "rows that are gone": "x = x[x.qty % 3 != 0]",
}


@pytest.mark.parametrize("change", CODED.values(), ids=CODED.keys())
def test_values_of_categories_are_compared_and_not_their_codes(change: str) -> None:
    given = FRAME + (
        "x['kind'] = pd.Categorical([None if n % 7 == 0 else f'n{n % 3}' for n in range(200)], categories=['n0', 'n1', 'n2'])\n"
    )
    found = Compared(given, change)
    assert not found.detail.get("columns_changed"), found.detail
    edited = Compared(given, f"{change}; x.loc[[7, 10, 100, 11], 'kind'] = ['n1', None, 'n0', 'n1']")
    kind = edited.columns()["kind"]
    assert kind["differ"] == sum(
        1
        for row in edited.now.index
        if (edited.now["kind"][row] or "") != ("" if row % 7 == 0 else f"n{row % 3}")
        and not (row % 7 == 0 and edited.now["kind"].isna()[row])
    )


def test_a_text_with_two_codes_is_the_same_text() -> None:
    given = "x = pa.table({'kind': pa.DictionaryArray.from_arrays([0, 1, 0, 1], ['a', 'b'])})"
    found = Compared(
        given, "x = pa.table({'kind': pa.DictionaryArray.from_arrays([0, 1, 2, 1], ['a', 'b', 'a'])})"
    )
    assert not found.detail.get("columns_changed"), found.detail


LABELS = {
    "numbers": "x.index = np.random.default_rng(0).permutation(200) - 50",
    "numbers far apart": "x.index = np.arange(200) * 10**15 - 10**17",
    "unsigned numbers": "x.index = np.arange(200, dtype='uint64') + 2**63",
    "texts": "x.index = [f'r{i}' for i in range(200)]",
    "dates": "x.index = pd.date_range('2024-01-01', periods=200)",
    "levels": "x = x.set_index(['name', 'qty'])",
    "floats": "x.index = np.arange(200) / 2",
}


@pytest.mark.parametrize("index", LABELS.values(), ids=LABELS.keys())
def test_labels_of_any_kind_match_rows(index: str) -> None:
    found = Compared(FRAME + index, "x = x.iloc[::-1].iloc[5:].copy(); x.iloc[0, 0] = -1")
    assert found["rows_removed"]["count"] == 5 and found["rows_reordered"]
    assert [column["differ"] for column in found["columns_changed"]] == [1]


def test_new_labels_leave_rows_where_they_are() -> None:
    found = Compared(FRAME, "x.index = [f'r{i}' for i in range(200)]")
    assert found["index_changed"] and found["rows_added"]["count"] == 0 and not found["columns_changed"]


def test_labels_that_are_not_unique_match_by_position() -> None:
    found = Compared(
        "x = pd.DataFrame({'a': [1, 2, 3]}, index=[0, 0, 1])", "x = x.iloc[:2].copy(); x.iloc[1, 0] = 9"
    )
    assert found["matched_by"] == "position" and found["rows_removed"]["count"] == 1


def test_attributes_of_a_frame_are_part_of_it() -> None:
    found = Compared(
        "x = pd.DataFrame({'a': [1]}); x.attrs['source'] = 'a.csv'", "x.attrs['source'] = 'b.csv'"
    )
    assert [(one["path"], one["before"], one["after"]) for one in found["extras"]] == [
        (".attrs['source']", "'a.csv'", "'b.csv'")
    ]


SERIES = {
    "series": ("pd.Series([1., 2., 3.], index=list('abc'), name='s')", "x['b'] = 5.", [("b", "2.0", "5.0")]),
    "index": ("pd.Index(['a', 'b'])", "x = pd.Index(['a', 'c'])", [("1", "'b'", "'c'")]),
    "interval": (
        "pd.Series(pd.interval_range(0, 3))",
        "x[1] = pd.Interval(5, 6)",
        [("1", "(1, 2]", "(5, 6]")],
    ),
    "arrow array": ("pa.array([1, None, 3])", "x = pa.array([1, 2, 3])", [("1", "<NA>", "2")]),
    "chunked": (
        "pa.chunked_array([['a', 'b'], ['c']])",
        "x = pa.chunked_array([['a'], ['b', 'd']])",
        [("2", "'c'", "'d'")],
    ),
    "lists": ("pa.array([[1], [2, 3]])", "x = pa.array([[1], [2]])", [("1", "[2, 3]", "[2]")]),
    "structs": (
        "pa.array([{'a': 1, 'b': 'x'}])",
        "x = pa.array([{'a': 2, 'b': 'x'}])",
        [("0", "{'a': 1, 'b': 'x'}", "{'a': 2, 'b': 'x'}")],
    ),
    "dictionary": (
        "pa.array(['a', 'b', 'a']).dictionary_encode()",
        "x = pa.array(['a', 'b', 'b']).dictionary_encode()",
        [("2", "'a'", "'b'")],
    ),
    "decimals": (
        "pa.array([decimal.Decimal('1.50')])",
        "x = pa.array([decimal.Decimal('2.50')])",
        [("0", "1.50", "2.50")],
    ),
    "over bytes": (
        "pd.Series(np.frombuffer(b'abcdefgh', 'i4'), copy=False)",
        "x = pd.Series(np.frombuffer(b'abcdefgz', 'i4'), copy=False)",
        [("1", "1751606885", "2053596773")],
    ),
    "truths": ("pa.array([True, False] * 9)[1:]", "x = pa.array([True, False] * 9)[3:10]", None),
}


@pytest.mark.parametrize(("made", "edit", "examples"), SERIES.values(), ids=SERIES.keys())
def test_one_column_by_itself_is_compared_like_one_of_a_frame(made: str, edit: str, examples: Any) -> None:
    found = Compared(f"x = {made}", edit)
    assert (found["kind"], found["form"]) == ("table", "series")
    if examples is not None:
        (column,) = found["columns_changed"]
        shown = [(one["row"], one["before"], one["after"]) for one in column["examples"]]
        assert shown == examples


def test_a_table_of_arrow_is_a_table() -> None:
    make = "x = pa.table({{'a': [1, 2, 3], 'b': ['x', None, {}], 't': pa.array([1, 2, 3], pa.timestamp('us', tz='UTC'))}})"
    found = Compared(make.format("'z'"), make.format("'y'") + "\nx = x.append_column('new', [[1., 2., 3.]])")
    assert found["columns_added"] == [{"name": "new", "dtype": "double"}]
    assert found.columns()["b"]["examples"] == [{"row": "2", "before": "'z'", "after": "'y'"}]
    assert found["columns_kept"] == 2


def test_a_frame_over_rows_of_an_array_is_read_across() -> None:
    found = Compared(
        "a = np.arange(30.).reshape(10, 3); x = pd.DataFrame(a, columns=list('abc'), copy=False)",
        "x.loc[4, 'b'] = -1",
    )
    assert found.columns()["b"]["examples"] == [{"row": "4", "before": "13.0", "after": "-1.0"}]
    assert list(found.columns()) == ["b"]


def test_a_column_too_large_to_read_is_counted_by_its_blocks() -> None:
    found = Compared(
        "x = pd.DataFrame({'a': np.zeros(500_000), 'b': 1})", "x.loc[77, 'a'] = 5", memory=300_000
    )
    column = found.columns()["a"]
    assert (column["differ"], column["summary"]) == (1, None)
    assert column["examples"] == [{"row": "77", "before": "0.0", "after": "5.0"}]


# --- different values are never the same ----------------------------------------------------------------------------------

LONG = "'a' * 1_500"
DIFFERENT = {
    "uuid": ("uuid.UUID(int=2**128 - 1)", "uuid.UUID(int=2**128 - 2)"),
    "huge int": ("2**9_000", "2**9_000 + 1"),
    "huge int in an array": ("np.array([2**9_000, 0])", "np.array([2**9_000 + 1, 0])"),
    "huge int of a class": ("I(2**9_000)", "I(2**9_000 + 1)"),
    "huge fraction": ("fractions.Fraction(2**9_000, 3)", "fractions.Fraction(2**9_000 + 1, 3)"),
    "decimal": ("decimal.Decimal('nan')", "decimal.Decimal('snan')"),
    "range": ("range(10**25)", "range(10**25 + 1)"),
    "slice": (f"slice({LONG} + 'b')", f"slice({LONG} + 'c')"),
    "pattern": (f"re.compile({LONG} + 'b')", f"re.compile({LONG} + 'c')"),
    "flags of a pattern": ("re.compile('a')", "re.compile('a', re.I)"),
    "bytes of a class": ("B(b'a' * 1_500 + b'b')", "B(b'a' * 1_500 + b'c')"),
    "offset of a zone": (
        "datetime.timezone(datetime.timedelta(seconds=1))",
        "datetime.timezone(datetime.timedelta(seconds=2))",
    ),
    "name of a zone": (
        "datetime.timezone(datetime.timedelta(0), 'A')",
        "datetime.timezone(datetime.timedelta(0), 'B')",
    ),
    "lone surrogates": ("'\\ud800'", "'\\ud801'"),
    "lone surrogates of a class": ("T('\\ud800')", "T('\\ud801')"),
    "lone surrogates in attributes": (
        "types.SimpleNamespace(**{'\\ud800': 1})",
        "types.SimpleNamespace(**{'\\ud801': 1})",
    ),
    "lone surrogates in arrays": ("np.array(['\\ud800'])", "np.array(['\\ud801'])"),
    "lone surrogates in objects": ("np.array(['\\ud800', 0], object)", "np.array(['\\ud801', 0], object)"),
    "text and stream": ("'a'", "io.StringIO('a')"),
    "text and stream in an array": (
        "np.array(['a', 0], object)",
        "np.array([io.StringIO('a'), 0], object)",
    ),
    "members of enums": ("E.A", "F.A"),
    "methods of types": ("str.upper", "bytes.upper"),
    "a list in itself": ("loop()", "[[]]"),
    "nan twice in a set": ("{float('nan')}", "{float('nan'), float('nan')}"),
    "items of a reducer": ("R([])", "R([1])"),
    "items beside entries of a reducer": ("Q({1: 0})", "Q({2: 0})"),
    "callable of a reducer": ("Made('one')", "Made('two')"),
    "last argument of a reducer": ("K(1)", "K(2)"),
    "attributes beside the state of a reducer": ("W(1)", "W(2)"),
    "classes of the same name": (
        "object.__new__(concurrent.futures.thread._WorkItem)",
        "object.__new__(concurrent.futures.process._WorkItem)",
    ),
    "attribute of a partial": (
        "attributed(functools.partial(int), 'a')",
        "attributed(functools.partial(int), 'b')",
    ),
    "starred alias": ("next(iter(tuple[int]))", "tuple[int]"),
    "length of a deque": ("collections.deque([1], 2)", "collections.deque([1], 3)"),
    "factory of a dict": ("collections.defaultdict(int)", "collections.defaultdict(str)"),
    "attribute of a dict": (
        "attributed(collections.OrderedDict(), 'a')",
        "attributed(collections.OrderedDict(), 'b')",
    ),
    "attribute of records": (
        "attributed(np.recarray(1, 'i4,'), 'a')",
        "attributed(np.recarray(1, 'i4,'), 'b')",
    ),
    "argument of a codec": ("itertools.repeat(str)", "itertools.repeat(int)"),
    "keys of attributes": (f"keyed(({LONG}, 1))", f"keyed(({LONG}, 2))"),
    "objects without a value": ("[__import__('threading').Lock()]", "[__import__('threading').Lock()]"),
    "int and float": ("np.array([2**53 + 1])", "np.array([2.0**53])"),
    "records": ("records('a' * 200, 0)", "records('a' * 199 + 'b', 0)"),
    "arrays in records": ("records('a', 0)", "records('a', 1)"),
    "interval": ("pd.Interval(1, 2, closed='left')", "pd.Interval(1, 2, closed='right')"),
    "ends of intervals": (
        "pd.Interval(pd.Timestamp(0), pd.Timestamp(1))",
        "pd.Interval(pd.Timestamp(0), pd.Timestamp(2))",
    ),
    "frequency of periods": (
        "pd.Series(pd.arrays.PeriodArray(np.array([216, 217]), dtype='period[Q-NOV]'))",
        "pd.Series(pd.arrays.PeriodArray(np.array([216, 217]), dtype='period[Q-DEC]'))",
    ),
    "zone of times": (
        "pd.Series(pd.to_datetime([0, 1]).tz_localize(datetime.timezone(datetime.timedelta(0), 'A')))",
        "pd.Series(pd.to_datetime([0, 1]).tz_localize(datetime.timezone(datetime.timedelta(0), 'B')))",
    ),
    "zone of another library": (
        "pd.Series(pd.to_datetime([0], utc=True).tz_convert(dateutil.tz.tzoffset('A', 60)))",
        "pd.Series(pd.to_datetime([0], utc=True).tz_convert(dateutil.tz.tzoffset('A', 120)))",
    ),
    "order of categories": (
        "pd.Series(pd.Categorical(['a'], ordered=True))",
        "pd.Series(pd.Categorical(['a'], ordered=False))",
    ),
    "months and years": ("np.array([5], 'M8[2M]')[0]", "np.array([5], 'M8[3M]')[0]"),
    "long lists": ("pa.array([list(range(99))])", "pa.array([[*range(98), 0]])"),
    "long lists in a frame": (
        "pd.DataFrame({'a': pd.array([list(range(99))], pd.ArrowDtype(pa.list_(pa.int64())))})",
        "pd.DataFrame({'a': pd.array([[*range(98), 0]], pd.ArrowDtype(pa.list_(pa.int64())))})",
    ),
    "lists of one length": (
        "pa.array([list(range(99))], pa.list_(pa.int64(), 99))",
        "pa.array([[*range(98), 0]], pa.list_(pa.int64(), 99))",
    ),
    "structs": ("pa.array([{'a': 'x' * 50}])", "pa.array([{'a': 'x' * 49 + 'y'}])"),
    "many fields": (
        "pa.array([{f'f{i}': i for i in range(30)}])",
        "pa.array([{f'f{i}': i % 29 for i in range(30)}])",
    ),
    "scalar of arrow": ("pa.scalar('x' * 300)", "pa.scalar('x' * 299 + 'y')"),
    "long names of columns": ("pd.DataFrame({'x' * 99: [1]})", "pd.DataFrame({'x' * 98 + 'y': [1]})"),
    "names of columns": ("pd.DataFrame({1: [1]})", "pd.DataFrame({'1': [1]})"),
    "name of a series": ("pd.Series([1], name=1)", "pd.Series([1], name='1')"),
    "name of an index": (
        "pd.DataFrame({'a': [1]}, pd.Index([0], name=(1, 'x' * 50)))",
        "pd.DataFrame({'a': [1]}, pd.Index([0], name=(1, 'x' * 49 + 'y')))",
    ),
    "labels of intervals": (
        "pd.Series([1, 2], pd.IntervalIndex.from_tuples([(0, 1), (1, 2)], closed='left'))",
        "pd.Series([1, 2], pd.IntervalIndex.from_tuples([(0, 1), (1, 2)], closed='right'))",
    ),
    "labels of lists": (
        "pd.Series([1], pd.Index(pd.array([list(range(99))], pd.ArrowDtype(pa.list_(pa.int64())))))",
        "pd.Series([1], pd.Index(pd.array([[*range(98), 0]], pd.ArrowDtype(pa.list_(pa.int64())))))",
    ),
    "labels without a known layout": (
        "pd.Series([1, 2], pd.Index(pd.arrays.SparseArray([1, 2])))",
        "pd.Series([1, 2], pd.Index(pd.arrays.SparseArray([3, 4])))",
    ),
    "note of an attribute": ("noted({1: 1, 2: 2})", "noted({2: 2, 1: 1})"),
    "half and single": ("np.array([0.1], 'f2')", "np.array([0.1], 'f4')"),
    "sparse": ("pd.arrays.SparseArray([0, 1])", "pd.arrays.SparseArray([0, 2])"),
    "complex": ("np.array([1 + 2j])", "np.array([1 + 3j])"),
}
DIFFERENT_SETUP = """
import concurrent.futures.process, concurrent.futures.thread, copyreg, dateutil.tz, enum, fractions, functools, io, itertools, re, types, uuid
class I(int): pass
class B(bytes): pass
class T(str): pass
class E(enum.Enum): A = 1
class F(enum.Enum): A = 1
class R(list):
    def __reduce__(self): return (R, (), None, iter(list(self)))
class Q(dict):
    def __reduce__(self): return (Q, (), None, iter(list(self)), iter([(0, 0)]))
    append = dict.pop
class W:
    def __init__(self, kept): self.kept = kept
    def __reduce__(self): return (W, (0,), {"kept": 0})
class K(int):
    def __reduce__(self): return (copyreg._reconstructor, (K, int, int(self)))
class Made(str):
    def __reduce__(self): return (getattr(Made, str(self)), ())
    @classmethod
    def one(cls): return cls("one")
    @classmethod
    def two(cls): return cls("two")
def loop():
    found = []
    found.append(found)
    return found
def records(text, number):
    found = np.zeros(2, [('text', 'U200'), ('numbers', 'i4', (99,))])
    found['text'][1], found['numbers'][1, 70] = text, number
    return found
def keyed(key):
    found = types.SimpleNamespace()
    found.__dict__[key] = 1
    return found
def attributed(value, name):
    setattr(value, name, 1)
    return value
def noted(value):
    frame = pd.DataFrame({'a': [1]})
    frame.attrs['note'] = value
    return frame
"""


@pytest.mark.parametrize("place", ["{}", "[{}]"], ids=["alone", "in a list"])
@pytest.mark.parametrize(("before", "after"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_different_values_are_never_the_same(before: str, after: str, place: str) -> None:
    found = Compared(f"{DIFFERENT_SETUP}\nx = {place.format(before)}", f"x = {place.format(after)}")
    assert found["kind"] not in ("same", "unread"), found.detail


# --- hostile bytes ---------------------------------------------------------------------------------------------------

HOSTILE = [
    FRAME,
    "x = {'a': [1, (2, {3})], 'b': np.arange(12.).reshape(3, 4)[:, ::2], 'c': 2**80, 'd': 1j}",
    "x = [pa.table({'a': [1, 2], 'b': ['x', None], 'l': [[1], [2]]}), pd.Series(pd.Categorical(['a', 'b'])), np.array([(1, 2.)], dtype=[('a', 'i4'), ('b', 'f8')])]",
    INSTANCES
    + "x = [D(), S(), L([1]), R(), collections.deque([1]), datetime.datetime(2020, 1, 1), print, dict]",
]


@pytest.mark.parametrize("cell", HOSTILE, ids=["frame", "containers", "columns", "objects"])
def test_p14_damaged_streams_end_in_words(cell: str) -> None:
    notebook = Notebook(IMPORTS, cell)
    stored = next(found for found in notebook.look() if "x" in found.roots)
    chance = random.Random(14)
    kinds = set()
    for _ in range(300):
        stream = bytearray(stored.stream)
        for _ in range(chance.choice([1, 1, 2, 5])):
            stream[chance.randrange(len(stream))] = chance.choice(
                [0, 1, 2, 127, 128, 255, chance.randrange(256)]
            )
        if chance.random() < 0.1:
            del stream[chance.randrange(len(stream)) :]
        text, _ = stored.compare("x", stored, streams=(None, bytes(stream)), memory=10_000_000)
        kinds.add(json.loads(text)["kind"])
    assert "unread" in kinds and len(kinds) > 1


def test_frames_agree_with_pandas_whatever_was_edited() -> None:
    chance = random.Random(3)
    for _ in range(15):
        n = chance.randrange(1, 40)
        frame = pd.DataFrame({"a": np.arange(n) / 2, "b": [f"v{i % 3}" for i in range(n)]})
        edited = frame.drop(index=chance.sample(range(n), n // 4))
        for row in chance.sample(list(edited.index), len(edited) // 3):
            edited.loc[row, chance.choice("ab")] = chance.choice([0.5, 1.0]) if chance.random() < 0 else None
        notebook = Notebook()
        notebook.names["x"] = frame
        (first,) = notebook.look("x")
        notebook.names["x"] = edited
        (second,) = notebook.look("x")
        detail = json.loads(first.compare("x", second)[0])
        shared = frame.loc[edited.index]
        for name in "ab":
            same = (shared[name] == edited[name]) | (shared[name].isna() & edited[name].isna())
            found = [one["differ"] for one in detail.get("columns_changed", []) if one["name"] == name]
            assert sum(found) == int((~same).sum())
