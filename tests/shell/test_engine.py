"""The shell and the real engine together: one path through the door of the magic."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness import Kernel


def runs(kernel: Kernel) -> list[str]:
    """Sources in the log, oldest first."""
    answer = kernel.value("__import__('clew').session().log(0, all=True).data")
    return [run["source"] for run in reversed(answer["runs"]) if run.get("kind") == "cell"]


def test_undo_and_redo_by_magic(kernel: Kernel) -> None:
    kernel.queue(["x = [1]", "x.append(2)", "y = x"])
    reply = kernel.clew("undo 2")
    assert reply.ok and reply.text, reply
    assert kernel.value("x, 'y' in globals()") == ([1], False)
    kernel.clew("redo 2").raised()
    assert kernel.value("x, y is x") == ([1, 2], True)


def test_runs_of_every_shape_are_in_the_log_once(kernel: Kernel) -> None:
    cells = [
        "x = 1",
        "1 / 0",
        "x = = 2",
        "%%capture\nx = 3",
        "!true",
        "import asyncio; await asyncio.sleep(0)",
        "%time x = 4",
    ]
    for cell in cells:
        kernel.run(cell)
    kernel.clew("status").raised()
    assert runs(kernel) == cells


def test_the_first_run_can_be_undone_to_the_starting_state(kernels: Callable[..., Kernel]) -> None:
    kernel = kernels(load=False)
    kernel.run("before = [1]")
    kernel.run("%load_ext clew").raised()
    kernel.run("before.append(2); after = 1")
    kernel.clew("undo").raised()
    assert kernel.value("before, 'after' in globals()") == ([1], False)


def test_a_mover_between_the_steps_of_a_cell(kernel: Kernel) -> None:
    kernel.run("x = 1")
    reply = kernel.run("x = 2\nfor step in [1]:\n    held = [x]\n%clew undo\ny = x").raised()
    assert reply.text
    assert kernel.value("x, y") == (1, 1)
    assert runs(kernel) == ["x = 1", "x = 2\nfor step in [1]:\n    held = [x]\n", "y = x"]


def test_a_program_undoes_its_last_run(kernel: Kernel) -> None:
    kernel.run("x = 1")
    kernel.run("x = 2")
    kernel.run("import clew\nclew.session().undo()").raised()
    assert kernel.value("x") == 1


def test_p01_what_ran_is_there_after_kill_and_resume(kernels: Callable[..., Kernel], tmp_path) -> None:
    kernel = kernels(notebook=tmp_path / "work.ipynb")
    kernel.queue(["x = [1, 2]", "y = x", "def f(): return len(y)"])
    kernel.run("z = 1")
    assert kernel.value("z") == 1
    kernel.kill()
    kernel.restart()
    kernel.clew("resume").raised()
    assert kernel.value("x, y is x, f(), z") == ([1, 2], True, 2, 1)


def test_unloading_and_loading_again_goes_on_in_the_same_history(
    kernels: Callable[..., Kernel], tmp_path
) -> None:
    kernel = kernels(notebook=tmp_path / "work.ipynb")
    kernel.run("x = 1")
    kernel.run("%unload_ext clew").raised()
    kernel.run("x = 2")
    kernel.run("%load_ext clew").raised()
    kernel.run("x = 3")
    kernel.clew("undo").raised()
    assert kernel.value("x") == 2


def test_the_child_of_a_fork_ends_without_touching_the_store(kernel: Kernel) -> None:
    kernel.run("x = 1")
    code = "import os, sys\npid = os.fork()\nif pid == 0:\n    try: sys.exit(3)\n    finally: os._exit(3)\ncode = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
    kernel.run(code).raised()
    kernel.run("x = 2")
    kernel.clew("undo").raised()
    assert kernel.value("x, code") == (1, 3)
    kernel.clew("verify").raised()


def test_errors_of_commands_are_lines_and_leave_everything(kernel: Kernel) -> None:
    kernel.run("x = 1")
    for words in ("undo 99", "switch nowhere", "nonsense", "restore", ""):
        reply = kernel.clew(words)
        assert reply.ok and not reply.traceback and (reply.stderr or reply.text), words
    assert kernel.value("x") == 1


def test_ctrl_c_between_queued_cells_with_the_real_engine(kernel: Kernel) -> None:
    endless = "import time\nprint('begun')\nwhile True: time.sleep(0.01)\nx = 2"
    sent = [kernel.send("x = 1"), kernel.send(endless)]
    kernel.until_printed(sent[1], "begun")
    kernel.interrupt()
    replies = kernel.collect(sent)
    assert [reply.ename for reply in replies] == ["", "KeyboardInterrupt"]
    kernel.clew("undo").raised()
    assert kernel.value("x") == 1


@pytest.mark.parametrize("cell", ["import random; random.seed(1)", "import numpy as np; np.random.seed(1)"])
def test_p07_recording_draws_no_random_number(kernels: Callable[..., Kernel], cell: str, tmp_path) -> None:
    drawn = []
    for load in (True, False):
        kernel = kernels(load=load, home=tmp_path / f"home{load}")
        kernel.run(cell).raised()
        kernel.queue(["x = {1, 2}", "1 / 0", "y = [x]"])
        name = "random.random()" if "np" not in cell else "float(np.random.random())"
        drawn.append(kernel.value(name))
    assert drawn[0] == drawn[1]
