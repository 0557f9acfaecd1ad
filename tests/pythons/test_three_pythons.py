"""A session goes from Python 3.11 to 3.12 to the newest, gets something of its own in each, and goes all the way back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import REPOSITORY, Kernel

from pythons import definitions
from pythons.asking import NOTEBOOK, answers, outcomes, unlike

OLD, BETWEEN = (str(REPOSITORY / f".venv-3.{minor}/bin/python") for minor in (11, 12))
NEW = sys.executable

#: Made in the old Python, so that no cell has its source.
WITHOUT_SOURCE = "hidden"
#: Names that go on where they are asked: only the last Python asks them.
GO_ON = ("bump", "words", "grid")
#: What 3.12 adds that 3.11 can't read, and 3.13 that neither of them can; beside each what all can.
ADDED = {
    BETWEEN: [
        "def first[T](items: list[T]) -> T:\n    return items[0]",
        "tags = [f'{n}' for n in range(2)]\nsteps = [lambda x: x * i for i in range(3)]",
    ],
    NEW: [
        "def second[T = int](items: list[T]) -> T:\n    return items[1]",
        "@dataclasses.dataclass\nclass Later(Point):\n    z: int = 7\nafter = Later(1)",
    ],
}
ANSWERS = {
    "first": ("first([4, 5])", 4),
    "second": ("second([4, 5])", 5),
    "steps": ("[f(2) for f in steps], tags", ([4, 4, 4], ["0", "1"])),
    "after": (
        "after.far(), isinstance(after, Point), repr(after)",
        (1.5, True, "Later(x=1, y=0.5, tags=[], z=7)"),
    ),
}


@pytest.mark.long
def test_p03_a_session_goes_through_three_pythons_and_back(kernels: Callable[..., Kernel]) -> None:
    assert Path(BETWEEN).exists(), "`make between` makes the environment of Python 3.12"
    at: Kernel | None = None

    def comes_to(python: str, lost: set[str], but: set[str]) -> Kernel:
        """Resumes it there: what is lost on the way, and that all others are and do what they were and did."""
        nonlocal at
        assert at is not None
        at.close()
        at = kernels(python=python, notebook=NOTEBOOK)
        told = outcomes(at, "resume --json")
        assert unlike(told) == lost, {root: told[root] for root in unlike(told) | lost}
        assert all(told[root][0] == "lost" and "compiled its code" in told[root][1] for root in lost), told
        still = {name: asked for name, asked in definitions.ANSWERS.items() if name not in GO_ON}
        assert answers(at, still, but=WITHOUT_SOURCE) == {}
        here = {name: asked for name, asked in ANSWERS.items() if name not in but}
        assert answers(at, here, but="") == {}
        return at

    at = kernels(python=OLD, notebook=NOTEBOOK)
    for cell in definitions.CELLS:
        at.run(cell).raised()
    at.clew("tag old").raised()
    # There: each adds something of its own.
    there = comes_to(BETWEEN, {WITHOUT_SOURCE}, but={*ANSWERS})
    for cell in ADDED[BETWEEN]:
        there.run(cell).raised()
    there = comes_to(NEW, set(), but={"second", "after"})
    for cell in ADDED[NEW]:
        there.run(cell).raised()
    # And back: each loses what it can't read, and nothing else.
    comes_to(BETWEEN, {"second"}, but={"second"})
    back = comes_to(OLD, {"first"}, but={"first", "second"})
    told = outcomes(back, "switch old --json")
    assert {word for word, _ in told.values()} <= {"unchanged", "restored", "removed"}, told
    assert answers(back, definitions.ANSWERS, but="") == {}
