"""Restoring any state of a session of one gigabyte: a switch to each state, and only its plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.budgets.session import must, pair, usual
from bench.budgets.table import Row, alone
from bench.peers.clew import Clew

#: The numbers of arrays, of twenty, that each run replaces.
REPLACED = (1, 5, 20, 20, 10, 20)


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Measures a switch between any two states; the slowest one counts."""
    with pair(folder, usual(scale)) as kernels:
        clew = kernels.clew
        clew.begin(len(REPLACED))
        for count in REPLACED:
            loop = f"for _k in range({count}):\n    globals()[f'array_{{_k}}'] = globals()[f'array_{{_k}}'] + 1\ndel _k"
            must(clew, loop)
        clew.finish()
        return switched(clew, say)


def switched(clew: Clew, say: Callable[[str], None]) -> list[Row]:
    """Yields all pairs of states."""
    looks, moves, plans = [], [], []
    last = len(REPLACED)
    for here in range(last + 1):
        for there in {0, here // 2, last} - {here}:
            plans.append(plan(clew, there))
            for state in (there, here):
                found = clew.told(state)
                looks.append(1000 * (found.check or 0))
                moves.append(1000 * (found.move or 0))
            say(f"{here} and {there}")
        clew.go(min(here + 1, last))
    return [
        alone(f"switch to any of {last + 1} states: look, the slowest", max(looks), None, "ms"),
        alone("switch to any state: after the look, the slowest", max(moves), 500.0, "ms"),
        alone("switch to any state: after the look, the quickest", min(moves), None, "ms"),
        alone(
            "the plan alone, the slowest (a cell with `--dry-run`, less its look)", max(plans), 100.0, "ms"
        ),
    ]


def plan(clew: Clew, state: int) -> float:
    """Returns the milliseconds of a plan: those of the cell that requests it, without the check for changes."""
    found = clew.moved(f"switch {clew.runs[state]} --dry-run")
    return 1000 * (found.seconds - (found.check or 0))
