"""`eval` loads the variables that its expression needs, and never fewer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driver import Scratch
from harness import Kernel

STORY = [
    """
import pickle, sys
import numpy as np

class Base:
    factor = 2

class Point(Base):
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x

    def scaled(self):
        return offset + self.factor * self.x

def outer(value):
    return inner(value) + 1

def inner(value):
    return value * scale

def hidden(name):
    return sys.modules["__main__"].__dict__[name]

def made(value):
    def closed():
        return value + offset
    return closed
""",
    """
scale, offset = 10, 100
numbers = [1, 2, 3]
other = numbers
big = np.arange(100_000)
view = big[:3]
point = Point(7)
packed = pickle.dumps(Point(7))
closed = made(5)
table = {"add": lambda value: value + offset}
name, secret = "sec" + "ret", 42
unused = np.zeros(100_000)
""",
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that left the story's variables."""
    with Kernel(home=tmp_path_factory.mktemp("told") / "home") as kernel:
        for cell in STORY:
            kernel.run(cell).raised()
        yield kernel


@pytest.fixture
def scratch(told: Kernel, tmp_path: Path) -> Iterator[Loaded]:
    """A scratch process that can load the last state."""
    loaded = Loaded(told, tmp_path)
    yield loaded
    loaded.process.close()


class Loaded:
    """A scratch process over the last state of a kernel."""

    def __init__(self, kernel: Kernel, folder: Path) -> None:
        self._at = {
            "run": json.loads(kernel.clew("show --json @").raised().stdout)["id"],
            "history": json.loads(kernel.clew("status --json").raised().stdout)["history_id"],
            "store": str(kernel.home / "clew"),
            "config": str(kernel.home / ".config" / "clew"),
        }
        self.process = Scratch(folder)

    def variables(self, expression: str, *, whole: bool = False) -> set[str]:
        """Names of the story that are there when an expression's needs were loaded."""
        answer = self.process.ask(do="load", expression=expression, whole=whole, **self._at)
        assert answer["inexact"] == []
        #: Names that the expression needs of the state; `None` where it may be any.
        self.needs = answer["needs"]
        there = self.process.eval("sorted(globals())")["text"]
        return {one for one in EVERYTHING if repr(one) in there}

    def eval(self, expression: str) -> dict[str, Any]:
        """What it comes to where what it needs was loaded."""
        self.process.ask(do="load", expression=expression, whole=False, **self._at)
        return self.process.eval(expression)


EVERYTHING = {"Base", "Point", "outer", "inner", "hidden", "made", "scale", "offset", "numbers", "other", "big", "view"} | {
    "point", "packed", "closed", "table", "name", "secret", "unused", "np", "pickle", "sys"
}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "variables"),
    [
        ("1 + 1", set()),
        ("scale", {"scale"}),
        ("outer(3)", {"outer", "inner", "scale"}),
        ("closed()", {"closed", "offset"}),
        ("table['add'](1)", {"table", "offset"}),
        # Names that share objects come together.
        ("len(numbers)", {"numbers", "other"}),
        ("view.sum()", {"view", "big"}),
        # The class comes with its instance, and what its methods read.
        ("point.scaled()", {"point", "offset"}),
        ("[n for n in numbers if n > scale]", {"numbers", "other", "scale"}),
    ],
)
def test_an_expression_loads_what_it_needs(scratch: Loaded, expression: str, variables: set[str]) -> None:
    assert scratch.variables(expression) == variables
    # What comes along since it shares objects changes with what is needed.
    assert EVERYTHING.intersection(scratch.needs) == variables - {"other", "big"}


@pytest.mark.parametrize(
    "expression", ["globals()", "eval('sc' + 'ale')", "vars()", "getattr(point, 'x')", "hidden(name)"]
)
def test_an_expression_that_may_read_any_variable_loads_all(scratch: Loaded, expression: str) -> None:
    assert scratch.variables(expression) == EVERYTHING
    assert scratch.needs is None


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("outer(3)", "31"),
        ("closed()", "105"),
        ("point.scaled()", "114"),
        ("view.base is big and len(view)", "3"),
        ("numbers is other", "True"),
        ("hidden(name)", "42"),
        # Unpickling looks the class up where no code names it.
        ("pickle.loads(packed) == point", "True"),
        ("(lambda: pickle.loads(packed).x)()", "7"),
        ("'secret' in globals()", "True"),
    ],
)
def test_eval_answers_what_the_whole_state_would(told: Kernel, expression: str, value: str) -> None:
    answer = json.loads(told.clew(f"eval --json @ {expression}").raised().stdout)
    assert (answer["value"], answer["not_restored"]) == (value, [])


def test_an_exception_that_names_a_variable_which_was_left_out_says_so(scratch: Loaded) -> None:
    """The command asks again then, in a process that loads everything."""
    assert scratch.eval("(lambda: pickle.loads(packed).x)()")["lacks"] is True
    assert scratch.eval("nothing_of_that_name")["lacks"] is False
    assert scratch.eval("1 / 0")["lacks"] is False


def test_what_was_loaded_stays_when_more_is_loaded(scratch: Loaded) -> None:
    """Otherwise objects that names share would be there twice."""
    assert scratch.variables("numbers") == {"numbers", "other"}
    before = scratch.process.eval("id(numbers)")["text"]
    assert scratch.variables("outer(3)") == {"numbers", "other", "outer", "inner", "scale"}
    assert scratch.process.eval("id(numbers)")["text"] == before
    assert scratch.process.eval("outer(3)")["text"] == "31"


def test_options_of_a_library_come_with_the_library_and_do_not_import_it(tmp_path: Path) -> None:
    with Kernel(home=tmp_path / "home") as kernel:
        kernel.run(
            "import pandas as pd; pd.set_option('display.max_rows', 7); series = pd.Series(range(90))"
        ).raised()
        kernel.run("import numpy as np; one = 1; np.random.seed(3)").raised()
        drawn = kernel.run("np.random.rand()").raised().result

        def answer(expression: str) -> str:
            value: str = json.loads(kernel.clew(f"eval --json 3 {expression}").raised().stdout)["value"]
            return value

        loaded = Loaded(kernel, tmp_path / "scratch")
        loaded.eval("one")
        assert loaded.process.eval("'pandas' in __import__('sys').modules")["text"] == "False"
        option = "__import__('das'.join(['pan', ''])).get_option('display.max_rows')"
        assert loaded.eval(option)["lacks"] is True
        loaded.process.close()
        assert answer("len(series), pd.get_option('display.max_rows')") == "(90, 7)"
        assert answer("repr(series).count('\\n') < 10") == "True"
        # Nothing but the run of the expression tells that it imports pandas.
        assert answer(option) == "7"
        assert answer("__import__('numpy').random.rand()") == drawn
