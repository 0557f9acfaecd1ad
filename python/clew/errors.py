"""The exceptions of `clew.session()`: one class for each exit code. Each has the three parts of a printed error as attributes."""

from __future__ import annotations

import json
from collections.abc import Sequence


class ClewError(Exception):
    """A command or method failed. `unchanged` describes what it did not change."""

    def __init__(self, message: str, unchanged: str = "Nothing was changed", hint: str | None = None) -> None:
        super().__init__(message)
        #: What happened.
        self.message = message
        #: The sentence about what was not changed, such as "Nothing was changed". It may be empty.
        self.unchanged = unchanged
        #: What to type next, if Clew has a suggestion; otherwise `None`.
        self.hint = hint

    def __str__(self) -> str:
        parts = [f"{self.message}.", f"{self.unchanged}." if self.unchanged else ""]
        return " ".join(part for part in parts if part) + (f"\nNext: {self.hint}" if self.hint else "")

    def __reduce__(self) -> tuple[type[ClewError], tuple[str, str, str | None]]:
        return type(self), (self.message, self.unchanged, self.hint)


class UsageError(ClewError):
    """The call is not valid, or the run, variable or undo step does not exist (exit code 2)."""


class RefusedError(ClewError):
    """Clew refused the command (exit code 3). Examples: the history is untrusted or locked, a cell is running, or no session records
    here."""


class NotRecordingError(RefusedError, RuntimeError):
    """Clew does not record in this process."""

    def __init__(self, message: str, unchanged: str = "", hint: str | None = None) -> None:
        super().__init__(message, unchanged, hint)


class DamagedError(ClewError):
    """The store is corrupted (exit code 4)."""


#: This exit code and all larger ones mean that nothing was done.
NOTHING_DONE = 2
#: The exit code of a refused command.
REFUSED = 3
BY_EXIT: dict[int, type[ClewError]] = {NOTHING_DONE: UsageError, REFUSED: RefusedError, 4: DamagedError}
"""The class for each exit code."""

AS_JSON = "--json"
"""The option that prints data as JSON."""


def printed(error: ClewError, words: Sequence[str], exit_code: int = REFUSED) -> str:
    """Formats an error that did not come from the engine the way the engine would print it for this command."""
    if AS_JSON not in words:
        return f"Error: {error}"
    word = next((word for word in words if not word.startswith("-")), "")
    told = {"message": error.message, "unchanged": error.unchanged, "hint": error.hint}
    return json.dumps({"schema": 1, "command": word, "exit": exit_code, "error": told}, indent=2)
