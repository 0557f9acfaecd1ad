"""Cells that bind what is bound so already: their record says of it nothing, and it counts all the same where it is another now."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from desk import Desk, outcomes
from run.test_random import shown


class Case(NamedTuple):
    """A cell, and what it becomes; cells behind it; what the last of these shows in any case."""

    first: str
    then: str
    behind: tuple[str, ...]
    shown: str


NAMES = (
    Case("d = 1", "d = 2", ("b = 3", "d = int(b > 1)", "d"), "1"),
    Case("e = 1", "e = 2", ("if True:\n    e = 1", "e"), "1"),
    Case("for i in range(3): pass", "i = 9", ("for i in range(3):  pass", "i"), "2"),
    Case("j = 1", "j = 1; k = 5", ("k = 1; del k", "'k' in globals()"), "False"),
    Case("g = 1", "g = 2", ("def bind():\n    global g\n    g = 1", "bind()", "g"), "1"),
    Case("import math", "math = 5", ("import  math", "math.floor(2.5)"), "2"),
    Case("def f(): return 1", "def f(): return 2", ("def f():  return 1", "f()"), "1"),
    Case("m = n = [1]", "m = [1]; n = [1]", ("n = m", "m.append(2)", "n"), "[1, 2]"),
)
SURROUNDINGS = (
    Case(
        "import random\nrandom.seed(1)",
        "import random\nrandom.seed(2)",
        ("random.seed(1)", "random.randrange(10**6)"),
        "140891",
    ),
    Case(
        "import os\nos.environ['K'] = 'a'",
        "import os\nos.environ['K'] = 'b'",
        ("os.environ['K'] = 'a'", "os.environ['K']"),
        "'a'",
    ),
    Case("os.chdir('/usr')", "os.chdir('/')", ("os.chdir('/usr')  #", "os.getcwd()"), "'/usr'"),
    Case(
        "import numpy\n_ = numpy.seterr(all='ignore')",
        "import numpy\n_ = numpy.seterr(all='raise')",
        ("_ = numpy.seterr(all='ignore')", "numpy.geterr()['over']"),
        "'ignore'",
    ),
)


@pytest.mark.parametrize("cases", [NAMES, SURROUNDINGS], ids=["names", "surroundings"])
def test_p03_what_is_bound_as_it_was_is_bound_again_where_it_is_another(
    desk: Desk, cases: tuple[Case, ...]
) -> None:
    def run(is_edited: bool, last: str = "") -> list[str]:
        cells, ends = list[str](), list[int]()
        for case in cases:
            cells += [case.then if is_edited else case.first, *case.behind[:-1], last + case.behind[-1]]
            ends.append(len(cells) - 1)
        desk.notebook("bound", *cells)
        ran = desk.run("bound.ipynb", "out.ipynb", "--explain")
        out = desk.read("out.ipynb")
        assert ran.exit == 0, ran
        assert [shown(out)[end] for end in ends] == [case.shown for case in cases], ran.out
        return [outcomes(out)[end] for end in ends]

    run(False)
    run(True)
    # The kernel that executes the last ones finds it, too.
    assert run(True, "1\n") == ["executed"] * len(cases)
