"""Performance tests that compare Clew's work with similar work in the same run: `python -m bench.ratios`.

The results are ratios, not times, because both are slow on a slow machine. The two kinds of work take turns, and the best time of each
counts. A ratio above its bound is measured again before it fails. Bounds are two to three times the usual value. So they detect that Clew
examines everything instead of only the changes, but do not fail on a busy machine.
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.budgets.session import kernels, must
from bench.limit import MEGABYTE
from bench.peers.clew import Clew
from bench.peers.plain import Plain

#: The minimal and the maximal number of turns.
FEWEST, MOST = 5, 25

#: The session in both kernels: light values and one large value of each kind.
CELLS = [
    "import pickle, numpy as np\nrng = np.random.default_rng(0)\ncounter = 0",
    f"big = rng.random({100 * MEGABYTE // 8})\ntarget = np.empty_like(big)",
    "records = {n: [n, n / 7, str(n)] for n in range(60_000)}",
    "for _k in range(200):\n    globals()[f'name_{_k}'] = [_k, str(_k)]\ndel _k",
    "import importlib.util, pathlib, shutil, tempfile, _bisect, pandas",
]

#: Like an import of a library that consists of many compiled modules.
LOADED = """
for _k in range(20):
    _path = shutil.copy(_bisect.__file__, pathlib.Path(tempfile.mkdtemp(dir='.')).resolve())
    importlib.util.module_from_spec(importlib.util.spec_from_file_location('_bisect', _path))
del _k, _path
""".strip()

#: Recorded data is written to the disk sooner or later, so the limit is the disk's bandwidth, not that of the page cache.
FLUSHED = """
with open('fresh', 'wb') as _file:
    _file.write(rng.random(len(big)).data)
    __import__('os').fsync(_file.fileno())
""".strip()

Work = Callable[[], float]


@dataclass(frozen=True)
class Ratio:
    """Clew's work and the work to compare it with, both in seconds."""

    what: str
    beside: str
    clew: Work
    other: Work
    bound: float

    def measured(self) -> float:
        """Returns the ratio of the best times, as soon as it is within the bound."""
        clew, other = [], []
        for turn in range(1, MOST + 1):
            other.append(self.other())
            clew.append(self.clew())
            if turn >= FEWEST and min(clew) <= self.bound * min(other):
                break
        return min(clew) / min(other)


def seconds(work: Callable[[], object]) -> Work:
    """Returns the seconds of a call."""

    def timed() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return timed


def in_this_process() -> Iterator[Ratio]:
    """The walk and the hash, without a kernel."""
    import numpy

    from clew._engine import TestHeap  # type: ignore[attr-defined]  # a door for tests

    records = [{"id": n, "share": n / 7, "tag": f"item {n}"} for n in range(50_000)]
    memory = numpy.random.default_rng(0).integers(0, 255, 100 * MEGABYTE, dtype=numpy.uint8)
    words, held = memory.view(numpy.int64), memoryview(memory)
    heap = TestHeap({})
    yield Ratio(
        "walk over 50,000 records",
        "pickle.dumps of them",
        seconds(lambda: heap.fingerprint({"records": records})),
        seconds(lambda: pickle.dumps(records, 5)),
        0.7,
    )
    yield Ratio(
        "fingerprint of 100 MB of memory",
        "their sum",
        seconds(lambda: heap.fingerprint({"held": held})),
        seconds(lambda: numpy.add.reduce(words)),
        4,
    )


def in_kernels(plain: Plain, clew: Clew) -> Iterator[Ratio]:
    """Work that a user waits for."""

    def cell(peer: Plain | Clew, code: str) -> Work:
        return lambda: must(peer, code) / 1000

    def undo() -> float:
        must(clew, "big[17] -= 1")
        return clew.moved("undo").seconds

    copy = cell(plain, "np.copyto(target, big)")
    yield Ratio(
        "a light cell", "a kernel without Clew", cell(clew, "counter += 1"), cell(plain, "counter += 1"), 4
    )
    yield Ratio("one element of 100 MB edited", "copying them", cell(clew, "big[17] += 1"), copy, 4)
    yield Ratio("that undone", "copying them", undo, copy, 10)
    yield Ratio(
        "one of 60,000 records edited",
        "pickle.dumps of all",
        cell(clew, "records[17][1] += 1"),
        cell(plain, "len(pickle.dumps(records, 5))"),
        # The test wheel is built without link-time optimization: 1.48 to 1.51 on two cores.
        3,
    )
    yield Ratio(
        "100 MB made and recorded",
        "made, written and flushed",
        cell(clew, "fresh = rng.random(len(big))"),
        cell(plain, FLUSHED),
        3,
    )
    yield Ratio(
        "20 compiled modules loaded",
        "a kernel without Clew",
        cell(clew, LOADED),
        cell(plain, LOADED),
        4,
    )
    for peer in (clew, plain):
        must(peer, "holder = [[1, 2], records]\npart = holder[0]")
    yield Ratio(
        "a part read of what holds all records",
        "a kernel without Clew",
        cell(clew, "len(part)"),
        cell(plain, "len(part)"),
        4,
    )


def main() -> int:
    """Measures all ratios. Fails if one is above its bound."""
    print(f"{'':40}{'beside':30}{'ratio':>8}{'bound':>8}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for ratio in in_this_process():
            failed += told(ratio)
        with kernels(Path(folder), CELLS) as (plain, clew):
            for ratio in in_kernels(plain, clew):
                failed += told(ratio)
        os.chdir("/")
    print(f"{failed} above their bounds" if failed else "all within their bounds")
    return 1 if failed else 0


def told(ratio: Ratio) -> bool:
    """Prints a ratio. Returns whether it is above the bound."""
    seen = ratio.measured()
    mark = " *" if seen > ratio.bound else ""
    print(f"{ratio.what:40}{ratio.beside:30}{seen:>8.2f}{ratio.bound:>8.2f}{mark}", flush=True)
    return bool(mark)


if __name__ == "__main__":
    sys.exit(main())
