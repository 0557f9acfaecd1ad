"""What brings other movers down, in one session that goes to another machine: each name arrives equal, or says why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cases.story import Notebook, Report

from journeys.carrying import WAYS
from journeys.person import Person, told

CELLS = [
    "import random\nimport numpy as np",
    # A function reads a global that is bound anew later.
    "rate = 3\ndef price(amount):\n    return amount * rate",
    "prices = [price(amount) for amount in range(30_000)]",
    "rate = 4",
    # Nobody can draw these again.
    "fresh = np.random.default_rng().random(3_000)\nmean = float(fresh.mean())",
    "random.seed()\ndrawn = [random.random() for _ in range(3_000)]\nlargest = max(drawn)",
    # What the other machine does not have, and what nobody asked for another time.
    "words = open('in.txt').read().split() * 2_000",
    "line = open('log.txt', 'a').write('once\\n')\nlines = ['once'] * 2_000 * line",
    # A generator that a later cell went on with.
    "squares = (n * n for n in range(9))\nfirst = next(squares)",
    "second = next(squares)",
    # Equal small numbers, a list behind a key, and a view.
    "x, y = 2, 2\na = np.arange(4_000.0)\nd = {'k': a}\nview = a[5:9]",
]
SAME = """
assert price(10) == 40 and price.__globals__ is globals() and prices[-1] == 3 * 29_999
assert mean == float(fresh.mean()) and largest == max(drawn)
assert len(words) == 4_000 and len(lines) == 10_000
assert (first, second) == (0, 1)
assert x is y and d['k'] is a and view.base is a and a.sum() == 7_998_000.0
"""


@pytest.fixture
def here(people: Callable[..., Person]) -> Person:
    here = people("here")
    here.folder.mkdir()
    (here.folder / "in.txt").write_text("two words")
    return here


def arrives(
    way: str, here: Person, people: Callable[..., Person], notebook: Notebook
) -> tuple[Person, Notebook, Report]:
    """Brings the session to another home; gives who is there, the notebook, and what became of each name."""
    there = people(way)
    there.folder = there.home / "notebooks"
    history = WAYS[way](notebook, here, there, here.home / f"by-{way}")
    new = there.opens("work.ipynb")
    told(new, f"history {history}")
    return there, new, new.move("resume")


@pytest.mark.parametrize("way", ["history", "plan"])
def test_p03_p06_what_brings_others_down_arrives_or_says_why_not(
    way: str, here: Person, people: Callable[..., Person]
) -> None:
    notebook = here.opens("work.ipynb")
    notebook.run(*CELLS)
    there, new, report = arrives(way, here, people, notebook)
    missing = {name for name, word in report.words.items() if word not in ("restored", "unchanged", "rerun")}
    assert missing == {"squares"} and report.word("squares") == "lost", report.words
    assert "generator" in report.why("squares")
    new.run(SAME)
    assert "squares" not in new.names()
    # The numbers are those that were drawn, and the next one is the one that comes next.
    numbers = "fresh.sum()", "sum(drawn)", "random.random()"
    assert new.read(*numbers) == notebook.read(*numbers)
    assert (report.word("prices") == "rerun") == (way == "plan"), report.words
    assert not (there.folder / "log.txt").exists() and (here.folder / "log.txt").read_text() == "once\n"


FRAGILE = """
from pathlib import Path
class Fragile:
    def __init__(self):
        self.inside = [1, 2]
    def __getstate__(self):
        return self.inside
    def __setstate__(self, inside):
        if not Path('in.txt').exists():
            raise OSError('this machine is another one')
        self.inside = inside
fragile = Fragile()
holds = {'fragile': fragile}
"""


@pytest.mark.parametrize("way", ["state", "clone"])
def test_p06_a_name_that_can_not_be_decoded_is_lost_alone(
    way: str, here: Person, people: Callable[..., Person]
) -> None:
    notebook = here.opens("work.ipynb")
    notebook.run(CELLS[0], FRAGILE, *CELLS[-1:], "words = ['one', 'two']")
    (here.folder / "in.txt").unlink()
    _, new, report = arrives(way, here, people, notebook)
    lost = {name for name, word in report.words.items() if word == "lost"}
    assert lost == {"fragile", "holds"}, report.words
    assert "this machine is another one" in report.why("fragile")
    new.run("assert d['k'] is a and view.base is a and words == ['one', 'two'] and Fragile.__name__")
    # Nothing was thrown away: where it can be decoded it is there.
    (Path(new.kernel.value("__import__('os').getcwd()")) / "in.txt").touch()
    report = new.move(f"switch {report.at.rstrip('abc')}")
    assert report.word("fragile") == report.word("holds") == "restored", report.words
    new.run("assert holds['fragile'] is fragile and fragile.inside == [1, 2]")


def test_p03_what_the_cell_made_that_imports_numpy_is_replayed_and_the_next_numbers_are_the_same(
    here: Person, people: Callable[..., Person]
) -> None:
    """numpy seeds its generator when it is imported, which is no draw; what that seed gives is sent."""
    notebook = here.opens("work.ipynb")
    notebook.run(
        "import numpy as np\nroots = np.sqrt(np.arange(60_000.0))", "drawn = np.random.random(3_000)"
    )
    _, new, report = arrives("plan", here, people, notebook)
    assert (report.word("roots"), report.word("drawn")) == ("rerun", "rerun"), report.words
    numbers = "float(roots[-1]), float(drawn.sum()), float(np.random.random())"
    assert new.read(numbers) == notebook.read(numbers)


def test_what_the_cell_drew_that_imports_numpy_is_sent(here: Person, people: Callable[..., Person]) -> None:
    notebook = here.opens("work.ipynb")
    notebook.run("import numpy as np\ndrawn = np.random.random(312 * 20)")
    _, new, report = arrives("plan", here, people, notebook)
    assert report.word("drawn") == "restored", report.words
    assert new.read("float(drawn.sum())") == notebook.read("float(drawn.sum())")
