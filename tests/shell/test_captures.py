"""When a capture happens: after the reply, before the next user code, one for what overlapped, and never in the way."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from harness import Kernel, Reply, wait_for
from kernel_record import Recorded


def holds(states: list[dict[str, str]], name: str) -> list[str | None]:
    return [state.get(name) for state in states]


def test_queued_cells_are_each_captured_with_their_own_state(recorded: Recorded) -> None:
    replies = recorded.kernel.queue(["x = [0]"] + [f"x.append({n})" for n in range(1, 20)])
    assert all(reply.ok for reply in replies)
    assert holds(recorded.states, "x") == [repr(list(range(n))) for n in range(1, 21)]


def test_a_task_that_writes_between_queued_cells_does_not_get_before_the_capture(recorded: Recorded) -> None:
    recorded.kernel.run("import asyncio\nx = 0")
    recorded.kernel.run("async def later():\n    global x\n    x = 'task'")
    recorded.kernel.queue(["x = 1; task = asyncio.get_running_loop().create_task(later())", "y = 1"])
    # The second cell may start before the task gets its turn: a later one does not.
    recorded.kernel.run("z = 1")
    captured = holds(recorded.states, "x")[2:]
    assert captured in (["1", "1", "'task'"], ["1", "'task'", "'task'"])


def test_the_reply_leaves_before_the_capture_and_the_next_cell_waits_for_it(recorded: Recorded) -> None:
    gate = recorded.gate()
    reply = recorded.kernel.run("print('out'); x = 1; x")
    assert (reply.stdout, reply.result) == ("out\n", "1")
    waiting = recorded.kernel.send("x = 2")
    gate.open()
    assert recorded.kernel.collect([waiting])[0].ok
    assert holds(recorded.states, "x") == ["1", "2"]


@pytest.mark.parametrize("cell", ["x = 1", "1 / 0", "await __import__('asyncio').sleep(0)"])
def test_every_way_to_end_a_cell_replies_before_the_capture(recorded: Recorded, cell: str) -> None:
    gate = recorded.gate()
    recorded.kernel.run(cell)
    gate.open()
    assert recorded.sources == [cell]


def test_endings_are_told(recorded: Recorded) -> None:
    kernel = recorded.kernel
    kernel.run("1")
    kernel.run("{}['key']")
    kernel.run("x = = 1")
    interrupted(kernel, "import time\nprint('begun')\nwhile True: time.sleep(0.01)")
    interrupted(kernel, "import asyncio\nprint('begun')\nwhile True: await asyncio.sleep(0.05)")
    endings = [run["ending"] for run in recorded.captures]
    assert endings == [
        "done",
        {"failed": "KeyError"},
        {"failed": "SyntaxError"},
        "interrupted",
        "interrupted",
    ]


def interrupted(kernel: Kernel, code: str) -> Reply:
    sent = kernel.send(code)
    kernel.until_printed(sent, "begun")
    kernel.interrupt()
    return kernel.collect([sent])[0]


def test_a_run_tells_its_source_cell_count_and_times(recorded: Recorded) -> None:
    before = time.time_ns()
    recorded.kernel.run("import time; time.sleep(0.2)", cell_id="cell-1")
    run = recorded.captures[0]
    assert (run["source"], run["cell"], run["execution_count"]) == (
        "import time; time.sleep(0.2)",
        "cell-1",
        1,
    )
    assert before <= run["started"] <= time.time_ns()
    assert run["duration"] >= 0.2e9


def test_a_cell_without_history_is_recorded_without_a_count(recorded: Recorded) -> None:
    recorded.kernel.run("x = 1", store_history=False)
    assert [run["execution_count"] for run in recorded.captures] == [None]


def test_ctrl_c_in_a_capture_does_not_reach_it_and_stops_what_was_waiting(recorded: Recorded) -> None:
    kernel, gate = recorded.kernel, recorded.gate()
    sent = [kernel.send(code, stop_on_error=True) for code in ("x = 1", "x = 2", "x = 3")]
    gate.wait()
    kernel.interrupt()
    gate.open()
    replies = kernel.collect(sent)
    assert [(reply.status, reply.ename) for reply in replies] == [
        ("ok", ""),
        ("error", "KeyboardInterrupt"),
        ("aborted", ""),
    ]
    assert holds(recorded.states, "x") == ["1", "1"]


def test_ctrl_c_in_a_capture_with_nothing_waiting_does_not_hit_later_cells(recorded: Recorded) -> None:
    gate = recorded.gate()
    recorded.kernel.run("x = 1")
    gate.wait()
    recorded.kernel.interrupt()
    gate.open()
    assert recorded.kernel.run("x = 2").ok
    assert holds(recorded.states, "x") == ["1", "2"]


FAILURES = {
    "ValueError('broken')": False,
    "KeyboardInterrupt()": False,
    "SystemExit(3)": False,
    "BaseException('panic')": False,
    "RuntimeError('the disk is full')": True,
    "MemoryError()": True,
}
"""How a capture may fail, and whether what ran is recorded later: a defect must not come again with that."""


@pytest.mark.parametrize("failure", FAILURES)
def test_p07_a_failing_capture_is_one_warning_and_the_next_run_is_recorded(
    recorded: Recorded, failure: str
) -> None:
    kernel = recorded.kernel
    recorded.tell(f"fail = {failure}")
    reply = kernel.run("print('fine'); 1 / 0")
    assert (reply.status, reply.ename, reply.stdout) == ("error", "ZeroDivisionError", "fine\n")
    recorded.tell("fail = None")
    kernel.run("x = 5")
    kernel.settle()
    assert reply.stderr.count("\n") == 1 and reply.stderr.startswith("Clew: could not record this run: ")
    assert recorded.sources == ["print('fine'); 1 / 0"] * FAILURES[failure] + ["x = 5"]


def test_p07_warnings_of_the_engine_come_as_single_lines(recorded: Recorded) -> None:
    recorded.tell("warnings = ['one\\n line', 'two']")
    reply = recorded.kernel.run("x = 1")
    recorded.kernel.settle()
    assert reply.stderr == "Clew: one line\nClew: two\n"


def test_p07_a_failing_attach_leaves_the_kernel_as_it_was(plain_kernel: Kernel) -> None:
    code = """
from clew.shell import session
def fails(shell): raise OSError('no store')
before = get_ipython().run_code
try: session.load(get_ipython(), fails)
except OSError as error: print(error)
"""
    assert plain_kernel.run(code).stdout == "no store\n"
    assert plain_kernel.run("get_ipython().run_code == before").result == "True"


DIGEST = """
import random, warnings, signal, sys, decimal, locale, logging, builtins, hashlib, gc, os, threading
def digest():
    return repr((random.getstate(), warnings.filters, signal.getsignal(signal.SIGINT), sys.meta_path, sys.path,
                 decimal.getcontext(), gc.get_threshold(), gc.isenabled(),
                 os.environ, os.getcwd(), logging.root.handlers, sys.gettrace(), sys.getprofile(),
                 sys.getswitchinterval(), sys.getrecursionlimit(), threading.active_count(),
                 builtins.__import__, type(globals()), sys.modules['__main__'].__dict__ is globals()))
random.seed(7)
first = digest()
"""


def test_p07_recording_changes_nothing_of_the_process(recorded: Recorded) -> None:
    kernel = recorded.kernel
    kernel.run(DIGEST).raised()
    kernel.run("def f():\n    return 1\nf()").raised()
    kernel.queue(["1 / 0", "x = 1"])
    kernel.run("same = first == digest()").raised()
    assert kernel.value("same") is True


def test_late_outputs_and_captures_do_not_disturb_each_other(recorded: Recorded) -> None:
    reply = recorded.kernel.run("for i in range(1000): print(i)")
    assert reply.stdout == "".join(f"{i}\n" for i in range(1000))


def test_a_look_that_was_given_up_comes_again(recorded: Recorded, tmp_path: Path) -> None:
    log = tmp_path / "log"
    recorded.tell(f"log = {str(log)!r}")
    recorded.kernel.run("SOMEBODY_WAITS = True")
    wait_for(lambda: log.read_text().count("idle\n") >= 2, "the look did not come again")


def test_idle_looks_follow_silent_cells_and_come_when_the_session_rests(
    recorded: Recorded, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    recorded.tell(f"log = {str(log)!r}")
    recorded.kernel.run("x = 1")
    # Asking the kernel would be a silent cell, which is looked at too.
    wait_for(lambda: log.read_text().partition("capture\n")[2], "the resting session was not looked at")
    count = recorded.calls.count(("idle", None))
    recorded.kernel.run("x = 2", silent=True)
    assert recorded.calls.count(("idle", None)) > count
    assert recorded.sources == ["x = 1"]
