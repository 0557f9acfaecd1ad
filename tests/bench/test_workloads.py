"""Workloads are the same for every peer, at any scale."""

from __future__ import annotations

import ast

import pytest

from bench.workload import Workload, scaled
from bench.workloads import MAKERS, workload


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("scale", [1.0, 0.001])
def test_a_workload_has_states_to_return_to(name, scale):
    made = workload(name, scale)
    marks = made.marks()
    assert made.name == name and made.setup
    assert 0 == marks["first"] <= marks["middle"] < len(made.cells)
    assert marks["previous"] == len(made.cells) - 1
    assert workload(name, scale) == made


@pytest.mark.parametrize("name", [name for name in MAKERS if not name.startswith("example_")])
def test_cells_and_checks_are_python(name):
    made = workload(name, 0.01)
    for code in [*made.setup, *made.cells]:
        ast.parse(code)
    for check in made.checks:
        ast.parse(check, mode="eval")


@pytest.mark.parametrize("name", [name for name in MAKERS if name.startswith("example_")])
def test_notebooks_talk_to_no_recorder(name):
    assert not any("%clew" in code or "%load_ext clew" in code for code in workload(name, 1.0).cells)


def test_stated_sizes_are_those_that_were_asked_for():
    abouts = {name: workload(name, 1.0).about for name in MAKERS}
    assert "ten arrays of 100 MB" in abouts["arrays"]
    assert "1,000,000 small objects" in abouts["big_dict"]
    assert "250,000 dicts" in abouts["nested"]
    assert "5,000,000 rows and 20 columns" in abouts["frame"]
    assert "60 light cells" in abouts["exploration"]
    assert "1,000 variables" in abouts["variables"]
    assert "2,000 runs" in abouts["runs"]


def made(*cells, batch=2):
    return Workload("w", "about", ("a = 1",), cells, ("a", "ab", "len(b)"), batch=batch)


def test_portions_cover_every_cell_once():
    portions = made(*"vwxyz").batches()
    assert [list(portion) for portion in portions] == [[0, 1], [2, 3], [4]]


def test_a_cell_may_have_touched_the_values_whose_names_stand_in_it():
    sizes = {"a": 1, "ab": 10, "len(b)": 100}
    assert made("a = 2").mentions(0, sizes) == 1
    assert made("c = ab + b").mentions(0, sizes) == 110


@pytest.mark.parametrize(("count", "scale", "found"), [(1000, 1.0, 1000), (1000, 0.02, 20), (10, 0.001, 1)])
def test_a_scaled_count_is_never_nothing(count, scale, found):
    assert scaled(count, scale) == found
