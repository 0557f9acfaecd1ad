"""Cells that only import: what a library does for itself meanwhile keeps no cell from being taken."""

from __future__ import annotations

import pytest
from desk import Desk, outcomes


@pytest.mark.long
def test_the_fonts_that_matplotlib_lists_when_it_is_first_imported_are_none_of_the_cells(desk: Desk) -> None:
    # In this home nothing is kept of earlier imports, so it asks a program, and keeps the list in the user's cache.
    desk.notebook("fonts", "import matplotlib.pyplot as plt", "figure = plt.figure()\nnumber = figure.number")
    nowhere = {"MPLCONFIGDIR": ""}
    first = desk.run("fonts.ipynb", "fonts-out.ipynb", env=nowhere)
    assert first.exit == 0 and outcomes(desk.read("fonts-out.ipynb")) == ["executed", "executed"]
    second = desk.run("fonts.ipynb", "fonts-out.ipynb", "--explain", env=nowhere)
    assert second.exit == 0 and outcomes(desk.read("fonts-out.ipynb")) == ["restored", "restored"], second
