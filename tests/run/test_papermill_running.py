"""papermill's options where cells are executed: what both write while a notebook runs and behind it, say and exit with.

Kernels take their time, so a notebook shows as much as it can. `test_papermill.py` says which option is compared where.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from beside import Beside, Left, Pair, comparable, notebook
from desk import CLEW, PAPERMILL, Desk, code_cells, hear_interrupts, outcomes, statuses
from harness import NEVER

QUIET = "--no-progress-bar"
#: What OUT says of its cells, from within one.
LOOK = "[(c['metadata']['papermill']['status'], len(c.get('outputs', ()))) for c in json.load(open({out!r}))['cells']]"


@pytest.fixture(scope="module")
def both(desk: Desk) -> Beside:
    """papermill and `clew run`."""
    return Beside(desk)


def lines(cell: Any) -> str:
    """What a cell shows as text, its streams first."""
    shown = [output.get("text") or output.get("data", {}).get("text/plain", ()) for output in cell["outputs"]]
    return "".join("".join(part) for part in shown)


# --- a notebook that runs through ----------------------------------------------------------------------------------

ENVIRONMENT = """
there = os.path.dirname(os.getcwd())
with open(f"{there}.environment", "w") as file:
    json.dump(sorted(os.environ), file)
"""
WHOLE = [
    "alpha = 0.1\nn: int = 3",
    "# text between",
    "import json, os, sys\nprint('out'); alpha",
    "print('err', file=sys.stderr)",
    "from IPython.display import HTML, display\ndisplay(HTML('<b>shown</b>'))",
    "",
    "never",
    "os.path.basename(os.getcwd()), PAPERMILL_INPUT_PATH, PAPERMILL_OUTPUT_PATH, code",
    "_ = open('made.txt', 'w').write('made')",
    LOOK.format(out="../out.ipynb"),
    ENVIRONMENT,
]
GIVEN = ["-p", "alpha", "0.5", "-p", "n", "-3", "-r", "code", "007", "-y", "{beta: [1, 2]}", "--inject-paths"]
LOGGED = ["--log-output", "--stdout-file", "printed.txt", "--stderr-file", "complained.txt"]


@pytest.fixture(scope="module")
def executed(both: Beside) -> Pair:
    """A notebook with parameters that runs in a folder of its own and is logged."""
    text = notebook(*WHOLE, tags={0: ["parameters"], 6: ["skip-execution"]})
    files = {"in.ipynb": text, "sub/there": ""}
    return both.type("in.ipynb", "out.ipynb", "--cwd", "sub", *GIVEN, *LOGGED, "--report-mode", files=files)


def test_an_executed_notebook_is_the_same(executed: Pair) -> None:
    executed.assert_same()
    cells = code_cells(executed.clew.read())
    assert "".join(cells[1]["source"]).endswith('alpha = 0.5\nn = -3\ncode = "007"\n')
    assert lines(cells[2]) == "out\n0.5" and lines(cells[7]) == "('sub', 'in.ipynb', 'out.ipynb', '007')"
    assert cells[6]["execution_count"] is None and cells[6]["outputs"] == []
    seen = lines(cells[9])
    assert seen.count("completed") == 10 and seen.count("running") == 1 and seen.count("pending") == 1
    # Opened when something is printed, so in the folder that it runs in.
    files = {
        "sub/there": "",
        "sub/printed.txt": "out\n",
        "sub/complained.txt": "err\n",
        "sub/made.txt": "made",
    }
    assert executed.clew.files == files
    ours, theirs = (set(environment(left.folder)) for left in (executed.clew, executed.papermill))
    assert theirs <= ours, "papermill's kernel finds variables that Clew's does not"
    assert ours - theirs == {"CLEW_RESUME_ON_START", "JPY_SESSION_NAME", "CLEW_OBSERVER", "LD_PRELOAD"}


def environment(folder: Path) -> list[str]:
    """The names of the environment variables that a kernel found."""
    names: list[str] = json.loads(folder.with_suffix(".environment").read_text())
    return names


def test_cells_that_are_not_executed_are_told_and_logged_all_the_same(both: Beside) -> None:
    words = ["in.ipynb", "out.ipynb", *LOGGED]
    text = notebook("import sys\nprint('out'); 1", "# text", "print('err', file=sys.stderr)", "")
    first = both.type(*words, files={"in.ipynb": text})
    first.assert_same()
    folders = {"papermill": first.papermill.folder, "clew": first.clew.folder}
    for file in ("printed.txt", "complained.txt"):
        for folder in folders.values():
            (folder / file).unlink()
    second = both.again(folders, *words)
    assert outcomes(second.clew.read()) == ["restored", "restored", "skipped"]
    assert (second.papermill.exit, second.clew.exit) == (0, 0)
    assert second.clew.files == second.papermill.files == {"printed.txt": "out\n", "complained.txt": "err\n"}
    # No kernel: it is not named, it says nothing of its language, and no message of it came at any time.
    named = "Executing notebook with kernel: python3"
    assert [line for line in second.papermill.said if line != named] == second.clew.said
    (ours, theirs), given = without_kernel(second), json.loads(text)
    assert ours == theirs
    assert second.clew.read()["metadata"]["language_info"] == given["metadata"]["language_info"]
    # Without anything to log papermill is not even imported.
    light = both.again(folders, "in.ipynb", "out.ipynb", QUIET)
    assert (
        light.clew.said
        == ["Input Notebook:  in.ipynb", "Output Notebook: out.ipynb"]
        == light.papermill.said[:2]
    )
    assert without_kernel(light)[0] == ours


def without_kernel(pair: Pair) -> tuple[Any, Any]:
    """What Clew and papermill wrote, but for what a kernel tells."""
    found = [comparable(left.read()) for left in (pair.clew, pair.papermill)]
    for written in found:
        written["metadata"].pop("language_info")
    for cell in found[1]["cells"]:
        cell["metadata"].pop("execution", None)
    assert not any("execution" in cell["metadata"] for cell in found[0]["cells"])
    return found[0], found[1]


# --- what is written when ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("saves", [True, False])
def test_out_is_written_after_every_cell_unless_told_otherwise(both: Beside, saves: bool) -> None:
    seen = f"import json, os\n{LOOK.format(out='out.ipynb')} if os.path.exists('out.ipynb') else None"
    switch = "--request-save-on-cell-execute" if saves else "--no-request-save-on-cell-execute"
    words = ["in.ipynb", "out.ipynb", switch, QUIET, "--log-output", "--no-log-output"]
    pair = both.type(*words, files={"in.ipynb": notebook("print('first')", seen, "print('last')")})
    pair.assert_same()
    then = "[('completed', 1), ('running', 0), ('pending', 0)]" if saves else ""
    assert lines(code_cells(pair.clew.read())[1]) == then


HALF = """
import json, time
print("half", flush=True)
for _ in range({times}):
    time.sleep(0.1)
    print(".", end="", flush=True)
    seen = [cell["outputs"] for cell in json.load(open("out.ipynb"))["cells"]]
    if seen[0]:
        break
"""


@pytest.mark.parametrize("every", ["1", pytest.param("0", marks=pytest.mark.long)])
def test_out_is_written_while_a_cell_runs(both: Beside, every: str) -> None:
    code = HALF.format(times=600 if every == "1" else 25)
    files = {"in.ipynb": notebook(code, "bool(seen[0])")}
    pair = both.type("in.ipynb", "out.ipynb", QUIET, "--autosave-cell-every", every, files=files)
    for left in (pair.papermill, pair.clew):
        assert left.exit == 0 and lines(code_cells(left.read())[1]) == str(every == "1"), left


def test_progress_is_drawn_where_it_is_asked_for(both: Beside) -> None:
    files = {"in.ipynb": notebook("# text", "1 # papermill_description=adding")}
    asked = both.type("in.ipynb", "out.ipynb", "--no-progress-bar", "--progress-bar", files=files)
    for left in (asked.papermill, asked.clew):
        assert left.exit == 0 and "Executing adding: 100%" in left.err, left
    # Nobody sees it, and papermill draws it all the same.
    unasked = both.type("in.ipynb", "out.ipynb", files=files)
    assert ("Executing" in unasked.papermill.err, "adding: " in unasked.clew.err) == (True, False)
    assert unasked.clew.notebooks == unasked.papermill.notebooks


# --- what fails ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def failed(both: Beside) -> Pair:
    """A notebook whose second cell fails."""
    files = {"in.ipynb": notebook("a = 1", "print('before')\n1 / 0", "b = 2", tags={0: ["parameters"]})}
    return both.type("in.ipynb", "out.ipynb", QUIET, "-p", "a", "2", "--stdout-file", "-", files=files)


def test_a_cell_that_fails_ends_it_with_1_and_marks_it_in_out(failed: Pair) -> None:
    failed.assert_same(1)
    assert failed.clew.out == failed.papermill.out == "before\n"
    written = failed.clew.read()
    assert statuses(written) == ["completed", "completed", "failed", "pending"]
    assert written["metadata"]["papermill"]["exception"] is True
    marked = [cell for cell in written["cells"] if "papermill-error-cell-tag" in cell["metadata"]["tags"]]
    assert [written["cells"].index(cell) for cell in marked] == [0, 3]
    # The cell's own traceback stands on both, papermill's on one.
    told = failed.papermill.err[failed.papermill.err.index("-----") :]
    assert told.strip() in failed.clew.err and "papermill/" in failed.papermill.err
    assert "papermill/" not in failed.clew.err


def test_an_out_with_marks_of_a_failure_runs_without_them_again(both: Beside, failed: Pair) -> None:
    for left in (failed.papermill, failed.clew):
        files = {"in.ipynb": (left.folder / "out.ipynb").read_text()}
        pair = both.type("in.ipynb", "out.ipynb", "--prepare-only", "-p", "a", "3", files=files)
        pair.assert_same()
        assert [cell["source"] for cell in pair.clew.read()["cells"]][:2] == [
            ["a = 1"],
            ["# Parameters\n", "a = 3\n"],
        ]
        assert len(pair.clew.read()["cells"]) == 4


@pytest.mark.parametrize(
    ("code", "exit"), [("sys.exit(0)", 0), pytest.param("sys.exit(3)", 1, marks=pytest.mark.long)]
)
def test_a_notebook_that_leaves_by_itself_is_done_if_it_says_so(both: Beside, code: str, exit: int) -> None:
    pair = both.type(
        "in.ipynb", "out.ipynb", QUIET, files={"in.ipynb": notebook("import sys", code, "b = 2")}
    )
    pair.assert_same(exit)
    assert statuses(pair.clew.read()) == ["completed", "failed", "pending"]


def test_a_cell_that_may_raise_fails_nothing(both: Beside) -> None:
    files = {"in.ipynb": notebook("1 / 0", "print('on')", tags={0: ["raises-exception"]})}
    pair = both.type("in.ipynb", "out.ipynb", QUIET, files=files)
    assert (pair.papermill.exit, pair.clew.exit) == (1, 0)
    ours, theirs = (code_cells(comparable(left.read())) for left in (pair.clew, pair.papermill))
    assert ours == theirs and lines(ours[1]) == "on\n"
    # papermill marks it as what ended the notebook, though nothing did.
    assert len(pair.papermill.read()["cells"]) == len(pair.clew.read()["cells"]) + 2


SIGNALLED = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(100)"


def test_the_traceback_of_an_interrupt_that_a_cell_causes_itself_stands_in_out(both: Beside) -> None:
    cells = ("print('before')\nraise KeyboardInterrupt", SIGNALLED)
    files = {"in.ipynb": notebook(*cells, "a = 1", tags={0: ["raises-exception"]})}
    pair = both.type("in.ipynb", "out.ipynb", QUIET, files=files)
    assert (pair.papermill.exit, pair.clew.exit) == (1, 1)
    ours, theirs = (code_cells(comparable(left.read())) for left in (pair.clew, pair.papermill))
    assert [cell["outputs"] for cell in ours] == [cell["outputs"] for cell in theirs]
    assert [cell["outputs"][-1]["ename"] for cell in ours[:2]] == ["KeyboardInterrupt"] * 2


def test_a_cell_that_takes_too_long_ends_it_with_1(both: Beside) -> None:
    files = {"in.ipynb": notebook("a = 1", "import time\nfor _ in range(3000): time.sleep(0.1)", "b = 2")}
    pair = both.type("in.ipynb", "out.ipynb", QUIET, "--execution-timeout", "1", files=files)
    assert (pair.papermill.exit, pair.clew.exit) == (1, 1)
    assert pair.clew.said[:3] == pair.papermill.said[:3] and "A cell timed out" in pair.clew.err
    assert statuses(pair.papermill.read()) == ["completed", "completed", "completed"]
    assert statuses(pair.clew.read()) == ["completed", "failed", "pending"]


def test_a_kernel_that_dies_ends_it_with_138(both: Beside) -> None:
    files = {"in.ipynb": notebook("a = 1", "import os; os.kill(os.getpid(), 9)", "b = 2")}
    pair = both.type("in.ipynb", "out.ipynb", QUIET, files=files)
    assert (pair.papermill.exit, pair.clew.exit) == (138, 138)
    assert statuses(pair.papermill.read()) == ["completed", "completed", "completed"]
    assert statuses(pair.clew.read()) == ["completed", "failed", "pending"]


def test_ctrl_c_ends_papermill_with_1_and_clew_with_130(desk: Desk) -> None:
    beginning = "import time\nprint('begun', flush=True)\nfor _ in range(3000): time.sleep(0.1)"
    desk.notebook("long", "a = 1", beginning, "b = 2")
    ends, found = {"papermill": PAPERMILL, "clew": [CLEW, "run"]}, {}
    for program, command in ends.items():
        ends[program] = subprocess.Popen(
            [*command, "long.ipynb", f"{program}-long.ipynb", "--log-output"],
            cwd=desk.folder, env=desk.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=hear_interrupts,
        )  # fmt: skip
    for program, process in ends.items():
        for line in process.stderr:
            if "begun" in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=NEVER)
        found[program] = process.returncode, statuses(desk.read(f"{program}-long.ipynb"))
    enames = [
        output["ename"]
        for output in code_cells(desk.read("clew-long.ipynb"))[1]["outputs"][1:]
        if "ename" in output
    ]
    assert enames == ["KeyboardInterrupt"]
    assert found["papermill"] == (1, ["completed", "completed", "completed"])
    assert found["clew"] == (130, ["completed", "failed", "pending"])


def test_a_kernel_that_is_not_there_ends_it_with_1(both: Beside) -> None:
    pair = both.type("in.ipynb", "out.ipynb", "-k", "nosuch", QUIET, files={"in.ipynb": notebook("a = 1")})
    pair.assert_same(1)
    assert "The kernel nosuch did not start" in pair.clew.err and "jupyter kernelspec list" in pair.clew.err
    nameless = notebook("a = 1", kernelspec=None, language_info={"name": "python"})
    pair = both.type("in.ipynb", "out.ipynb", QUIET, files={"in.ipynb": nameless})
    pair.assert_same(1)
    assert "The notebook names no kernel" in pair.clew.err
    planned = both.desk.run("in.ipynb", "--plan", cwd=pair.clew.folder)
    assert planned.exit == 1 and "The notebook names no kernel" in planned.err
    pair = both.type("in.ipynb", "out.ipynb", "-p", "a", "2", files={"in.ipynb": nameless})
    pair.assert_same(1)
    assert "The notebook names no kernel" in pair.clew.err and "`-k python3`" in pair.clew.err


def test_the_language_of_parameters_is_the_kernels_where_the_notebook_names_none(desk: Desk) -> None:
    """papermill asks for `--language` there."""
    (desk.folder / "in.ipynb").write_text(notebook("print(a)", kernelspec=None, language_info=None))
    typed = desk.run("in.ipynb", "out.ipynb", "-k", "python3", "-p", "a", "2")
    assert typed.exit == 0 and "a = 2" in "".join(desk.read("out.ipynb")["cells"][0]["source"]), typed
    typed = desk.run("in.ipynb", "out.ipynb", "-k", "python3", "-p", "a", "2", "--language", "q")
    assert typed.exit == 1 and "`--language python`" in typed.err, typed
    typed = desk.run("in.ipynb", "out.ipynb", "-k", "nosuch", "-p", "a", "2")
    assert typed.exit == 1 and "Neither the notebook nor the kernel nosuch" in typed.err, typed


@pytest.mark.parametrize(
    "program", [["false"], pytest.param(["sleep", "100"], marks=pytest.mark.long)], ids=["gone", "silent"]
)
def test_a_kernel_that_does_not_answer_ends_it_with_1(both: Beside, program: list[str]) -> None:
    spec = both.desk.home / "jupyter/data/kernels" / program[0]
    spec.mkdir(parents=True)
    told = {"argv": program, "display_name": program[0], "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(told))
    words = ["-k", program[0], "--start-timeout", "1", QUIET]
    pair = both.type("in.ipynb", "out.ipynb", *words, files={"in.ipynb": notebook("a = 1")})
    pair.assert_same(1)
    assert f"The kernel {program[0]} did not start" in pair.clew.err and "Traceback" not in pair.clew.err


def test_a_file_for_what_is_printed_that_can_not_be_made_ends_it_with_1(both: Beside) -> None:
    files = {"in.ipynb": notebook("a = 1", "print('out')", "b = 2")}
    pair = both.type("in.ipynb", "out.ipynb", QUIET, "--stdout-file", "no/such/file.txt", files=files)
    assert (pair.papermill.exit, pair.clew.exit) == (1, 1)
    assert "no/such/file.txt" in pair.clew.err and "Traceback" not in pair.clew.err


# --- the other ways in ---------------------------------------------------------------------------------------------


def test_papermills_command_takes_clew_as_its_engine(both: Beside) -> None:
    files = {"in.ipynb": notebook("a = 1", "print(a)", "1 / 0", "b = 2", tags={0: ["parameters"]})}
    words = ["in.ipynb", "out.ipynb", QUIET, "-p", "a", "2", "--stdout-file", "printed.txt"]
    pair = both.type(*words, files=files)
    pair.assert_same(1)
    folder = pair.clew.folder.with_name("engine")
    folder.mkdir()
    (folder / "in.ipynb").write_text(files["in.ipynb"])
    plugged: Left = both.one("papermill", folder, [*words, "--engine", "clew"])
    assert plugged.exit == 1 and plugged.notebooks == pair.papermill.notebooks
    assert (
        plugged.files == pair.papermill.files == {"printed.txt": "2\n"}
        and plugged.said == pair.papermill.said
    )
    assert outcomes(plugged.read()) == ["executed", "executed", "executed", "failed", None]


CALLED = """
import json, sys
import nbformat, papermill
from papermill.exceptions import PapermillExecutionError

engine = None if sys.argv[1] == "papermill" else sys.argv[1]
given = nbformat.read("called.ipynb", as_version=4)
options = {"engine_name": engine, "progress_bar": False, "parameters": {"alpha": 2}}
returned = papermill.execute_notebook(nbformat.from_dict({**given, "cells": given.cells[:1]}), None, **options)
nbformat.write(returned, f"{sys.argv[1]}-returned.ipynb")
try:
    papermill.execute_notebook("called.ipynb", f"{sys.argv[1]}-out.ipynb", allow_errors=True, **options)
except PapermillExecutionError as error:
    print(error.ename, error.exec_count)
"""


def test_a_program_that_calls_papermill_can_name_clew_and_give_nbclients_options(desk: Desk) -> None:
    text = notebook("alpha = 1\nalpha", "1 / 0", "print(alpha)", tags={0: ["parameters"]})
    (desk.folder / "called.ipynb").write_text(text)
    programs = ("papermill", "clew")
    said = [desk.python(CALLED, program) for program in programs]
    assert [typed.out for typed in said] == ["ZeroDivisionError 3\n"] * 2, said
    for name in ("returned", "out"):
        theirs, ours = (comparable(desk.read(f"{program}-{name}.ipynb")) for program in programs)
        for written in (theirs, ours):
            written["metadata"]["papermill"].pop("output_path")
            # The second notebook has cells of the first, which need not run again: then no messages came.
            for cell in written["cells"]:
                cell["metadata"].pop("execution", None)
        assert ours == theirs
    # `allow_errors` is nbclient's: the cell behind the failed one was executed.
    assert lines(code_cells(desk.read("clew-out.ipynb"))[3]) == "2\n"
