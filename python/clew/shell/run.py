"""One run on the Python side, from its start to the description that the engine gets."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clew.shell.cell_parts import imports_clew, is_only_commands, is_only_comments, part
from clew.shell.code import Code, code_of
from clew.shell.run_outputs import Shown
from clew.shell.warn import guarded
from clew.shell.watch import EVERYTHING, Seen

if TYPE_CHECKING:
    from clew import _engine


@dataclass
class Running:
    """A run that is in progress, or is not captured yet."""

    source: str
    cell: str | None = None
    #: IPython's description of the call. It also comes with the result, and distinguishes nested calls.
    info: object = None
    execution_count: int | None = None
    started: int = field(default_factory=time.time_ns)
    ticks: int = field(default_factory=time.perf_counter_ns)
    duration: int = 0
    ending: Any = "done"
    seen: Seen = EVERYTHING
    #: Whether it is only a part of a cell: a command inside the cell recorded the code before as a separate run.
    is_split: bool = False
    #: The descriptions of `run_cell` calls inside this one (`%%capture`).
    nested: list[object] = field(default_factory=list)
    #: The number of lines that belong to earlier parts of the cell.
    skipped: int = 0
    #: The code of the whole cell, once it was needed.
    code: Code | None = None
    #: Whether to record it only if something changed: it is part of a statement that a command interrupts.
    is_optional: bool = False
    #: Whether it begins in the middle of a statement that a command interrupted.
    is_within: bool = False
    #: The task that runs it, if any.
    task: object = None
    #: Its outputs; for overlapping runs, one after the other.
    shown: list[Shown | None] = field(default_factory=list)

    @property
    def is_recorded(self) -> bool:
        """Returns whether it is recorded. A cell, or a part of one, that only has commands to Clew is not. There are two exceptions for
        whole cells: one of comments, because `clew run` executes each cell without a record; and one that imports Clew, because it binds
        that name."""
        if not is_only_commands(self.source):
            return True
        is_part = self.is_split or self.skipped > 0
        return not is_part and (is_only_comments(self.source) or imports_clew(self.source))

    def end(self, result: Any) -> None:
        """Notes how it ended; `result` is IPython's, `None` if there is none."""
        self.duration = time.perf_counter_ns() - self.ticks
        if result is None:
            self.ending = "interrupted"
            return
        self.ending = ending_of(result.error_before_exec or result.error_in_exec)

    def split(self, line: int | None, *, is_inside: bool = False, file: str | None = None) -> Running | None:
        """Ends it before the command on `line` (counted from 1) of its code in the file `file`. Returns the run that begins after the
        command.

        Returns `None` if no code ran before: then there is nothing to record.
        """
        if line is not None and self.code is None:
            self.code = code_of(self.source, file)
        parted = part(self.source, line, is_inside=is_inside, code=self.code, skipped=self.skipped)
        if parted.is_first:
            self.is_within = parted.goes_on
            self.source, self.skipped = parted.after, self.skipped + parted.skipped
            return None
        rest = Running(parted.after, self.cell, self.info, self.execution_count, nested=self.nested)
        rest.task = self.task
        rest.skipped, rest.code = self.skipped + parted.skipped, self.code
        rest.is_optional = parted.is_before_optional or is_inside
        rest.is_within = parted.goes_on
        self.source = parted.before
        self.is_optional |= parted.is_before_optional
        self.is_split = rest.is_split = True
        self.duration = time.perf_counter_ns() - self.ticks
        return rest

    def begun(self, source: str | None, masked: list[str]) -> _engine.Begun:
        """Describes the run to the engine when it begins. `source` is the part of its source that may be stored already."""
        return {
            "source": source,
            "masked": masked,
            "cell": self.cell,
            "execution_count": self.execution_count,
            "started": self.started,
        }

    def described(self, source: str, masked: list[str], output: str | None = None) -> _engine.Run:
        """Describes the run to the engine. `source` is the part of its source that may be stored, `masked` describes what was removed, and
        `output` is the record of its outputs."""
        is_whole = self.ending == "done" and not self.is_split
        evidence = guarded("determine what this run did", self.seen.evidence, is_whole=is_whole)
        told = evidence or EVERYTHING.evidence()
        libraries = {*told.get("libraries", ()), *_shown_by(output or "")}
        return {
            "source": source,
            "cell": self.cell,
            "execution_count": self.execution_count,
            "started": self.started,
            "duration": self.duration,
            "ending": self.ending,
            "evidence": told | {"masked": masked, "libraries": sorted(libraries)},
            "touched": self.seen.touched(),
            "optional": self.is_optional,
            "output": output,
        }


def _shown_by(output: str) -> set[str]:
    """Returns the libraries whose settings affect a run's outputs, whichever code created these: matplotlib's settings for images, and
    filters for warnings."""
    return {library for mark, library in _MARKS.items() if mark in output}


_MARKS = {'"image/': "matplotlib", '"name":"stderr"': "warnings"}


def ending_of(error: BaseException | None) -> Any:
    """Returns how a run ended, from its exception. An interrupted `await` raises `CancelledError`."""
    if error is None:
        return "done"
    if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
        return "interrupted"
    return {"failed": type(error).__name__}


def joined(runs: list[Running]) -> Running:
    """Joins runs that overlapped, or of which the first could not be recorded: the state between them was not observed."""
    first = min(runs, key=lambda run: run.started)
    if len(runs) == 1:
        return first
    ordered = sorted(runs, key=lambda run: run.started)
    whole = Running("\n\n".join(run.source for run in ordered), first.cell, started=first.started)
    whole.execution_count = first.execution_count
    whole.is_optional = all(run.is_optional for run in runs)
    whole.shown = [shown for run in ordered for shown in run.shown]
    span = max(run.started + run.duration for run in runs) - first.started
    whole.duration = min(span, sum(run.duration for run in runs))
    whole.ending = next((run.ending for run in ordered if run.ending != "done"), "done")
    return whole
