"""Blocks that are rolled back at their end: `with clew.session().trial() as t:`."""

from __future__ import annotations

import ast
import difflib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from IPython.core.getipython import get_ipython

from clew import session
from clew.api import check_texts, flat
from clew.errors import RefusedError, UsageError
from clew.shell.session import current

if TYPE_CHECKING:
    from clew.api import Names
    from clew.results import Report, Status


class Trial:
    """A `with` block that is rolled back: the end of the block restores the session's state from before it.

    The block is recorded as a separate run, so you can still inspect or restore its state later. Trials can be nested, and a cell can
    continue after a trial.
    """

    def __init__(self) -> None:
        self._start: str | None = None
        #: The number of cells that had begun by then, and the counter's id. The id, because a trial is a recorded value of the user.
        self._cells = 0
        self._counter = 0
        #: The number of steps that could be undone by then.
        self._depth = 0
        self._kept: list[str] = []
        #: The report of the rollback, with the outcome for each variable (`report.names("lost")`); `None` until the block has ended.
        self.report: Report | None = None

    def keep(self, *names: Names) -> None:
        """Keep these variables when the block is rolled back, with the values that they have at the end of the block.

        A variable cannot be kept if it does not exist at the end of the block, or shares objects with a variable that is not kept. In
        that case Clew rolls back the block without keeping any variable, and raises a UsageError.
        """
        if self.report is not None:
            raise RefusedError(
                "The block of this trial has ended",
                hint="call `keep` inside the block",
            )
        kept = list(flat(names))
        check_texts(kept)
        self._kept.extend(kept)

    def __enter__(self) -> Trial:
        if self._start is not None:
            raise RefusedError(
                "A trial can be entered only once",
                hint="`clew.session().trial()` creates another one",
            )
        if current().recorder.is_beside():
            raise RefusedError(
                "A trial in a separate task or thread would roll back what a cell does meanwhile",
                hint="run the trials of a cell one after the other, and await the code in them",
            )
        start, status = sealed()
        if not status.is_recording:
            raise RefusedError(
                "Recording is paused, so Clew could not roll back the block",
                hint="`clew.session().resume_recording()` resumes it",
            )
        self._start, self._depth = start, status.undo
        self._counter, self._cells = id(current()), current().recorder.cells_begun
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._start is None:
            raise RefusedError(
                "This trial has not started",
                hint="`with clew.session().trial() as t:` starts one",
            )
        if id(current()) != self._counter:
            raise RefusedError(
                "Clew was reloaded in the block of this trial, so the block cannot be rolled back",
                "The changes of the block remain",
                "`clew.session().log()` lists the recorded runs",
            )
        if current().recorder.cells_begun != self._cells:
            raise RefusedError(
                "Other cells ran during the block of this trial, and would be rolled back with it",
                "The changes of the block remain",
                f"`clew.session().switch({self._start!r})` goes back to the start of the block",
            )
        # If the block raised, it may not have bound all variables that it was to keep.
        names = get_ipython().user_ns
        kept = [name for name in self._kept if error is None or name in names]
        trials = open_trials()
        depth = sealed()[1].undo
        wrong = self._try_to_roll_back(depth, [*kept, *trials]) and self._try_to_roll_back(depth, kept)
        if wrong is None:
            return
        caller = sys._getframe(1)
        hint = self._what_to_keep(wrong, kept, known_as(self, caller.f_locals, names), list(names))
        refused = self._try_to_roll_back(depth, trials) and self._try_to_roll_back(depth, [])
        # Raised outside of the handlers, so that its context is only the block's own exception.
        raise refused or UsageError(
            wrong.message, "The block was rolled back without keeping any variable", hint
        )

    def _try_to_roll_back(self, depth: int, kept: list[str]) -> UsageError | None:
        """Undoes the block, with the number of steps that can be undone now. Returns the error if that is not possible with these names
        kept; then nothing is changed."""
        try:
            self.report = self._roll_back(depth - self._depth, kept)
        except UsageError as error:
            return error
        return None

    def _what_to_keep(self, wrong: UsageError, kept: list[str], trial: str, known: list[str]) -> str:
        """Returns what to type instead of `kept`, for a trial with this name."""
        sharing = re.search(r"keep=(\[.*\])", wrong.hint or "")
        if sharing is not None:
            together = dict.fromkeys([*kept, *ast.literal_eval(sharing[1])])
            return f"`{trial}.keep({quoted(together)})` keeps them all"
        near = {name: difflib.get_close_matches(name, known, 1) for name in kept}
        if all(near.values()):
            there = dict.fromkeys(found[0] for found in near.values())
            return f"`{trial}.keep({quoted(there)})` keeps the variables with the most similar names"
        return f"`{trial}.keep(...)` takes names of variables that exist when the block ends"

    def _roll_back(self, steps: int, kept: list[str]) -> Report:
        """Undoes the block, which took this many steps. Only the kept variables remain as a step to undo, which is recorded with the rest
        of the cell."""
        assert self._start is not None
        if steps <= 0:
            planned = session().switch(self._start, keep=kept, dry_run=True)
            if planned.is_exact and all(outcome.outcome == "unchanged" for outcome in planned.outcomes):
                text = f"The block changed nothing. {summary_of(planned)}"
                return replace(planned, text=text, html=None, dry_run=False)
            # The block moved to before its own start.
            return session().switch(self._start, keep=kept)
        planned = session().undo(steps, keep=kept, dry_run=True)
        if planned.target != self._start:
            return session().switch(self._start, keep=kept)
        names = get_ipython().user_ns
        values = {name: names[name] for name in kept if name in names}
        done = session().undo(steps)
        names.update(values)
        return without(done, set(values), planned)


def without(done: Report, kept: set[str], planned: Report) -> Report:
    """Returns the report of an undo after which these names were bound again. `planned` is what it would have been without them."""
    outcomes = tuple(
        outcome for outcome in done.outcomes if outcome.kind != "name" or outcome.name not in kept
    )
    fields = [
        found
        for found in done.data["outcomes"]
        if found["root"]["kind"] != "name" or found["root"]["key"] not in kept
    ]
    data = done.data | {"keep": planned.data["keep"], "outcomes": fields}
    text = done.text
    if {(one.name, one.outcome) for one in outcomes} == {(one.name, one.outcome) for one in planned.outcomes}:
        text = text.replace(summary_of(done), summary_of(planned), 1)
    return replace(done, text=text, html=None, data=data, keep=planned.keep, outcomes=outcomes)


def summary_of(report: Report) -> str:
    """Returns the summary in a report: `43 variables: 38 unchanged, 3 restored.`"""
    found = re.search(
        r"^.*?(?:\. )?([\d,]+ variables?: .*?\.|No variables\.)(?= You are at |$)",
        report.text.partition("\n")[0],
    )
    return found[1] if found is not None else ""


def sealed() -> tuple[str, Status]:
    """Records what the running cell did so far as a run. Returns the run that the session is at, and its status."""
    return session().switch("@", dry_run=True).at, session().status()


def known_as(trial: Trial, *namespaces: Mapping[str, object]) -> str:
    """Returns the name of a trial in the first of these namespaces that has it; `t`, as in the guide, if none does."""
    return next((name for names in namespaces for name, value in names.items() if value is trial), "t")


def quoted(names: Iterable[str]) -> str:
    """Formats names as arguments."""
    return ", ".join(json.dumps(name, ensure_ascii=False) for name in names)


def open_trials() -> list[str]:
    """Returns the names of trials whose blocks have not ended: they were bound in the block."""
    names = get_ipython().user_ns
    return [name for name, value in names.items() if type(value) is Trial and value.report is None]
