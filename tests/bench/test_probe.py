"""Digests tell values apart, and blocks count what differs."""

from __future__ import annotations

import collections
import pathlib

import bench_probe
import numpy as np
import pandas as pd
import pytest
from bench_probe import BLOCK, digest


def frame(rows=1_000):
    return pd.DataFrame({"a": np.arange(float(rows)), "b": np.arange(rows), "s": ["x", "y"] * (rows // 2)})


def edited_frame():
    changed = frame()
    changed.loc[7, "a"] = -1.0
    return changed


def one(x):
    return x + 1


def two(x):
    return x + 2


class Point:
    def __init__(self, x):
        self.x = x


class Ring:
    def __init__(self):
        self.me = self


ALIKE = {
    "arrays": lambda: np.arange(5.0),
    "views": lambda: np.arange(10.0)[::2],
    "frames": frame,
    "nested": lambda: [{"a": [1, 2, {3}]}, (None, 1.5, "x")],
    "instances": lambda: Point([1, 2]),
    "rings": Ring,
    "generators of numbers": lambda: np.random.default_rng(3),
    "categories": lambda: pd.Series(["a", "b", "a"]).astype("category"),
    "objects in arrays": lambda: np.array([1, "a", None], dtype=object),
    "not a number": lambda: [float("nan"), np.nan],
    "counters": lambda: collections.Counter("hello"),
}

APART = {
    "an element": (np.arange(5.0), np.array([0.0, 1, 2, 3, 5])),
    "a type": (np.arange(5), np.arange(5.0)),
    "a shape": (np.zeros(4), np.zeros((2, 2))),
    "an order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "one and true": ([1], [True]),
    "a list and a tuple": ([1, 2], (1, 2)),
    "a cell of a frame": (frame(), edited_frame()),
    "a name of a column": (frame(), frame().rename(columns={"a": "c"})),
    "a function's body": (one, two),
    "an attribute": (Point(1), Point(2)),
    "an index": (frame(), frame().set_index("b", drop=False)),
}


@pytest.mark.parametrize("make", ALIKE.values(), ids=ALIKE.keys())
def test_equal_values_have_equal_digests(make):
    assert digest(make()) == digest(make())


@pytest.mark.parametrize("pair", APART.values(), ids=APART.keys())
def test_different_values_have_different_digests(pair):
    assert digest(pair[0]) != digest(pair[1])


def test_a_path_in_the_peers_own_environment_is_the_same_in_all(monkeypatch):
    monkeypatch.setattr("sys.prefix", "/one")
    first = digest(pathlib.PurePosixPath("/one/lib/data.csv"))
    monkeypatch.setattr("sys.prefix", "/other")
    assert digest(pathlib.PurePosixPath("/other/lib/data.csv")) == first
    assert digest(pathlib.PurePosixPath("/other/lib/more.csv")) != first


def test_an_expression_that_raises_is_told_and_not_raised():
    told = bench_probe.digests({"a": 1}, ["a", "missing", "a / 0"])
    assert told["missing"].startswith("NameError") and told["a / 0"].startswith("ZeroDivisionError")
    assert told["a"] == digest(1)


def test_without_expressions_every_name_of_the_users_is_told_but_modules():
    space = {"x": 1, "_hidden": 2, "np": np, "In": [], "exit": None}
    assert list(bench_probe.digests(space, [])) == ["x"]


@pytest.fixture
def differing():
    """The bytes in which two namespaces differ."""

    def find(before, after):
        bench_probe.keep(before, list(before), "before", None)
        changed, _ = bench_probe.keep(after, list(after), "after", "before")
        return changed

    yield find
    bench_probe.drop("before")
    bench_probe.drop("after")


def test_one_element_of_a_big_array_is_one_block(differing):
    before = np.random.default_rng(0).random(1_000_000)
    after = before.copy()
    after[500_000] = 2
    assert differing({"a": before}, {"a": after}) == BLOCK


def test_a_dropped_column_is_nothing_and_an_added_one_its_blocks(differing):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame({name: rng.random(100_000) for name in "abc"})
    assert differing({"df": wide}, {"df": wide.drop(columns="b")}) == 0
    more = wide.assign(d=rng.random(100_000))
    assert differing({"df": wide}, {"df": more}) == -(-800_000 // BLOCK) * BLOCK


def test_ten_members_of_a_long_list_are_ten_blocks_at_most(differing):
    before = [{"n": n, "v": list(range(50))} for n in range(20_000)]
    after = [dict(row) for row in before]
    for n in range(10):
        after[n * 700]["n"] = -n - 1
    assert differing({"rows": before}, {"rows": after}) == 10 * BLOCK


def test_small_changes_take_no_more_blocks_than_all_of_it_fills(differing):
    assert differing({"rows": [[n] for n in range(100)]}, {"rows": [[-n - 1] for n in range(100)]}) == BLOCK


def test_sizes_are_told_for_every_expression():
    _, sizes = bench_probe.keep({"a": np.zeros(1000)}, ["a", "a[:10]", "missing"], "sizes", None)
    bench_probe.drop("sizes")
    assert sizes == {"a": 8000, "a[:10]": 80, "missing": 0}


def test_what_classes_of_the_notebook_and_functions_hold_counts():
    def counter(start):
        return lambda: start

    notebooks = [type("Index", (), {"made": made, "__module__": "__main__"}) for made in (1, 1, 2)]
    libraries = [type("Index", (), {"made": made, "__module__": "library"}) for made in (1, 2)]
    assert digest(notebooks[0]) == digest(notebooks[1]) != digest(notebooks[2])
    assert digest(libraries[0]) == digest(libraries[1])
    assert digest(counter(1)) == digest(counter(1)) != digest(counter(2))
