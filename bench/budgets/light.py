"""The light cell: the time that Clew adds to its reply and to the start of the next cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.budgets.session import Pair, pair, usual
from bench.budgets.table import Row, compared
from bench.figures import percentile
from bench.kernel import Request, Timing, timed

REPEAT = 100

#: The number of untimed runs before, which fill caches.
FIRST = 5

LIGHT = {
    "a counter is added to": "counter += 1",
    "a small list is appended to": "name_7.append(counter)",
    "a value is shown": "len(name_3)",
}


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Measures every light cell a hundred times in both kernels, which take turns."""
    with pair(folder, usual(scale)) as kernels:
        say(str(kernels.size))
        return [row for what, cell in LIGHT.items() for row in rows(kernels, what, cell)]


def rows(kernels: Pair, what: str, cell: str) -> list[Row]:
    """Runs one cell in both kernels. `pass` is queued after it, as the next cell would be."""
    found: list[list[Timing]] = [[], []]
    for _ in range(FIRST + REPEAT):
        for peer, timings in zip(kernels.each(), found, strict=True):
            timings.append(timed(peer.kernel, [Request(cell), Request("pass")])[0])
    plain, clew = (timings[FIRST:] for timings in found)
    return [
        compared(
            f"{what}: {where}, p{share * 100:.0f}", of(plain, part, share), of(clew, part, share), aim, "ms"
        )
        for share, aim in ((0.5, 2.0), (0.95, 10.0))
        for part, where in (("reply", "reply"), ("next", "start of the next cell"))
    ]


def of(timings: list[Timing], part: str, share: float) -> float:
    """Returns a percentile of one part of the times."""
    return percentile([getattr(timing, part) for timing in timings], share)
