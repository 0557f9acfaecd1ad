"""Cells that only import: what a library does for itself meanwhile keeps no cell from being taken."""

from __future__ import annotations

import pytest
from desk import Desk, code_cells, outcomes


@pytest.mark.long
def test_the_fonts_that_matplotlib_lists_when_it_is_first_imported_are_none_of_the_cells(desk: Desk) -> None:
    # In this home nothing is kept of earlier imports, so it asks a program, and keeps the list in the user's cache.
    desk.notebook("fonts", "import matplotlib.pyplot as plt", "figure = plt.figure()\nnumber = figure.number")
    nowhere = {"MPLCONFIGDIR": ""}
    first = desk.run("fonts.ipynb", "fonts-out.ipynb", env=nowhere)
    assert first.exit == 0 and outcomes(desk.read("fonts-out.ipynb")) == ["executed", "executed"]
    second = desk.run("fonts.ipynb", "fonts-out.ipynb", "--explain", env=nowhere)
    assert second.exit == 0 and outcomes(desk.read("fonts-out.ipynb")) == ["restored", "restored"], second


def test_p03_a_module_in_a_package_is_there_for_who_uses_it_though_the_import_was_restored(
    desk: Desk,
) -> None:
    cells = (
        "import urllib.request, xml.dom.minidom\nimport sklearn.linear_model",
        "%config Application.log_level = 30\nimport concurrent.futures",
        "import multiprocessing\nfrom multiprocessing.dummy import active_children\nactive_children = 2",
    )
    using = (
        "urllib.request.Request.__name__",
        "xml.dom.minidom.Node.ELEMENT_NODE",
        "sklearn.linear_model.Ridge.__name__",
        "concurrent.futures.Future.__name__",
        "multiprocessing.dummy.__name__",
    )
    desk.notebook("within", *cells)
    assert desk.run("within.ipynb", "within-out.ipynb").exit == 0
    desk.notebook("within", *cells, *using)
    typed = desk.run("within.ipynb", "within-out.ipynb")
    assert typed.exit == 0, typed
    out = desk.read("within-out.ipynb")
    assert outcomes(out)[0] == "restored"
    shown = ["".join(cell["outputs"][0]["data"]["text/plain"]) for cell in code_cells(out)[len(cells) :]]
    assert shown == ["'Request'", "1", "'Ridge'", "'Future'", "'multiprocessing.dummy'"]


@pytest.mark.parametrize("module", ["own", "statistics", "chunk", "colorsys"])
def test_p03_a_module_of_the_users_own_is_looked_at_though_the_standard_library_has_one_of_that_name(
    desk: Desk, module: str
) -> None:
    path = desk.folder / f"{module}.py"
    path.write_text("def f():\n    return 1\n")
    desk.notebook("own-first", "import sys\nsys.path.insert(0, '.')", f"import {module}", f"{module}.f()")
    for result in (1, 1, 2):
        path.write_text(f"def f():\n    return {result}\n")
        assert desk.run("own-first.ipynb", "own-first-out.ipynb").exit == 0
        shown = code_cells(desk.read("own-first-out.ipynb"))[2]["outputs"][0]["data"]["text/plain"]
        assert "".join(shown) == str(result)
    assert outcomes(desk.read("own-first-out.ipynb")) == ["restored", "executed", "executed"]
