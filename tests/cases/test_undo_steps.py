"""Undo and redo go over what changed something, and say what they took back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cases.story import Notebook


@pytest.fixture
def own(kernels: Callable[..., Notebook]) -> Notebook:
    """A kernel of the test's own: its first cell is run 2."""
    return kernels()


@pytest.fixture
def worked(own: Notebook) -> Notebook:
    """Two runs that changed something, two that only showed it."""
    own.run("x = [1]")
    own.run("x.append(2)")
    own.run("x")
    own.run("print(len(x))")
    return own


def test_undo_goes_over_runs_that_changed_nothing(worked: Notebook) -> None:
    said = worked.say("undo")
    assert said.startswith("Undid run 3 in ") and "Skipped 2 runs that changed no variable." in said, said
    assert worked.read("x") == ["[1]"]
    back = worked.say("redo")
    assert back.startswith("Redid run 3 in ") and "Skipped 2 runs" in back, back
    assert worked.read("x") == ["[1, 2]"]
    assert worked.at() == "5", "redo leads back to where undo began"


def test_a_report_as_data_has_steps_and_what_was_skipped(worked: Notebook) -> None:
    report = worked.move("undo")
    assert report.data["steps"] == [{"action": "run", "to": "3"}]
    assert report.data["skipped"] == 2
    assert worked.move("undo").data["skipped"] == 0


def test_a_run_that_changed_nothing_does_not_end_redo(worked: Notebook) -> None:
    worked.move("undo")
    worked.run("print(x)", "x", "len(x)")
    assert worked.read("x") == ["[1]"]
    worked.move("redo")
    assert worked.read("x") == ["[1, 2]"]
    worked.move("undo")
    assert worked.read("x") == ["[1]"]


def test_nothing_but_runs_that_changed_nothing_is_nothing_to_undo(own: Notebook) -> None:
    own.run("1 + 1", "print('a')")
    assert "nothing to undo" in own.kernel.clew("undo").stderr


@pytest.mark.parametrize(
    "cell",
    [
        "b = list(b)",
        "b.append(3)",
        "del c",
        "c = 2",
        "import random; random.random()",
        "import os; os.environ['CLEW_TEST_STEP'] = '1'",
        "def f(): pass",
    ],
)
def test_whatever_changed_is_a_step(own: Notebook, cell: str) -> None:
    own.run("a = [1, 2]; b = a; c = 1")
    own.run(cell)
    assert own.move("undo").data["steps"] == [{"action": "run", "to": "3"}]
    assert own.read("b is a, b, c") == ["(True, [1, 2], 1)"]


def test_undo_says_which_move_it_took_back(worked: Notebook) -> None:
    worked.move("switch 2")
    said = worked.say("undo")
    assert said.startswith("Undid `switch 2` in "), said
    assert worked.read("x") == ["[1, 2]"]
    again = worked.say("redo")
    assert again.startswith("Redid `switch 2` in "), again
    worked.say("undo")
    worked.say("restore 2 -- x")
    assert worked.read("x") == ["[1]"]
    assert worked.say("undo").startswith("Undid `restore` in ")


def test_nothing_to_redo_names_the_run_that_was_undone(worked: Notebook) -> None:
    assert "There is nothing to redo" in worked.kernel.clew("redo").stderr
    worked.move("undo")
    worked.run("y = 1")
    said = worked.kernel.clew("redo").stderr
    assert "The undone branch ended at run 5" in said and "%clew switch 5" in said, said
    worked.move("switch 5")
    assert worked.read("x") == ["[1, 2]"]


def test_undo_of_several_steps_names_runs_and_moves(worked: Notebook) -> None:
    worked.move("switch 2")
    worked.run("x.append('new')")
    said = worked.say("undo 3")
    assert said.startswith("Undid runs 6 and 3 and `switch 2` in "), said
    assert worked.read("x") == ["[1]"]


def test_undo_after_a_resume_takes_back_the_last_run_of_the_resumed_line(
    kernels: Callable[..., Notebook],
) -> None:
    first = kernels()
    first.run("x = [1]", "x.append(2)", "print(x)")
    first.kill()
    again = kernels()
    assert again.move("resume").data["left_run"] is None
    assert again.ask("status")["undo"] == 2
    said = again.say("undo")
    assert said.startswith("Undid run 3 in ") and "Skipped 1 run" in said, said
    assert again.read("x") == ["[1]"]
    again.run("x.append('again')")
    again.kill()
    third = kernels()
    third.move("resume")
    assert third.move("undo 2").data["steps"] == [{"action": "run", "to": "6"}, {"action": "run", "to": "2"}]
    assert "x" not in third.names()
    third.move("redo 2")
    assert third.read("x") == ["[1, 'again']"]


def test_undo_after_a_resume_keeps_to_the_branch(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run("x = [1]")
    first.say("branch line")
    first.run("x.append(2)")
    first.kill()
    again = kernels()
    assert again.move("resume").data["branch"] == "line"
    assert again.move("undo").data["branch"] == "line"
    again.move("redo")
    assert (again.read("x"), again.ask("branch")["names"][0]["run"]["run"]) == (["[1, 2]"], "3")


def test_a_resume_says_what_it_goes_back_from_and_how_to_return(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run("x = 1")
    first.kill()
    again = kernels()
    again.run("import json", "x = 1", "z = 3")
    told = again.say("resume")
    assert "This kernel was at run 6: `%clew switch 6` goes back to it" in told, told
    assert "json" not in again.names() and "z" not in again.names()
    again.move("switch 6")
    assert again.read("z") == ["3"]
    again.move("undo")
    assert again.say("undo").startswith("Undid `resume` in ")
    assert again.read("z") == ["3"], "a resume that took something away is a step"


def test_a_kernel_that_goes_on_from_there_has_nothing_to_resume(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run("x = [1]")
    first.kill()
    again = kernels()
    again.move("resume")
    assert again.say("resume").startswith("Nothing to resume, already at 2 in ")
    again.run("x.append(2)", "z = 3")
    assert again.say("resume").startswith("Nothing to resume, already at 5 in ")
    assert again.read("x", "z") == ["[1, 2]", "3"], "a cell with `%clew resume` may run any number of times"
    again.move("undo")
    again.move("resume")
    again.move("redo")
    assert again.read("z") == ["3"], "a resume that changes nothing does not end what can be redone"
    again.move("undo 2")
    again.run("w = 4")
    again.move("resume")
    assert again.read("x", "w") == ["[1]", "4"]
    again.move("resume 2")
    assert "w" not in again.names(), "who names a run goes there"
    again.kill()
    later = kernels()
    later.move("resume")
    assert later.read("x") == ["[1]"] and "z" not in later.names()


@pytest.mark.parametrize("line", ["switch @", "switch good", "restore @ -- x", "restore good -- x"])
def test_a_move_that_changes_nothing_keeps_what_can_be_done_again(own: Notebook, line: str) -> None:
    own.run("x = [1]")
    own.say("tag good")
    own.run("x.append(2)", "x.append(3)")
    own.move("undo 2")
    own.move(line)
    own.move("redo 2")
    assert own.read("x") == ["[1, 2, 3]"]
    own.move("undo")
    assert own.read("x") == ["[1, 2]"]
