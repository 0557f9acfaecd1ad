"""Arithmetic on what was measured: percentiles, what a peer adds, ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Milliseconds a cell below which nothing can be told from the noise of two kernels: what ratios are made with.
LEAST = 0.01


@dataclass(frozen=True)
class Spread:
    """The middle, the slow end and the sum of some figures."""

    p50: float
    p95: float
    sum: float


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(percentile(values, 0.5), percentile(values, 0.95), sum(values))


def added(plain: Sequence[float], peer: Sequence[float]) -> list[float]:
    """What each cell took more with the peer; below zero where the plain kernel was slower by chance."""
    return [with_it - without for without, with_it in zip(plain, peer, strict=False)]


def times_less(ours: float, theirs: float, least: float) -> float:
    """How many times less ours is, neither taken as less than what can be measured."""
    return max(theirs, least) / max(ours, least)


def windows(values: Sequence[float], size: int) -> list[Spread]:
    """The spread of each portion of so many."""
    return [spread(values[start : start + size]) for start in range(0, len(values) - size + 1, size)]
