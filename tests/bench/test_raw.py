"""What was measured is kept, and a suite that was stopped goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.environments import ROOT
from bench.raw import VERSION, Raw
from bench.suite import Suite, Wanted


@pytest.fixture
def raw(tmp_path):
    return Raw(tmp_path / "raw")


class Counted:
    """Steps that count how often they are measured; one of them may be interrupted."""

    def __init__(self, names, fails=None):
        self.names, self.fails = names, fails
        self.measured = []

    def steps(self):
        return [(name, lambda name=name: self.measure(name)) for name in self.names]

    def measure(self, name):
        if name == self.fails:
            raise KeyboardInterrupt
        self.measured.append(name)
        return {"found": name}


def suite(raw, counted, monkeypatch, said=None, **wanted):
    made = Suite(Wanted(**wanted), raw, raw.folder / "scratch", (said if said is not None else []).append)
    monkeypatch.setattr(made, "steps", counted.steps)
    return made


def test_a_result_is_read_as_it_was_written(raw):
    raw.write("one", {"a": [1, 2.5]})
    assert raw.read("one") == {"version": VERSION, "a": [1, 2.5]}


def test_a_result_that_was_torn_or_is_of_another_version_counts_as_none(raw):
    raw.path("torn").write_text('{"version": 1, "a": ')
    raw.path("older").write_text(json.dumps({"version": VERSION - 1}))
    assert raw.read("torn") is None and raw.read("older") is None and raw.read("missing") is None


def test_a_result_does_not_tell_where_things_lie_on_this_machine(raw):
    raw.write("one", {"failed": f"FileNotFoundError: {ROOT}/bench/x and {Path.home()}/y"})
    assert raw.read("one")["failed"] == "FileNotFoundError: ./bench/x and ~/y"


def test_results_are_found_by_the_beginning_of_their_names(raw):
    raw.write("budget-light", {})
    raw.write("budget-log", {})
    raw.write("workload-light", {})
    assert sorted(raw.all("budget-")) == ["light", "log"]


def test_a_suite_that_was_interrupted_measures_only_what_is_missing(raw, monkeypatch):
    first = Counted(["a", "b", "c"], fails="b")
    with pytest.raises(KeyboardInterrupt):
        suite(raw, first, monkeypatch).run()
    again = Counted(["a", "b", "c"])
    suite(raw, again, monkeypatch).run()
    assert (first.measured, again.measured) == (["a"], ["b", "c"])
    assert {name: raw.read(name)["found"] for name in "abc"} == {"a": "a", "b": "b", "c": "c"}


def test_fresh_measures_again_what_was_measured_before(raw, monkeypatch):
    suite(raw, Counted(["a"]), monkeypatch).run()
    again = Counted(["a"])
    suite(raw, again, monkeypatch, fresh=True).run()
    assert again.measured == ["a"]


def test_progress_tells_which_of_how_many_and_what_was_there(raw, monkeypatch):
    raw.write("a", {})
    said = []
    suite(raw, Counted(["a", "b"]), monkeypatch, said).run()
    assert [line.partition(",")[0] for line in said] == ["[1/2", "[2/2", "[2/2"]
    assert said[0].endswith("a: measured before")


def test_one_workload_with_two_peers_is_three_results_and_no_budget(raw):
    wanted = Wanted(scale=0.001, only=("nested",), peers=("plain", "clew"))
    names = [name for name, _ in Suite(wanted, raw, raw.folder / "scratch").steps()]
    assert names == ["reference-nested", "workload-nested--plain", "workload-nested--clew"]


def test_one_budget_is_one_result(raw):
    names = [name for name, _ in Suite(Wanted(only=("log",)), raw, raw.folder / "scratch").steps()]
    assert names == ["budget-log"]
