"""Shapes of cells: each is one run, whatever happens inside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Kernel
from kernel_record import HERE, Recorded


@pytest.mark.parametrize(
    "cell",
    [
        "%time x = 1",
        "%%time\nx = 1",
        "%%capture out\nx = 1\nprint('hidden')",
        "!true\nx = 1",
        "x = 1\n%timeit -n1 -r1 x + 1",
        "import asyncio\nx = 0\nawait asyncio.sleep(0.01)\nx = 1",
        "get_ipython().run_cell('y = 5')\nx = 1",
        "get_ipython().run_cell('1 / 0')\nx = 1",
        "await get_ipython().run_cell_async('y = 2', transformed_cell='y = 2')\nx = 1",
        "exec('x = 1')",
        "x = 1; raise SystemExit",
        "x = 1\nundefined_name",
    ],
)
def test_one_cell_is_one_run(recorded: Recorded, cell: str) -> None:
    recorded.kernel.run(cell)
    assert recorded.sources == [cell]
    assert recorded.states[0]["x"] == "1"
    recorded.kernel.run("x = 2")
    assert recorded.sources == [cell, "x = 2"]


def test_run_of_a_script_and_of_a_notebook_script_is_one_run(recorded: Recorded, tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("x = 1\n")
    (tmp_path / "shell.ipy").write_text("y = 2\n!true\nz = 3\n")
    cells = [f"%run {tmp_path}/plain.py", f"%run -i {tmp_path}/shell.ipy"]
    for cell in cells:
        recorded.kernel.run(cell).raised()
    assert recorded.sources == cells
    assert recorded.states[1]["z"] == "3"


def test_empty_and_silent_cells_are_no_runs(recorded: Recorded) -> None:
    recorded.kernel.run("")
    recorded.kernel.run("   \n")
    recorded.kernel.run("hidden = 1", silent=True)
    assert recorded.kernel.value("hidden") == 1
    assert recorded.sources == []
    recorded.kernel.run("# only a comment\nx = 1")
    assert len(recorded.sources) == 1


def test_user_expressions_are_part_of_their_run(recorded: Recorded) -> None:
    recorded.kernel.run("x = [1]", user_expressions={"grow": "x.append(2)"})
    assert recorded.states[0]["x"] == "[1, 2]"


def test_stop_on_error_still_aborts_what_is_queued(recorded: Recorded) -> None:
    replies = recorded.kernel.queue(["x = 1", "1 / 0", "x = 2"])
    assert [reply.status for reply in replies] == ["ok", "error", "aborted"]
    assert recorded.sources == ["x = 1", "1 / 0"]
    assert recorded.kernel.run("x = 3").ok


def test_input_and_display_work_as_ever(recorded: Recorded) -> None:
    reply = recorded.kernel.run("from IPython.display import display\ndisplay({'a': 1}); 'result'")
    assert [bundle["text/plain"] for bundle in reply.data] == ["{'a': 1}", "'result'"]
    assert recorded.kernel.run("%%javascript\n1").ok


COMM = """
import comm
got = []
def opened(comm_, message):
    @comm_.on_msg
    def _(message):
        got.append(message['content']['data'])
get_ipython().kernel.comm_manager.register_target('test', opened)
"""


def test_a_widget_callback_is_looked_at(recorded: Recorded) -> None:
    kernel = recorded.kernel
    kernel.run(COMM).raised()
    before = recorded.calls.count(("idle", None))
    opened = kernel.message("comm_open", {"comm_id": "c1", "target_name": "test", "data": {}})
    told = kernel.message("comm_msg", {"comm_id": "c1", "data": 7})
    kernel.collect([opened, told])
    assert kernel.value("got") == [7]
    assert recorded.calls.count(("idle", None)) > before
    assert recorded.sources == [COMM]


def test_overlapping_runs_share_one_capture_when_both_are_done(recorded: Recorded, tmp_path: Path) -> None:
    kernel = recorded.kernel
    subshell = kernel.subshell()
    if subshell is None:
        assert int(kernel.value("__import__('ipykernel').__version__").split(".")[0]) < 7
        return
    end = tmp_path / "end"
    cell = f"import os, time\nx = 1\nprint('begun')\nwhile not os.path.exists({str(end)!r}): time.sleep(0.01)\nx = 2"
    slow = kernel.send(cell)
    kernel.until_printed(slow, "begun")
    kernel.run("y = 1", subshell_id=subshell)
    end.touch()
    kernel.collect([slow])
    kernel.settle_subshell(subshell)
    assert recorded.sources == [f"{cell}\n\ny = 1"]
    assert (recorded.states[0]["x"], recorded.states[0]["y"]) == ("2", "1")
    assert recorded.captures[0]["touched"] is None
    kernel.run("z = 1", subshell_id=subshell)
    kernel.settle_subshell(subshell)
    kernel.run("z = 2")
    assert recorded.sources[1:] == ["z = 1", "z = 2"]


def test_a_cell_in_a_subshell_alone_is_captured_by_its_thread(recorded: Recorded) -> None:
    kernel = recorded.kernel
    subshell = kernel.subshell()
    if subshell is None:
        return
    gate = recorded.gate()
    kernel.run("x = 1", subshell_id=subshell)
    waiting = kernel.send("x = 2", subshell_id=subshell)
    gate.open()
    kernel.collect([waiting])
    kernel.settle_subshell(subshell)
    assert [state["x"] for state in recorded.states] == ["1", "2"]


def test_a_comm_callback_inside_an_awaiting_cell_is_part_of_its_run(recorded: Recorded) -> None:
    kernel = recorded.kernel
    kernel.run(COMM).raised()
    kernel.collect([kernel.message("comm_open", {"comm_id": "c1", "target_name": "test", "data": {}})])
    # ipykernel 6 hands messages out one after the other.
    until = "got" if kernel.has_subshells() else "True"
    sent = kernel.send(
        f"import asyncio\nprint('begun')\nwhile not {until}: await asyncio.sleep(0.05)\nlength = len(got)"
    )
    kernel.until_printed(sent, "begun")
    kernel.message("comm_msg", {"comm_id": "c1", "data": 7})
    kernel.collect([sent])
    kernel.run("x = 1")
    assert len(recorded.sources) == 3
    assert recorded.states[-1]["got"] == "[7]"


def test_the_cell_that_loads_clew_is_recorded_from_there_on(kernels: Callable[..., Kernel]) -> None:
    kernel = kernels(load=False, paths=[HERE])
    kernel.run("import recording_engine\nrecording_engine.load(get_ipython())\nx = 1")
    assert kernel.value("recording_engine.engine.states[0]['x']") == "1"
    kernel.run("x = 2")
    assert kernel.value("len(recording_engine.engine.states)") == 2


def test_a_thread_that_runs_cells_is_recorded(recorded: Recorded) -> None:
    code = "import threading\nt = threading.Thread(target=lambda: get_ipython().run_cell('y = 1'))\nt.start(); t.join()"
    recorded.kernel.run(code).raised()
    assert recorded.states[-1]["y"] == "1"
    recorded.kernel.run("x = 1")
    assert recorded.sources[-1] == "x = 1"
