"""A block that is rolled back: `with clew.session().trial() as t:`."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from IPython.core.getipython import get_ipython

from clew import session
from clew.errors import RefusedError
from clew.face import flat

if TYPE_CHECKING:
    from clew.face import Names
    from clew.results import Report


class Trial:
    """What happens in the block is recorded as a run of its own, and the session is where it was afterwards.

    A trial may stand in another one, and in a cell that goes on behind it.
    """

    def __init__(self) -> None:
        self._start: str | None = None
        #: How many steps could be undone then.
        self._depth = 0
        self._kept: list[Names] = []
        #: What became of every name on the way back, `names("lost")` among it; `None` until the block has ended.
        self.report: Report | None = None

    def keep(self, *names: Names) -> None:
        """Has these names the values afterwards that they have when the block ends.

        One that shares objects with a name that is not kept can't be kept alone: then the end of the block raises a UsageError, and
        nothing is rolled back.
        """
        self._kept.extend(names)

    def __enter__(self) -> Trial:
        if self._start is not None:
            raise RefusedError(
                "A trial can be entered once", "Nothing was changed", "`clew.session().trial()` makes another"
            )
        self._start, self._depth = sealed()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._start is not None
        # A block that raised may not have made all that it was to keep.
        kept = [name for name in flat(self._kept) if error is None or name in get_ipython().user_ns]
        self.report = self._roll_back([*kept, *open_trials()])

    def _roll_back(self, kept: list[str]) -> Report:
        """Undoes the block. It leaves no step to undo but what it kept, which the rest of the cell is recorded with."""
        assert self._start is not None
        _, depth = sealed()
        steps = depth - self._depth
        if steps <= 0:
            planned = session().switch(self._start, keep=kept, dry_run=True)
            if planned.is_exact and all(outcome.word == "kept" for outcome in planned.outcomes):
                return replace(planned, dry_run=False)
            # It went back further than to where it began.
            return session().switch(self._start, keep=kept)
        planned = session().undo(steps, keep=kept, dry_run=True)
        if planned.target != self._start:
            return session().switch(self._start, keep=kept)
        names = get_ipython().user_ns
        values = {name: names[name] for name in kept if name in names}
        done = session().undo(steps)
        names.update(values)
        rolled_back = (
            outcome for outcome in done.outcomes if outcome.kind != "name" or outcome.name not in values
        )
        return replace(done, keep=planned.keep, outcomes=tuple(rolled_back))


def sealed() -> tuple[str, int]:
    """The run that the session is at, and how many steps can be undone, once what the running cell did so far is a run of its own."""
    return session().switch("@", dry_run=True).at, session().status().undo


def open_trials() -> list[str]:
    """The names under which blocks that have not ended know their trials: these were bound in the block."""
    names = get_ipython().user_ns
    return [name for name, value in names.items() if type(value) is Trial and value.report is None]
