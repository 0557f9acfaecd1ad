"""The cost of recording whole notebooks: of the audit for the examples, and of all of Clew for the case studies compared with plain
Dask."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.budgets.session import must
from bench.budgets.table import Row, compared
from bench.peers.clew import Clew
from bench.peers.plain import Plain
from bench.studies import EXAMPLES as STUDIES_FOLDER
from bench.studies import STUDIES
from bench.workloads import notebooks

#: The maximal cost of the audit.
AIM = 1.05
#: The number of complete measurements of a case study; the best counts.
TIMES = 5
#: The number of measurements of an example; the median counts. Each takes less than a second of processor time, so single measurements vary
#: by more than the effect.
TIMES_OF_EXAMPLES = 11
#: Runs first: Clew still records, but does not observe files, connections and programs, and collects no evidence.
DEAF = """
import clew.evidence as _evidence, clew.shell.watch as _watch
_evidence.begin = lambda: None
_watch.Seen.evidence = lambda self, nothing=_watch.EVERYTHING.evidence(), is_whole=True: dict(nothing)
del _evidence, _watch
"""
#: Runs first: caches the results of tasks.
KEEPS = "%clew config tasks.cache true"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Took:
    """The time that the cells of a notebook took, in seconds."""

    wall: float
    """The time until the next cell could start, for all cells together."""
    processor: float
    """The processor time of all threads of the kernel."""


def measure(folder: Path, scale: float, say: Say) -> list[Row]:
    """Measures every notebook in new kernels, which take turns. With a smaller scale, each is measured less often."""
    share = min(scale, 1.0)
    times = max(1, round(TIMES * share))
    of_examples = max(1, round(TIMES_OF_EXAMPLES * share))
    rows = [
        row
        for path in sorted(notebooks.EXAMPLES.glob("*.ipynb"))
        for row in example(path, folder / path.stem, of_examples, say)
    ]
    for name in STUDIES:
        rows += study(name, folder / name, times, share, say)
    return rows


def example(path: Path, folder: Path, times: int, say: Say) -> list[Row]:
    """Measures an example without Clew, recorded, and recorded without the audit."""
    cells = notebooks.cells(path)
    turns = [
        (
            took(Plain, folder / "plain", cells),
            took(Clew, folder / "clew", cells),
            took(Clew, folder / "deaf", cells, DEAF),
        )
        for _ in range(times)
    ]
    plain, clew, deaf = (median(took.processor for took in side) for side in zip(*turns, strict=True))
    say(f"{path.stem}: {clew / deaf:.3f}, of all {clew / plain:.3f}")
    return [
        compared(f"{path.stem}: processor time with the audit", deaf, clew, AIM, "x"),
        compared(f"{path.stem}: processor time with all of Clew", plain, clew, None, "x"),
    ]


def study(name: str, folder: Path, times: int, share: float, say: Say) -> list[Row]:
    """Measures a case study: plain Dask, recorded Dask, and recorded Dask with all task results stored, as in a first run."""
    sys.path.insert(0, str(STUDIES_FOLDER))
    from make_data import make  # type: ignore[import-not-found] # beside the notebooks

    make(folder / "data", STUDIES[name].data, share=share)
    cells = notebooks.cells(STUDIES_FOLDER / f"{name}.ipynb")
    turns = [
        (
            took(Plain, folder / "plain", cells, data=folder / "data"),
            took(Clew, folder / "recorded", cells, data=folder / "data"),
            took(Clew, folder / "unchanged", cells, KEEPS, data=folder / "data"),
        )
        for _ in range(times)
    ]
    plain, recorded, kept = (min(took.wall for took in side) for side in zip(*turns, strict=True))
    say(f"{name}: {recorded / plain:.3f}, with its tasks kept {kept / plain:.3f}")
    return [
        compared(f"{name}: recorded, beside plain Dask", plain, recorded, None, "x"),
        compared(f"{name}: recorded and its tasks kept, beside plain Dask", plain, kept, None, "x"),
    ]


def took(
    peer: type[Plain | Clew], home: Path, cells: Sequence[str], first: str = "pass", data: Path | None = None
) -> Took:
    """Returns the time of all cells in a new kernel with a new home, after the cell `first`."""
    with_fonts(home)
    if data is not None:
        shutil.copytree(data, home / "work" / "data")
    taking_part = peer(home)
    try:
        must(taking_part, first)
        before = processor_seconds(taking_part)
        wall = sum(must(taking_part, cell) for cell in cells) / 1000
        return Took(wall, processor_seconds(taking_part) - before)
    finally:
        taking_part.close(at_once=True)
        shutil.rmtree(home, ignore_errors=True)


def processor_seconds(peer: Plain | Clew) -> float:
    """Returns the processor time of the kernel."""
    return float(peer.kernel.value("__import__('time').process_time()"))


def with_fonts(home: Path) -> None:
    """Copies matplotlib's font list: its first import in a new home searches all fonts, which users experience only once."""
    import matplotlib

    (home / "matplotlib").mkdir(parents=True, exist_ok=True)
    for found in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
        shutil.copy(found, home / "matplotlib")
