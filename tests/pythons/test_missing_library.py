"""A session goes where a library is not installed: what is made of it is lost, and says what to do; everything else arrives."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from harness import Kernel

#: What an environment looks like to Python that lacks a library.
BLOCKER = """
import sys
class Lacks:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "scipy":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Lacks())
"""
CELLS = [
    "import numpy as np, scipy.sparse, scipy.stats",
    "sparse = scipy.sparse.csr_array(np.eye(3))\nboth = {'sparse': sparse, 'n': 1}\nnormal = scipy.stats.norm(2)",
    "grid = np.arange(6).reshape(2, 3)\ndef total(x=grid):\n    return int(x.sum())\nclass Box:\n    n = 3\nbox = Box()",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with which on its path Python has no scipy."""
    folder = tmp_path / "lacks"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCKER)
    return folder


def test_p06_a_name_of_a_library_that_is_not_there_says_so_and_all_others_arrive(
    kernels: Callable[..., Kernel], folder: Path
) -> None:
    kernel = kernels(notebook="/work/a.ipynb")
    for cell in CELLS:
        kernel.run(cell).raised()
    kernel.close()
    kernel = kernels(notebook="/work/a.ipynb", paths=[folder])
    told = json.loads(kernel.clew("resume --json").raised().stdout)["outcomes"]
    lost = {each["root"]["key"]: each["why"] for each in told if each["outcome"] == "lost"}
    # A filter of warnings may name a class of it, too.
    scipy = version("scipy")
    assert set(lost) - {"warnings.filters"} == {"sparse", "both", "normal", "scipy"}
    for why in lost.values():
        # With the version that was recorded.
        assert f"it needs scipy {scipy}, which" in why and f"`pip install scipy=={scipy}`" in why
    assert {each["outcome"] for each in told} <= {"restored", "unchanged", "lost"}
    assert kernel.value("total(), box.n, type(box) is Box, grid.tolist()") == (
        15,
        3,
        True,
        [[0, 1, 2], [3, 4, 5]],
    )
    # Nothing is thrown away: where the library is, the state of before is whole.
    kernel.close()
    kernel = kernels(notebook="/work/a.ipynb")
    runs = kernel.clew("switch 4").raised()
    assert kernel.value("both['sparse'] is sparse, sparse.toarray().tolist()[0], float(normal.mean())") == (
        True,
        [1.0, 0.0, 0.0],
        2.0,
    ), runs.text


def test_p06_state_of_a_library_that_is_not_there_keeps_nothing_else_from_arriving(
    kernels: Callable[..., Kernel], folder: Path
) -> None:
    (folder / "sitecustomize.py").write_text(BLOCKER.replace('== "scipy"', 'in ("numpy", "pandas")'))
    kernel = kernels(notebook="/work/a.ipynb")
    kernel.run(
        "import numpy as np, pandas as pd\npd.set_option('display.max_rows', 7)\nnp.random.seed(1)"
    ).raised()
    kernel.run("np.seterr(all='ignore')\nwords = ['one', 'two']").raised()
    kernel.close()
    kernel = kernels(notebook="/work/a.ipynb", paths=[folder])
    told = json.loads(kernel.clew("resume --json").raised().stdout)["outcomes"]
    words = {each["root"]["key"]: (each["outcome"], each["why"]) for each in told}
    for key in ("np", "pd", "numpy.random", "pandas: display.max_rows", "numpy errors"):
        word, why = words[key]
        assert word in ("lost", "not_identical") and why, (key, words)
    assert words["words"][0] == "restored" and kernel.value("words") == ["one", "two"]
