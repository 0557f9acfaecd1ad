"""What is brought to a kernel of what cells left that were not executed, and what comes of what does not come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import Desk, code_cells, outcomes
from run.test_cases import out, ran
from run.test_distributions_asked_for import distribution
from run.test_random import shown

import clew

RESTORED, EXECUTED = "restored", "executed"
#: Its values are stored, and can't be built again.
FRAGILE = """
class Fragile:
    def __init__(self, n): self.n = n
    def __getstate__(self): return {"n": self.n}
    def __setstate__(self, state): raise ValueError("not in this life")
""".strip()


def test_what_can_not_be_brought_back_is_made_by_its_cells_again(desk: Desk) -> None:
    def cells(number: int) -> list[str]:
        makes = ["a = Fragile(1)", "b = Fragile(a.n + 1)", "large = list(range(10))"]
        return [FRAGILE, *makes, f"n = {number}\nn", "a.n + b.n + n"]

    desk.notebook("fragile", *cells(10))
    assert desk.run("fragile.ipynb", "out.ipynb").exit == 0
    # As long as nothing needs them they need not come back.
    unchanged = desk.run("fragile.ipynb", "out.ipynb")
    assert (unchanged.exit, outcomes(desk.read("out.ipynb"))) == (0, [RESTORED] * 6)
    desk.notebook("fragile", *cells(20))
    ran = desk.run("fragile.ipynb", "out.ipynb", "--explain")
    assert ran.exit == 0, ran
    out = desk.read("out.ipynb")
    assert shown(out)[-2:] == ["20", "23"]
    assert outcomes(out) == [RESTORED, EXECUTED, EXECUTED, RESTORED, EXECUTED, EXECUTED]
    assert "`a` could not be restored: " in ran.out and "not in this life" in ran.out
    assert "so cells 2, 3 run again in a new kernel." in ran.err


def test_p03_values_that_a_cell_can_not_read_stay_in_the_store_and_reach_the_next_that_can(
    desk: Desk,
) -> None:
    def cells(number: int, *more: str) -> list[str]:
        makes = [
            "import numpy as np",
            "large = np.arange(500_000.)",
            "table = {'large': large}",
            "large[0] = 1",
        ]
        return [*makes, f"n = {number}", "n * 2", *more]

    desk.notebook("large", *cells(1))
    assert desk.run("large.ipynb", "out.ipynb").exit == 0
    desk.notebook("large", *cells(2))
    ran = desk.run("large.ipynb", "out.ipynb")
    assert (ran.exit, shown(desk.read("out.ipynb"))[-1]) == (0, "4")
    # The run that lacked them has them on record, and a cell that reads them finds them.
    desk.notebook("large", *cells(3, "int(table['large'].sum())", "table['large'] is large"))
    ran = desk.run("large.ipynb", "out.ipynb")
    out = desk.read("out.ipynb")
    assert (ran.exit, shown(out)[-3:]) == (0, ["6", "124999750001", "True"]), ran
    assert outcomes(out) == [RESTORED] * 4 + [EXECUTED] * 4
    again = desk.run("large.ipynb", "out.ipynb")
    assert (again.exit, outcomes(desk.read("out.ipynb"))) == (0, [RESTORED] * 8)


def test_p03_what_is_imported_to_bring_values_back_finds_the_notebook_around_it(desk: Desk) -> None:
    # pandas asks when it is imported whether it runs in a terminal, and shows wide frames otherwise there.
    cells = ["import pandas as pd\nwide = pd.DataFrame([range(1000, 1030)])", "n = 1", "wide.assign(n=n)"]
    desk.notebook("wide", *cells)
    assert desk.run("wide.ipynb", "wide-out.ipynb").exit == 0
    desk.notebook("wide", cells[0], "n = 2", cells[2])
    assert desk.run("wide.ipynb", "wide-out.ipynb").exit == 0
    assert desk.run("wide.ipynb", "full.ipynb", env={"CLEW": "off"}).exit == 0
    brought, full = (code_cells(desk.read(name)) for name in ("wide-out.ipynb", "full.ipynb"))
    assert outcomes(desk.read("wide-out.ipynb")) == ["restored", "executed", "executed"]
    assert brought[2]["outputs"] == full[2]["outputs"]


def test_p03_figures_that_were_shown_come_back_and_are_shown_as_before(desk: Desk) -> None:
    cells = ["import matplotlib.pyplot as plt", "figure, axes = plt.subplots()", "k = 1", "figure"]
    desk.notebook("figure", *cells)
    ran(desk, "figure")
    # Nobody has called pyplot in this kernel.
    desk.notebook("figure", *cells[:3], "k + 1\naxes.set_title('a')\nfigure")
    told = ran(desk, "figure")
    assert (told[1:], told[0] in (RESTORED, EXECUTED)) == ([RESTORED, RESTORED, EXECUTED], True)
    shown = code_cells(desk.read(out("out")))[3]["outputs"]
    assert "image/png" in shown[0]["data"]


def test_another_version_of_clew_is_no_reason_to_run_a_cell_again(desk: Desk) -> None:
    # Its own code makes the bytes of a figure.
    desk.notebook(
        "versions", "import matplotlib.pyplot as plt", "figure, axes = plt.subplots()", "axes.plot([1]);"
    )
    assert ran(desk, "versions") == [EXECUTED] * 3
    newer = desk.home / "newer"
    distribution(newer, "clew", "99.0")
    (newer / "clew").symlink_to(Path(clew.__file__).parent)
    desk.search.insert(0, newer)
    assert ran(desk, "versions") == [RESTORED] * 3


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("magic", "usual"),
    [
        ("%matplotlib inline", "agg"),
        ("%matplotlib agg", "module://matplotlib_inline.backend_inline"),
        ("%matplotlib agg", None),
    ],
)
def test_p03_what_a_cell_chose_to_draw_with_draws_in_later_cells(
    desk: Desk, usual: str | None, magic: str
) -> None:
    cells = [
        f"{magic}\nimport matplotlib.pyplot as plt",
        "n = 1",
        "figure = plt.figure(figsize=(1, 1))\n_ = plt.plot([n, 2])",
        "figure",
    ]
    env = {"MPLBACKEND": usual} if usual else {}
    # The others' histories know the edited cells.
    name = f"drawn-{len(usual or '')}-{len(magic)}"

    def pictures(*sources: str) -> list[list[str]]:
        desk.notebook(name, *sources)
        done = desk.run(f"{name}.ipynb", "out.ipynb", env=env)
        assert done.exit == 0, done
        outputs = [cell["outputs"] for cell in code_cells(desk.read("out.ipynb"))]
        return [
            [output["data"].get("image/png", "") for output in one if "data" in output] for one in outputs
        ]

    first = pictures(*cells)
    if magic == "%matplotlib inline":
        assert [len(one) for one in first] == [0, 0, 1, 1] and all(map(all, first))
    changed = pictures(*cells[:2], *(cell.replace("[n, 2]", "[n, 2, 1]") for cell in cells[2:]))
    assert outcomes(desk.read("out.ipynb")) == [RESTORED, RESTORED, EXECUTED, EXECUTED]
    assert pictures(*cells[:1], "n = 1 + 0", *cells[2:]) == first
    assert [len(one) for one in changed] == [len(one) for one in first] and (
        changed != first or not any(map(any, first))
    )
