"""What is said before anything runs, and what can't be done without a record."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from desk import CLEW, Desk

from clew.counts import Counts
from clew.run.report import columns, described
from clew.run.walk import Told


def test_the_plan_shows_parameters_put_in_and_every_cell_with_its_reason(desk: Desk) -> None:
    desk.notebook("planned.ipynb", "alpha = 1", "# about it\nprint(alpha)", tags={0: ["parameters"]})
    found = desk.run("planned.ipynb", "--plan", "-p", "alpha", "2")
    assert found.exit == 0 and found.out.splitlines() == [
        "1  executed  alpha = 1     this notebook has no recorded runs",
        "2  executed  alpha = 2     this notebook has no recorded runs",
        "3  executed  print(alpha)  this notebook has no recorded runs",
    ]
    forced = desk.run("planned.ipynb", "--plan", "--force", "--json").json
    assert forced["is_planned"] and forced["output"] is None and forced["counts"] == {"executed": 2}
    assert forced["cells"][1] == {
        "number": 2,
        "cell": "planned-1",
        "code": "print(alpha)",
        "outcome": "executed",
        "why": ["--force"],
        "run": None,
        "compared_with": None,
        "differs": [],
        "tasks": None,
        "seconds": None,
    }
    assert sorted(path.name for path in desk.folder.iterdir()) == ["planned.ipynb"]


def test_a_plan_whose_reader_went_away_is_no_failure(desk: Desk) -> None:
    desk.notebook("planned.ipynb", "alpha = 1")
    for words in (["--plan"], ["--plan", "--json"]):
        reading, writing = os.pipe()
        os.close(reading)
        ran = subprocess.run(
            [CLEW, "run", "planned.ipynb", *words],
            cwd=desk.folder,
            env=desk.environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(writing)
        assert (ran.returncode, ran.stderr) == (0, ""), ran


def test_the_plan_shows_how_a_parameter_changed_and_what_it_reaches(desk: Desk) -> None:
    cells = ("alpha = 1", "double = alpha * 2", "d = {}", "d['a'] = alpha", "print(d)")
    desk.notebook("changed.ipynb", *cells, tags={0: ["parameters"]})

    def planned(*words: str) -> list[tuple[str, str]]:
        told = desk.run("changed.ipynb", "--plan", "--json", *words).json
        return [(cell["outcome"], "; ".join(cell["why"])) for cell in told["cells"]]

    # What the notebook's own value was recorded for is not what a parameter leads to.
    assert desk.run("changed.ipynb", "out.ipynb").exit == 0
    reached = [
        ("executed", "`alpha` comes from cell 2, which runs"),
        ("restored", ""),
        ("executed", "`alpha` comes from cell 2, which runs"),
        ("executed", "`d` comes from cell 5, which runs"),
    ]
    assert planned("-p", "alpha", "2")[1:] == [("executed", "no run of it is recorded"), *reached]
    assert desk.run("changed.ipynb", "out.ipynb", "-p", "alpha", "2").exit == 0
    assert planned("-p", "alpha", "3")[1:] == [("executed", "`alpha` 2 → 3"), *reached]
    assert {outcome for outcome, _ in planned("-p", "alpha", "2")} == {"restored"}


def test_a_check_exits_with_3_where_something_would_run(desk: Desk) -> None:
    desk.notebook("one.ipynb", "1")
    found = desk.run("one.ipynb", "--check")
    assert (found.exit, found.out) == (3, "1 cell would be executed; `--plan` lists them\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "2"], "There is no cell 2"),
        (["--verify", "--stale"], "cannot be used together"),
        (["--verify", "--force"], "cannot be used together"),
    ],
    ids=lambda words: words[0],
)
def test_what_can_not_be_done_is_refused_before_anything_runs(
    desk: Desk, words: list[str], said: str
) -> None:
    desk.notebook("one.ipynb", "1")
    found = desk.run("one.ipynb", "two.ipynb", *words)
    assert found.exit == 2 and said in found.err
    assert not (desk.folder / "two.ipynb").exists()


def test_one_stream_can_not_hold_two_answers(desk: Desk) -> None:
    desk.notebook("one.ipynb", "1")
    found = desk.run("one.ipynb", "-", "--json")
    assert (
        found.exit == 2 and "Standard output cannot hold both the notebook" in found.json["error"]["message"]
    )


def test_the_data_of_a_cell_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/json.md").read_text()
    fields = set(re.findall(r"`cells\[\]\.(\w+)`", page))
    assert set(described(Told(1, 1, "graph", "x", "executed", ()))) <= fields


def test_what_became_of_tasks_is_said_behind_the_reasons() -> None:
    told = Told(7, 9, "graph", "found = count()", "executed", ("`gap` 30 → 20",), tasks=Counts(21, 5))
    assert columns(told) == ("7", "executed", "found = count()", "`gap` 30 → 20; 21 tasks: 16 cached, 5 run")
    assert described(told)["tasks"] == {"total": 21, "cached": 16, "run": 5, "uncacheable": {}}
    told.tasks = None
    assert columns(told)[-1] == "`gap` 30 → 20" and described(told)["tasks"] is None


def test_braces_in_a_path_without_a_parameter_say_how_to_give_it(desk: Desk) -> None:
    desk.notebook("one.ipynb", "alpha = 1", tags={0: ["parameters"]})
    found = desk.run("one.ipynb", "out-{alpha}.ipynb")
    assert found.exit == 1 and "there is no parameter with this name" in found.err
    assert "`-p alpha VALUE` sets it" in found.err
    assert desk.run("one.ipynb", "out-{alpha}.ipynb", "-p", "alpha", "2").exit == 0


def test_a_parameter_that_is_not_given_any_more_is_the_reason_and_not_the_cell_that_gave_it(
    desk: Desk,
) -> None:
    cells = ["alpha = 1\nlimit = 3", "r = list(range(limit))", "t = alpha * 2"]
    desk.notebook("given.ipynb", *cells, tags={0: ["parameters"]})
    desk.run("given.ipynb", "out.ipynb", "-p", "alpha", "2", "-p", "limit", "5")
    planned = desk.run("given.ipynb", "out.ipynb", "-p", "alpha", "3", "--plan", "--json").json
    why = {cell["code"]: cell["why"] for cell in planned["cells"]}
    assert why["r = list(range(limit))"] == ["`limit` 5 → 3"], why
    assert why["t = alpha * 2"] == ["`alpha` comes from cell 2, which runs"], why
    ran = desk.run("given.ipynb", "out.ipynb", "-p", "alpha", "3", "--json").json
    assert [cell["outcome"] for cell in ran["cells"]] == [cell["outcome"] for cell in planned["cells"]]
