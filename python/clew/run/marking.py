"""What a cell of OUT says of itself: `metadata.clew`, and stored outputs where it was not executed."""

from __future__ import annotations

from typing import Any

from clew.run.deciding import Decision
from clew.run.displays import Displays
from clew.run.walk import Told


def put_outputs(cell: Any, index: int, decision: Decision | None, displays: Displays) -> None:
    """Gives a cell that is not executed the outputs that are stored of it; one that is passed over has none."""
    stored = decision.outputs if decision is not None else None
    cell.outputs = []
    cell.outputs = displays.put(index, stored or [])
    cell.execution_count = decision.execution_count if decision is not None else None
    if decision is not None:
        # When the messages of its last execution came.
        cell.metadata.pop("execution", None)


def mark(cell: Any, told: Told) -> None:
    """Notes in a code cell what became of it, and why."""
    notes: dict[str, Any] = {"outcome": told.outcome, "why": list(told.why)}
    if told.run is not None:
        notes["run"] = told.run
    if told.tasks is not None:
        notes["tasks"] = told.tasks.described()
    cell.metadata["clew"] = notes
