"""The interface to the code that decides which cells are executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: Evaluates an expression that returns JSON in the kernel, silently, and returns the decoded value.
Ask = Callable[[str], Any]


@dataclass(frozen=True)
class Cell:
    """A code cell: its position among all cells, from 0, and its properties in the notebook."""

    index: int
    id: str
    source: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """The decision about a cell. A restored cell is not executed: `outputs` and `execution_count` are written into the notebook."""

    outcome: Literal["executed", "restored"]
    why: tuple[str, ...]
    #: The stored outputs, in nbformat's form.
    outputs: list[dict[str, Any]] | None = None
    execution_count: int | None = None
    #: The recorded run that is reused.
    run: str | None = None
    #: The ids of its history and of the run.
    end: dict[str, str] | None = None
    #: The duration of that run; for an executed cell, of its last run.
    seconds: float | None = None


class Lost(Exception):
    """Raised if results of cells that were not executed cannot be restored in the kernel: names and reasons."""

    def __init__(self, lost: Sequence[tuple[str, str]]) -> None:
        name, why = lost[0]
        super().__init__(f"{name} could not be restored: {why}")
        self.lost = lost


class Decider:
    """Decides cell by cell, from top to bottom. This one executes every cell, for the same reason.

    The calls are made in this order: `begin`; then for every cell `decide` and, if it is to be executed, `bring` and `executed`; `end`.
    With `--plan` and `--check` only `begin`, `decide` for all cells, and `end(None)`.
    """

    def __init__(self, why: str) -> None:
        self._why = why

    def begin(self, cells: Sequence[Cell], parameters: dict[str, Any], cwd: str) -> None:
        """Sets the cells of the run. Cells without code and those tagged `skip-execution` are left out."""

    def decide(self, index: int) -> Decision:
        """Decides about the cell at that index. It is called once for each, in order."""
        return Decision("executed", (self._why,))

    def bring(self, ask: Ask) -> bool:
        """Restores in the kernel the variables that the current cell may touch. It is called before the first executed cell, before each
        one after a restored cell, and as long as it returns that something remained in the store.

        # Errors
        `Lost`; then `begin_again` may be called.
        """
        return False

    def begin_again(self, lost: Sequence[tuple[str, str]]) -> list[int]:
        """Discards all decisions, for a new kernel: the cells of variables that cannot be restored are executed this time. Returns the
        numbers of these cells; if there are none, keeps all decisions."""
        return []

    def executed(self, index: int, ok: bool) -> tuple[str, ...] | None:
        """Notes that a cell was executed and recorded. Returns how the run differs from the recorded run that it was compared with; `None`
        if there was none to compare with."""
        return None

    def end(self, ask: Ask | None) -> None:
        """Ends the run. `ask` is `None` if no kernel was needed, or it has ended."""
