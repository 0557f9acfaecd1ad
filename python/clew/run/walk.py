"""One way through a notebook from top to bottom: what was decided of each cell, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clew.counts import Counts
from clew.run.decider import Ask, Cell, Decider, Decision, Lost
from clew.run.mistakes import FAILED, Mistake, notice

#: nbclient passes over cells with this tag.
SKIPPED_TAG = "skip-execution"


@dataclass
class Told:
    """What is said of a code cell. `outcome` is a decision's, or `skipped`, `failed`, `interrupted`, `not reached`."""

    number: int
    index: int
    id: str
    source: str
    outcome: str
    why: tuple[str, ...]
    run: str | None = None
    #: The recorded run that it was compared with, and in what it differs from that.
    compared: str | None = None
    differs: tuple[str, ...] = ()
    #: What became of tasks of distributed computations, where they are counted and there were any.
    tasks: Counts | None = None


class Walk:
    """Asks the decider for each cell once, and remembers. Whoever looks ahead and whoever executes share it."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self._decisions: dict[int, Decision] = {}
        self._has_begun = False
        self._is_behind = True
        #: Whether the kernel lacks something that no cell executed so far could read.
        self._has_left = False
        self._has_ended = False
        self.told: dict[int, Told] = {}
        #: How many cells were executed, to their end or not.
        self.ran = 0
        #: Where the session was that recorded it when the last cell ended, by the ids of its history and of the run.
        self.ended_at: dict[str, str] | None = None
        #: Whether Ctrl+C ended it.
        self.is_interrupted = False

    def begin(self, notebook: Any, cwd: str) -> None:
        """Tells the decider of the notebook. Later calls are of the same one, and do nothing."""
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
        """What becomes of a code cell; `None` where it is passed over."""
        told = self.told[index]
        if told.outcome == "skipped":
            return None
        if index not in self._decisions:
            decision = self._decider.decide(index)
            self._decisions[index] = decision
            told.outcome, told.why, told.run = decision.outcome, decision.why, decision.run
        return self._decisions[index]

    def bring(self, ask: Ask | None) -> None:
        """Has the kernel brought to where the next cell needs it, if anything was passed over since.

        # Errors
        A `Mistake` where cells were not executed, and the kernel can't be given what they made.
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
        """Goes back to before the first cell: a new kernel has the cells executed that made what could not be brought back.

        # Errors
        A `Mistake` where no cell did.
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
        """A cell was not executed, so the kernel lacks what it made."""
        self._is_behind = True

    @property
    def has_failed(self) -> bool:
        """Whether a cell ended it."""
        return self.failed is not None

    @property
    def failed(self) -> Told | None:
        """The cell that ended it."""
        broken = (told for told in self.told.values() if told.outcome in ("failed", "interrupted"))
        return next(broken, None)

    def seconds(self, told: Told) -> float | None:
        """How long the recorded run took that a cell is restored from, or the cell's last one where it is executed; `None` where none is
        recorded."""
        decision = self._decisions.get(told.index)
        return decision.seconds if decision is not None else None

    def total(self, outcome: str) -> float:
        """The same of all cells with this outcome together."""
        return sum(self.seconds(told) or 0.0 for told in self.told.values() if told.outcome == outcome)

    def executed(self, index: int) -> None:
        """A cell was executed, and what it did is recorded."""
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
    """The code cells with their places among all cells."""
    return ((index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code")


def passed_over(cell: Any) -> str | None:
    """Why nbclient would not execute a code cell, if it would not."""
    if not cell.source.strip():
        return "no code"
    return f"tagged {SKIPPED_TAG}" if SKIPPED_TAG in cell.metadata.get("tags", ()) else None
