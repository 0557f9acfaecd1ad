"""A history that Python 3.11 recorded, resumed by a newer one and back: functions and classes come from their source, the rest as it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from harness import REPOSITORY, Kernel

from pythons import definitions
from pythons.asking import NOTEBOOK, answers, outcomes, said, unlike, with_texts

OLD, NEW = str(REPOSITORY / ".venv-3.11/bin/python"), sys.executable

#: Made in the old Python, so that no cell has its source.
WITHOUT_SOURCE = "hidden"
#: What the newer Python adds, of its own kinds too, and what of it the old one can't have.
ADDED = [
    "def newer(x, *, more=1):\n    return [x + more + i for i in range(2)]\nsteps = [lambda x: x * i for i in range(3)]",
    "@dataclasses.dataclass(order=True)\nclass Later(Point):\n    z: int = 7\nafter = Later(1)",
    "Triple = collections.namedtuple('Triple', 'a b c')\ntriple = Triple(1, 2, 3)\n"
    "class Level(enum.IntEnum):\n    LOW = 1\nlow = Level.LOW",
    "def first[T](items: list[T]) -> T:\n    return items[0]",
]
TOO_NEW = "first"
ADDED_ANSWERS = {
    "newer": ("newer(1), newer(1, more=2), [f(2) for f in steps]", ([2, 3], [3, 4], [4, 4, 4])),
    "triple": ("triple.b, triple._replace(a=9).a, low is Level.LOW, Level(1) + 1", (2, 9, True, 2)),
    "after": ("repr(after), after < Later(2), isinstance(after, Point), Later.__replace__(after, z=1).z", ("Later(x=1, y=0.5, tags=[], z=7)", True, True, 1)),
}  # fmt: skip


@pytest.fixture
def start(kernels: Callable[..., Kernel]) -> Iterator[Callable[[str], Kernel]]:
    yield lambda python: kernels(python=python, notebook=NOTEBOOK)


def rest(kernel: Kernel) -> None:
    """Has everything looked at, as an idle moment would: a look in a hurry passes over what two classes of one library share."""
    kernel.clew("switch @").raised()


def test_p03_definitions_go_to_another_python_and_back(start: Callable[[str], Kernel]) -> None:
    kernel = start(OLD)
    for cell in definitions.CELLS:
        kernel.run(cell).raised()
    rest(kernel)
    kernel.clew("tag old").raised()
    kernel.close()

    # There: all but one are loaded, which means that they are what was recorded, and they do what they did.
    kernel = start(NEW)
    told = outcomes(kernel, "resume --json")
    assert unlike(told) == {WITHOUT_SOURCE}, {name: told[name] for name in unlike(told)}
    word, why = told[WITHOUT_SOURCE]
    assert word == "lost" and "Python 3.11 compiled its code" in why and "define it again" in why
    kernel.clew("tag new").raised()
    assert answers(kernel, definitions.ANSWERS, but=WITHOUT_SOURCE) == {}
    # What is changed there is undone there, in place.
    kernel.run("Animal.count = 9; price.note.append('more'); rex.name = 'max'").raised()
    told = outcomes(kernel, "undo --json")
    assert {root: told[root] for root in unlike(told)} == {}
    assert kernel.value("Animal.count, price.note, rex.name, type(rex) is Dog") == (
        7,
        ["kept"],
        "rex",
        True,
    )
    for cell in ADDED:
        kernel.run(cell).raised()
    assert answers(kernel, ADDED_ANSWERS, but="") == {}
    kernel.clew("tag added").raised()
    # What was loaded is no change.
    state = said(kernel, "diff old new --json")["state"]
    assert len(state) == 1 and WITHOUT_SOURCE in str(state[0])
    # A process of its own finds the cells, too.
    assert "153" in kernel.clew("eval old 'price(10)'").raised().text
    rest(kernel)
    kernel.close()

    # And back: the old ones with their own bytecode, the new ones from source; of these one that the old Python can't read.
    kernel = start(OLD)
    told = outcomes(kernel, "resume --json")
    texts = with_texts(told)
    assert unlike(told) - texts == {TOO_NEW}, {name: told[name] for name in unlike(told) - texts}
    assert not texts or sys.version_info >= (3, 14)
    assert told[TOO_NEW][0] == "lost"
    assert f"Python 3.{sys.version_info.minor} compiled its code" in told[TOO_NEW][1]
    assert answers(kernel, ADDED_ANSWERS, but="") == {}
    told = outcomes(kernel, "switch old --json")
    assert {word for word, _ in told.values()} <= {"unchanged", "restored", "removed"}
    assert answers(kernel, definitions.ANSWERS, but="") == {}


TRANSFORMED = [
    "import ast\nclass Swap(ast.NodeTransformer):\n    def visit_Add(self, node):\n        return ast.Sub()\n"
    "get_ipython().ast_transformers.append(Swap())",
    "def less(x):\n    return x + 1",
    "get_ipython().ast_transformers.clear()\nget_ipython().input_transformers_post.append(lambda lines: [line.replace('+', '-') for line in lines])",
    "def fewer(x):\n    return x + 1",
    "get_ipython().input_transformers_post.clear()",
    "def more(x):\n    return x + 1",
]


def test_p03_a_cell_whose_code_was_transformed_is_not_compiled_again(start: Callable[[str], Kernel]) -> None:
    kernel = start(OLD)
    for cell in TRANSFORMED:
        kernel.run(cell).raised()
    assert kernel.value("less(1), fewer(1), more(1)") == (0, 0, 2)
    rest(kernel)
    kernel.close()

    kernel = start(NEW)
    told = outcomes(kernel, "resume --json")
    assert {"less", "fewer"} <= unlike(told) and "more" not in unlike(told)
    assert "its source is not available" in told["less"][1]
    assert kernel.value("more(1)") == 2
