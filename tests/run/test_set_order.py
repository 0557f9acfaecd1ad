"""Sets of numbers: Python goes through them in the same order each time a notebook is run, so Clew does, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Kernel
from run.desk import Desk, code_cells, outcomes
from run.test_unneeded import EXECUTED, RESTORED

#: What makes a set in one cell, and what goes through it in another.
GONE_THROUGH = (
    ("a = set([40, 8, 16, 3])", "list(a)"),
    ("import random\nrandom.seed(0)\nb = {random.random() for _ in range(1000)}", "sum(b), list(b)[:5]"),
    ("def pick(xs):\n    return [k for k in {40, 8, 16} if k in xs]", "pick([8, 16, 40])"),
    ("todo = {40, 8, 16}", "seen = []\nwhile todo:\n    seen.append(todo.pop())\nseen"),
    ("keep = {3, 11, 19, 27}\nkeep.discard(3)", "next(iter(keep)), list(keep)"),
    ("import numpy as np\nc = set(np.array([40, 8, 16, 3]))", "[int(one) for one in c]"),
    ("import decimal\nd = set(map(decimal.Decimal, [40, 8, 16]))", "[int(one) for one in d]"),
    ("pairs = {(40, 1), (8, 2), (16, 3)}", "list(pairs)"),
    ("f = frozenset([40, 8, 16])\ng = {f: 1, 'x': {1: {9, 1}}}", "list(f), list(g['x'][1])"),
    ("h = set(range(100)) - set(range(5, 95))", "list(h)"),
    ("class Own(set):\n    pass\ns = Own([40, 8, 16])", "list(s)"),
    ("class Held:\n    def __init__(self):\n        self.ids = {40, 8, 16}\nheld = Held()", "list(held.ids)"),
    ("m = {-1, -2, 6}\nn = {-2, -1, 6}", "list(m), list(n)"),
    ("popped = {40, 8, 16, 5}\n_ = popped.pop()\npopped.add(24)", "list(popped), popped.pop()"),
    ("big = set(range(3000))\nbig -= set(range(10, 2990))\nbig |= {70000, 8}", "big.add(5)\nlist(big)"),
    ("mixed = {1, 8.5, True, 2**70, (1, 2), 40, 8}", "list(mixed)"),
    ("one = {5}\none.add(13)\none.add(21)", "one.add(29)\nlist(one)"),
    ("bare = {float('nan'), 40, 8}", "sorted(one for one in bare if one == one)"),
    ("words = {'b', 'a'}", "sorted(words)"),
)
#: A set that is built in two orders, and whether Python goes through it in two.
BUILT = (
    ("ids = set([{}])", "40, 8, 16", "16, 8, 40", True),
    ("ids = frozenset([{}])", "9, 1", "1, 9", True),
    ("ids = [{{'a': {{{}}}}}]", "8, 0, 1", "0, 8, 1", True),
    ("ids = {{{}}}", "3, 2, 1", "1, 2, 3", False),
    ("ids = {{{}}}", "'a', 'b'", "'b', 'a'", False),
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("sets"))


def shown(desk: Desk, name: str) -> list[str]:
    """What each cell shows."""
    cells = code_cells(desk.read(name))
    return ["".join("".join(one["data"]["text/plain"]) for one in cell["outputs"]) for cell in cells]


def test_p03_a_set_that_is_restored_is_gone_through_in_the_same_order(desk: Desk) -> None:
    made, readers = [one for one, _ in GONE_THROUGH], [reader for _, reader in GONE_THROUGH]
    desk.notebook("order", *made)
    assert desk.run("order.ipynb", "out.ipynb").exit == 0
    desk.notebook("order", *made, *readers)
    assert desk.run("order.ipynb", "out.ipynb").exit == 0
    assert outcomes(desk.read("out.ipynb"))[: len(made)] == [RESTORED] * len(made)
    assert desk.papermill("order.ipynb", "plain.ipynb").exit == 0
    both = zip(
        readers, shown(desk, "out.ipynb")[len(made) :], shown(desk, "plain.ipynb")[len(made) :], strict=True
    )
    assert [(cell, now, plain) for cell, now, plain in both if now != plain] == []


@pytest.mark.parametrize(("text", "first", "second", "is_seen"), BUILT)
def test_p03_a_set_in_another_order_is_another_value(
    desk: Desk, text: str, first: str, second: str, is_seen: bool
) -> None:
    reader = "sorted(ids)" if "'" in first else "str(ids)"
    for members in (first, second):
        desk.notebook("built", text.format(members), reader)
        assert desk.run("built.ipynb", "out.ipynb").exit == 0
    assert outcomes(desk.read("out.ipynb"))[1] == (EXECUTED if is_seen else RESTORED)
    assert desk.papermill("built.ipynb", "plain.ipynb").exit == 0
    assert shown(desk, "out.ipynb") == shown(desk, "plain.ipynb")


def test_p03_what_an_undo_brings_back_is_gone_through_in_the_same_order(tmp_path: Path) -> None:
    kernel = Kernel(home=tmp_path, notebook="sets.ipynb")
    try:
        kernel.run("%load_ext clew")
        kernel.run("ids = set([40, 8, 16]); ids.discard(8); ids |= {3, 11}; frozen = frozenset([24, 8])")
        before = kernel.run("list(ids), list(frozen)").text
        kernel.run("ids.clear(); ids |= {1, 2}; frozen = None")
        assert "Undid" in kernel.run("%clew undo").text
        assert kernel.run("list(ids), list(frozen)").text == before
    finally:
        kernel.kill()
