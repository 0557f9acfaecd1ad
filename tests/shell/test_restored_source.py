"""Tracebacks, debuggers and `inspect` find the source of what was restored in another kernel."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Kernel

#: Ways to make a function, and the line of its source that a traceback has to show: where `fail` is called, it raises.
CELLS = {
    "a function": ("def fail():\n    steps = 0\n    return 1 / steps  # marked", "return 1 / steps  # marked"),
    "a method": (
        "class Model:\n    def fit(self):\n        return {}['weights']  # marked\nfail = Model().fit",
        "return {}['weights']  # marked",
    ),
    "a closure": (
        "def make(n):\n    def inner():\n        return n / 0  # marked\n    return inner\nfail = make(2)",
        "return n / 0  # marked",
    ),
    "a lambda": ("fail = lambda: int('x')  # marked", "fail = lambda: int('x')  # marked"),
    "a cell with a magic": (
        "%%capture shown\ndef fail():\n    return [][3]  # marked",
        "return [][3]  # marked",
    ),
    "a cell with a line magic": (
        "%precision 3\n!true\ndef fail():\n    raise ValueError('no')  # marked",
        "raise ValueError('no')  # marked",
    ),
    "in a list": ("tasks = [lambda: 1, lambda: open('/none')]  # marked\nfail = tasks[1]", "# marked"),
}  # fmt: skip


@pytest.fixture
def kernel(kernels: Callable[..., Kernel], tmp_path: Path) -> Kernel:
    """A kernel of a notebook, which a new kernel finds again."""
    return kernels(notebook=tmp_path / "notebook.ipynb")


def begin_again(kernel: Kernel) -> None:
    """Resumes in a new kernel, once all that ran is recorded."""
    kernel.clew("status").raised()
    kernel.restart()
    kernel.clew("resume").raised()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


@pytest.mark.parametrize("way", CELLS)
def test_a_traceback_shows_the_source_of_what_was_restored(kernel: Kernel, way: str) -> None:
    cell, line = CELLS[way]
    kernel.run("other = 1").raised()
    kernel.run(cell).raised()
    here = plain(kernel.run("fail()").traceback)
    assert line in here and "Cell In[" in here, here
    begin_again(kernel)
    there = plain(kernel.run("fail()").traceback)
    assert line in there, there
    assert "/ipykernel_" not in there, there
    # The same lines under the same name of the cell, but for the call that raises it.
    lines = [found for found in here.splitlines() if line in found]
    assert lines and set(lines) <= set(there.splitlines()), (here, there)


def test_inspect_and_pdb_find_the_source_of_what_was_restored(kernel: Kernel) -> None:
    kernel.run("def mean(values):\n    'The mean.'\n    return sum(values) / len(values)").raised()
    begin_again(kernel)
    kernel.run("import inspect, linecache")
    assert kernel.value("inspect.getsource(mean)").endswith("return sum(values) / len(values)\n")
    assert kernel.value("linecache.getline(mean.__code__.co_filename, 2)") == "    'The mean.'\n"


def test_lines_that_are_not_on_record_are_not_made_up(kernel: Kernel) -> None:
    """A source that holds a credential is not kept whole: its hash is that of no cell."""
    kernel.run("def fail():\n    password = 'hunter2-hunter2'\n    return 1 / 0").raised()
    begin_again(kernel)
    if kernel.value("'fail' in globals()"):
        there = plain(kernel.run("fail()").traceback)
        assert "ZeroDivisionError" in there and "hunter2" not in there


def test_nothing_is_read_until_somebody_wants_the_lines(kernel: Kernel) -> None:
    kernel.run("def fail():\n    return 1 / 0").raised()
    begin_again(kernel)
    kernel.run("import linecache").raised()
    assert kernel.value("len(linecache.cache[fail.__code__.co_filename])") == 1
    kernel.run("%unload_ext clew").raised()
    there = plain(kernel.run("fail()").traceback)
    assert "ZeroDivisionError: division by zero" in there


def test_two_cells_of_one_number_are_told_apart_by_their_lines(kernel: Kernel) -> None:
    kernel.run("def fail():\n    return 1 / 0  # of the first kernel").raised()
    begin_again(kernel)
    for _ in range(3):
        kernel.run("def again():\n    return fail()  # of the second kernel").raised()
    there = plain(kernel.run("again()").traceback)
    assert "# of the first kernel" in there and "# of the second kernel" in there, there
