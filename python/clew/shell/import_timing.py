"""Import statements of a cell: their duration, and the environment variables that the imported libraries set.

Plans include the duration, because a process that loads the cell's results must import the modules again. Variables set by libraries are
not changes that the cell made itself.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter_ns
from types import CodeType

from clew import evidence
from clew.analysis.bytecode import CALLS, IMPORTS, does_any, numbers_of
from clew.analysis.own_modules import is_own
from clew.roots.generators import leave_undecided

#: Instructions that make a statement more than an import: `np = __import__("numpy")` and function calls.
_CALLS = numbers_of(*CALLS, "PRECALL", "CALL_INTRINSIC_1", "CALL_INTRINSIC_2")


class Importing:
    """Measures import statements of a cell, each up to the next statement or the end."""

    def __init__(self) -> None:
        self._nanoseconds = 0
        self._since: int | None = None
        self._place = 0
        #: The number of modules before the statement.
        self._modules = 0
        #: Whether the state of Python's own generator did not come from any cell.
        self._was_undecided = False
        #: The environment before the statement.
        self._before: dict[str, str] = {}
        #: Variables that import statements set.
        self._set: dict[str, str | None] = {}

    def begin(self) -> None:
        """Begins a cell."""
        self._nanoseconds, self._since = 0, None
        self._set = {}

    def note(self, code: CodeType) -> None:
        """Begins a statement."""
        self.end()
        if only_imports(code):
            self._before, self._modules = dict(os.environ), len(sys.modules)
            self._was_undecided = evidence.is_undecided()
            self._since, self._place = perf_counter_ns(), evidence.importing()

    def end(self) -> int:
        """Ends the previous statement. Returns the total time of imports so far in nanoseconds."""
        if self._since is not None:
            self._nanoseconds += perf_counter_ns() - self._since
            self._since = None
            has_own = self._has_own()
            evidence.imported(self._place, has_own=has_own)
            if self._was_undecided and not has_own:
                # Draws of libraries at their import do not affect the cell's results.
                leave_undecided()
            now = dict(os.environ)
            if now != self._before:
                both = self._before.keys() | now.keys()
                self._set |= {key: now.get(key) for key in both if now.get(key) != self._before.get(key)}
        return self._nanoseconds

    def _has_own(self) -> bool:
        """Returns whether the statement loaded modules of the user's own. New ones come last."""
        came = list(sys.modules.items())[self._modules :]
        return any(is_own(name, module) for name, module in came)

    def environment(self) -> list[str]:
        """Returns environment variables that still have the values set by import statements."""
        return sorted(key for key, value in self._set.items() if os.environ.get(key) == value)


def only_imports(code: CodeType) -> bool:
    """Returns whether a statement imports something, and calls nothing."""
    return does_any(code, IMPORTS) and not does_any(code, _CALLS)
