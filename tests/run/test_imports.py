"""Cells that only import: what a library does for itself meanwhile keeps no cell from being taken."""

from __future__ import annotations

import pytest
from desk import Desk, outcomes


@pytest.mark.long
def test_the_fonts_that_matplotlib_lists_when_it_is_first_imported_are_none_of_the_cells(desk: Desk) -> None:
    # In this home nothing is kept of earlier imports, so it asks a program.
    desk.notebook("fonts", "import matplotlib.pyplot as plt", "figure = plt.figure()\nnumber = figure.number")
    first = desk.run("fonts.ipynb", "fonts-out.ipynb")
    assert first.exit == 0 and outcomes(desk.read("fonts-out.ipynb")) == ["executed", "executed"]
    second = desk.run("fonts.ipynb", "fonts-out.ipynb", "--explain")
    assert second.exit == 0 and outcomes(desk.read("fonts-out.ipynb"))[0] == "restored", second
