"""Faults that are planted on purpose: a kit that finds nothing must be one that could."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from crash import kernels, power
from crash.lives import Life, ask, check, heard
from crash.tally import Tally, exit_code

LIFE = Life(seed=8, cells=6, sync_every=2)


def said_too_early(folder: Path) -> Tally:
    """A run that is said to be saved and was never written."""
    tally = Tally("said too early", times=one())
    said = heard(LIFE.command(folder / "store", "saved"))
    check(tally, folder / "store", said, "planted")
    return tally


def another_value(folder: Path) -> Tally:
    """A run that holds something else than its cell made."""
    tally = Tally("another value", times=one())
    said = heard(LIFE.command(folder / "store", "value"))
    check(tally, folder / "store", said, "planted")
    return tally


def no_store(folder: Path) -> Tally:
    """A store that is gone."""
    tally = Tally("no store", times=one())
    said = heard(LIFE.command(folder / "store"))
    check(tally, folder / "elsewhere", said, "planted", goes_on=False)
    return tally


def no_flush(folder: Path) -> Tally:
    """A process that says it flushes and does not, on a disk that loses power."""
    return power.cuts(folder / "power", 3, flags=[2], lie=["synced"])


def spoilt_otherwise(folder: Path) -> Tally:
    """Bits that flip in a store whose values are others than was said."""
    tally = Tally("spoilt otherwise", times=one())
    said = heard(LIFE.command(folder / "store")).replace(f"began {LIFE.seed} ", "began 9 ", 1)
    counts, findings, _ = ask("spoil", folder / "store", "flip", "400", said=said)
    tally.wrong += findings[: counts["wrong"]]
    return tally


def kernel_that_never_said(folder: Path) -> Tally:
    """A run that no kernel ever recorded is claimed."""
    return kernels.killed(folder / "kernel", 2, claims={"9999": "(1, 2)"})


PLANTED: dict[Callable[[Path], Tally], str] = {
    said_too_early: "lost",
    another_value: "wrong",
    no_store: "unopened",
    no_flush: "lost",
    spoilt_otherwise: "wrong",
    kernel_that_never_said: "lost",
}


def one() -> Counter[str]:
    return Counter({"planted": 1})


def run(folder: Path) -> list[Tally]:
    """Red where the kit would have been green."""
    tally = Tally("planted faults, noticed")
    for plant, where in PLANTED.items():
        place = folder / plant.__name__
        place.mkdir(parents=True)
        found = plant(place)
        is_noticed = bool(getattr(found, where)) and exit_code([found]) != 0
        tally.times["planted"] += is_noticed
        if not is_noticed:
            tally.missing.append(f"{plant.__name__} went unnoticed: {found}")
    return [tally]
