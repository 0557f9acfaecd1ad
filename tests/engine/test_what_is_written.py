"""What an edit writes: the bytes that changed and a few lists, however large the value is (counted, never timed)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Kernel

KIB = 1024

DICT = "x = {f'key {number:07}': number * 1.5 for number in range(1_000_000)}"
LISTS = "x = [{'id': number, 'tags': [number, number + 1]} for number in range(250_000)]"
SET = "x = {number * 7919 for number in range(300_000)}"
INSTANCES = """
class Point:
    def __init__(self, number):
        self.number, self.name = number, f'point {number}'
x = [Point(number) for number in range(200_000)]
"""
ORDERED = "import collections; x = collections.OrderedDict((n, str(n)) for n in range(100_000))"
DEQUE = "import collections; x = collections.deque(range(300_000))"
TEXT = "import random; x = ''.join(random.Random(1).choices('abcdefghij klmno', k=20_000_000))"
BYTES = "import random; x = random.Random(1).randbytes(20_000_000)"
SHARED_TEXTS = """
import random
chance = random.Random(1)
texts = [f'a text of some length, so that it is told apart from others like it, {n}' * 2 for n in range(1000)]
x = [chance.choice(texts) for _ in range(200_000)]
del texts, chance
"""
SHARED_DICTS = """
import random
chance = random.Random(1)
shared = [{'name': str(number)} for number in range(1000)]
x = [{'id': number, 'of': chance.choice(shared)} for number in range(200_000)]
del shared, chance
"""
INDEXED = "x = [{'id': n} for n in range(200_000)]; x = [x, {n: entry for n, entry in enumerate(x)}]"
ARRAYS = "import numpy as np; x = [np.arange(n, n + 50) for n in range(20_000)]"

VALUES = {
    "dict of a million": (
        DICT,
        2000,
        [
            "x['key 0500000'] = 7",
            "x = {'new': 1, **x}",
            "items = list(x.items()); items.insert(500_000, ('mid', 2)); x = dict(items); del items",
            "del x['key 0700000']",
        ],
    ),
    "list of dicts with lists": (
        LISTS,
        1000,
        [
            "x[125_000]['id'] = -1",
            "x.insert(0, {'id': 9, 'tags': [1]})",
            "x.insert(125_000, {'id': 9, 'tags': [1]})",
            "del x[1000]",
        ],
    ),
    "set": (SET, 1000, ["x.add(-5)", "x.remove(7919)"]),
    "instances": (
        INSTANCES,
        500,
        ["x[100_000].name = 'other'", "x.insert(0, Point(-1))", "x.insert(100_000, Point(-1))"],
    ),
    "ordered dict": (ORDERED, 200, ["x[5000] = 'c'", "x[-1] = ''; x.move_to_end(-1, last=False)"]),
    "deque": (DEQUE, 500, ["x.appendleft(-1)", "x.insert(100_000, -2)"]),
    "text": (TEXT, 5000, ["x = x[:10_000_000] + 'inserted' + x[10_000_000:]", "x = 'a' + x"]),
    "bytes": (BYTES, 15_000, ["x = x[:10_000_000] + b'inserted' + x[10_000_000:]", "x = b'a' + x"]),
    "shared texts": (
        SHARED_TEXTS,
        250,
        [
            "x.insert(0, x[777])",
            "x.insert(0, 'one more text of some length, so that it is told apart from others like it, too' * 2)",
            "x.insert(100_000, x[5])",
        ],
    ),
    "shared dicts": (
        SHARED_DICTS,
        500,
        ["x.insert(0, {'id': -1, 'of': x[777]['of']})", "x[5]['of']['name'] = 'changed'"],
    ),
    "a list and a dict of the same": (
        INDEXED,
        250,
        ["x[0].insert(0, {'id': -1}); x[1][-1] = x[0][0]", "x[0].insert(100_000, {'id': -2})"],
    ),
    "small arrays": (ARRAYS, 1000, ["x[10_000][3] = -1", "x.insert(0, np.arange(5))"]),
}
"""The cell that makes a value, the kibibytes that it takes at least, and cells that change a little of it."""


def packs(kernel: Kernel) -> int:
    """Bytes of all packs, once everything that ran is recorded."""
    kernel.clew("status")
    return sum(path.stat().st_size for path in kernel.home.rglob("*.pack"))


@pytest.mark.few(4)
@pytest.mark.parametrize(("made", "least", "edits"), VALUES.values(), ids=VALUES.keys())
def test_an_edit_of_a_large_value_writes_what_changed(
    kernel: Kernel, made: str, least: int, edits: list[str]
) -> None:
    before = packs(kernel)
    kernel.run(made).raised()
    whole = packs(kernel) - before
    assert whole > least * KIB
    for edit in edits:
        before = packs(kernel)
        kernel.run(edit).raised()
        written = packs(kernel) - before
        assert 0 < written < 64 * KIB, f"{edit}: {written / KIB:.1f} KiB of {whole / KIB:.1f}"


def test_what_was_edited_comes_back_in_another_kernel(kernels: Callable[..., Kernel], tmp_path: Path) -> None:
    first = kernels(notebook=tmp_path / "n.ipynb")
    first.run(SHARED_DICTS).raised()
    first.run("x.insert(5, {'id': -1, 'of': x[777]['of']}); x.append(x[3]); x[9]['of'] = x").raised()
    told = "(len(x), x[5]['of'] is x[778]['of'], x[-1] is x[3], x[9]['of'] is x, sum(e['id'] for e in x))"
    expected = first.value(told)
    # The last run is recorded after its reply; what comes next waits for it.
    first.clew("status").raised()
    first.kill()
    second = kernels(notebook=tmp_path / "n.ipynb")
    second.clew("resume").raised()
    assert second.value(told) == expected
