"""Statistics of the measurements: percentiles, the cost of a peer, ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: The lower limit in milliseconds per cell for ratios: smaller differences between two kernels are noise.
LEAST = 0.01


@dataclass(frozen=True)
class Spread:
    """The median, the 95th percentile and the sum of some values."""

    p50: float
    p95: float
    sum: float


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the value below which `share` of all values are."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values: Sequence[float]) -> Spread:
    """Returns the spread of at least one value."""
    return Spread(percentile(values, 0.5), percentile(values, 0.95), sum(values))


def added(plain: Sequence[float], peer: Sequence[float]) -> list[float]:
    """Returns the time that the peer adds to each cell. It is negative if the plain kernel was slower by chance."""
    return [with_it - without for without, with_it in zip(plain, peer, strict=False)]


def times_less(ours: float, theirs: float, least: float) -> float:
    """Returns how many times smaller `ours` is. Both values are at least `least`, the smallest measurable value."""
    return max(theirs, least) / max(ours, least)


def windows(values: Sequence[float], size: int) -> list[Spread]:
    """Returns the spread of each window of this size."""
    return [spread(values[start : start + size]) for start in range(0, len(values) - size + 1, size)]
