"""Loads what an expression needs of the state that a run left."""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING

from clew.scratch.shell import Shell
from clew.scratch.values import compiled
from clew.shell.names import nested, read_and_written
from clew.shell.needed import held_by_functions, needed_by
from clew.shell.watch import Watch

if TYPE_CHECKING:
    from clew._engine import Visit

Inexact = tuple[str, str, str, str]
"""A root that was not simply loaded: kind, key, what became of it, and why."""


class Loading:
    """One state on its way into a scratch process.

    The variables that the expression names come first. Functions among them name further variables, so the set grows until it is closed. All
    variables come where code may look up any name, and where a value could not be loaded as it was: it may read others as it is built.
    """

    def __init__(self, visit: Visit, run: str, shell: Shell, *, may_rerun: bool) -> None:
        self._visit = visit
        self._run = run
        self._namespace = shell.user_ns
        self._watch = Watch(shell.user_ns)
        self._may_rerun = may_rerun
        self._variables = frozenset(visit.variables(run))
        #: Variables of the state that were not loaded.
        self.left_out = frozenset[str]()

    def load(self, expression: str, *, whole: bool) -> list[Inexact]:
        """Loads what `expression` needs, or the `whole` state. Reports what was not simply loaded of the variables that it reads, and of state
        that is no variable."""
        codes = _codes(expression)
        # Nobody consented to running cells again: it is done where they can do no harm, and only for what is asked.
        again = (
            sorted(set[str]().union(*(read_and_written(code)[0] for code in codes)))
            if self._may_rerun
            else []
        )
        asked = None if whole else needed_by(codes, self._watch)
        wanted = None if asked is None else asked & self._variables
        while True:
            inexact = self._visit.load(self._run, None if wanted is None else sorted(wanted), again)
            if wanted is None:
                break
            asked = needed_by(codes, self._watch)
            if asked is not None:
                asked |= held_by_functions(self._namespace)
            is_exact = not any(kind == "name" and key in wanted for kind, key, _, _ in inexact)
            wider = wanted | asked & self._variables if is_exact and asked is not None else None
            if wider == wanted:
                break
            wanted = wider
        self.left_out = frozenset() if wanted is None else self._variables - wanted
        return inexact if asked is None else [root for root in inexact if _is_read(root, asked)]


def _codes(expression: str) -> list[CodeType]:
    try:
        return list(nested(compiled(expression)))
    except (SyntaxError, ValueError):
        return []


def _is_read(root: Inexact, asked: set[str]) -> bool:
    kind, key, _, _ = root
    return key in asked if kind == "name" else kind not in ("out", "definition")
