"""What recording adds to whole notebooks: the audit to the examples, and all of it to the case studies beside plain Dask."""

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

#: The most that the audit may add.
AIM = 1.05
#: How often a case study is measured in full; the best counts.
TIMES = 5
#: How often the examples are, which take less than a second of the processor each: so little is different each time by more than what
#: is looked for, and the median counts.
TIMES_OF_EXAMPLES = 11
#: Typed first: records as ever, hears nothing of files, connections and programs, and reads nothing of what ran.
DEAF = """
import clew.evidence as _evidence, clew.shell.watch as _watch
_evidence.begin = lambda: None
_watch.Seen.evidence = lambda self, nothing=_watch.EVERYTHING.evidence(), is_whole=True: dict(nothing)
del _evidence, _watch
"""
#: Typed first: keeps what tasks come to.
KEEPS = "%clew config tasks.cache true"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Took:
    """What the cells of a notebook took, in seconds."""

    wall: float
    """Until the next cell could start, all together."""
    processor: float
    """Of the kernel, all threads together."""


def measure(folder: Path, scale: float, say: Say) -> list[Row]:
    """Every notebook in new kernels, which take turns; a part of the scale measures each less often."""
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
    """An example without Clew, recorded, and recorded without the audit."""
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
    """A case study: plain Dask, Dask recorded, and Dask recorded with all tasks kept, as in a first run."""
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
    """What all cells take in a new kernel and a new home, after a first one."""
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
    """What the kernel has had of the processors."""
    return float(peer.kernel.value("__import__('time').process_time()"))


def with_fonts(home: Path) -> None:
    """matplotlib looks through all fonts when it is first imported in a home, which no notebook pays for twice."""
    import matplotlib

    (home / "matplotlib").mkdir(parents=True, exist_ok=True)
    for found in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
        shutil.copy(found, home / "matplotlib")
