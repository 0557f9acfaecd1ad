"""A workload: a list of cells like a person's, the same for every peer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """Cells that make a session, cells that are timed, and expressions that tell a right state from a wrong one.

    Cells give the same values in every process: generators are seeded, nothing asks for the time.
    """

    name: str
    about: str
    setup: tuple[str, ...]
    cells: tuple[str, ...]
    #: Empty for every name that the state has.
    checks: tuple[str, ...] = ()
    #: Cells that are sent at once, before the other kernel has its turn.
    batch: int = 5
    needs_torch: bool = False

    def marks(self) -> dict[str, int]:
        """The states to return to, as numbers of timed cells that have run."""
        last = len(self.cells)
        return {"previous": last - 1, "middle": last // 2, "first": 0}

    def batches(self) -> list[range]:
        """The timed cells in the portions that are sent at once."""
        return [
            range(start, min(start + self.batch, len(self.cells)))
            for start in range(0, len(self.cells), self.batch)
        ]

    def mentions(self, index: int, sizes: dict[str, int]) -> int:
        """Bytes of the values whose names stand in a timed cell: what it may have touched."""
        words = set(re.findall(r"\w+", self.cells[index]))
        return sum(size for check, size in sizes.items() if words & set(re.findall(r"\w+", check)))


#: Makes a workload at a share of its stated size.
Maker = Callable[[float], Workload]


def scaled(count: float, scale: float, least: int = 1) -> int:
    """A count at a share of its stated size."""
    return max(least, round(count * scale))
