"""The seam to what decides which cells are executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: Evaluates an expression that gives JSON in the kernel, silently, and returns what that holds.
Ask = Callable[[str], Any]


@dataclass(frozen=True)
class Cell:
    """A code cell that would be executed: its place among all cells from 0, and what the notebook says of it."""

    index: int
    id: str
    source: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """What becomes of a cell. One that is restored is not executed: `outputs` and `execution_count` go into the notebook."""

    outcome: Literal["executed", "restored"]
    why: tuple[str, ...]
    #: The stored outputs, as nbformat has them.
    outputs: list[dict[str, Any]] | None = None
    execution_count: int | None = None
    #: The recorded run it relies on.
    run: str | None = None
    #: The same by the ids of its history and of the run.
    end: dict[str, str] | None = None
    #: How long that run took, or the cell's last one where it is executed.
    seconds: float | None = None


class Lost(Exception):
    """What cells left that were not executed can't be brought to the kernel: names and why."""

    def __init__(self, lost: Sequence[tuple[str, str]]) -> None:
        name, why = lost[0]
        super().__init__(f"{name} could not be restored: {why}")
        self.lost = lost


class Decider:
    """Decides, cell by cell from top to bottom. This one executes everything, for one and the same reason.

    The calls come in this order: `begin`; then for every cell `decide`, and where that says so `bring` and `executed`; `end`.
    With `--plan` and `--check` only `begin`, `decide` for all cells and `end(None)`.
    """

    def __init__(self, why: str) -> None:
        self._why = why

    def begin(self, cells: Sequence[Cell], parameters: dict[str, Any], cwd: str) -> None:
        """Tells what there is to run. Cells without code and those tagged `skip-execution` are not among them."""

    def decide(self, index: int) -> Decision:
        """Says what becomes of the cell at that index. It is asked once for each, in order."""
        return Decision("executed", (self._why,))

    def bring(self, ask: Ask) -> bool:
        """Brings into the kernel what the cell decided last may touch: before the first cell that is executed, before each one behind a
        restored one, and as long as it says that something was left.

        # Errors
        `Lost`; then it may `begin_again`.
        """
        return False

    def begin_again(self, lost: Sequence[tuple[str, str]]) -> list[int]:
        """Forgets all decisions, for a new kernel: what could not be brought back, and why, is executed this time. The numbers of the cells that
        this is about; where there are none, nothing is done and nothing forgotten."""
        return []

    def executed(self, index: int, ok: bool) -> tuple[str, ...] | None:
        """A cell was executed, and what it did is recorded. In what that differs from the recorded run that it was compared with; `None` if
        it was with none."""
        return None

    def end(self, ask: Ask | None) -> None:
        """Nothing more is run. `None` where no kernel was needed, or it is gone."""
