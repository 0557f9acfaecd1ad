"""A session that was at rest, or that was shut down, is known whole: nothing of it is unverified afterwards."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Kernel, wait_for

CELLS = [
    # What no machine goes through in the time of a cheap look.
    "many = [[number] for number in range(60_000)]",
    "x = [1]; y = [x]; text = 'a' * 100",
    "len(many)",
    "len(many)",
    "import math",
    "x.append(2)",
]
"""The last ones are looked at in part only."""


@pytest.fixture
def kernel(kernels: Callable[..., Kernel], tmp_path: Path) -> Kernel:
    """A kernel of a notebook, which a new kernel finds again."""
    return kernels(notebook=tmp_path / "notebook.ipynb")


def run_all(kernel: Kernel) -> None:
    for reply in kernel.queue(CELLS):
        reply.raised()


def unverified(kernel: Kernel) -> set[str]:
    """Roots of the state that a new kernel resumed of which nobody can tell that they were so."""
    resumed = json.loads(kernel.clew("resume --json").text)
    outcomes = {one["root"]["key"]: one["unverified"] for one in resumed["outcomes"]}
    assert outcomes.keys() >= {"many", "x", "y", "text", "math"}
    return {key for key, is_uncertain in outcomes.items() if is_uncertain}


def unseen(kernel: Kernel) -> set[str]:
    """The same of the last run, as another process finds it in the store."""
    return {one["key"] for one in kernel.terminal("vars", "--json").json["variables"] if one["last_checked"]}


def test_what_was_not_looked_at_is_unverified_until_the_session_rests(kernel: Kernel) -> None:
    run_all(kernel)
    wait_for(lambda: not unseen(kernel), "nobody looked at the session at rest")
    kernel.kill()
    kernel.restart()
    assert unverified(kernel) == set()


def test_a_kernel_that_is_shut_down_is_checked_first(kernel: Kernel) -> None:
    run_all(kernel)
    kernel.restart(graceful=True)
    assert unverified(kernel) == set()


def test_state_of_the_context_that_cells_run_in_is_no_change_where_a_kernel_ends(kernel: Kernel) -> None:
    kernel.run("import numpy as np").raised()
    run_all(kernel)
    kernel.run("np.seterr(all='ignore')").raised()
    last = kernel.terminal("status", "--json").json["at"]["run"]
    kernel.restart(graceful=True)
    assert not [
        run
        for run in kernel.terminal("log", "--json", "--all").json["runs"]
        if run["kind"] == "external_change"
    ]
    assert unverified(kernel) == set()
    assert int(kernel.terminal("status", "--json").json["at"]["run"]) >= int(last)
    assert kernel.value("__import__('numpy').geterr()['divide']") == "ignore"


def test_a_kernel_that_is_killed_at_once_says_what_nobody_looked_at(kernel: Kernel) -> None:
    run_all(kernel)
    kernel.kill()
    kernel.restart()
    assert "text" in unverified(kernel)


def test_p03_what_nobody_looked_at_stays_unverified_however_often_it_is_restored(kernel: Kernel) -> None:
    run_all(kernel)
    kernel.kill()
    kernel.restart()
    assert "text" in unverified(kernel)
    # A look at what was restored tells nothing about what was there.
    there = kernel.terminal("status", "--json").json["at"]["run"]
    kernel.run("later = 1").raised()
    report = json.loads(kernel.clew(f"switch {there} --json").raised().text)
    assert "text" in {one["root"]["key"] for one in report["outcomes"] if one["unverified"]}
    assert "text" in unseen(kernel)
    kernel.restart(graceful=True)
    assert "text" in unverified(kernel)
    # What is run from there on is checked as ever.
    kernel.run("later = 2").raised()
    wait_for(lambda: not unseen(kernel), "nobody looked at the session at rest")


def test_what_a_run_itself_looked_at_is_certain_where_the_next_one_changed_it(kernel: Kernel) -> None:
    for reply in kernel.queue([*CELLS, "x.append(3)"]):
        reply.raised()
    assert undone(kernel) == set()
    assert kernel.value("x, y") == ([1, 2], [[1, 2]])
    # Nobody looked at it between the run that made it and the one that is undone here.
    assert undone(kernel) == {"x", "y"}
    assert kernel.value("x, y") == ([1], [[1]])


def undone(kernel: Kernel) -> set[str]:
    """Undoes a run. Roots of which nobody can tell that they were so."""
    report = json.loads(kernel.clew("undo --json").raised().text)
    return {one["root"]["key"] for one in report["outcomes"] if one["unverified"]}


def test_a_check_is_no_operation_that_people_did(kernel: Kernel) -> None:
    run_all(kernel)
    # The last run is recorded behind its reply.
    wait_for(
        lambda: kernel.terminal("log", "--json").json["runs"][0]["source"] == CELLS[-1], "nothing is recorded"
    )
    before = kernel.terminal("op", "log", "--json").json
    wait_for(lambda: not unseen(kernel), "nobody looked at the session at rest")
    assert kernel.terminal("op", "log", "--json").json["total"] == before["total"]
    assert kernel.terminal("verify").exit == 0


def test_what_exit_handlers_change_is_no_run(kernel: Kernel) -> None:
    run_all(kernel)
    kernel.run(
        "import atexit; _ = atexit.register(lambda: (x.append('gone'), globals().pop('text')))"
    ).raised()
    last = kernel.terminal("status", "--json").json["runs"]
    kernel.restart(graceful=True)
    assert kernel.terminal("log", "--json", "--all").json["runs"][0]["kind"] in {"cell", "start"}
    assert unverified(kernel) == set()
    assert kernel.value("x, len(text)") == ([1, 2], 100)
    assert kernel.terminal("status", "--json").json["runs"] >= last


@pytest.mark.parametrize("ending", ["exit", "end of input"])
def test_a_terminal_is_checked_when_it_ends(tmp_path: Path, kernel: Kernel, ending: str) -> None:
    cells = ["%load_ext clew", *CELLS] + ["exit"] * (ending == "exit")
    environment = kernel.environment()
    shell = subprocess.run(
        [str(Path(kernel.python).with_name("ipython")), "--simple-prompt", "--no-banner", "--colors=NoColor"],
        input="\n".join(cells) + "\n",
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert shell.returncode == 0, shell.stderr
    listed = subprocess.run(
        [kernel.command, "vars", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(listed.stdout)
    assert {one["key"] for one in told["variables"]} >= {"many", "x", "y", "text", "math"}, listed
    assert not [one["key"] for one in told["variables"] if one["last_checked"]]
