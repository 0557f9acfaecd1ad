"""What of a batch run Clew records, and where it can't."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import Any

import pytest
from desk import Desk, code_cells, outcomes

ECHO = textwrap.dedent("""
    from ipykernel.kernelapp import IPKernelApp
    from ipykernel.kernelbase import Kernel

    class Echo(Kernel):
        implementation = "echo"
        implementation_version = language_version = "1"
        language = "text"
        language_info = {"name": "text", "mimetype": "text/plain", "file_extension": ".txt"}
        banner = ""

        def do_execute(self, code, silent, store_history=True, user_expressions=None, allow_stdin=False):
            if not silent:
                self.send_response(self.iopub_socket, "stream", {"name": "stdout", "text": code})
            return {"status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {}}

    IPKernelApp.launch_instance(kernel_class=Echo)
""")


VARIABLES = "it depends on environment variables"


@pytest.fixture(scope="module")
def recorded(desk: Desk) -> Any:
    """A notebook that ran twice; the answer of `clew log` about the history of both."""
    (desk.folder / "within").mkdir()
    desk.notebook(
        "noted.ipynb",
        "import os\nx = dict(os.environ).get('CLEW')",
        "%clew status",
        "x, os.path.relpath(dict(os.environ)['JPY_SESSION_NAME'])",
    )
    for _ in range(2):
        assert desk.run("noted.ipynb", "noted-out.ipynb", "--cwd", "within").exit == 0
    return desk.clew("log", "--all", "-n", "0", "--json", "--history", "noted.ipynb").json


def test_runs_are_recorded_in_the_notebooks_own_history_with_its_cell_ids(recorded: Any) -> None:
    cells = [run["cell"] for run in recorded["runs"] if run["cell"] is not None]
    # A cell of commands only is no run.
    assert cells[::-1] == ["noted-0", "noted-2"] * 2


def test_the_notebook_says_which_runs_its_cells_are(desk: Desk, recorded: Any) -> None:
    numbers = [run["run"] for run in recorded["runs"] if run["cell"] is not None][:2]
    notes = [cell["metadata"]["clew"] for cell in code_cells(desk.read("noted-out.ipynb"))]
    assert [note.get("run") for note in notes] == [numbers[1], None, numbers[0]]
    assert [note["why"][-1] for note in notes] == [VARIABLES, "no run of it is recorded", VARIABLES]


def test_cells_see_nothing_of_clew(desk: Desk, recorded: Any) -> None:
    first, _, last = code_cells(desk.read("noted-out.ipynb"))
    # The second run offers no state of the first, and what held Clew back at the start is gone.
    assert first["outputs"] == []
    (shown,) = last["outputs"]
    assert "".join(shown["data"]["text/plain"]) == repr((None, "../noted.ipynb"))
    assert last["execution_count"] == 3


def test_with_clew_off_cells_are_executed_and_nothing_is_recorded(desk: Desk) -> None:
    desk.notebook("off.ipynb", "import sys\n'clew' in sys.modules")
    found = desk.run("off.ipynb", "off-out.ipynb", env={"CLEW": "off"})
    assert found.exit == 0 and "Clew" not in found.err
    (cell,) = code_cells(desk.read("off-out.ipynb"))
    assert cell["outputs"][0]["data"]["text/plain"] == ["False"] and cell["metadata"]["clew"] == {
        "outcome": "executed",
        "why": ["CLEW=off"],
    }


def test_a_kernel_of_another_language_executes_and_a_notice_says_that_nothing_is_recorded(desk: Desk) -> None:
    folder = desk.home / "jupyter/data/kernels/echo"
    folder.mkdir(parents=True)
    (folder / "echo.py").write_text(ECHO)
    argv = [sys.executable, str(folder / "echo.py"), "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Echo", "language": "text"})
    )
    desk.notebook("echo.ipynb", "hello", spec={"name": "echo", "display_name": "Echo", "language": "text"})
    found = desk.run("echo.ipynb", "echo-out.ipynb")
    assert found.exit == 0, found
    assert (
        "Clew: the kernel echo is not IPython: Clew executes its cells without recording them." in found.err
    )
    (cell,) = code_cells(desk.read("echo-out.ipynb"))
    assert cell["outputs"][0]["text"] == ["hello"]


def test_a_kernel_without_clew_executes_and_a_notice_says_what_to_install(desk: Desk) -> None:
    folder = desk.home / "jupyter/data/kernels/bare"
    folder.mkdir(parents=True)
    start = "import sys; sys.modules['clew'] = None; from ipykernel.kernelapp import launch_new_instance as go; go()"
    argv = [sys.executable, "-c", start, "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Bare", "language": "python"})
    )
    desk.notebook("bare.ipynb", "1 + 1", spec={"name": "bare", "display_name": "Bare", "language": "python"})
    found = desk.run("bare.ipynb", "-", "--explain")
    assert found.exit == 0 and "without recording them" in found.err and "`pip install clew`" in found.err
    # Standard output is the notebook's.
    (cell,) = code_cells(json.loads(found.out))
    assert cell["outputs"][0]["data"]["text/plain"] == ["2"] and "1  executed  1 + 1" in found.err


def test_papermills_own_command_takes_clew_as_its_engine(desk: Desk) -> None:
    desk.notebook("engine.ipynb", "a = 1", "# text", "a + 1")
    found = desk.papermill("--engine", "clew", "engine.ipynb", "engine-out.ipynb", "-p", "b", "2")
    assert found.exit == 0, found
    assert outcomes(desk.read("engine-out.ipynb")) == ["executed"] * 3
    answer = desk.clew("log", "--all", "-n", "0", "--json", "--history", "engine.ipynb").json
    cells = [run["cell"] for run in answer["runs"] if run["cell"] is not None]
    assert cells[:2] == ["engine-2", "engine-0"] and len(cells) == 3
