"""Ordinary notebooks in which a stranger found results that a plain run would not give. Each is held against papermill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from run.desk import Desk, code_cells, outcomes

RESTORED, EXECUTED = "restored", "executed"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def shown(document: dict[str, Any]) -> list[str]:
    """What each cell shows."""
    return ["".join(map(_texts, cell["outputs"])) for cell in code_cells(document)]


def _texts(output: dict[str, Any]) -> str:
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", ""))


def runs(desk: Desk, *cells: str, **variables: str) -> tuple[list[str], list[str]]:
    """Runs the notebook with `clew run` and with papermill; what became of its cells, and what they show with either."""
    desk.notebook("it", *cells)
    typed = desk.run("it.ipynb", "out.ipynb", env=variables)
    assert typed.exit == 0, typed
    plain = desk.papermill("it.ipynb", "plain.ipynb", env=variables)
    assert plain.exit == 0, plain
    out = desk.read("out.ipynb")
    assert shown(out) == shown(desk.read("plain.ipynb"))
    return outcomes(out), shown(out)


#: A live object that no store has goes on with what it was made of; the next cell changes that in place.
LIVE = {
    "batches of an array": (
        "import numpy as np\ndef batches(x, size):\n    for at in range(0, len(x), size):\n        yield x[at:at + size]",
        "x = np.arange(6.0)\nlive = batches(x, 2)",
        "x -= x.mean()",
        "float(sum(one.sum() for one in live))",
    ),
    "a large array": (
        "import numpy as np",
        "x = np.ones(500_000)\nlive = (float(one.sum()) for one in (x,))",
        "x *= 3",
        "list(live)",
    ),
    "rows of a frame": (
        "import pandas as pd",
        "x = pd.DataFrame({'a': [1, 2]})\nlive = x.iterrows()",
        "x['b'] = 5",
        "[row.index.tolist() for _, row in live]",
    ),
    "values of a series": (
        "import pandas as pd",
        "x = pd.Series([1, 2, 3])\nlive = (int(one) for one in x)",
        "x.iloc[0] = 50",
        "list(live)",
    ),
    "a list that others hold": (
        "import os",
        "x = [1, 2]\nheld = {'x': x}\nlive = (one * 2 for one in x)",
        "x.append(4)",
        "list(live)",
    ),
    "a list of an object": (
        "class Box:\n    def __init__(self):\n        self.items = ['a']\n    def stream(self):\n        yield from self.items",
        "x = Box()\nlive = x.stream()",
        "x.items.append('b')",
        "list(live)",
    ),
}


@pytest.mark.few(3)
@pytest.mark.parametrize("name", LIVE)
def test_p03_a_live_object_sees_what_a_cell_changes_in_what_it_holds(desk: Desk, name: str) -> None:
    cells = (*LIVE[name], "n = 1\nn")
    for _ in range(3):
        runs(desk, *cells)
    # And where only the last cell is executed anew.
    runs(desk, *cells[:-1], "n = 2\nn")


@pytest.mark.few(2)
@pytest.mark.parametrize("asked", ["_", "[_, __]", "len(Out)", "Out[max(Out)]"])
def test_p03_who_asks_for_the_last_results_finds_those_of_a_new_cell(desk: Desk, asked: str) -> None:
    ending = (f"last = {asked}", "last")
    runs(desk, "1 + 1", "2 + 2", *ending)
    assert runs(desk, "1 + 1", "2 + 2", *ending)[0] == [RESTORED] * 4
    runs(desk, "1 + 1", "2 + 2", "77", *ending)
    runs(desk, "1 + 1", "2 + 2;", *ending)
    runs(desk, "1 + 1", "3 + 3", *ending)


def test_p03_where_python_looks_for_modules_is_what_it_is_in_each_run(desk: Desk) -> None:
    search = desk.environment()["PYTHONPATH"]
    paths = []
    for name in ("one", "two"):
        (desk.folder / name).mkdir()
        (desk.folder / name / "named.py").write_text(f"NAME = {name!r}\n")
        paths.append(f"{search}:{desk.folder / name}")
    tried = "try:\n    import named\n    found = named.NAME\nexcept ImportError:\n    found = None\nfound"
    for path, name in ((search, None), (paths[0], "one"), (paths[1], "two"), (search, None)):
        assert runs(desk, tried, "n = 1\nn", PYTHONPATH=path)[1][0] == ("" if name is None else repr(name))


def test_p03_which_warnings_python_shows_is_what_it_is_in_each_run(desk: Desk) -> None:
    warn = "import warnings\nwith warnings.catch_warnings(record=True) as caught:\n    warnings.warn('so')\nlen(caught)"
    for how, number in (("default", "1"), ("ignore", "0"), ("default", "1")):
        assert runs(desk, warn, PYTHONWARNINGS=how)[1] == [number]


EXTENSION = """
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
@magics_class
class Mine(Magics):
    @cell_magic
    def shout(self, line, cell):
        print(cell.{how}())
def thrice(line):
    return int(line) * {times}
def load_ipython_extension(shell):
    shell.register_magics(Mine)
    shell.register_magic_function(thrice, "line", "thrice")
"""


def test_p03_a_magic_of_an_own_extension_is_what_its_file_says(desk: Desk) -> None:
    cells = ("%load_ext mine", "%%shout\nhello you", "%thrice 5", "n = 1\nn")
    for how, times in (("upper", 3), ("title", 3), ("title", 4), ("upper", 3)):
        (desk.folder / "mine.py").write_text(EXTENSION.format(how=how, times=times))
        for _ in range(2):
            runs(desk, *cells)
    assert runs(desk, *cells)[0] == [RESTORED] * 4


def test_p03_settings_of_matplotlib_beside_the_notebook_are_as_they_are_in_each_run(desk: Desk) -> None:
    cells = ("import matplotlib.pyplot as plt", "plt.rcParams['lines.linewidth']", "n = 1\nn")
    settings = desk.folder / "matplotlibrc"
    for width in (None, 9, 3, None):
        settings.unlink(missing_ok=True)
        if width is not None:
            settings.write_text(f"lines.linewidth: {width}\n")
        assert runs(desk, *cells)[1][1] == f"{width or 1.5:.1f}"
    assert runs(desk, *cells)[0] == [RESTORED] * 3


def test_what_pylab_brings_is_there_for_a_cell_that_is_executed(desk: Desk) -> None:
    runs(desk, "%pylab inline --no-import-all", "float(np.ones(3).sum())")
    assert runs(desk, "%pylab inline --no-import-all", "float(np.ones(4).sum())")[0] == [EXECUTED] * 2
