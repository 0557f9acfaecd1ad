"""A notebook that is run again: cells that nothing reaches are not executed, and what comes out is what running all of it gives."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from run.desk import Desk, code_cells, outcomes

RESTORED, EXECUTED = "restored", "executed"

#: A notebook with a chain of readers, a cell beside it, and one that reads a file and a module of its own.
CELLS = (
    "alpha = 2",
    "import numbers_of as mine\nrows = [int(line) for line in open('rows.txt')]",
    "def clean(values):\n    return [value * alpha for value in values]",
    "cleaned = clean(rows)\nprint(cleaned)",
    "beside = {'kept': None}\nbeside",
    "total = mine.total(cleaned)\ntotal",
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("repeat"))


def shown(notebook: Any) -> list[Any]:
    """What each code cell shows, and its number."""
    told = []
    for cell in code_cells(notebook):
        outputs = [
            {key: value for key, value in output.items() if key != "metadata"} for output in cell["outputs"]
        ]
        told.append((cell["execution_count"], outputs))
    return told


def write(desk: Desk, name: str, text: str) -> None:
    """Writes a file and has it be of another time, however quickly."""
    path = desk.folder / name
    path.write_text(text)
    later = time.time() + 5
    os.utime(path, (later, later))


class Book:
    """One notebook that is edited and run again, held against running all of it."""

    def __init__(self, desk: Desk, name: str, cells: tuple[str, ...]) -> None:
        self._desk, self._name = desk, name
        self.cells = list(cells)

    def run(self, *words: str) -> list[str]:
        """Runs it; what became of each cell. The outputs are those of a full run, and nothing runs when it is run once more."""
        self._desk.notebook(self._name, *self.cells)
        ran = self._desk.run(f"{self._name}.ipynb", "out.ipynb", *words)
        assert ran.exit == 0, ran
        told = outcomes(self._desk.read("out.ipynb"))
        if RESTORED not in told:
            return told
        plain = self._desk.papermill(f"{self._name}.ipynb", "plain.ipynb")
        assert plain.exit == 0, plain
        assert shown(self._desk.read("out.ipynb")) == shown(self._desk.read("plain.ipynb"))
        return told

    def why(self) -> dict[int, str]:
        """Why cells would run now, by number."""
        self._desk.notebook(self._name, *self.cells)
        told = json.loads(self._desk.run(f"{self._name}.ipynb", "--plan", "--json").out)
        cells = [cell for cell in told["cells"] if cell["outcome"] == EXECUTED]
        return {cell["number"]: "; ".join(cell["why"]) for cell in cells}


def test_p03_what_a_change_reaches_runs_again_and_nothing_else(desk: Desk) -> None:
    write(desk, "rows.txt", "1\n2\n3\n")
    write(desk, "numbers_of.py", "def total(values):\n    return sum(values)\n")
    book = Book(desk, "chain", CELLS)
    assert book.run() == [EXECUTED] * 6
    assert book.run() == [RESTORED] * 6
    assert book.why() == {}

    book.cells[0] = "alpha = 3  # was 2"
    assert book.why() == {
        1: "`alpha` 2 → 3",
        4: "`alpha` comes from cell 1, which runs",
        6: "`cleaned` comes from cell 4, which runs",
    }
    assert book.run() == [EXECUTED, RESTORED, RESTORED, EXECUTED, RESTORED, EXECUTED]

    write(desk, "rows.txt", "1\n2\n4\n")
    assert list(book.why()) == [2, 4, 6] and "rows.txt changed" in book.why()[2]
    assert book.run() == [RESTORED, EXECUTED, RESTORED, EXECUTED, RESTORED, EXECUTED]

    write(desk, "numbers_of.py", "def total(values):\n    return sum(values) + 100\n")
    told = book.run()
    assert (told[0], told[2], told[4], told[5]) == (RESTORED, RESTORED, RESTORED, EXECUTED)

    # Back to what it was: what was recorded first stands for all of it that it can.
    book.cells[0] = CELLS[0]
    assert book.run()[0] == RESTORED
    # Comments and layout are no change, a cell put in between that changes what they read is.
    book.cells[2] = "def clean(values):\n\n    # by a factor\n    return [value *  alpha for value in values]"
    book.cells.insert(3, "rows.append(7)")
    told = book.run()
    assert (told[:3], told[3:5], told[5:]) == ([RESTORED] * 3, [EXECUTED] * 2, [RESTORED, EXECUTED])


def test_p03_a_result_that_comes_out_the_same_does_not_reach_its_readers(desk: Desk) -> None:
    book = Book(desk, "cut", ("x = 5", "y = x > 3\nprint(y)", "z = [y] * 2\nz"))
    book.run()
    book.cells[0] = "x = 6"
    assert book.run() == [EXECUTED, EXECUTED, RESTORED]
    assert "`x` 5 → 6" not in str(book.why())
    # Who resumes it finds what the last cell left, though that was not executed.
    assert desk.clew("eval", "@", "z", "--history", "cut.ipynb", "--json").json["value"] == "[True, True]"


@pytest.mark.few(4)
@pytest.mark.parametrize(
    ("cells", "edit", "told"),
    [
        pytest.param(("x = None", "x is None"), lambda cells: None, [RESTORED, RESTORED], id="none"),
        pytest.param(
            ("n = [0]\ndef f():\n    n[0] += 1", "f()", "n"),
            lambda cells: cells.insert(2, "f()"),
            [RESTORED, RESTORED, EXECUTED, EXECUTED],
            id="a-function-changes-a-global-and-two-cells-say-the-same",
        ),
        pytest.param(
            ("x = 1", "del x", "'x' in globals()"),
            lambda cells: cells.pop(1),
            [RESTORED, EXECUTED],
            id="a-name-is-deleted",
        ),
        pytest.param(
            ("try:\n    found = extra\nexcept NameError:\n    found = 0", "found"),
            lambda cells: cells.insert(0, "extra = 7"),
            [EXECUTED, EXECUTED, EXECUTED],
            id="a-name-that-was-looked-for-in-vain",
        ),
        pytest.param(
            ("a = [3, 1]", "len(a)"),
            lambda cells: cells.insert(1, "len = max"),
            [RESTORED, EXECUTED, EXECUTED],
            id="a-built-in-name",
        ),
        pytest.param(
            ("a = [1]\nb = a", "a.append(2)", "b"),
            lambda cells: cells.__setitem__(0, "a = [1]\nb = [1]"),
            [EXECUTED, EXECUTED, EXECUTED],
            id="what-was-one-is-two",
        ),
        pytest.param(
            ("import numpy as np", "a = np.array([1.23456])", "a"),
            lambda cells: cells.insert(2, "np.set_printoptions(precision=2)"),
            [RESTORED, RESTORED, EXECUTED, EXECUTED],
            id="an-option",
        ),
        pytest.param(
            ("import random\nrandom.seed(1)", "x = random.random()", "x"),
            lambda cells: cells.insert(1, "random.seed(2)"),
            [RESTORED, EXECUTED, EXECUTED, EXECUTED],
            id="a-seed",
        ),
        pytest.param(
            ("class C:\n    n = 1", "c = C()", "c.n"),
            lambda cells: cells.__setitem__(0, "class C:\n    n = 2"),
            [EXECUTED, EXECUTED, EXECUTED],
            id="a-class",
        ),
    ],
)
def test_p03_no_edit_leaves_a_stale_value(
    desk: Desk,
    cells: tuple[str, ...],
    edit: Callable[[list[str]], object],
    told: list[str],
    request: pytest.FixtureRequest,
) -> None:
    book = Book(desk, request.node.callspec.id, cells)
    book.run()
    edit(book.cells)
    assert book.run() == told


def test_p06_what_can_not_be_repeated_runs_and_says_why(desk: Desk) -> None:
    book = Book(
        desk,
        "honest",
        (
            "import random, time",
            "x = random.random()",
            "then = time.time()",
            "random.seed(3)",
            "y = random.random()",
        ),
    )
    desk.notebook("honest", *book.cells)
    assert desk.run("honest.ipynb", "out.ipynb").exit == 0
    why = book.why()
    assert "random numbers" in why[2] and "depends on the time" in why[3] and 5 not in why
    desk.notebook("honest", *book.cells, tags={2: ["clew:pure"], 4: ["clew:always"]})
    told = json.loads(desk.run("honest.ipynb", "--plan", "--json").out)["cells"]
    assert [cell["outcome"] for cell in told[2:]] == [RESTORED, RESTORED, EXECUTED]


def test_cells_without_statements_are_not_executed_again(desk: Desk) -> None:
    book = Book(desk, "remarks", ("a = 1", "# b = 2\n# and so on", "b = a"))
    assert book.run() == [EXECUTED] * 3
    assert book.run() == [RESTORED] * 3


def test_a_failed_run_goes_on_at_the_failed_cell(desk: Desk) -> None:
    first = "open('ran.txt', 'w').close()\nmarks = [1]"
    desk.notebook("failing", first, "marks[2]", "marks")
    assert desk.run("failing.ipynb", "out.ipynb").exit == 1
    desk.notebook("failing", first, "marks[0]", "marks")
    ran = desk.run("failing.ipynb", "out.ipynb")
    assert (ran.exit, outcomes(desk.read("out.ipynb"))) == (0, [RESTORED, EXECUTED, EXECUTED])


def test_letters_that_standard_output_has_no_code_for_end_nothing(desk: Desk) -> None:
    desk.notebook("letters", "a = 1", "print('Grüße → 世界')", "a + 1")
    for option in ("--explain", "--plan", "--force"):
        typed = desk.run("letters.ipynb", "out.ipynb", option, env={"PYTHONIOENCODING": "ascii:strict"})
        assert (typed.exit, "Traceback" in typed.err) == (0, False), typed
        assert "Gr" in typed.out + typed.err or option == "--force", typed
    [output] = code_cells(desk.read("out.ipynb"))[1]["outputs"]
    assert "".join(output["text"]).strip() == "Grüße → 世界"


def test_parameters_reach_their_readers_only(desk: Desk) -> None:
    cells = ("alpha = 1", "base = 10\nbase", "alpha * 2", "alpha + base")
    desk.notebook("given", *cells, tags={0: ["parameters"]})
    out = "out.ipynb"
    assert desk.run("given.ipynb", out, "-p", "alpha", "5").exit == 0
    again = desk.run("given.ipynb", out, "-p", "alpha", "5")
    assert (again.exit, outcomes(desk.read(out))) == (0, [RESTORED] * 5)
    assert desk.run("given.ipynb", out, "-p", "alpha", "6").exit == 0
    assert outcomes(desk.read(out)) == [RESTORED, EXECUTED, RESTORED, EXECUTED, EXECUTED]
    assert desk.run("given.ipynb", out, "--from", "4").exit == 0
    assert outcomes(desk.read(out))[-2:] == [EXECUTED, EXECUTED]


def test_p03_a_file_that_a_cell_wrote_is_written_again_when_it_is_gone_or_another(desk: Desk) -> None:
    cells = (
        "text = 'one\\n' * 600",
        "open('made.txt', 'w').write(text)",
        "size = len(open('made.txt').read())\nsize",
    )
    desk.notebook("writes", *cells)
    made = desk.folder / "made.txt"
    assert desk.run("writes.ipynb", "out.ipynb").exit == 0
    assert desk.run("writes.ipynb", "--check").exit == 0
    for spoil in (made.unlink, lambda: made.write_text("two")):
        spoil()
        assert desk.run("writes.ipynb", "out.ipynb").exit == 0
        assert outcomes(desk.read("out.ipynb"))[:2] == [RESTORED, EXECUTED]
        assert made.read_text() == "one\n" * 600
        assert code_cells(desk.read("out.ipynb"))[2]["outputs"][0]["data"]["text/plain"] == ["2400"]


def test_p08_a_run_in_which_nothing_changed_starts_no_kernel_and_writes_no_run(desk: Desk) -> None:
    desk.notebook("still", "a = 1", "a + 1")
    assert desk.run("still.ipynb", "out.ipynb").exit == 0
    before = desk.clew("log", "--all", "--json", "--history", "still.ipynb").json["runs"]
    ran = desk.run("still.ipynb", "out.ipynb")
    assert (ran.exit, outcomes(desk.read("out.ipynb"))) == (0, [RESTORED, RESTORED]), ran
    assert desk.clew("log", "--all", "--json", "--history", "still.ipynb").json["runs"] == before


def test_a_kernel_of_another_environment_is_asked_for_its_packages(desk: Desk) -> None:
    desk.notebook("elsewhere", "a = 1", "a + 1")
    assert desk.run("elsewhere.ipynb", "out.ipynb").exit == 0
    for name, program in (("other", "/nowhere/bin/python"), ("same", sys.executable)):
        folder = desk.home / "jupyter/data/kernels" / name
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(
            json.dumps({"argv": [program], "display_name": name, "language": "python"})
        )

    def planned(kernel: str) -> set[str]:
        return {
            why
            for cell in desk.run("elsewhere.ipynb", "--plan", "--json", "-k", kernel).json["cells"]
            for why in cell["why"]
        }

    assert planned("same") == set()
    assert planned("other") == {"Clew cannot determine the environment of the kernel other"}
    assert planned("absent") == {"Clew cannot determine the environment of the kernel absent"}


def test_p03_a_small_file_of_another_content_counts_though_size_and_time_are_the_same(desk: Desk) -> None:
    path = desk.folder / "small.csv"
    path.write_text("1,2")
    book = Book(desk, "small", ("import csv", "list(csv.reader(open('small.csv')))"))
    book.run()
    before = path.stat()
    path.write_text("3,4")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert book.why() == {2: "input small.csv changed"}
    assert book.run() == [RESTORED, EXECUTED]
    # And another time counts for nothing where the bytes are the same.
    write(desk, "small.csv", "3,4")
    assert book.run() == [RESTORED, RESTORED]
