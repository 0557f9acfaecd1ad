"""The guide's ten minutes, typed as they stand there: what is printed in the guide is what is printed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from journeys.person import Person

TOUR = Path(__file__).resolve().parent.parent.parent / "docs" / "guide" / "tour.md"

TIMES = re.compile(r"under 1 ms|\d+(\.\d+)? m?s\b|just now|\d+ s ago")


@dataclass
class Cell:
    """A cell of the guide, and what stands below it."""

    number: int
    code: list[str]
    shown: list[str] = field(default_factory=list)


def cells_of(page: str) -> list[Cell]:
    """The cells of a page, in its order."""
    found: list[Cell] = []
    for block in re.findall(r"^```ipython\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if begun := re.match(r"In \[(\d+)\]: (.*)", line):
                found.append(Cell(int(begun[1]), [begun[2]]))
            elif line.startswith("   ...: "):
                found[-1].code.append(line.removeprefix("   ...: "))
            elif line.strip():
                found[-1].shown.append(re.sub(r"^Out\[\d+\]: ", "", line))
    return found


def plain(text: str) -> str:
    """Without times, and without the room that columns of times take."""
    return re.sub(r"\s+", " ", TIMES.sub("T", text)).strip()


def test_the_tour_prints_what_the_guide_says(ada: Person) -> None:
    cells = cells_of(TOUR.read_text())
    assert len(cells) >= 14
    notebook = ada.opens("tour.ipynb", load=False)
    for before, cell in zip([None, *cells], cells, strict=False):
        if before is not None and cell.number == 1:
            notebook.kill()
            notebook = ada.opens("tour.ipynb", load=False)
        reply = notebook.kernel.run("\n".join(cell.code)).raised()
        assert reply.execution_count == cell.number
        shown = f"{reply.text}\n{reply.stderr}"
        if cell.shown:
            assert plain(shown) == plain("\n".join(cell.shown)), f"In [{cell.number}]: {cell.code}"
        else:
            assert "Error:" not in shown and "error:" not in shown, shown
