"""One pass through a notebook from top to bottom: the decision about each cell, and its outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clew.counts import Counts
from clew.run.decider import Ask, Cell, Decider, Decision, Lost
from clew.run.mistakes import FAILED, Mistake, notice

#: nbclient skips cells with this tag.
SKIPPED_TAG = "skip-execution"


@dataclass
class Told:
    """The report about a code cell. `outcome` is a decision's, or `skipped`, `failed`, `interrupted`, `not reached`."""

    number: int
    index: int
    id: str
    source: str
    outcome: str
    why: tuple[str, ...]
    run: str | None = None
    #: The recorded run that it was compared with, and the differences.
    compared: str | None = None
    differs: tuple[str, ...] = ()
    #: Counts of tasks of distributed computations, if they were counted and there were any.
    tasks: Counts | None = None


class Walk:
    """Asks the decider once for each cell, and remembers the decisions. Planning and execution share it."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self._decisions: dict[int, Decision] = {}
        self._has_begun = False
        self._is_behind = True
        #: Whether results remained in the store that no executed cell could read so far.
        self._has_left = False
        self._has_ended = False
        self.told: dict[int, Told] = {}
        #: The number of cells that were executed, completely or not.
        self.ran = 0
        #: The position of the recorded session when the last cell ended: the ids of its history and of the run.
        self.ended_at: dict[str, str] | None = None
        #: Whether Ctrl+C ended it.
        self.is_interrupted = False

    def begin(self, notebook: Any, cwd: str) -> None:
        """Passes the notebook to the decider. Later calls are for the same notebook, and do nothing."""
        if self._has_begun:
            return
        self._has_begun = True
        cells = []
        for number, (index, cell) in enumerate(code_cells(notebook), 1):
            why = passed_over(cell)
            outcome = "skipped" if why else "not reached"
            self.told[index] = Told(
                number, index, cell.get("id", ""), cell.source, outcome, (why,) if why else ()
            )
            if not why:
                tags = tuple(cell.metadata.get("tags", ()))
                cells.append(Cell(index, cell.get("id", ""), cell.source, tags))
        parameters = notebook.metadata.get("papermill", {}).get("parameters") or {}
        self._decider.begin(cells, dict(parameters), cwd)

    def decide(self, index: int) -> Decision | None:
        """Returns the decision about a code cell; `None` if it is skipped."""
        told = self.told[index]
        if told.outcome == "skipped":
            return None
        if index not in self._decisions:
            decision = self._decider.decide(index)
            self._decisions[index] = decision
            told.outcome, told.why, told.run = decision.outcome, decision.why, decision.run
        return self._decisions[index]

    def bring(self, ask: Ask | None) -> None:
        """Restores in the kernel what the next cell needs, if cells were not executed since the last call.

        # Errors
        A `Mistake` if cells were not executed, and the kernel cannot load their results.
        """
        restored = [str(told.number) for told in self.told.values() if told.outcome == "restored"]
        if ask is None and restored:
            cells = f"cells {', '.join(restored)}" if len(restored) > 1 else f"cell {restored[0]}"
            problem = f"The results of {cells} are stored, but this kernel cannot load them: Clew does not record in it"
            raise Mistake(problem, "`--force` executes every cell", FAILED)
        if (self._is_behind or self._has_left) and ask is not None:
            self._has_left = self._decider.bring(ask)
        self._is_behind = False

    def begin_again(self, lost: Lost) -> None:
        """Goes back to before the first cell: in a new kernel, the cells are executed whose results could not be restored.

        # Errors
        A `Mistake` if no cell created them.
        """
        numbers = sorted(set(self._decider.begin_again(lost.lost)))
        if not numbers:
            raise Mistake(str(lost), "`--force` executes every cell", FAILED) from None
        cells = (
            f"cell {numbers[0]} runs" if len(numbers) == 1 else f"cells {', '.join(map(str, numbers))} run"
        )
        notice(f"{lost}, so {cells} again in a new kernel")
        self._decisions.clear()
        self._is_behind = True
        self._has_left = False
        for told in self.told.values():
            if told.outcome != "skipped":
                told.outcome, told.why, told.run = "not reached", (), None
                told.compared, told.differs, told.tasks = None, (), None

    def restored(self) -> None:
        """Notes that a cell was not executed, so the kernel lacks its results."""
        self._is_behind = True

    @property
    def has_failed(self) -> bool:
        """Returns whether a cell ended the run."""
        return self.failed is not None

    @property
    def failed(self) -> Told | None:
        """Returns the cell that ended the run."""
        broken = (told for told in self.told.values() if told.outcome in ("failed", "interrupted"))
        return next(broken, None)

    def seconds(self, told: Told) -> float | None:
        """Returns the duration of the recorded run that a cell is restored from, or of the last run of an executed cell; `None` if none is
        recorded."""
        decision = self._decisions.get(told.index)
        return decision.seconds if decision is not None else None

    def total(self, outcome: str) -> float:
        """Returns the total duration of all cells with this outcome."""
        return sum(self.seconds(told) or 0.0 for told in self.told.values() if told.outcome == outcome)

    def executed(self, index: int) -> None:
        """Notes that a cell was executed and recorded."""
        told = self.told[index]
        differs = self._decider.executed(index, told.outcome == "executed")
        compared = self._decisions[index].run
        if differs is None or compared is None:
            return
        told.compared, told.differs = compared, differs
        told.why = (
            (f"differs from run {compared}: {', '.join(differs)}",)
            if differs
            else (f"the same as run {compared}",)
        )

    def end(self, ask: Ask | None) -> None:
        """Lets the decider finish, once."""
        if not self._has_ended:
            self._has_ended = True
            self._decider.end(ask)


def code_cells(notebook: Any) -> Iterator[tuple[int, Any]]:
    """Returns the code cells with their positions among all cells."""
    return ((index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code")


def passed_over(cell: Any) -> str | None:
    """Returns why nbclient would skip a code cell; `None` if it would not."""
    if not cell.source.strip():
        return "no code"
    return f"tagged {SKIPPED_TAG}" if SKIPPED_TAG in cell.metadata.get("tags", ()) else None
