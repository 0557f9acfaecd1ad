"""A workload: a list of cells like those of a user, the same for every peer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """Cells that create a session, timed cells, and expressions to check a state.

    The cells have the same results in every process: random generators are seeded, and no cell reads the time.
    """

    name: str
    about: str
    setup: tuple[str, ...]
    cells: tuple[str, ...]
    #: If empty, all names of the state are checked.
    checks: tuple[str, ...] = ()
    #: The number of cells that are sent at once, before the other kernel has its turn.
    batch: int = 5
    needs_torch: bool = False

    def marks(self) -> dict[str, int]:
        """Returns the states to restore, as numbers of executed timed cells."""
        last = len(self.cells)
        return {"previous": last - 1, "middle": last // 2, "first": 0}

    def batches(self) -> list[range]:
        """Yields the timed cells in batches that are sent at once."""
        return [
            range(start, min(start + self.batch, len(self.cells)))
            for start in range(0, len(self.cells), self.batch)
        ]

    def mentions(self, index: int, sizes: dict[str, int]) -> int:
        """Returns the bytes of the values that a timed cell names: the most that it may have touched."""
        words = set(re.findall(r"\w+", self.cells[index]))
        return sum(size for check, size in sizes.items() if words & set(re.findall(r"\w+", check)))


#: Creates a workload at a share of its full size.
Maker = Callable[[float], Workload]


def scaled(count: float, scale: float, least: int = 1) -> int:
    """Returns a count at a share of its full size."""
    return max(least, round(count * scale))
