"""The seam to what decides which cells are executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from clew.run.options import Options
from clew.shell.start import is_on

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


class Decider(Protocol):
    """Decides, cell by cell from top to bottom.

    The calls come in this order: `begin`; then for every cell `decide`, and where that says so `bring` and `executed`; `end`.
    With `--plan` and `--check` only `begin`, `decide` for all cells and `end(None)`.
    """

    def begin(self, cells: Sequence[Cell], parameters: dict[str, Any], cwd: str) -> None:
        """Tells what there is to run. Cells without code and those tagged `skip-execution` are not among them."""

    def decide(self, index: int) -> Decision:
        """Says what becomes of the cell at that index. It is asked once for each, in order."""

    def bring(self, ask: Ask) -> bool:
        """Brings into the kernel what the cell decided last may touch: before the first cell that is executed, before each one behind a
        restored one, and as long as it says that something was left.

        # Errors
        `Lost`; then it may `begin_again`.
        """

    def begin_again(self, lost: Sequence[tuple[str, str]]) -> list[int]:
        """Forgets all decisions, for a new kernel: what could not be brought back, and why, is executed this time. The numbers of the cells that
        this is about; where there are none, nothing is done and nothing forgotten."""

    def executed(self, index: int, ok: bool) -> tuple[str, ...] | None:
        """A cell was executed, and what it did is recorded. In what that differs from the recorded run that it was compared with; `None` if
        it was with none."""

    def end(self, ask: Ask | None) -> None:
        """Nothing more is run. `None` where no kernel was needed, or it is gone."""


class Always:
    """Executes everything, for one and the same reason."""

    def __init__(self, why: str) -> None:
        self._why = why

    def begin(self, cells: Sequence[Cell], parameters: dict[str, Any], cwd: str) -> None:
        """Needs to know nothing."""

    def decide(self, index: int) -> Decision:
        """Has it executed."""
        return Decision("executed", (self._why,))

    def bring(self, ask: Ask) -> bool:
        """Nothing is missing where everything is executed."""
        return False

    def begin_again(self, lost: Sequence[tuple[str, str]]) -> list[int]:
        """Nothing is brought back, so nothing is lost."""
        return []

    def executed(self, index: int, ok: bool) -> tuple[str, ...] | None:
        """Decides nothing by it."""
        return None

    def end(self, ask: Ask | None) -> None:
        """Holds nothing."""


FORCED = "--force"
SWITCHED_OFF = "CLEW=off"


def decider_for(options: Options, base: str) -> Decider:
    """Who decides, as the options want it. Paths are relative to `base`."""
    if options.force or not is_on():
        return Always(FORCED if options.force else SWITCHED_OFF)
    from clew.run.recorded_runs import RecordedRuns, Wanted
    from clew.run.session import notebook_path

    notebook = notebook_path(options.input, base) or notebook_path(options.output, base)
    wanted = Wanted(options.from_cell, only_stale=options.stale, verify=options.verify)
    return RecordedRuns(notebook, wanted, options.kernel)
