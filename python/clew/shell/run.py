"""One run as the shell sees it, from its start to what the engine is told about it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clew.shell.watch import EVERYTHING, Seen

if TYPE_CHECKING:
    from clew import _engine

#: What follows these words on a line of its own is a command to Clew, not a step of the user's.
COMMANDS = ("%clew", "%load_ext clew", "%reload_ext clew", "%unload_ext clew", "import clew")


@dataclass
class Running:
    """A run, while it lasts and until it is captured."""

    source: str
    cell: str | None = None
    #: IPython's description of the call; it comes back with the result and tells nested calls apart.
    info: object = None
    execution_count: int | None = None
    started: int = field(default_factory=time.time_ns)
    ticks: int = field(default_factory=time.perf_counter_ns)
    duration: int = 0
    ending: Any = "done"
    seen: Seen = EVERYTHING
    #: Whether it was sealed in the middle of a statement, before a mover.
    is_split: bool = False
    #: Calls of `run_cell` inside this one (`%%capture`), by their description.
    nested: list[object] = field(default_factory=list)

    def end(self, result: Any) -> None:
        """Notes how it ended; `result` is IPython's, `None` if it never came to one."""
        self.duration = time.perf_counter_ns() - self.ticks
        if result is None:
            self.ending = "interrupted"
            return
        self.ending = ending_of(result.error_before_exec or result.error_in_exec)

    def split(self, line: int | None) -> Running | None:
        """Ends it before the mover on `line` (counted from 1) and returns the run that begins after it.

        `None` where nothing came before: then there is nothing to seal.
        """
        lines = self.source.splitlines(keepends=True)
        at = len(lines) if line is None else min(line, len(lines))
        is_apart = line is not None and is_command(lines[at - 1].strip()) if lines else False
        if is_only_commands("".join(lines[: at - 1])):
            self.source = "".join(lines[at:])
            return None
        rest = Running("".join(lines[at:]), self.cell, self.info, self.execution_count, nested=self.nested)
        self.source = "".join(lines[: at - 1 if is_apart else at])
        self.is_split = True
        self.duration = time.perf_counter_ns() - self.ticks
        return rest

    def described(self) -> _engine.Run:
        """What the engine is told."""
        return {
            "source": self.source,
            "cell": self.cell,
            "execution_count": self.execution_count,
            "started": self.started,
            "duration": self.duration,
            "ending": self.ending,
            "evidence": self.seen.evidence(is_whole=self.ending == "done" and not self.is_split),
            "touched": self.seen.touched(),
        }


def is_only_commands(source: str) -> bool:
    """Whether a source holds nothing but commands to Clew: running it changes no state of its own."""
    lines = [line.strip() for line in source.splitlines()]
    return all(is_command(line) or not line or line.startswith("#") for line in lines)


def is_command(line: str) -> bool:
    """Whether a line is a command to Clew (`%clew undo`)."""
    return any(line == word or line.startswith(word + " ") for word in COMMANDS)


def ending_of(error: BaseException | None) -> Any:
    """How a run ended, from what it raised. An interrupted `await` shows as a cancelled one."""
    if error is None:
        return "done"
    if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
        return "interrupted"
    return {"failed": type(error).__name__}


def joined(runs: list[Running]) -> Running:
    """Runs that overlapped, as one: nobody saw the state between them."""
    first = min(runs, key=lambda run: run.started)
    if len(runs) == 1:
        return first
    ordered = sorted(runs, key=lambda run: run.started)
    whole = Running("\n\n".join(run.source for run in ordered), first.cell, started=first.started)
    whole.execution_count = first.execution_count
    whole.duration = max(run.started + run.duration for run in runs) - first.started
    whole.ending = next((run.ending for run in ordered if run.ending != "done"), "done")
    return whole
