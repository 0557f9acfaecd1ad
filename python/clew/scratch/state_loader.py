"""Loads the part of a run's state that an expression needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import CodeType
from typing import TYPE_CHECKING

from clew.analysis.bytecode import nested
from clew.analysis.names import read_and_written
from clew.roots import library_of
from clew.scratch.shell import Shell
from clew.scratch.values import compiled, names_in
from clew.shell.required_names import held_by_functions, needed_by
from clew.shell.watch import Watch

if TYPE_CHECKING:
    from clew._engine import Visit

Inexact = tuple[str, str, str, str]
"""A root that was not simply loaded: kind, key, outcome and reason."""


class Loading:
    """Loads one state into a sandbox process.

    First loads the variables that the expression names. Functions among them name further variables, so the set grows until it is closed.
    Loads all variables if code may look up any name, or if a value could not be loaded exactly, because building it may read others.

    Loads options and random generators of a library only once the library is imported, because they would import it.
    """

    def __init__(
        self,
        visit: Visit,
        run: str,
        shell: Shell,
        *,
        may_rerun: bool,
        inherited: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._visit = visit
        self._run = run
        self._namespace = shell.user_ns
        self._watch = Watch(shell.user_ns)
        self._may_rerun = may_rerun
        roots = visit.roots(run)
        self._variables = frozenset(key for kind, key in roots if kind == "name")
        #: Settings that could not be reset to their values from the beginning of recording, unless the state has its own.
        self._inherited = [
            ("setting", key, "lost", why) for key, why in inherited if ("setting", key) not in roots
        ]
        self._around = [root for root in roots if root[0] not in ("name", "out", "definition")]
        #: Variables of the state that were not loaded.
        self._left_out = frozenset[str]()
        #: Libraries with options or generators that were not loaded.
        self._libraries = frozenset[str]()
        #: The names of variables, existing or not, that determine the result of the expression; `None` if any may.
        self.needs: list[str] | None = None

    def load(self, expression: str, *, whole: bool) -> list[Inexact]:
        """Loads what `expression` needs, or the `whole` state. Returns what was not simply loaded of the variables that it reads, and of
        other session state."""
        codes = _codes(expression)
        # Cells rerun without the user's consent, so only inside the sandbox, and only for variables that the expression needs.
        again = (
            sorted(set[str]().union(*(read_and_written(code)[0] for code in codes)))
            if self._may_rerun
            else []
        )
        asked = None if whole else needed_by(codes, self._watch)
        wanted = None if asked is None else self._roots(asked)
        while True:
            inexact = self._visit.load(self._run, None if wanted is None else sorted(wanted), again)
            if wanted is None:
                break
            asked = needed_by(codes, self._watch)
            if asked is not None:
                asked |= held_by_functions(self._namespace)
            is_exact = not any((kind, key) in wanted for kind, key, _, _ in inexact if kind == "name")
            wider = wanted | self._roots(asked) if is_exact and asked is not None else None
            if wider == wanted:
                break
            wanted = wider
        if wanted is not None:
            self._left_out = frozenset(name for name in self._variables if ("name", name) not in wanted)
            self._libraries = frozenset(
                library for root in self._around if root not in wanted and (library := library_of(*root))
            )
        self.needs = None if asked is None else sorted(asked)
        inexact = inexact if asked is None else [root for root in inexact if _is_read(root, asked)]
        return [*inexact, *self._inherited]

    def lacks(self, error: BaseException | None) -> bool:
        """Returns whether code looked for something that was left out: an exception names a variable, or a library was imported whose
        options were not loaded."""
        looked_for = set[str]() if error is None else names_in(error)
        return not self._left_out.isdisjoint(looked_for) or not self._libraries.isdisjoint(sys.modules)

    def _roots(self, asked: set[str]) -> set[tuple[str, str]]:
        """Returns the roots to load for names that code may touch, given the libraries that are imported now."""
        found = {("name", name) for name in asked & self._variables}
        for kind, key in self._around:
            library = library_of(kind, key)
            if library is None or library in sys.modules or library in asked:
                found.add((kind, key))
        return found


def _codes(expression: str) -> list[CodeType]:
    try:
        return list(nested(compiled(expression)))
    except (SyntaxError, ValueError):
        return []


def _is_read(root: Inexact, asked: set[str]) -> bool:
    kind, key, _, _ = root
    return key in asked if kind == "name" else kind not in ("out", "definition")
