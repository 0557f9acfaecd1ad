"""Two kernels with the same session, one with Clew and one without it; or one kernel with Clew."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.kernel import Stopped, run
from bench.limit import MEGABYTE, warm
from bench.peers.clew import Clew
from bench.peers.peer import Peer
from bench.peers.plain import Plain


@dataclass(frozen=True)
class Size:
    """The size of the session."""

    names: int
    array_bytes: int
    objects: int
    arrays: int = 20

    def __str__(self) -> str:
        return f"{self.names} names, {self.array_bytes / MEGABYTE:,.0f} MB of arrays, {self.objects:,} small objects"

    def cells(self) -> list[str]:
        """Returns the cells that create the session; the memory is incompressible."""
        words = max(1, self.array_bytes // 8 // self.arrays)
        return [
            "import numpy as np\nrng = np.random.default_rng(0)",
            f"for _k in range({self.arrays}):\n    globals()[f'array_{{_k}}'] = rng.random({words})",
            f"many = [[n] for n in range({self.objects})]",
            f"for _k in range({max(0, self.names - self.arrays - 4)}):\n    globals()[f'name_{{_k}}'] = [_k, str(_k)]",
            "counter = 0\ndel _k",
        ]


def usual(scale: float) -> Size:
    """The session of the budgets: 200 variables, one gigabyte of arrays, a million small objects."""
    return Size(200, int(scale * 2**30), int(scale * 1_000_000))


@dataclass
class Pair:
    """The two kernels."""

    plain: Plain
    clew: Clew
    size: Size

    def each(self) -> tuple[Peer, Peer]:
        return self.plain, self.clew


@contextmanager
def pair(folder: Path, size: Size) -> Iterator[Pair]:
    """Starts both kernels and creates the session in them, after warming the machine's memory."""
    warm(size.array_bytes * 3 + size.objects * 400)
    with kernels(folder, size.cells()) as (plain, clew):
        yield Pair(plain, clew, size)


@contextmanager
def kernels(folder: Path, cells: list[str]) -> Iterator[tuple[Plain, Clew]]:
    """Starts a kernel without Clew and one with it, with the same session."""
    plain = Plain(folder / "plain")
    try:
        with clew_kernel(folder, cells) as clew:
            for cell in cells:
                must(plain, cell)
            yield plain, clew
    finally:
        plain.close(at_once=True)


@contextmanager
def clew_kernel(folder: Path, cells: list[str]) -> Iterator[Clew]:
    """Starts a kernel with Clew and a session."""
    clew = Clew(folder / "clew")
    try:
        for cell in cells:
            must(clew, cell)
        yield clew
    finally:
        clew.close()


def must(peer: Peer, cell: str) -> float:
    """Runs a cell that must succeed. Returns the milliseconds until the next cell could start."""
    timing = run(peer.kernel, cell)
    if timing.error:
        raise Stopped(timing.error, [timing])
    return timing.total


def time_command(clew: Clew, *words: str) -> float:
    """Runs a command in a terminal. Returns the milliseconds, including its start."""
    start = time.perf_counter()
    typed = clew.kernel.terminal(*words)
    took = time.perf_counter() - start
    if typed.exit:
        raise RuntimeError(typed.err[-300:] or typed.out[-300:])
    return 1000 * took
