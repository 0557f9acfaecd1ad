"""Cells that only import: what a library does for itself meanwhile keeps no cell from being taken."""

from __future__ import annotations

import hashlib

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


#: Modules of a package `p`.
PACKAGE = {
    "__init__": "def f(): return 'slow'\nmade = []\n",
    "fast": "import p\np.f = lambda: 'fast'\n",
    "inner": "import p\np.made.append('inner')\n",
    "sets": "import os\nos.environ['OF_P'] = 'module'\n",
    "noise": "import random\nrandom.random()\n",
    "ends": "import sys\nsys.exit(3)\n",
}


@pytest.mark.few(4)
@pytest.mark.parametrize(
    "cells",
    [
        ["import p", "def g():\n    import p.fast", "k = 1", "(p.f(), k)"],
        ["import p", "if not p:\n    import p.fast", "k = 1", "(p.f(), k)"],
        ["import p.fast", "k = 1", "(p.f(), k)"],
        ["import p.inner", "k = 1", "(p.made, k)"],
        ["import p.inner", "p.made.clear()", "k = 1", "(p.made, k)"],
        ["from p.inner import p as other", "k = 1", "(other.made, k)"],
        ["import p", "import p.inner", "k = 1", "(p.made, k)"],
        ["import os, p.sets", "os.environ['OF_P'] = 'cell'", "k = 1", "(os.environ['OF_P'], k, p.f())"],
        ["import random\nrandom.seed(1)", "import p.noise", "k = 1", "(random.random(), k, p.f())"],
        ["import p", "try:\n    import p.ends\nexcept SystemExit: pass", "k = 1", "(p.f(), k)"],
        ["import p", "%time import p.inner", "k = 1", "(p.inner.__name__, p.made, k)"],
        ["import p", "def load():\n    from p import inner", "load()", "k = 1", "(p.inner.__name__, k)"],
        ["import p", "exec('import p.inner')", "k = 1", "(p.inner.__name__, k)"],
    ],
)
def test_p03_what_importing_does_is_done_once_and_before_what_cells_did(desk: Desk, cells: list[str]) -> None:
    (desk.folder / "p").mkdir(exist_ok=True)
    for name, source in PACKAGE.items():
        (desk.folder / "p" / f"{name}.py").write_text(source)
    results, name = [], hashlib.md5("".join(cells).encode()).hexdigest()
    desk.notebook(name, *cells)
    assert desk.run(f"{name}.ipynb", "out.ipynb").exit == 0
    desk.notebook(name, *(cell.replace("k = 1", "k = 2") for cell in cells))
    for options in ([], ["--force"]):
        assert desk.run(f"{name}.ipynb", "out.ipynb", *options).exit == 0
        shown = code_cells(desk.read("out.ipynb"))[-1]["outputs"][0]["data"]["text/plain"]
        results.append("".join(shown))
    assert results[0] == results[1]
