"""papermill's options, one by one, as far as no cell has to be executed: what papermill makes of them, and what `clew run` does.

Every option that papermill has must stand in `SHOWN` with the test that compares it, so one that comes with a later papermill is
noticed. Options of execution are compared in `test_papermill_running.py`.
"""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import papermill
import pytest
from beside import Beside, notebook
from desk import Desk, outcomes
from harness import REPOSITORY
from papermill.cli import papermill as command
from papermill.iorw import papermill_io

from clew.run.options import Options
from clew.run.papermill_bridge import prepare

HERE, RUNNING = "test_papermill.py", "test_papermill_running.py"
#: Each option of papermill, and the test that compares it.
SHOWN = {
    "--help-notebook": "test_the_help_of_a_notebook_lists_its_parameters",
    "--parameters": "test_a_prepared_notebook_is_the_same[long names]",
    "-p": "test_a_prepared_notebook_is_the_same[-p]",
    "--parameters_raw": "test_a_prepared_notebook_is_the_same[long names]",
    "-r": "test_a_prepared_notebook_is_the_same[-r]",
    "--parameters_file": "test_a_prepared_notebook_is_the_same[long names]",
    "-f": "test_a_prepared_notebook_is_the_same[-f]",
    "--parameters_yaml": "test_a_prepared_notebook_is_the_same[long names]",
    "-y": "test_a_prepared_notebook_is_the_same[-y]",
    "--parameters_base64": "test_a_prepared_notebook_is_the_same[long names]",
    "-b": "test_a_prepared_notebook_is_the_same[-b]",
    "--inject-input-path": "test_a_prepared_notebook_is_the_same[--inject-input-path]",
    "--inject-output-path": "test_a_prepared_notebook_is_the_same[--inject-output-path]",
    "--inject-paths": "test_a_prepared_notebook_is_the_same[--inject-paths]",
    "--engine": "test_only_clew_is_an_engine_of_clew_run",
    "--request-save-on-cell-execute": "test_out_is_written_after_every_cell_unless_told_otherwise",
    "--no-request-save-on-cell-execute": "test_out_is_written_after_every_cell_unless_told_otherwise",
    "--autosave-cell-every": "test_out_is_written_while_a_cell_runs",
    "--prepare-only": "test_a_prepared_notebook_is_the_same[nothing]",
    "--prepare-execute": "test_a_prepared_notebook_is_the_same[--prepare-execute]",
    "--kernel": "test_a_prepared_notebook_is_the_same[--kernel]",
    "-k": "test_a_kernel_that_is_not_there_ends_it_with_1",
    "--language": "test_a_prepared_notebook_is_the_same[--language]",
    "-l": "test_a_prepared_notebook_is_the_same[-l]",
    "--cwd": "test_an_executed_notebook_is_the_same",
    "--progress-bar": "test_progress_is_drawn_where_it_is_asked_for",
    "--no-progress-bar": "test_progress_is_drawn_where_it_is_asked_for",
    "--log-output": "test_an_executed_notebook_is_the_same",
    "--no-log-output": "test_out_is_written_after_every_cell_unless_told_otherwise",
    "--stdout-file": "test_an_executed_notebook_is_the_same",
    "--stderr-file": "test_an_executed_notebook_is_the_same",
    "--log-level": "test_a_prepared_notebook_is_the_same[--log-level]",
    "--start-timeout": "test_a_kernel_that_does_not_answer_ends_it_with_1",
    "--start_timeout": "test_papermills_older_spelling_of_an_option_is_understood",
    "--execution-timeout": "test_a_cell_that_takes_too_long_ends_it_with_1",
    "--report-mode": "test_a_prepared_notebook_is_the_same[--report-mode]",
    "--no-report-mode": "test_a_prepared_notebook_is_the_same[--no-report-mode]",
    "--version": "test_versions_are_told_by_the_command_itself",
}

#: The rows of *Differences from papermill* in the guide, by what stands in their first column, and the test that holds both sides to it.
DIFFERENT = {
    "Ctrl+C": "test_ctrl_c_ends_papermill_with_1_and_clew_with_130",
    "a cell that is interrupted, takes too long or kills the kernel": "test_a_cell_that_takes_too_long_ends_it_with_1",
    "a cell tagged `raises-exception` raises": "test_a_cell_that_may_raise_fails_nothing",
    "a cell without changed inputs": "test_cells_that_are_not_executed_are_told_and_logged_all_the_same",
    "progress": "test_progress_is_drawn_where_it_is_asked_for",
    "cells without ids (older notebooks, scripts), the cell of the parameters": "test_the_same_cells_get_the_same_ids",
    "errors": "test_what_can_not_be_read_written_or_understood_exits_as_papermill_does",
    "`--engine`": "test_only_clew_is_an_engine_of_clew_run",
    "`--version`": "test_versions_are_told_by_the_command_itself",
    "the kernel's environment": "test_an_executed_notebook_is_the_same",
}

CELLS = ["alpha = 0.1\nn: int = 3  # how many\nflag = False", "# text between", "print('out'); alpha", ""]
TAGS = {0: ["parameters"]}
ENCODED = base64.b64encode(b"gamma: {x: 1}\nalpha: 1").decode()
MORE = "delta: 4\nalpha: 2\n"


WHOLE = notebook(*CELLS, tags=TAGS)


@pytest.fixture(scope="module")
def both(desk: Desk) -> Beside:
    """papermill and `clew run`."""
    return Beside(desk)


# --- all options ---------------------------------------------------------------------------------------------------


def test_every_option_that_papermill_has_is_compared() -> None:
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    assert options - {"notebook_path", "output_path"} == set(SHOWN)
    written = "".join((Path(__file__).parent / name).read_text() for name in (HERE, RUNNING))
    for test in {*SHOWN.values(), *DIFFERENT.values()}:
        name, _, case = test.partition("[")
        assert f"def {name}(" in written, test
        assert not case or case[:-1] in PREPARED, test


def test_every_difference_in_the_guide_is_one_that_is_tested() -> None:
    guide = (REPOSITORY / "docs/guide/repeat.md").read_text()
    table = guide.partition("## Differences from papermill")[2].partition("\n\nCells carry")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert rows[1:] == list(DIFFERENT)
    told = guide.partition("## Options from papermill")[2].partition("## Exit codes")[0]
    for option in SHOWN:
        assert f"`{option}" in told, f"{option} is not in the guide"


# --- prepared notebooks --------------------------------------------------------------------------------------------

TYPED = {
    "0": "0", "-3": "-3", "1_000": "1000", " 7 ": "7", "007": "7", "0.5": "0.5", "1e3": "1000.0", "nan": "float('nan')",
    "-inf": "float('-inf')", "True": "True", "False": "False", "None": "None", "true": '"true"', "none": '"none"', "": '""',
    "text": '"text"', "[1, 2]": '"[1, 2]"', "{'a': 1}": "\"{'a': 1}\"", 'a "b" \\n': '"a \\"b\\" \\\\n"', "ä": '"\\xe4"',
    "-x": '"-x"', "--plan": '"--plan"', "a=b": '"a=b"', "0x10": '"0x10"',
}  # fmt: skip

#: Words, and what the notebook holds then.
PREPARED: dict[str, tuple[list[str], list[str]]] = {
    "nothing": ([], []),
    "-p": (
        [word for at, value in enumerate(TYPED) for word in ("-p", f"name{at}", value)],
        [f"name{at} = {text}\n" for at, text in enumerate(TYPED.values())],
    ),
    "-r": (["-r", "alpha", "007", "-r", "flag", "True"], ['alpha = "007"\n', 'flag = "True"\n']),
    "-f": (["-f", "more.yaml", "-f", "more.json"], ["alpha = [1, 2]\n", "delta = 4\n"]),
    "-f -": (["-f", "-"], ["delta = 4\n"]),
    "-y": (
        ["-y", "{beta: [1, 2], day: 2020-01-01, none: null, agreed: yes, nested: {a: [true, 1.5]}}"],
        ["beta = [1, 2]\n", 'day = "2020-01-01"\n', "none = None\n", "agreed = True\n", 'nested = {"a": [True, 1.5]}\n'],
    ),
    "-y empty": (["-y", "", "-p", "n", "1"], ["n = 1\n"]),
    "-b": (["-b", ENCODED], ['gamma = {"x": 1}\n', "alpha = 1\n"]),
    "base64, then a file": (["-f", "more.yaml", "-b", ENCODED], ["alpha = 2\n"]),
    "a file, then YAML": (["-y", "alpha: 3", "-f", "more.yaml"], ["alpha = 3\n", "delta = 4\n"]),
    "YAML, then a typed one": (["-p", "alpha", "4", "-y", "alpha: 3"], ["alpha = 4\n"]),
    "a typed one, then a raw one": (["-r", "alpha", "5", "-p", "alpha", "4"], ['alpha = "5"\n']),
    "of two of a kind the last": (["-p", "alpha", "1", "-p", "alpha", "2"], ["alpha = 2\n"]),
    "long names": (
        [
            *("--parameters", "alpha", "1", "--parameters_raw", "raw", "1", "--parameters_file", "more.json"),
            *("--parameters_yaml", "beta: 2", "--parameters_base64", ENCODED),
        ],
        ["alpha = 1\n", 'raw = "1"\n', "beta = 2\n", 'gamma = {"x": 1}\n'],
    ),
    "--inject-input-path": (["--inject-input-path"], ['PAPERMILL_INPUT_PATH = "in.ipynb"\n']),
    "--inject-output-path": (["--inject-output-path"], ['PAPERMILL_OUTPUT_PATH = "out.ipynb"\n']),
    "--inject-paths": (
        ["--inject-paths", "-p", "n", "1"],
        ['PAPERMILL_INPUT_PATH = "in.ipynb"\n', 'PAPERMILL_OUTPUT_PATH = "out.ipynb"\n', "n = 1\n"],
    ),
    "--report-mode": (["--report-mode", "-p", "n", "1"], ['"source_hidden": true', "n = 1\n"]),
    "--no-report-mode": (["--report-mode", "--no-report-mode"], []),
    "--log-level": (["--log-level", "WARNING", "-p", "nobody", "1"], ["nobody = 1\n"]),
    "--log-level ERROR": (["--log-level", "ERROR", "-p", "nobody", "1"], ["nobody = 1\n"]),
    "--log-level NOTSET": (["--log-level", "NOTSET"], []),
    "--language": (["--language", "R", "-p", "flag", "True"], ["flag = TRUE\n"]),
    "-l": (["-l", "python", "-p", "flag", "True"], ["flag = True\n"]),
    "--kernel": (["--kernel", ".net-csharp", "-p", "flag", "True"], ["var flag = true;\n"]),
    "--cwd": (["--cwd", "sub", "-f", "more.yaml"], ["delta = 4\n"]),
    "--prepare-execute": (["--prepare-execute", "--prepare-only"], []),
}  # fmt: skip
FILES = {"in.ipynb": WHOLE, "more.yaml": MORE, "more.json": '{"alpha": [1, 2]}', "sub/there": ""}


@pytest.mark.parametrize("case", PREPARED)
def test_a_prepared_notebook_is_the_same(both: Beside, case: str) -> None:
    words, held = PREPARED[case]
    given = MORE if case == "-f -" else None
    pair = both.type("in.ipynb", "out.ipynb", "--prepare-only", *words, files=FILES, given=given)
    pair.assert_same()
    text = json.dumps(pair.clew.read(), ensure_ascii=False)
    for piece in held:
        assert json.dumps(piece, ensure_ascii=False)[1:-1] in text or piece in text, (piece, text)
    assert ("Passed unknown parameter: nobody" in pair.clew.err) == (case == "--log-level")
    assert ("Input Notebook:  in.ipynb" in pair.clew.err) == (
        case not in ("--log-level", "--log-level ERROR")
    )


def test_without_a_language_parameters_are_refused_unless_it_is_named(both: Beside) -> None:
    nameless = notebook(
        *CELLS, tags=TAGS, kernelspec={"name": "some", "display_name": "Some"}, language_info=None
    )
    words = ["in.ipynb", "out.ipynb", "--prepare-only", "-p", "flag", "True"]
    both.type(*words, files={"in.ipynb": nameless}).assert_same(1)
    pair = both.type(*words, "-l", "R", files={"in.ipynb": nameless})
    pair.assert_same()
    assert "flag = TRUE\n" in pair.clew.read()["cells"][1]["source"]


def test_without_a_cell_of_parameters_they_stand_first_and_a_line_says_so(both: Beside) -> None:
    words = ["in.ipynb", "out.ipynb", "--prepare-only", "-p", "alpha", "7"]
    pair = both.type(*words, files={"in.ipynb": notebook("alpha = 1", "alpha")})
    pair.assert_same()
    assert "does not contain a cell with tag 'parameters'" in pair.clew.err
    assert pair.clew.read()["cells"][0]["source"] == ["# Parameters\n", "alpha = 7\n"]


def test_parameters_of_a_notebook_that_was_prepared_before_are_replaced(both: Beside) -> None:
    words = ["in.ipynb", "out.ipynb", "--prepare-only"]
    first = both.type(*words, "-p", "alpha", "7", "-p", "n", "1", files=FILES)
    again = [{"in.ipynb": json.dumps(left.read())} for left in (first.papermill, first.clew)]
    for files in again:
        pair = both.type(*words, "-p", "alpha", "8", files=files)
        pair.assert_same()
        cells = pair.clew.read()["cells"]
        assert len(cells) == 5 and cells[1]["source"] == ["# Parameters\n", "alpha = 8\n"]
    # Without any, what was put in stays.
    pair = both.type(*words, files=again[0])
    pair.assert_same()
    assert pair.clew.read()["cells"][1]["source"] == ["# Parameters\n", "alpha = 7\n", "n = 1\n"]


def test_a_notebook_may_be_written_over_itself(both: Beside) -> None:
    pair = both.type("in.ipynb", "in.ipynb", "--prepare-only", "-p", "alpha", "7", files=FILES)
    pair.assert_same()
    assert len(pair.clew.read("in.ipynb")["cells"]) == 5


OLDER = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": "old"},
    "worksheets": [
        {
            "metadata": {},
            "cells": [
                {"cell_type": "code", "language": "python", "input": "a = 1", "outputs": [], "metadata": {}}
            ],
        }
    ],
}


def test_the_same_cells_get_the_same_ids(both: Beside) -> None:
    fourth = json.loads(WHOLE) | {"nbformat_minor": 4}
    for cell in fourth["cells"]:
        del cell["id"]
    found = []
    for _ in range(2):
        pair = both.type(
            "in.ipynb", "out.ipynb", "--prepare-only", "-p", "n", "1", files={"in.ipynb": json.dumps(fourth)}
        )
        found.append([[cell["id"] for cell in left.read()["cells"]] for left in (pair.papermill, pair.clew)])
    (theirs, ours), (theirs_again, ours_again) = found
    assert ours == ours_again and not set(theirs) & set(theirs_again)


def test_a_notebook_of_an_older_format_is_upgraded(both: Beside) -> None:
    pair = both.type("in.ipynb", "out.ipynb", "--prepare-only", files={"in.ipynb": json.dumps(OLDER)})
    for left in (pair.papermill, pair.clew):
        assert left.exit == 0, left
    ours, theirs = pair.clew.read(), pair.papermill.read()
    assert (
        [cell["source"] for cell in ours["cells"]]
        == [cell["source"] for cell in theirs["cells"]]
        == [["a = 1"]]
    )
    assert (
        ours["nbformat_minor"] == theirs["nbformat_minor"]
        and ours["metadata"].keys() == theirs["metadata"].keys()
    )


# --- paths, pipes, addresses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["in.ipynb", "out-{alpha}.ipynb", "-p", "alpha", "5"], "out-5.ipynb"),
        (["{name}.ipynb", "out.ipynb", "-p", "name", "in", "--inject-paths"], "out.ipynb"),
        (["in.ipynb", "{pm[current_datetime_utc].year}.ipynb"], None),
        (["in.ipynb", "{{out}}.ipynb"], "{out}.ipynb"),
    ],
)
def test_parameters_fill_in_paths(both: Beside, words: list[str], written: str | None) -> None:
    pair = both.type(*words, "--prepare-only", files=FILES)
    pair.assert_same()
    assert len(pair.clew.notebooks) == 2 and (written is None or written in pair.clew.notebooks)


@pytest.mark.parametrize("path", ["{nobody}.ipynb", "{0}.ipynb", "{.ipynb", "}.ipynb", "{pm.run_uuid}.ipynb"])
def test_what_can_not_be_filled_in_ends_it_with_1(both: Beside, path: str) -> None:
    pair = both.type("in.ipynb", path, "--prepare-only", "-p", "alpha", "5", files=FILES)
    pair.assert_same(1)
    assert "Error: " in pair.clew.err and set(pair.clew.notebooks) == {"in.ipynb"}


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["-", "-"], True),
        ([], True),
        (["-", "out.ipynb"], True),
        (["out.ipynb"], True),
        (["in.ipynb", "-"], False),
        (["in.ipynb"], False),
        (["-", "-", "--inject-paths", "--log-level", "WARNING"], True),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else "",
)
def test_through_pipes_the_notebook_goes_from_input_to_output(
    both: Beside, words: list[str], given: bool
) -> None:
    piped = WHOLE if given else None
    pair = both.type(*words, "--prepare-only", "-p", "n", "1", files=FILES, given=piped)
    pair.assert_same()
    assert ("out.ipynb" in words) == (pair.clew.out == "") == ("-" not in pair.clew.notebooks)


class Served(BaseHTTPRequestHandler):
    """Serves one notebook, and keeps what is put."""

    taken: dict[str, Any]

    def do_GET(self) -> None:
        """Answers with the notebook, or that there is none."""
        is_there = self.path.partition("?")[0].endswith("/in.ipynb")
        text = WHOLE if is_there else "there is none"
        self.send_response(200 if is_there else 404)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self) -> None:
        """Takes a notebook, or refuses it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken[self.path] = json.loads(body)
        self.send_response(403 if "refused" in self.path else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def test_notebooks_are_read_from_and_written_to_the_web_as_papermill_does(both: Beside) -> None:
    taken: dict[str, Any] = {}
    handler = type("Taking", (Served,), {"taken": taken})
    direct = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}"

        def typed(*words: str) -> Any:
            return both.type(*words, "--prepare-only", "-p", "alpha", "2", env=direct)

        pair = typed(f"{place}/in.ipynb?raw", "out.ipynb")
        pair.assert_same()
        assert pair.clew.read()["metadata"]["papermill"]["input_path"] == f"{place}/in.ipynb?raw"
        typed(f"{place}/in.ipynb", f"{place}/{{alpha}}/out.ipynb").assert_same()
        typed(f"{place}/gone.ipynb", "out.ipynb").assert_same(1)
        typed(f"{place}/in.ipynb", f"{place}/refused.ipynb").assert_same(1)
        server.shutdown()
    assert len(taken["/2/out.ipynb"]["cells"]) == 5


SCHEMES = [scheme for scheme, _ in papermill_io._handlers if scheme not in ("-", "local")]


class Place:
    """A place where notebooks lie, in a handler of papermill's own kind."""

    def __init__(self) -> None:
        self.written: dict[str, str] = {}

    def read(self, path: str) -> bytes:
        """Bytes, as those of some places are."""
        assert path.endswith("in.ipynb")
        return WHOLE.encode()

    def write(self, text: str, path: str) -> None:
        """Keeps what is written."""
        self.written[path] = text

    def pretty_path(self, path: str) -> str:
        """How it is named."""
        return path


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_address_that_papermill_knows_goes_to_papermills_handler(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    place = Place()
    handlers = [(known, place if known == scheme else handler) for known, handler in papermill_io._handlers]
    monkeypatch.setattr(papermill_io, "_handlers", handlers)
    given, ours, theirs = (f"{scheme}a/{name}.ipynb" for name in ("in", "ours", "theirs"))
    assert prepare(Options(input=given, output=ours, parameters=["alpha", "2"])) == 0
    papermill.execute_notebook(given, theirs, {"alpha": 2}, prepare_only=True)
    assert place.written.keys() == {ours, theirs}
    written = [json.loads(text)["cells"] for text in place.written.values()]
    for cells in written:
        cells[1]["id"] = "drawn"
    assert written[0] == written[1] and len(written[0]) == 5


# --- what is not there, not understood, or only told ---------------------------------------------------------------


def test_the_help_of_a_notebook_lists_its_parameters(both: Beside) -> None:
    pair = both.type("--help-notebook", "in.ipynb", files=FILES)
    assert pair.clew.exit == pair.papermill.exit == 0 and pair.clew.said == pair.papermill.said
    assert pair.clew.out.splitlines()[1:] == pair.papermill.out.splitlines()[1:]
    assert "n: int (default 3)" in pair.clew.out
    assert pair.clew.out.startswith("Usage: clew run [OPTIONS] IN [OUT]")
    assert pair.papermill.out.startswith("Usage: papermill [OPTIONS] NOTEBOOK_PATH [OUTPUT_PATH]")
    without = both.type("--help-notebook", "in.ipynb", files={"in.ipynb": notebook("a = 1")})
    assert without.clew.exit == without.papermill.exit == 1
    assert without.clew.out.splitlines()[1:] == without.papermill.out.splitlines()[1:]


#: Words, papermill's exit code, and what Clew says.
MISTAKES: dict[str, tuple[list[str], int, str]] = {
    "no IN": (["nowhere.ipynb", "out.ipynb"], 1, "nowhere.ipynb"),
    "no notebook": (["more.yaml", "out.ipynb"], 1, "more.yaml is not a notebook"),
    "no folder for OUT": (["in.ipynb", "no/such/out.ipynb"], 1, "no/such"),
    "OUT is a folder": (["in.ipynb", "sub"], 1, "sub: Is a directory"),
    "no folder to run in": (["in.ipynb", "out.ipynb", "--cwd", "nowhere", "--prepare-execute"], 1, "nowhere"),
    "no such file of parameters": (["in.ipynb", "out.ipynb", "-f", "nowhere.yaml"], 1, "nowhere.yaml"),
    "a file that is no YAML": (["in.ipynb", "out.ipynb", "-f", "broken.yaml"], 1, "broken.yaml is not YAML"),
    "a file of a list": (
        ["in.ipynb", "out.ipynb", "-f", "list.yaml"],
        1,
        "list.yaml does not map names to values",
    ),
    "no YAML": (["in.ipynb", "out.ipynb", "-y", "{a: "], 1, "value of `-y` is not YAML"),
    "YAML of a text": (
        ["in.ipynb", "out.ipynb", "-y", "alpha"],
        1,
        "value of `-y` does not map names to values",
    ),
    "no base64": (["in.ipynb", "out.ipynb", "-b", "YQ="], 1, "value of `-b` is not base64"),
    "a name without a value": (["in.ipynb", "out.ipynb", "-p", "alpha"], 2, "--parameters"),
    "an option that nobody knows": (["in.ipynb", "out.ipynb", "--nobody"], 2, "--nobody"),
    "no level": (["in.ipynb", "out.ipynb", "--log-level", "LOUD"], 2, "LOUD"),
    "no number": (["in.ipynb", "out.ipynb", "--start-timeout", "soon"], 2, "soon"),
    "a third path": (["in.ipynb", "out.ipynb", "more.ipynb"], 2, "more.ipynb"),
    "no path": ([], 2, "No notebook was given"),
    "a place whose package is missing": (["s3://a/in.ipynb", "out.ipynb"], 1, "papermill[s3]"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_what_can_not_be_read_written_or_understood_exits_as_papermill_does(both: Beside, case: str) -> None:
    words, code, said = MISTAKES[case]
    files = FILES | {"broken.yaml": "{a: ", "list.yaml": "- 1\n- 2"}
    pair = both.type("--prepare-only", *words, files=files)
    pair.assert_same(code)
    assert said in pair.clew.err and "Traceback" not in pair.clew.err, pair.clew.err
    assert ("Error: " in pair.clew.err) and ("Traceback" in pair.papermill.err) == (code == 1)


def test_only_clew_is_an_engine_of_clew_run(both: Beside) -> None:
    words = ["in.ipynb", "out.ipynb", "--prepare-only", "-p", "n", "1", "--engine"]
    both.type(*words, "clew", files=FILES).assert_same()
    pair = both.type(*words, "nbclient", files=FILES)
    assert (pair.papermill.exit, pair.clew.exit) == (0, 2)
    assert (
        "not with papermill's engine nbclient" in pair.clew.err and "papermill --engine NAME" in pair.clew.err
    )
    pair = both.type(*words, "nobody", files=FILES)
    assert (pair.papermill.exit, pair.clew.exit) == (1, 2)


def test_papermills_older_spelling_of_an_option_is_understood(both: Beside) -> None:
    both.type("in.ipynb", "out.ipynb", "--prepare-only", "--start_timeout", "5", files=FILES).assert_same()


def test_versions_are_told_by_the_command_itself(both: Beside, desk: Desk) -> None:
    pair = both.type("--version")
    assert (pair.papermill.exit, pair.clew.exit) == (0, 2)
    assert pair.papermill.out.startswith(papermill.__version__)
    told = desk.clew("--version")
    assert told.exit == 0 and told.out.startswith("clew ")


def test_a_kernel_that_is_called_python_is_the_one_of_this_python(desk: Desk) -> None:
    spec = {"name": "python", "display_name": "Python", "language": "python"}
    desk.notebook("called", "x = 1\nx", spec=spec)
    for _ in range(2):
        assert desk.run("called.ipynb", "called-out.ipynb").exit == 0
    assert outcomes(desk.read("called-out.ipynb")) == ["restored"]
    assert desk.papermill("--engine", "clew", "called.ipynb", "called-engine.ipynb").exit == 0
    assert outcomes(desk.read("called-engine.ipynb")) == ["restored"]
    desk.notebook("called", "x = 2\nx", spec=spec)
    assert desk.papermill("--engine", "clew", "called.ipynb", "called-engine.ipynb").exit == 0
    assert outcomes(desk.read("called-engine.ipynb")) == ["executed"]
