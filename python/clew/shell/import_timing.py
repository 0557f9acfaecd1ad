"""Import statements of a cell: how long they took, and which environment variables the imported libraries set.

A plan counts the time, since a process that loads what the cell left imports that again. What libraries set is no change that the
cell asked for.
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

#: What makes a statement more than an import: `np = __import__("numpy")` and what runs functions.
_CALLS = numbers_of(*CALLS, "PRECALL", "CALL_INTRINSIC_1", "CALL_INTRINSIC_2")


class Importing:
    """Takes the time from one statement of a cell to the next, or to its end."""

    def __init__(self) -> None:
        self._nanoseconds = 0
        self._since: int | None = None
        self._place = 0
        #: How many modules there were before it.
        self._modules = 0
        #: Whether no cell had decided where Python's own generator stood.
        self._was_undecided = False
        #: The environment before the statement.
        self._before: dict[str, str] = {}
        #: What import statements set there.
        self._set: dict[str, str | None] = {}

    def begin(self) -> None:
        """A cell starts."""
        self._nanoseconds, self._since = 0, None
        self._set = {}

    def note(self, code: CodeType) -> None:
        """A statement is about to run."""
        self.end()
        if only_imports(code):
            self._before, self._modules = dict(os.environ), len(sys.modules)
            self._was_undecided = evidence.is_undecided()
            self._since, self._place = perf_counter_ns(), evidence.importing()

    def end(self) -> int:
        """The statement before is over: the nanoseconds that imports took so far."""
        if self._since is not None:
            self._nanoseconds += perf_counter_ns() - self._since
            self._since = None
            has_own = self._has_own()
            evidence.imported(self._place, has_own=has_own)
            if self._was_undecided and not has_own:
                # What libraries draw while they are imported decides nothing of the cell's.
                leave_undecided()
            now = dict(os.environ)
            if now != self._before:
                both = self._before.keys() | now.keys()
                self._set |= {key: now.get(key) for key in both if now.get(key) != self._before.get(key)}
        return self._nanoseconds

    def _has_own(self) -> bool:
        """Whether modules of the user's own came with the statement. New ones come last."""
        came = list(sys.modules.items())[self._modules :]
        return any(is_own(name, module) for name, module in came)

    def environment(self) -> list[str]:
        """Environment variables that are as import statements set them."""
        return sorted(key for key, value in self._set.items() if os.environ.get(key) == value)


def only_imports(code: CodeType) -> bool:
    """Whether a statement imports, and calls nothing."""
    return does_any(code, IMPORTS) and not does_any(code, _CALLS)
