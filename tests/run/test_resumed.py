"""What a batch run leaves: OUT opens its state, says how long its cells took, and what was saved."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, code_cells, outcomes

FIRST = "import time\ntime.sleep(0.3)\nlimit = 10\nrows = list(range(limit))"


def resumed(desk: Desk, notebook: Path, names: str) -> object:
    """What names are in a kernel of the notebook once the user typed `%clew resume`."""
    kernel = desk.open(notebook)
    try:
        kernel.clew("resume").raised()
        return kernel.value(names)
    finally:
        kernel.close()


def test_resume_in_out_opens_the_state_of_its_run(desk: Desk) -> None:
    desk.notebook("whole.ipynb", FIRST, "total = sum(rows)")
    assert desk.run("whole.ipynb", "whole-out.ipynb").exit == 0
    assert resumed(desk, desk.folder / "whole-out.ipynb", "(rows[-1], total)") == (9, 45)


def said_below(cell: dict[str, Any]) -> str:
    """What a cell printed, and Clew below it."""
    return "".join("".join(one.get("text", "")) for one in cell.get("outputs", []))


def test_resume_opens_the_state_of_a_run_that_failed_and_out_says_so(desk: Desk) -> None:
    desk.notebook("failing.ipynb", FIRST, "rows.append(99)\nrows[1000]", "never = 1")
    assert desk.run("failing.ipynb", "failing-out.ipynb").exit == 1
    cells = desk.read("failing-out.ipynb")["cells"]
    (hinting,) = [cell for cell in cells if "%clew resume" in said_below(cell)]
    assert "rows[1000]" in "".join(hinting["source"]) and hinting["outputs"][0]["output_type"] == "error"
    kernel = desk.open(desk.folder / "failing-out.ipynb")
    kernel.clew("resume").raised()
    assert kernel.value("(rows[-1], 'never' in globals())") == (99, False)
    kernel.close()
    desk.run("failing-out.ipynb", "failing-again.ipynb")
    again = [said_below(cell) for cell in desk.read("failing-again.ipynb")["cells"]]
    assert "".join(again).count("%clew resume") == 1, "the hint of the first run is taken out"


def test_a_copy_of_out_in_another_folder_opens_the_same_state(desk: Desk) -> None:
    desk.notebook("copied.ipynb", "value = {'a': 1}")
    assert desk.run("copied.ipynb", "copied-out.ipynb").exit == 0
    (desk.folder / "elsewhere").mkdir()
    copy = desk.folder / "elsewhere/renamed.ipynb"
    shutil.copy(desk.folder / "copied-out.ipynb", copy)
    assert resumed(desk, copy, "value") == {"a": 1}


def test_each_out_of_a_study_opens_its_own_state(desk: Desk) -> None:
    desk.notebook("study.ipynb", "alpha = 0", "double = alpha * 2", tags={0: ["parameters"]})
    for alpha in (1, 2, 3):
        assert desk.run("study.ipynb", f"study-{alpha}.ipynb", "-p", "alpha", str(alpha)).exit == 0
    # Nothing is executed the second time.
    assert desk.run("study.ipynb", "study-2.ipynb", "-p", "alpha", "2").exit == 0
    assert outcomes(desk.read("study-2.ipynb")) == ["restored"] * 3
    for alpha in (2, 1, 3):
        assert resumed(desk, desk.folder / f"study-{alpha}.ipynb", "(alpha, double)") == (alpha, 2 * alpha)


def test_what_was_done_in_out_afterwards_is_what_the_next_kernel_resumes(desk: Desk) -> None:
    desk.notebook("goes-on.ipynb", "x = 1")
    assert desk.run("goes-on.ipynb", "goes-on-out.ipynb").exit == 0
    kernel = desk.open(desk.folder / "goes-on-out.ipynb")
    kernel.clew("resume").raised()
    kernel.run("x = x + 41").raised()
    kernel.close()
    # Another run of the notebook is none of this.
    assert desk.run("goes-on.ipynb", "goes-on-other.ipynb", "--force").exit == 0
    assert resumed(desk, desk.folder / "goes-on-out.ipynb", "x") == 42


def test_out_opens_its_state_where_no_cell_was_executed(desk: Desk) -> None:
    desk.notebook("restored.ipynb", FIRST, "total = sum(rows)")
    for _ in range(2):
        assert desk.run("restored.ipynb", "restored-out.ipynb").exit == 0
    assert {cell["metadata"]["clew"]["outcome"] for cell in code_cells(desk.read("restored-out.ipynb"))} == {
        "restored"
    }
    assert resumed(desk, desk.folder / "restored-out.ipynb", "(rows[-1], total)") == (9, 45)


def test_out_of_papermills_command_opens_its_state(desk: Desk) -> None:
    desk.notebook("engine.ipynb", "x = [1, 2]", "1 / 0")
    desk.papermill("--engine", "clew", "engine.ipynb", "engine-out.ipynb")
    assert "%clew resume" in json.dumps(desk.read("engine-out.ipynb"))
    assert resumed(desk, desk.folder / "engine-out.ipynb", "x") == [1, 2]


def test_a_notebook_that_is_run_in_place_keeps_its_own_history(desk: Desk) -> None:
    desk.notebook("place.ipynb", "x = 5")
    assert desk.run("place.ipynb", "place.ipynb").exit == 0
    assert "clew" not in desk.read("place.ipynb")["metadata"]
    assert resumed(desk, desk.folder / "place.ipynb", "x") == 5


def durations(desk: Desk, name: str) -> list[float]:
    """How long the run of each cell took, in seconds."""
    return [cell["metadata"]["papermill"]["duration"] for cell in code_cells(desk.read(name))]


def seconds_in(line: str) -> list[float]:
    """The durations that a line tells, in seconds."""
    return [float(found) for found in re.findall(r"([\d.]+) s\b", line)]


def test_the_last_line_sums_up_and_restored_cells_have_the_time_of_their_run(desk: Desk) -> None:
    desk.notebook("summed.ipynb", FIRST, "total = sum(rows)")
    assert desk.run("summed.ipynb", "summed-out.ipynb").err.splitlines()[-1] == (
        "0 of 2 cells restored, 2 executed"
    )
    waited = durations(desk, "summed-out.ipynb")[0]
    desk.notebook("summed.ipynb", FIRST, "total = sum(rows) + 1")
    last = desk.run("summed.ipynb", "summed-out.ipynb").err.splitlines()[-1]
    assert re.fullmatch(r"1 of 2 cells restored, 1 executed; [\d.]+ s saved", last)
    slept = durations(desk, "summed-out.ipynb")[0]
    # The cell itself took less than whoever waited for it.
    assert 0.3 <= slept <= waited
    assert seconds_in(last) == [pytest.approx(slept, abs=0.06)]
    # Without a kernel it is the same.
    last = desk.run("summed.ipynb", "summed-out.ipynb").err.splitlines()[-1]
    assert re.fullmatch(r"2 of 2 cells restored; [\d.]+ s saved", last)
    took = durations(desk, "summed-out.ipynb")
    assert took[0] == slept
    assert seconds_in(last) == [pytest.approx(sum(took), abs=0.06)]
    assert desk.run("summed.ipynb", "summed-out.ipynb", "--json").err.count("saved") == 0


def test_a_plan_says_how_long_cells_are_expected_to_take(desk: Desk) -> None:
    desk.notebook("planned.ipynb", FIRST, "time.sleep(0.2)\ntotal = sum(rows)", "other = 1")
    assert desk.run("planned.ipynb", "planned-out.ipynb").exit == 0
    waited = durations(desk, "planned-out.ipynb")
    desk.notebook("planned.ipynb", FIRST, "time.sleep(0.2)\ntotal = sum(rows) + 1", "other = 1", "new = 2")
    told = [cell["seconds"] for cell in desk.run("planned.ipynb", "--plan", "--json").json["cells"]]
    assert told[3] is None and told[0] >= 0.3 and told[1] >= 0.2
    assert all(seconds <= most for seconds, most in zip(told[:3], waited, strict=True))
    lines = desk.run("planned.ipynb", "--plan").out.splitlines()
    last = r"Expected: [\d.]+ s, and 1 cell without a recorded run; [\d.]+ s saved"
    assert re.fullmatch(last, lines[-1]), lines
    assert seconds_in(lines[-1]) == pytest.approx([told[1], told[0] + told[2]], abs=0.06)
    assert seconds_in(lines[1]) == [pytest.approx(told[1], abs=0.06)] and not seconds_in(lines[0]), lines


@pytest.mark.parametrize(("typed", "meant"), [("limits", "limit"), ("Limit", "limit"), ("unlike", None)])
def test_a_parameter_that_the_notebook_does_not_know_is_told_what_comes_near(
    desk: Desk, typed: str, meant: str | None
) -> None:
    desk.notebook("typed.ipynb", "limit = 10", "limit", tags={0: ["parameters"]})
    found = desk.run("typed.ipynb", "typed-out.ipynb", "-p", typed, "20")
    assert found.exit == 0 and f"Passed unknown parameter: {typed}" in found.err
    assert ("Did you mean `limit`?" in found.err) == (meant is not None)


def run_by_hand_then_in_batch(desk: Desk, name: str, output: str) -> Path:
    """A notebook that was opened and run, and then run as a batch with another parameter."""
    path = desk.notebook(name, "limit = 1", tags={0: ["parameters"]})
    kernel = desk.open(path)
    kernel.run("limit = 1\nmine = 'typed by hand'").raised()
    kernel.close()
    assert desk.run(name, output, "-p", "limit", "5").exit == 0
    return path


def test_a_batch_does_not_take_the_place_of_the_session_of_its_user(desk: Desk) -> None:
    path = run_by_hand_then_in_batch(desk, "mine.ipynb", "mine-out.ipynb")
    kernel = desk.open(path)
    answer = json.loads(kernel.clew("resume --json").raised().stdout)
    assert kernel.value("(limit, mine)") == (1, "typed by hand")
    kernel.clew(f"switch {answer['batch_run']}").raised()
    assert kernel.value("(limit, 'mine' in globals())") == (5, False)
    kernel.close()
    kernel = desk.open(path)
    assert "A later `clew run`" not in kernel.clew("resume").raised().text, (
        "what was done last was done by hand"
    )
    kernel.close()


def test_a_notebook_that_ran_in_place_has_what_it_shows(desk: Desk) -> None:
    path = run_by_hand_then_in_batch(desk, "in-place.ipynb", "in-place.ipynb")
    assert resumed(desk, path, "limit") == 5


def test_the_state_of_a_batch_is_resumed_where_there_is_no_other(desk: Desk) -> None:
    path = desk.notebook("alone.ipynb", "limit = 1", tags={0: ["parameters"]})
    assert desk.run("alone.ipynb", "alone-out.ipynb", "-p", "limit", "5").exit == 0
    assert resumed(desk, path, "limit") == 5


@pytest.mark.parametrize("work", ["more = 'in OUT'", ""], ids=["work", "only resumed"])
def test_a_session_in_out_does_not_take_the_place_of_one_in_the_notebook(desk: Desk, work: str) -> None:
    path = run_by_hand_then_in_batch(desk, f"taken{len(work)}.ipynb", f"taken{len(work)}-out.ipynb")
    out = desk.folder / f"taken{len(work)}-out.ipynb"
    kernel = desk.open(out)
    kernel.clew("resume").raised()
    kernel.run(work or "None").raised()
    kernel.close()
    kernel = desk.open(path)
    answer = json.loads(kernel.clew("resume --json").raised().stdout)
    assert kernel.value("(limit, mine, 'more' in globals())") == (1, "typed by hand", False)
    kernel.clew(f"switch {answer['batch_run']}").raised()
    assert kernel.value("(limit, 'more' in globals())") == (5, False), (
        "the batch run, and not what OUT made of it"
    )
    kernel.run("there = 'by hand, from where the batch run ended'").raised()
    kernel.close()
    assert resumed(desk, path, "(limit, 'there' in globals())") == (5, True)
    assert resumed(desk, out, "('more' in globals(), 'there' in globals())") == (bool(work), False)


def test_a_notebook_without_a_session_of_its_own_is_not_where_out_went(desk: Desk) -> None:
    path = desk.notebook("only-out.ipynb", "limit = 1", tags={0: ["parameters"]})
    assert desk.run("only-out.ipynb", "only-out-out.ipynb", "-p", "limit", "5").exit == 0
    kernel = desk.open(desk.folder / "only-out-out.ipynb")
    kernel.clew("resume").raised()
    kernel.run("limit = 6").raised()
    kernel.close()
    assert resumed(desk, path, "limit") == 5


def test_a_failing_function_of_a_restored_cell_is_shown_with_its_source(desk: Desk) -> None:
    cells = ["def share(part, whole):\n    return part / whole  # marked", "share(1, 2)"]
    desk.notebook("a.ipynb", *cells)
    desk.run("a.ipynb", "out.ipynb")
    desk.notebook("a.ipynb", cells[0], "share(1, 0)")
    assert desk.run("a.ipynb", "out.ipynb").exit == 1
    notebook = desk.read("out.ipynb")
    assert outcomes(notebook)[0] == "restored"
    error = next(one for one in code_cells(notebook)[1]["outputs"] if one["output_type"] == "error")
    shown = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error["traceback"]))
    assert "Cell In[1], line 2, in share(part, whole)" in shown, shown
    assert "----> 2     return part / whole  # marked" in shown, shown


TELLING = ["base = [1, 2, 3]  # a long enough line", "limit = 20", "print(max(base) * limit)"]


def anew(desk: Desk, name: str, limit: int, ids: str) -> Path:
    """The notebook with another constant, written by a program that gives its cells new ids."""
    cells = [TELLING[0], f"limit = {limit}", TELLING[2]]
    return desk.notebook(name, *cells, ids=[f"{ids}-{place}" for place in range(3)])


def test_a_notebook_that_a_program_writes_anew_beside_its_reports_keeps_its_history(desk: Desk) -> None:
    for number, limit in enumerate((20, 30, 40, 40)):
        anew(desk, "report.ipynb", limit, f"made{number}").with_suffix(".ipynb")
        assert desk.run("report.ipynb", f"report-{number}.ipynb").exit == 0
        assert said_below(desk.read(f"report-{number}.ipynb")["cells"][2]) == f"{3 * limit}\n"
    assert outcomes(desk.read("report-3.ipynb")).count("executed") == 0
    histories = json.loads(desk.clew("list", "--json").out)["histories"]
    assert [one["history"] for one in histories if "report" in one["history"]] == ["report.ipynb"]


@pytest.mark.parametrize("has_ids", [True, False])
def test_a_notebook_is_run_while_a_kernel_of_it_lives(desk: Desk, has_ids: bool) -> None:
    path = anew(desk, "live.ipynb", 20, "one")
    kernel = desk.open(path)
    for source in TELLING:
        kernel.run(source, cell_id="unsaved").raised()
    for limit in (30, 30):
        anew(desk, "live.ipynb", limit, f"new{limit}")
        if not has_ids:
            without_ids(path)
        run = desk.run("live.ipynb", "live-out.ipynb")
        assert run.exit == 0, run.err
        assert said_below(desk.read("live-out.ipynb")["cells"][2]) == "90\n"
    kernel.close()
    histories = json.loads(desk.clew("list", "--json").out)["histories"]
    assert [one["history"] for one in histories if one["history"].startswith("live")] == ["live.ipynb"]


def without_ids(path: Path) -> None:
    notebook = json.loads(path.read_text())
    notebook["nbformat_minor"] = 4
    for cell in notebook["cells"]:
        del cell["id"]
    path.write_text(json.dumps(notebook))


def test_a_notebook_begun_under_the_name_of_another_plans_what_it_runs(desk: Desk) -> None:
    first = anew(desk, "begun.ipynb", 20, "one")
    assert desk.run("begun.ipynb", "begun-out.ipynb").exit == 0
    first.rename(desk.folder / "first.ipynb")
    anew(desk, "begun.ipynb", 7, "two")
    planned = json.loads(desk.run("begun.ipynb", "--plan", "--json").out)
    run = desk.run("begun.ipynb", "begun-other.ipynb")
    assert run.exit == 0, run.err
    document = desk.read("begun-other.ipynb")
    assert [cell["outcome"] for cell in planned["cells"]] == outcomes(document)
    assert said_below(document["cells"][2]) == "21\n"
