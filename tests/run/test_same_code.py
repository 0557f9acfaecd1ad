"""What counts as the same cell: its code, whatever its id, its place and its comments are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run.desk import Desk, code_cells, outcomes

RESTORED, EXECUTED = "restored", "executed"
CELLS = ("a = 3", "b = [a, 2]\nb", "def double(x):\n    return 2 * x", "double(b)")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("code"))


def ran(desk: Desk, name: str) -> list[str]:
    """Runs a notebook; what became of its cells."""
    typed = desk.run(f"{name}.ipynb", "out.ipynb")
    assert typed.exit == 0, typed
    return outcomes(desk.read("out.ipynb"))


def texts(desk: Desk) -> list[str]:
    """What the cells show that show anything."""
    outputs = [output for cell in code_cells(desk.read("out.ipynb")) for output in cell["outputs"]]
    return ["".join(output.get("text") or output["data"]["text/plain"]) for output in outputs]


def without_ids(path: Path) -> None:
    """Makes it a notebook as they were before cells had ids."""
    notebook: dict[str, Any] = json.loads(path.read_text())
    for cell in notebook["cells"]:
        cell.pop("id", None)
    notebook["nbformat_minor"] = 4
    path.write_text(json.dumps(notebook))


def test_p03_another_comment_under_another_id_is_the_same_code(desk: Desk) -> None:
    desk.notebook("commented", *CELLS)
    assert ran(desk, "commented") == [EXECUTED] * 4
    shown = texts(desk)
    edited = (
        "a = 3  # three",
        "# what follows\nb = [a,  2]\nb",
        'def double(x):\n    # "twice"\n    return (2 * x)',
        "double(b)",
    )
    desk.notebook("commented", *edited, ids=["w", "x", "y", "z"])
    assert ran(desk, "commented") == [RESTORED] * 4
    assert texts(desk) == shown
    # A change of the code is none of comments.
    desk.notebook(
        "commented", edited[0], "# what follows\nb = [a, 4]\nb", *edited[2:], ids=["q", "r", "s", "t"]
    )
    assert ran(desk, "commented") == [RESTORED, EXECUTED, RESTORED, EXECUTED]
    assert texts(desk) == ["[3, 4]", "[3, 4, 3, 4]"]


def test_p03_in_a_notebook_without_ids_comments_and_places_are_no_matter(desk: Desk) -> None:
    without_ids(desk.notebook("bare", *CELLS))
    assert ran(desk, "bare") == [EXECUTED] * 4
    without_ids(desk.notebook("bare", "a = 3  # three", CELLS[2] + "  # twice", CELLS[1], CELLS[3]))
    assert ran(desk, "bare") == [RESTORED] * 4
    assert texts(desk) == ["[3, 2]", "[3, 2, 3, 2]"]


def test_p03_a_script_whose_comments_change_need_not_run(desk: Desk) -> None:
    pytest.importorskip("jupytext")
    script = desk.folder / "steps.py"
    script.write_text("# %%\na = 3\n\n# %%\na + 1\n")
    assert desk.run("steps.py", "out.ipynb").exit == 0
    script.write_text("# %%\n# begins with three\na = 3\n\n# %%\na + 1  # four\n")
    assert desk.run("steps.py", "out.ipynb").exit == 0
    assert outcomes(desk.read("out.ipynb")) == [RESTORED] * 2


def test_p03_cells_of_equal_text_each_find_what_they_found(desk: Desk) -> None:
    twice = ("n = [0]", "n.append(len(n))\nprint(n)", "n.append(len(n))\nprint(n)", "n")
    desk.notebook("twice", *twice)
    assert ran(desk, "twice") == [EXECUTED] * 4
    shown = texts(desk)
    # Under each other's ids, with comments, and in a row of three.
    desk.notebook("twice", *twice, ids=["twice-0", "twice-2", "twice-1", "twice-3"])
    assert ran(desk, "twice") == [RESTORED] * 4
    assert texts(desk) == shown
    desk.notebook("twice", twice[0], twice[1] + "  # one", twice[1] + "  # two", twice[3], ids=list("abcd"))
    assert ran(desk, "twice") == [RESTORED] * 4
    assert texts(desk) == shown
    desk.notebook("twice", *twice[:2], twice[1], *twice[2:], ids=list("efghi"))
    assert ran(desk, "twice") == [RESTORED] * 3 + [EXECUTED] * 2
    assert texts(desk)[-1] == "[0, 1, 2, 3]"


def test_p03_a_cell_that_was_moved_is_held_against_what_it_finds_there(desk: Desk) -> None:
    cells = ("a = 1", "b = 2", "a = a + 10", "c = a + b\nc")
    desk.notebook("moved", *cells)
    assert ran(desk, "moved") == [EXECUTED] * 4
    # Nothing that it reads or binds comes between.
    desk.notebook("moved", cells[0], cells[2], cells[1], cells[3], ids=list("wxyz"))
    assert ran(desk, "moved") == [RESTORED] * 4
    assert texts(desk) == ["13"]
    desk.notebook(
        "moved", cells[0], cells[1], cells[3], cells[2], ids=["moved-0", "moved-1", "moved-3", "moved-2"]
    )
    assert ran(desk, "moved") == [RESTORED, RESTORED, EXECUTED, RESTORED]
    assert texts(desk) == ["3"]


def test_p03_a_comment_that_a_warning_shows_counts(desk: Desk) -> None:
    cells = ["import warnings", "warnings.warn('odd')  # one"]
    desk.notebook("quoting", *cells)
    assert ran(desk, "quoting") == [EXECUTED] * 2
    cells[1] = cells[1].replace("one", "two")
    desk.notebook("quoting", *cells)
    assert ran(desk, "quoting") == [RESTORED, EXECUTED]
    assert ran(desk, "quoting") == [RESTORED] * 2
