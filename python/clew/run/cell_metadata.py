"""Metadata of cells in OUT (`metadata.clew`), and stored outputs of cells that were not executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clew.run.decider import Decision
from clew.run.displays import Displays
from clew.run.walk import Told
from clew.shell.identity import BATCH as NOTED


def put_outputs(cell: Any, index: int, decision: Decision | None, displays: Displays) -> None:
    """Gives a cell that is not executed its stored outputs. A skipped cell gets none."""
    stored = decision.outputs if decision is not None else None
    cell.outputs = []
    cell.outputs = displays.put(index, stored or [])
    cell.execution_count = decision.execution_count if decision is not None else None
    if decision is not None:
        # The times of the messages from its last execution.
        cell.metadata.pop("execution", None)


HINT = (
    "Clew recorded this run. To restore its variables as they were when this cell failed, type `%load_ext clew` and then `%clew resume` "
    "in this notebook.\n"
)


def note_end(notebook: Any, end: Mapping[str, str] | None) -> None:
    """Notes in OUT the ids of history and run at which this run ended, so that `%clew resume` finds it there. Without an end, removes the
    note of an earlier run."""
    ours = notebook.metadata.setdefault("clew", {})
    ours.pop(NOTED, None)
    if end is not None:
        ours[NOTED] = dict(end)
    if not ours:
        del notebook.metadata["clew"]


def say_how_to_resume(cell: Any) -> None:
    """Adds a line below a failed cell that explains how to restore the run's variables. An extra cell would move those after it."""
    import nbformat

    cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=HINT))


def note_duration(cell: Any, decision: Decision | None) -> None:
    """Sets the duration of a restored cell to that of its recorded run."""
    if decision is not None and decision.outcome == "restored" and decision.seconds is not None:
        cell.metadata["papermill"]["duration"] = decision.seconds


def mark(cell: Any, told: Told) -> None:
    """Notes the outcome of a code cell and the reason in its metadata."""
    notes: dict[str, Any] = {"outcome": told.outcome, "why": list(told.why)}
    if told.run is not None:
        notes["run"] = told.run
    if told.tasks is not None:
        notes["tasks"] = told.tasks.described()
    cell.metadata["clew"] = notes
