"""The report says what the raw data says, and nothing better."""

from __future__ import annotations

import json

import canned
import pytest

from bench import report
from bench.raw import Raw, budget_name
from bench.report.aims import verdicts
from bench.report.page import render
from bench.report.summary import summarise


@pytest.fixture
def raw(tmp_path):
    return Raw(tmp_path / "raw")


def summaries(raw, *courses, **others):
    canned.write(raw, *courses, **others)
    return {one.peer: one for one in summarise(raw)}


def found(raw, *courses, **others):
    """Whether each aim is reached, and its figures."""
    told = verdicts(list(summaries(raw, *courses, **others).values()), {})
    return {one.aim: (one.reached, one.figures) for one in told}


def kishu(**others):
    return canned.course("kishu", **({"reply": 200.0, "seconds": 1.0, "stored": 50_000_000} | others))


def test_what_a_peer_adds_is_the_difference_to_the_plain_kernel_beside_it(raw):
    clew = summaries(raw, canned.clew())["clew"]
    assert (clew.reply.p50, clew.next.p50, clew.total.sum) == (0.25, 0.75, 4.0)
    assert clew.memory == 2_000_000


def test_limits_come_from_the_bytes_that_changed_and_the_same_run(raw):
    clew = summaries(raw, canned.clew())["clew"]
    assert clew.record_limit == pytest.approx(4 * 65536 / canned.GIGA * 1000)
    assert clew.touch_limit == pytest.approx(4.0)
    assert clew.moves["first there"].limit == pytest.approx(65536 / canned.GIGA)
    assert clew.moves["first back"].limit == pytest.approx(131072 / canned.GIGA)


def test_the_three_factors_beside_kishu_are_told(raw):
    aims = found(raw, canned.plain(), canned.clew(), kishu())
    assert aims["added time beside Kishu: 100 times less"] == (True, "200.0 times")
    assert aims["bytes beside Kishu: 20 times less"] == (True, "55.6 times")
    assert aims["return beside Kishu: 50 times less"] == (True, "100.0 times")


def test_a_factor_that_is_missed_is_not_reached(raw):
    aims = found(raw, canned.clew(), kishu(reply=99.0, seconds=0.4, stored=17_000_000))
    assert [aims[aim][0] for aim in aims if "beside Kishu" in aim] == [False, False, False]


def test_bytes_are_compared_only_where_both_bring_the_values_back(raw):
    wrong = {name: canned.move(1.0, ("array_1",)) for name in canned.MOVES}
    aims = found(raw, canned.clew(), kishu(moves=wrong))
    assert aims["bytes beside Kishu: 20 times less"][0] is None
    assert "wrong" in aims["return beside Kishu: 50 times less"][1]


def test_chance_does_not_make_the_recording_free(raw):
    plain = canned.plain()
    plain["cells"]["peer"] = [[3.0, 0.5]] * canned.CELLS  # two plain kernels differ by 2 ms a cell
    lucky = canned.clew()
    lucky["cells"]["peer"] = [[0.1, 0.1]] * canned.CELLS
    aims = found(raw, plain, lucky, kishu())
    assert aims["added time beside Kishu: 100 times less"] == (True, "100.0 times")


def test_a_figure_below_zero_counts_as_the_chance_that_it_shows(raw):
    lucky = canned.clew()
    lucky["cells"] = {"plain": [[11.0, 0.5]] * canned.CELLS, "peer": [[1.0, 0.5]] * canned.CELLS}
    aims = found(raw, lucky, kishu())
    assert aims["added time beside Kishu: 100 times less"] == (False, "20.0 times")


def test_a_peer_that_was_stopped_is_compared_on_the_cells_it_ended(raw):
    stopped = kishu(failed={"cells": "no answer in 600 s"}, moves={})
    stopped["cells"] = {name: cells[:2] for name, cells in stopped["cells"].items()}
    aims = found(raw, canned.clew(), stopped)
    assert aims["added time beside Kishu: 100 times less"] == (
        True,
        "200.0 times on the 2 cells of 4 that it ended",
    )
    assert aims["bytes beside Kishu: 20 times less"] == (None, "Kishu failed at cells: no answer in 600 s")


def test_a_peer_that_is_faster_anywhere_is_named_with_its_figures(raw):
    quick = canned.course("dill", 0.1, seconds=0.1, stored=100)
    quick["moves"]["middle back"] = canned.move(0.001)
    (told,) = [value for aim, value in found(raw, canned.clew(), quick).items() if "nowhere" in aim]
    assert told[0] is False
    assert (
        told[1]
        == "added 1.00 ms a cell beside 0.10 ms; middle back 10.0 ms beside 1.0 ms; 0.9 MB beside 0.0 MB"
    )


def test_a_peer_that_brings_back_wrong_values_is_no_measure(raw):
    quick = canned.course("dill", 0.1, seconds=0.001)
    quick["moves"]["middle back"] = canned.move(0.001, ("x",))
    assert not any("nowhere" in aim for aim in found(raw, canned.clew(), quick))


def test_a_wrong_value_of_clews_is_not_reached_whatever_else(raw):
    clew = canned.clew()
    clew["moves"]["first there"] = canned.move(0.01, ("array_3",), 0.001)
    assert found(raw, clew)["every value right after every return"] == (False, "first there")


def test_what_clew_itself_calls_lost_is_told_though_the_values_are_right(raw):
    clew = canned.clew()
    clew["moves"]["first there"]["says"] = "model differs"
    assert found(raw, clew)["every return exact by Clew's own account"] == (
        False,
        "first there: model differs",
    )
    assert "- Clew says itself: first there: model differs" in render(summarise(raw), {}, [])


@pytest.mark.parametrize(("verify", "reached"), [("", True), (None, False), ("pack 3 is damaged", False)])
def test_a_store_that_was_not_verified_is_not_sound(raw, verify, reached):
    assert found(raw, canned.clew() | {"verify": verify})["`clew verify --read-data` passes"][0] is reached


def test_beyond_the_limit_the_reason_is_told_in_figures(raw):
    reached, figures = found(raw, canned.clew())["recording within 2 times the limit"]
    assert reached is False
    assert figures == (
        "15.3 times: 4.0 ms; writing 0.26 MB that changed takes 0.262 ms, reading 4.0 MB that cells named 4.0 ms; "
        "the rest is 0.00 ms a run"
    )


def test_cells_that_raise_by_themselves_are_not_held_against_a_peer(raw):
    clew = canned.clew()
    clew["errors"]["peer"] = ["KeyError: 'x'", None, "NameError: f", None]
    errors = ["KeyError: 'x'", None, None, None]
    assert summaries(raw, clew, errors=errors)["clew"].raised == 1


def test_errors_of_a_recorders_hooks_are_told(raw):
    broken = kishu(troubles={"plain": [], "peer": ["TypeError: cannot pickle 'lock'", "TypeError: again"]})
    page = render(list(summaries(raw, canned.clew(), broken).values()), {}, [])
    assert "- Kishu showed 2 errors of its own, the first: TypeError: cannot pickle 'lock'" in page


def test_the_page_marks_what_is_wrong_failed_or_unfinished(raw):
    stopped = kishu(failed={"cells": "no answer\nin 600 s"}, moves={})
    stopped["cells"] = {name: cells[:2] for name, cells in stopped["cells"].items()}
    wrong = canned.course("dill")
    wrong["moves"]["first there"] = canned.move(0.2, ("array_3",))
    page = render(list(summaries(raw, canned.plain(), canned.clew(), stopped, wrong).values()), {}, [])
    assert "**2 of 4**" in page
    assert "- Kishu, cells: no answer in 600 s" in page
    assert "0.200 **wrong**" in page and "- Dill, wrong: first there (array_3)" in page
    assert "0.010 (0.002, 0.008)" in page


def test_a_trial_says_that_it_is_one(raw):
    canned.write(raw, canned.clew() | {"scale": 0.02})
    assert "A trial: sizes are 0.02 of the stated ones" in render(summarise(raw), {}, [])


BUDGET = {
    "scale": 1.0,
    "about": "The recorder's memory.",
    "machine": {"processor": "some"},
    "rows": [
        {
            "what": "held",
            "without": 10.0,
            "with_clew": 90.0,
            "added": 80.0,
            "aim": 64.0,
            "unit": "MB",
            "note": "",
        },
        {
            "what": "a switch",
            "without": None,
            "with_clew": 4.0,
            "added": None,
            "aim": 500.0,
            "unit": "ms",
            "note": "n",
        },
    ],
}


def test_a_budget_is_held_against_what_clew_adds_or_takes(raw):
    told = {one.aim: one.reached for one in verdicts([], {"memory": BUDGET})}
    assert told == {"held": False, "a switch": True}
    page = render([], {"memory": BUDGET}, [])
    assert "`python -m bench --only memory`" in page
    assert "| held | 10.0 | 90.0 | 80.0 | 64.0 | MB | **missed** |" in page


def test_a_budget_that_failed_is_not_reached():
    failed = BUDGET | {"rows": [], "failed": "Stopped: the kernel died"}
    (told,) = verdicts([], {"log": failed})
    assert (told.reached, told.figures) == (False, "Stopped: the kernel died")
    assert "Failed: Stopped: the kernel died" in render([], {"log": failed}, [])


def test_the_same_figures_give_the_same_report_and_are_kept_beside_it(raw, tmp_path):
    canned.write(raw, canned.plain(), canned.clew(), kishu())
    raw.write(budget_name("memory"), BUDGET)
    for name in ("once", "again"):
        report.write(raw, tmp_path / name)
    files = [path.relative_to(tmp_path / "once") for path in (tmp_path / "once").rglob("*") if path.is_file()]
    assert {str(path) for path in files} >= {
        "results.md",
        "pictures/added.svg",
        "raw/arrays.json",
        "raw/budget-memory.json",
    }
    for path in files:
        assert (tmp_path / "once" / path).read_bytes() == (tmp_path / "again" / path).read_bytes(), path
    kept = json.loads((tmp_path / "once" / "raw" / "arrays.json").read_text())
    assert [one["peer"] for one in kept] == ["plain", "clew", "kishu"]
    assert kept[1]["total"]["sum"] == 4.0
