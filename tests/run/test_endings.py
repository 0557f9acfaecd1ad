"""How a run ends that does not end by itself: each with its exit code, and OUT with what was there."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import Any

import pytest
from desk import Desk, code_cells, outcomes, statuses
from harness import NEVER

from clew.run.kernel import Answer

BEGUN = "import time\nprint('begun', flush=True)\nfor _ in range(3000): time.sleep(0.1)"


#: It catches Ctrl+C at any moment, also while it deals with the one before.
STUBBORN = """
import signal, time
signal.signal(signal.SIGINT, lambda *_: None)
print('begun', flush=True)
while True: time.sleep(0.1)
"""


def error(out: Any, cell: int) -> tuple[str, bool] | None:
    """The exception that a code cell shows in OUT, and whether its traceback stands there."""
    shown = code_cells(out)[cell]["outputs"]
    found = [(one["ename"], "Traceback" in "".join(one["traceback"])) for one in shown if "ename" in one]
    return found[0] if found else None


def interrupted(process: subprocess.Popen[str], presses: int) -> tuple[int, str]:
    """Presses Ctrl+C when a cell has begun; the exit code, and what was said."""
    assert process.stderr is not None
    said = ""
    while "begun" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, rest = process.communicate(timeout=NEVER)
    return process.returncode, said + rest


def runs(desk: Desk) -> list[tuple[str, str | None]]:
    """The runs of the history that was recorded in last, oldest first: how each ended, and its cell."""
    answer = desk.clew("log", "--all", "-n", "0", "--json").json
    found = [(run["ending"], run["cell"]) for run in answer["runs"] if run["cell"] is not None]
    return found[::-1]


def test_a_dead_kernel_ends_it_with_138(desk: Desk) -> None:
    source = desk.notebook("dead.ipynb", "a = 1", "import os; os.kill(os.getpid(), 9)", "b = 2")
    before = source.read_bytes()
    ours = desk.run("dead.ipynb", "dead-out.ipynb")
    theirs = desk.papermill("dead.ipynb", "dead-theirs.ipynb")
    assert ours.exit == theirs.exit == 138
    assert "The kernel died in code cell 2. dead-out.ipynb contains the results up to that point." in ours.err
    # No terminal sees a bar here.
    assert "Traceback" not in ours.err and "Executing:" not in ours.err and source.read_bytes() == before
    assert statuses(desk.read("dead-out.ipynb")) == ["completed", "failed", "pending"]
    assert outcomes(desk.read("dead-out.ipynb")) == ["executed", "failed", None]


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_ends_the_cell_first_so_that_it_is_recorded_and_exits_with_130(
    desk: Desk, presses: int
) -> None:
    desk.notebook("long.ipynb", "a = 1", BEGUN, "b = 2")
    exit, said = interrupted(desk.begin("long.ipynb", "long-out.ipynb", "--log-output"), presses)
    assert exit == 130, said
    assert "KeyboardInterrupt" in said and "papermill/" not in said and "never retrieved" not in said
    written = desk.read("long-out.ipynb")
    assert outcomes(written)[-3:][1:] == ["interrupted", None]
    assert statuses(written) == ["completed", "failed", "pending"]
    assert error(written, 1) == ("KeyboardInterrupt", True)
    if presses == 1:
        assert runs(desk) == [("done", "long-0"), ("interrupted", "long-1")]


def test_ctrl_c_twice_ends_a_cell_that_takes_no_notice(desk: Desk) -> None:
    desk.notebook("stubborn.ipynb", "a = 1", STUBBORN, "b = 2")
    exit, said = interrupted(desk.begin("stubborn.ipynb", "stubborn-out.ipynb", "--log-output"), 2)
    assert exit == 130 and "never retrieved" not in said, said
    written = desk.read("stubborn-out.ipynb")
    assert statuses(written) == ["completed", "failed", "pending"] and error(written, 1) is None


def test_a_cell_that_takes_too_long_ends_it_with_1_and_is_recorded_as_interrupted(desk: Desk) -> None:
    desk.notebook("slow.ipynb", "a = 1", BEGUN, "b = 2")
    found = desk.run("slow.ipynb", "slow-out.ipynb", "--execution-timeout", "2", "--json")
    assert found.exit == 1 and "A cell timed out" in found.err
    assert [cell["outcome"] for cell in found.json["cells"]] == ["executed", "failed", "not reached"]
    written = desk.read("slow-out.ipynb")
    assert statuses(written) == ["completed", "failed", "pending"]
    assert error(written, 1) == ("KeyboardInterrupt", True)
    assert runs(desk) == [("done", "slow-0"), ("interrupted", "slow-1")]


def test_what_ran_is_written_while_the_next_cell_runs(desk: Desk) -> None:
    out = desk.folder / "seen-out.ipynb"
    look = f"import json\nseen = json.load(open({str(out)!r}))\n[c['outputs'] for c in seen['cells']]"
    desk.notebook("seen.ipynb", "print('first')", look)
    found = desk.run("seen.ipynb", "seen-out.ipynb", "--progress-bar")
    assert found.exit == 0 and "Executing: 100%" in found.err
    shown = code_cells(desk.read("seen-out.ipynb"))[1]["outputs"][0]["data"]["text/plain"]
    assert "first" in "".join(shown)


def test_an_output_that_can_not_be_written_any_more_says_what_ran(desk: Desk) -> None:
    out = desk.folder / "taken-out.ipynb"
    take = f"import os\nos.remove({str(out)!r})\nos.mkdir({str(out)!r})"
    desk.notebook("taken.ipynb", "a = 1", take)
    found = desk.run("taken.ipynb", "taken-out.ipynb")
    assert found.exit == 1 and "Traceback" not in found.err
    assert "Error: taken-out.ipynb: Is a directory. 2 cells had run by then." in found.err


def test_json_tells_of_mistakes_too(desk: Desk) -> None:
    found = desk.run("nowhere.ipynb", "o.ipynb", "--json")
    error = json.loads(found.out)["error"]
    assert found.exit == 1 and error["message"] == "There is no nowhere.ipynb" and error["hint"]


def test_what_a_long_move_shows_is_no_part_of_an_answer() -> None:
    answer = Answer()
    for name, text in (("stderr", "\rbringing values back: 1 of 3"), ("stdout", '{"lost": []}')):
        answer.take({"msg_type": "stream", "content": {"name": name, "text": text}})
    assert json.loads(answer.printed) == {"lost": []} and "1 of 3" in answer.beside
