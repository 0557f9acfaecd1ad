"""Cells that ask Clew's session for something in the middle of a statement: what follows in it is a part of the cell, too."""

from __future__ import annotations

from pathlib import Path

from run.desk import Desk, code_cells, outcomes
from run.test_modules_gone_over import told_by

ASKING = [
    "for i in [0]:\n    with s.trial():\n        junk = 1\n    out = a * {}\nprint(out)",
    "if True:\n    s.undo(dry_run=True)\n    out = a * {}\nprint(out)",
    "if True:\n    found = s.status()\n    out = a * {}\nprint(out)",
    "for i in [0]:\n    found = s.diff('@-', '@')\n    out = a * {}\nprint(out)",
    "def asked(x):\n    s.flush()\n    return a * x\nout = asked({})\nprint(out)",
    "try:\n    s.switch('nowhere')\nexcept clew.errors.UsageError:\n    out = a * {}\nprint(out)",
    "out = [s.status() and a * {}]\nprint(out)",
    "out = [s.status(), a * {}][1]; print(out)",
]


def test_p03_what_follows_a_question_to_the_session_in_its_statement_counts(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    cells = [cell.format(number) for number, cell in enumerate(ASKING, 3)]
    first = ["import clew\ns = clew.session()", "a = 1", *cells]
    desk.notebook("asking", *first)
    assert desk.run("asking.ipynb", "out.ipynb").exit == 0
    desk.notebook("asking", *(cell.replace("a = 1", "a = 2") for cell in first))
    again = desk.run("asking.ipynb", "out.ipynb")
    assert again.exit == 0, again
    told = told_by(desk.read("out.ipynb"))
    expected = {cell: 2 * number for number, cell in enumerate(cells, 3)}
    sources = ["".join(cell["source"]) for cell in code_cells(desk.read("out.ipynb"))]
    assert {cell: told[sources.index(cell)].strip("[]\n") for cell in cells} == {
        cell: str(value) for cell, value in expected.items()
    }


def test_p03_what_clew_has_recorded_is_asked_for_again(tmp_path: Path) -> None:
    """The session is one more run further: what a cell was told of it then is no answer now."""
    desk = Desk(tmp_path)
    asking = [
        "s.status().at.run",
        "def at():\n    return s.status().at.run\nat()",
        "[s][0].status().at.run",
        "from clew import session as asked\nasked().status().at.run",
    ]
    first = ["import clew", "s = clew.session()", "a = 1"]
    desk.notebook("asking", *first, *asking)
    assert desk.run("asking.ipynb", "out.ipynb").exit == 0
    before = shown(desk, asking)
    desk.notebook("asking", "b = 2", *first, *asking)
    assert desk.run("asking.ipynb", "out.ipynb").exit == 0
    after = shown(desk, asking)
    assert all(now > then for now, then in zip(after, before, strict=True)), (before, after)
    assert outcomes(desk.read("out.ipynb"))[3] == "restored"


def shown(desk: Desk, cells: list[str]) -> list[int]:
    """The numbers that the last cells show."""
    last = code_cells(desk.read("out.ipynb"))[-len(cells) :]
    return [int("".join(cell["outputs"][0]["data"]["text/plain"]).strip("'")) for cell in last]
