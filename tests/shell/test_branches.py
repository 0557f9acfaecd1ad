"""Branches follow the session, tags stay, descriptions are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness import Kernel


def ask(kernel: Kernel, expression: str) -> Any:
    return kernel.value(f"__import__('clew').session().{expression}")


def test_a_branch_follows_the_runs_and_is_left_by_switching_elsewhere(kernel: Kernel) -> None:
    kernel.run("data = [1, 2, 3]")
    assert (
        kernel.clew("branch forest").stdout.strip() == "Branch forest starts at run 2, and follows your runs."
    )
    kernel.run("model = 'forest'")
    kernel.clew("switch 2").raised()
    kernel.clew("branch boosted").raised()
    kernel.run("model = 'boosted'")
    assert ask(kernel, "branch().names") == {"forest": "3", "boosted": "4"}
    said = kernel.clew("switch forest").text
    assert said.startswith("Switched to 3 (branch forest) in "), said
    assert kernel.value("model") == "forest" and ask(kernel, "status().branch") == "forest"
    kernel.run("model += '!'")
    assert ask(kernel, "branch().names") == {"forest": "5", "boosted": "4"}
    kernel.clew("switch boosted").raised()
    assert kernel.value("model") == "boosted"


def test_undo_takes_a_branch_along_and_undo_of_a_switch_goes_back_to_the_branch_left(kernel: Kernel) -> None:
    kernel.run("x = 1")
    kernel.clew("branch a").raised()
    kernel.queue(["x = 2", "x = 3"])
    kernel.clew("undo").raised()
    assert ask(kernel, "branch().names") == {"a": "3"}
    kernel.clew("redo").raised()
    assert ask(kernel, "branch().names") == {"a": "4"}
    kernel.clew("switch 2").raised()
    assert ask(kernel, "status().branch") is None and ask(kernel, "branch().names") == {"a": "4"}
    kernel.clew("undo").raised()
    assert ask(kernel, "status().branch") == "a" and kernel.value("x") == 3


def test_names_can_be_changed_and_taken_away_and_mistakes_are_said(kernel: Kernel) -> None:
    kernel.run("x = 1")
    kernel.clew("branch a").raised()
    kernel.run("x = 2")
    assert kernel.clew("branch -m a b").stdout.strip() == "Branch a is now called b; it is at run 3."
    kernel.run("x = 3")
    assert ask(kernel, "branch().names") == {"b": "4"}
    assert kernel.clew("branch -m c").stdout.strip() == "The current branch is now called c; it is at run 4."
    assert ask(kernel, "branch(rename='b').branch") == "b"
    assert (
        kernel.terminal("branch", "-m", "c").out.strip()
        == "The current branch is now called c; it is at run 4."
    )
    assert ask(kernel, "status().branch") == "c", "a name that a terminal gave is followed"
    kernel.run("x = 4")
    assert ask(kernel, "branch('c', rename='b').names") == {}
    assert ask(kernel, "branch().names") == {"b": "5"} and ask(kernel, "status().branch") == "b"
    kernel.terminal("branch", "-m", "b", "d")
    kernel.terminal("branch", "-m", "d", "b")
    assert ask(kernel, "status().branch") == "b"
    for words, said in [
        ("branch b", "There is already a branch `b`. Nothing was changed."),
        ("tag b", "There is already a branch `b`. Nothing was changed."),
        ("tag 14a", "`14a` cannot be a name: it looks like the number of a run. Nothing was changed."),
        ("branch -d c", "There is no branch `c`. Nothing was changed."),
        ("tag -d b", "`b` is a branch. Nothing was changed."),
        ("tag t 99", "There is no run `99`. Nothing was changed."),
    ]:
        assert said in kernel.clew(words).stderr, words
    assert kernel.clew("branch -d b").stdout.strip() == "Deleted branch b; it was at run 5, which stays."
    assert ask(kernel, "status().branch") is None
    assert "You are on no branch that could be renamed to `d`. Nothing" in kernel.clew("branch -m d").stderr
    assert "There are no branches yet" in kernel.clew("branch").text


def test_tags_and_descriptions_survive_the_kernel(kernels: Callable[..., Kernel], tmp_path: Any) -> None:
    kernel = kernels(notebook=tmp_path / "n.ipynb")
    kernel.queue(["x = 1", "x = 2"])
    kernel.clew("tag best 2").raised()
    kernel.clew("describe 2 -m 'before the mistake'").raised()
    kernel.clew("branch work").raised()
    kernel.kill()
    kernel.restart()
    said = kernel.clew("resume").text
    assert "(branch work)" in said, said
    kernel.run("x = 5")
    assert ask(kernel, "branch().names") == {"work": "5"}
    assert "before the mistake" in kernel.clew("show best").text
    kernel.clew("switch best").raised()
    assert kernel.value("x") == 1


def test_two_kernels_that_know_nothing_of_each_other_lose_no_name(
    kernels: Callable[..., Kernel], tmp_path: Any
) -> None:
    notebook = tmp_path / "n.ipynb"
    one, two = kernels(notebook=notebook), kernels(notebook=notebook)
    one.run("x = 1")
    one.clew("tag of_one").raised()
    two.run("y = 1")
    two.clew("tag of_two").raised()
    one.run("x = 2")
    assert set(ask(one, "tag().names")) == set(ask(two, "tag().names")) == {"of_one", "of_two"}


def test_the_operations_are_listed_and_gone_back_to_with_their_names(kernel: Kernel) -> None:
    kernel.run("x = 1")
    kernel.clew("tag t").raised()
    kernel.run("x = 2")
    kernel.clew("tag -d t").raised()
    listed = kernel.clew("op log").text
    assert "tag t at 2" in listed and "deleted the name t" in listed and "run 3" in listed, listed
    number = next(line.split()[0] for line in listed.splitlines() if "tag t at 2" in line)
    assert kernel.clew(f"op restore {number}").text.startswith("Went back to 2 in ")
    assert kernel.value("x") == 1 and ask(kernel, "tag().names") == {"t": "2"}
    assert "There is no operation `op:99`; the newest is op:" in kernel.clew("op restore op:99").stderr
    kernel.clew("undo").raised()
    assert kernel.value("x") == 2


def test_resume_fresh_starts_with_what_the_kernel_began_with(
    kernels: Callable[..., Kernel], tmp_path: Any
) -> None:
    kernel = kernels(notebook=tmp_path / "n.ipynb")
    kernel.run("x = 1")
    kernel.settle()
    kernel.kill()
    kernel.restart()
    kernel.clew("resume").raised()
    assert kernel.clew("resume --fresh").text.startswith("Started fresh at ")
    assert kernel.value("'x' in globals()") is False
    kernel.clew("undo").raised()
    assert kernel.value("x") == 1


def test_nothing_is_recorded_while_paused_and_what_changed_meanwhile_is_one_run(kernel: Kernel) -> None:
    kernel.run("x = 1")
    assert "Recording is paused" in kernel.clew("pause").text
    kernel.queue(["x = 2", "y = 3"])
    assert ask(kernel, "log(0, all=True).total") == 2
    assert "Recording is paused" in kernel.clew("status").text
    assert (
        kernel.clew("resume-recording").stdout.strip()
        == "Recording again. The changes during the pause are run 3"
    )
    assert ask(kernel, "show(3).run.kind") == "external_change" and ask(kernel, "show(3).run.added") == ("y",)
    kernel.run("z = 4")
    kernel.clew("undo 2").raised()
    assert kernel.value("x") == 1
