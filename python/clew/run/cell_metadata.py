"""What a cell of OUT says of itself: `metadata.clew`, and stored outputs where it was not executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clew.run.decider import Decision
from clew.run.displays import Displays
from clew.run.walk import Told
from clew.shell.identity import BATCH as NOTED


def put_outputs(cell: Any, index: int, decision: Decision | None, displays: Displays) -> None:
    """Gives a cell that is not executed the outputs that are stored of it; one that is passed over has none."""
    stored = decision.outputs if decision is not None else None
    cell.outputs = []
    cell.outputs = displays.put(index, stored or [])
    cell.execution_count = decision.execution_count if decision is not None else None
    if decision is not None:
        # When the messages of its last execution came.
        cell.metadata.pop("execution", None)


HINT = (
    "Clew recorded this run. To restore its variables as they were when this cell failed, type `%load_ext clew` and then `%clew resume` "
    "in this notebook.\n"
)


def note_end(notebook: Any, end: Mapping[str, str] | None) -> None:
    """Notes in OUT where its run ended, by the ids of history and run, so that `%clew resume` there finds it; or that nothing is known of
    it, whatever an earlier run noted."""
    ours = notebook.metadata.setdefault("clew", {})
    ours.pop(NOTED, None)
    if end is not None:
        ours[NOTED] = dict(end)
    if not ours:
        del notebook.metadata["clew"]


def say_how_to_resume(cell: Any) -> None:
    """Puts a line below a cell that failed, which says how to get the variables of the run. A cell of its own would move those behind it."""
    import nbformat

    cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=HINT))


def note_duration(cell: Any, decision: Decision | None) -> None:
    """Gives a cell that was restored the time that its recorded run took."""
    if decision is not None and decision.outcome == "restored" and decision.seconds is not None:
        cell.metadata["papermill"]["duration"] = decision.seconds


def mark(cell: Any, told: Told) -> None:
    """Notes in a code cell what became of it, and why."""
    notes: dict[str, Any] = {"outcome": told.outcome, "why": list(told.why)}
    if told.run is not None:
        notes["run"] = told.run
    if told.tasks is not None:
        notes["tasks"] = told.tasks.described()
    cell.metadata["clew"] = notes
