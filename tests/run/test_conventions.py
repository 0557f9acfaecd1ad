"""papermill and `clew run` on the same notebooks: what they write, say and exit with."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from desk import Desk, code_cells, statuses
from harness import Typed

GIVEN = [
    *("-p", "alpha", "0.5", "-p", "n", "-3", "-p", "flag", "True", "-p", "none", "None", "-p", "text", "1e"),
    *("-r", "code", "007", "-y", "{beta: [1, 2], day: 2020-01-01}", "-b"),
    base64.b64encode(b"gamma: {x: 1}").decode(),
    *("-f", "more.yaml"),
]
CELLS = [
    "alpha = 0.1\nn: int = 3  # how many\nflag = False",
    "# text between",
    "print('out'); alpha",
    "import sys; print('err', file=sys.stderr)",
    "",
    "never",
]
TAGS = {0: ["parameters"], 5: ["skip-execution"]}


class Both:
    """What each of the two left: what it said, and the notebook it wrote."""

    def __init__(self, desk: Desk, name: str, *words: str, given: bool = False) -> None:
        source = (desk.folder / f"{name}.ipynb").read_bytes()
        found = []
        for program, typed in (("papermill", desk.papermill), ("clew", desk.run)):
            mine = [word.replace("PROGRAM", program) for word in words]
            out = f"{program}-{name}.ipynb"
            if given:
                found.append(typed("-", "-", *mine, given=source.decode()))
                (desk.folder / out).write_text(found[-1].out)
            else:
                found.append(typed(f"{name}.ipynb", out, *mine))
        self.papermill, self.clew = found
        self.ours, self.theirs = desk.read(f"clew-{name}.ipynb"), desk.read(f"papermill-{name}.ipynb")
        assert (desk.folder / f"{name}.ipynb").read_bytes() == source, "IN was changed"

    def assert_same(self) -> None:
        """They agree on the exit code and on the notebook, but for what differs from run to run."""
        assert self.clew.exit == self.papermill.exit, (self.papermill, self.clew)
        assert comparable(self.ours) == comparable(self.theirs)


def comparable(notebook: Any) -> Any:
    """A notebook without times, drawn ids, the names of the two files, and what only Clew notes."""
    for cell in notebook["cells"]:
        cell["metadata"].pop("clew", None)
        if "execution" in cell["metadata"]:
            cell["metadata"]["execution"] = sorted(cell["metadata"]["execution"])
        tags = set(cell["metadata"]["tags"])
        if tags & {"injected-parameters", "papermill-error-cell-tag"}:
            cell["id"] = "drawn"
        timeless(cell["metadata"].get("papermill", {}))
    timeless(notebook["metadata"]["papermill"])
    return notebook


def timeless(notes: dict[str, Any]) -> None:
    for name in ("start_time", "end_time", "duration", "output_path"):
        if notes.get(name) is not None:
            notes[name] = type(notes[name]).__name__


def said(typed: Typed) -> list[str]:
    """What stands on standard error, without the names of the files and Python's own tracebacks."""
    text = re.sub(r"(papermill|clew)-", "", typed.err)
    return [line for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def executed(desk: Desk) -> Both:
    """A notebook with every way of giving parameters."""
    (desk.folder / "more.yaml").write_text("delta: 4\nalpha: 9\n")
    desk.notebook("whole", *CELLS, tags=TAGS)
    streams = ["--log-output", "--stdout-file", "PROGRAM.out", "--stderr-file", "PROGRAM.err"]
    return Both(desk, "whole", *GIVEN, *streams)


def test_a_notebook_comes_out_with_the_same_cells_outputs_and_metadata(executed: Both) -> None:
    executed.assert_same()
    assert executed.clew.exit == 0
    injected = "".join(executed.ours["cells"][1]["source"])
    assert (
        injected.startswith("# Parameters\n") and "alpha = 0.5\n" in injected and 'code = "007"\n' in injected
    )
    assert 'day = "2020-01-01"' in injected and "n = -3\n" in injected


def test_both_say_the_same_and_write_the_same_files(desk: Desk, executed: Both) -> None:
    assert executed.clew.out == executed.papermill.out == ""
    assert said(executed.clew) == said(executed.papermill)
    for ending in ("out", "err"):
        ours, theirs = (
            (desk.folder / f"{program}.{ending}").read_text() for program in ("clew", "papermill")
        )
        assert ours == theirs == f"{ending}\n"


def test_a_failing_cell_ends_it_with_1_and_with_papermills_markers(desk: Desk) -> None:
    desk.notebook("failing", "a = 1", "1 / 0", "b = 2")
    both = Both(desk, "failing")
    both.assert_same()
    assert both.clew.exit == 1
    assert statuses(both.ours) == ["completed", "failed", "pending"]
    marked = [cell for cell in both.ours["cells"] if "papermill-error-cell-tag" in cell["metadata"]["tags"]]
    assert len(marked) == 2
    assert "ZeroDivisionError: division by zero" in both.clew.err and "papermill/" not in both.clew.err
    # What is run again is without them.
    again = desk.run("clew-failing.ipynb", "again.ipynb", "--prepare-only")
    assert again.exit == 0 and len(desk.read("again.ipynb")["cells"]) == 3


def test_a_notebook_that_leaves_by_itself_is_done(desk: Desk) -> None:
    desk.notebook("leaving", "a = 1", "import sys; sys.exit(0)", "b = 2")
    both = Both(desk, "leaving")
    both.assert_same()
    assert both.clew.exit == 0 and statuses(both.ours)[0] == "completed"


PREPARED = [
    ["--prepare-only"],
    ["--prepare-only", "--report-mode", "-p", "alpha", "2", "--inject-input-path"],
    ["--prepare-only", "-p", "nobody", "2", "--log-level", "WARNING"],
]


@pytest.mark.parametrize("words", PREPARED, ids=["nothing", "report", "unknown"])
def test_a_prepared_notebook_is_the_same(desk: Desk, words: list[str]) -> None:
    desk.notebook("prepared", *CELLS, tags=TAGS)
    both = Both(desk, "prepared", *words)
    both.assert_same()
    assert both.clew.exit == 0 and said(both.clew) == said(both.papermill)
    assert ("Passed unknown parameter: nobody" in both.clew.err) == ("nobody" in words)


def test_parameters_of_a_notebook_that_was_run_are_replaced(desk: Desk) -> None:
    desk.notebook("first", *CELLS, tags=TAGS)
    assert desk.run("first.ipynb", "second.ipynb", "--prepare-only", "-p", "alpha", "7").exit == 0
    both = Both(desk, "second", "--prepare-only", "-p", "alpha", "8")
    both.assert_same()
    assert [cell["source"] for cell in both.ours["cells"][:2]][1] == ["# Parameters\n", "alpha = 8\n"]


def test_through_pipes_the_notebook_goes_from_input_to_output(desk: Desk) -> None:
    desk.notebook("piped", *CELLS, tags=TAGS)
    both = Both(desk, "piped", "--prepare-only", given=True)
    both.assert_same()
    assert both.clew.exit == 0 and both.clew.err == ""


def test_the_help_of_a_notebook_lists_its_parameters(desk: Desk) -> None:
    desk.notebook("helped", *CELLS, tags=TAGS)
    ours, theirs = (typed("--help-notebook", "helped.ipynb") for typed in (desk.run, desk.papermill))
    assert ours.exit == theirs.exit == 0
    assert ours.out.splitlines()[1:] == theirs.out.splitlines()[1:]
    assert "n: int (default 3)" in ours.out and ours.out.startswith("Usage: clew run [OPTIONS] IN [OUT]")


def test_what_can_not_be_read_written_or_named_exits_as_papermill_does(desk: Desk) -> None:
    desk.notebook("there", "1")
    desk.notebook("unnamed", "1", spec={"name": "", "display_name": "", "language": "python"})
    (desk.folder / "broken.ipynb").write_text("no notebook")
    for words in (
        ["nowhere.ipynb", "o.ipynb"],
        ["broken.ipynb", "o.ipynb"],
        ["there.ipynb", "no/such/folder/o.ipynb"],
        ["unnamed.ipynb", "o.ipynb"],
        ["there.ipynb", "o.ipynb", "-k", "nosuch"],
    ):
        ours, theirs = desk.run(*words), desk.papermill(*words)
        assert ours.exit == theirs.exit == 1, (words, ours, theirs)
        assert "Traceback" not in ours.err and "Error: " in ours.err, ours.err


def test_a_cell_that_may_raise_ends_nothing(desk: Desk) -> None:
    # nbclient's way: papermill goes on too, and fails the notebook at its end.
    desk.notebook("allowed", "1 / 0", "print('on')", tags={0: ["raises-exception"]})
    found = desk.run("allowed.ipynb", "allowed-out.ipynb")
    assert found.exit == 0, found
    cells = code_cells(desk.read("allowed-out.ipynb"))
    assert [cell["outputs"][0]["output_type"] for cell in cells] == ["error", "stream"]
