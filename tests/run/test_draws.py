"""Random numbers: drawn anew by each run unless a seed on record decides them, and then restored."""

from __future__ import annotations

from pathlib import Path

import pytest
from run.desk import Desk, code_cells, outcomes

RESTORED, EXECUTED = "restored", "executed"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("draws"))


def ran(desk: Desk, name: str, *cells: str) -> tuple[list[str], list[str]]:
    """Runs a notebook of these cells; what became of each, and what each shows."""
    desk.notebook(name, *cells)
    typed = desk.run(f"{name}.ipynb", "out.ipynb")
    assert typed.exit == 0, typed
    out = desk.read("out.ipynb")
    shown = [
        "".join("".join(output["data"]["text/plain"]) for output in cell["outputs"] if "data" in output)
        for cell in code_cells(out)
    ]
    return outcomes(out), shown


def would_run(desk: Desk, name: str) -> list[int]:
    """The numbers of the cells that would be executed, from 0."""
    planned = desk.run(f"{name}.ipynb", "--plan", "--json").json["cells"]
    return [number for number, cell in enumerate(planned) if cell["outcome"] == EXECUTED]


IMPORTS = (
    "import random\nimport numpy as np\nimport pandas as pd\nfrom scipy import stats\n"
    "from scipy.stats import qmc\nimport dask.bag as db\n"
    "from sklearn.linear_model import SGDRegressor\nfrom sklearn.model_selection import train_test_split",
    "n = 1",
)
#: Cells that draw from the generator of a library that an earlier cell imported.
DRAWING = (
    "y = 2 * np.random.randn(3)\ny[0]",
    "float(y.sum())",
    "np.random.normal(size=2)[0]",
    "np.random.choice(1000000)",
    "s = list(range(1000))\nnp.random.shuffle(s)\ns[:9]",
    "pd.DataFrame({'a': range(1000)}).sample(9)['a'].tolist()",
    "train_test_split(list(range(1000)), test_size=9)[1]",
    "stats.norm.rvs(size=2)[0]",
    "SGDRegressor(max_iter=9, tol=None).fit([[i] for i in range(9)], range(9)).coef_.tolist()",
    "random.random()",
)
#: And from generators that libraries begin for them.
BEGINNING = (
    "qmc.Sobol(2).random(1).tolist()",
    "db.from_sequence(range(1000)).random_sample(0.05).compute(scheduler='sync')",
)


def test_p03_what_no_cell_seeded_is_drawn_in_each_run(desk: Desk) -> None:
    drawing = (*DRAWING, *BEGINNING)
    _, first = ran(desk, "unseeded", *IMPORTS, *drawing)
    told, shown = ran(desk, "unseeded", *IMPORTS, *drawing)
    assert told == [RESTORED] * 2 + [EXECUTED] * len(drawing)
    # And comes out otherwise: not as the generator stood in the first run.
    assert [
        cell for cell, one, other in zip(drawing, first[2:], shown[2:], strict=True) if one == other
    ] == []
    # Nor are the runs behind restored ones taken for what would be drawn.
    assert would_run(desk, "unseeded") == list(range(2, 2 + len(drawing)))


#: Cells that import what they draw from, whether or not they name a seed beside it.
IN_ONE = {
    "numpy": "import numpy as np\nnp.random.rand()",
    "star": "from numpy.random import *\nrand()",
    "pandas": "import pandas as pd\npd.Series(range(1000)).sample(9).tolist()",
    "never": "import numpy as np\nif np.nan is None:\n    np.random.seed(0)\nnp.random.rand()",
    "defined": "import numpy as np\ndef later():\n    np.random.seed(0)\nnp.random.rand()",
    "before": "import numpy as np\na = np.random.rand()\nnp.random.seed(0)\na",
    "state": "import numpy as np\nnp.random.get_state()[1][7]",
}


@pytest.mark.few(3)
@pytest.mark.parametrize("name", IN_ONE)
def test_p03_what_is_imported_and_drawn_in_one_cell_is_drawn_in_each_run(desk: Desk, name: str) -> None:
    ran(desk, f"once-{name}", IN_ONE[name], "n = 1")
    assert would_run(desk, f"once-{name}") == [0]


SEEDED = (
    *IMPORTS,
    "np.random.seed(0)\nrandom.seed(0)",
    *DRAWING,
    "rng = np.random.default_rng(0)",
    "rng.random()",
    "qmc.Sobol(2, rng=3).random(1).tolist()",
    "def seed_all(seed):\n    random.seed(seed)\n    np.random.seed(seed)",
    "seed_all(3)\nnp.random.rand() + random.random()",
    "m = np.arange(3).sum()\nnp.random.seed(int(m))\nnp.random.rand()",
    "np.random.rand()",
    "for one in range(2):\n    np.random.seed(one)\n    last = np.random.rand()\nlast",
    "if last:\n    np.random.seed(6)\nnp.random.rand()",
    "with np.errstate(all='ignore'):\n    np.random.seed(2)\n    last = np.random.rand()\nlast",
    "class Of:\n    def __init__(self, seed):\n        np.random.seed(seed)\n        self.v = np.random.rand()",
    "Of(3).v",
    "%%time\nnp.random.seed(7)\nlast = np.random.rand()",
    "from seeds import everywhere\neverywhere(5)\nnp.random.rand()",
    "random.random()",
)


def test_p03_what_is_imported_and_seeded_in_one_cell_decides_what_is_drawn_behind_it(desk: Desk) -> None:
    cells = (
        "import numpy as np\nnp.random.seed(0)\nx = np.random.rand()",
        "np.random.rand()",
        "import pandas as pd",
    )
    ran(desk, "at-once", *cells)
    assert would_run(desk, "at-once") == []


def test_p03_what_a_cell_seeded_is_restored_whoever_draws_it(desk: Desk) -> None:
    module = "import random\nimport numpy as np\ndef everywhere(seed):\n    random.seed(seed)\n    np.random.seed(seed)\n"
    (desk.folder / "seeds.py").write_text(module)
    _, first = ran(desk, "seeded", *SEEDED)
    assert would_run(desk, "seeded") == []
    # A draw that goes on from a seed goes on from it where another cell is new.
    told, shown = ran(desk, "seeded", *SEEDED, "np.random.rand() != 2")
    assert told == [RESTORED] * len(SEEDED) + [EXECUTED] and shown[:-1] == first
    # Another seed has those executed that draw after it, up to where somebody seeds anew.
    desk.notebook("seeded", *IMPORTS, "np.random.seed(1)\nrandom.seed(0)", *SEEDED[3:])
    numbers = would_run(desk, "seeded")
    assert 2 in numbers and 3 in numbers
    assert {1, *range(len(SEEDED) - 13, len(SEEDED))}.isdisjoint(numbers)


LIBRARY = """
import random
import numpy as np
held = random.Random()
class Environment:
    def __init__(self, seed=None):
        self._own = random.Random(seed)
    def step(self):
        return self._own.random()
class Study:
    _state = None
    def __init__(self, seed=None):
        self._seed = seed
    def ask(self):
        if self._state is None:
            self._state = np.random.RandomState(self._seed)
        return float(self._state.rand())
class Seeded(random.Random):
    def __init__(self, seed=None):
        super().__init__()
        if seed is not None:
            self.seed(seed)
class Once:
    def guess(self):
        return float(np.random.default_rng().random())
class Maker:
    generator = held
    def name(self):
        return self.generator.random()
    def seed(self, number):
        held.seed(number)
    def begin(self, number):
        held.setstate(random.Random(number).getstate())
"""
#: How a library draws from generators that it makes itself, what it would do with a seed, and what then tells whether it was drawn anew.
OF_LIBRARIES = {
    "of an object": ("e = drawing.Environment()", "e = drawing.Environment(5)", "e.step()"),
    "made when it is needed": ("s = drawing.Study()", "s = drawing.Study(5)", "s.ask()"),
    "of a class of its own": ("g = drawing.Seeded()", "g = drawing.Seeded(5)", "g.random()"),
    "of the module": ("m = drawing.Maker()", "m = drawing.Maker()\nm.seed(5)", "m.name()"),
    "of the module, set": ("m = drawing.Maker()", "m = drawing.Maker()\nm.begin(5)", "m.name()"),
}


@pytest.fixture
def with_library(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.library("drawing", LIBRARY)
    return desk


@pytest.mark.parametrize("name", OF_LIBRARIES)
def test_p03_what_a_library_draws_without_a_seed_is_drawn_in_each_run(with_library: Desk, name: str) -> None:
    making, _, drawing = OF_LIBRARIES[name]
    cells = ("import drawing", making, f"first = {drawing}\nfirst", f"{drawing}, first")
    _, before = ran(with_library, "it", *cells)
    _, after = ran(with_library, "it", *cells)
    assert after[2] != before[2] and after[3] != before[3]


@pytest.mark.parametrize("is_in_one", [False, True])
@pytest.mark.parametrize("name", OF_LIBRARIES)
def test_p03_what_a_library_draws_with_a_seed_is_restored(
    with_library: Desk, name: str, is_in_one: bool
) -> None:
    _, making, drawing = OF_LIBRARIES[name]
    first = (f"import drawing\n{making}",) if is_in_one else ("import drawing", making)
    cells = (*first, f"first = {drawing}\nfirst", f"{drawing}, first")
    _, before = ran(with_library, "it", *cells)
    became, after = ran(with_library, "it", *cells)
    assert became == [RESTORED] * len(cells) and after == before
    # Another last cell finds the generators where they stood.
    became, after = ran(with_library, "it", *cells[:-1], f"again = {drawing}\nagain, first")
    assert became == [RESTORED] * (len(cells) - 1) + [EXECUTED] and after == before


def test_p03_a_library_draws_from_a_generator_that_nobody_has_afterwards(with_library: Desk) -> None:
    cells = ("import drawing\nonce = drawing.Once()", "once.guess()")
    _, before = ran(with_library, "it", *cells)
    became, after = ran(with_library, "it", *cells)
    assert became == [RESTORED, EXECUTED] and after != before


def test_p03_what_a_library_draws_while_it_is_imported_decides_nothing_unless_a_cell_seeded(
    with_library: Desk,
) -> None:
    with_library.library("styled", "import random\nidentity = random.randint(0, 999999)\n")
    cells = ("import styled", "x = 1\nx")
    ran(with_library, "it", *cells)
    assert ran(with_library, "it", *cells)[0] == [RESTORED] * 2
    # A seed in front of it decides what it draws, and what is drawn behind it.
    cells = ("import random\nrandom.seed(3)", *cells, "random.random()")
    with_library.notebook("plain", *cells)
    assert with_library.papermill("plain.ipynb", "plain-out.ipynb").exit == 0
    plain = code_cells(with_library.read("plain-out.ipynb"))[-1]["outputs"][0]["data"]["text/plain"]
    for _ in range(2):
        _, shown = ran(with_library, "it", *cells)
        assert shown[-1] == "".join(plain)


def test_names_of_temporary_files_draw_nothing(desk: Desk) -> None:
    cells = ("import tempfile", "n = len(tempfile.gettempdir())\nn > 1", "n > 0")
    ran(desk, "named", *cells)
    assert ran(desk, "named", *cells)[0] == [RESTORED] * 3


def test_p03_what_a_cell_seeded_before_an_import_that_draws_goes_on_from_there(with_library: Desk) -> None:
    with_library.library("styled", "import random\nidentity = random.randint(0, 999999)\n")
    cells = ("import random\nrandom.seed(3)", "import styled", "random.random()", "random.random()")
    _, before = ran(with_library, "it", *cells)
    became, after = ran(with_library, "it", *cells[:-1], "x = random.random()\nx")
    assert became == [RESTORED] * 3 + [EXECUTED] and after == before
