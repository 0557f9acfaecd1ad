"""What `clew.session()` raises when something could not be done: one class an exit code, the same three parts as in print."""

from __future__ import annotations

import json
from collections.abc import Sequence


class ClewError(Exception):
    """Something was asked for that was not done. Nothing was changed."""

    def __init__(self, message: str, unchanged: str = "Nothing was changed", hint: str | None = None) -> None:
        super().__init__(message)
        #: What happened.
        self.message = message
        #: What is as it was.
        self.unchanged = unchanged
        #: What to type next, where that is plain.
        self.hint = hint

    def __str__(self) -> str:
        parts = [f"{self.message}.", f"{self.unchanged}." if self.unchanged else ""]
        return " ".join(part for part in parts if part) + (f"\nNext: {self.hint}" if self.hint else "")

    def __reduce__(self) -> tuple[type[ClewError], tuple[str, str, str | None]]:
        return type(self), (self.message, self.unchanged, self.hint)


class UsageError(ClewError):
    """It was not understood, or there is no such run, name or step (exit code 2)."""


class RefusedError(ClewError):
    """It was refused: untrusted, locked, a cell is running, nothing is recorded here (exit code 3)."""


class NotRecordingError(RefusedError, RuntimeError):
    """No session records in this process."""

    def __init__(self, message: str, unchanged: str = "", hint: str | None = None) -> None:
        super().__init__(message, unchanged, hint)


class DamagedError(ClewError):
    """The store is damaged (exit code 4)."""


#: Exit codes from here on mean that nothing was done.
NOTHING_DONE = 2
#: The exit code of what was refused.
REFUSED = 3
BY_EXIT: dict[int, type[ClewError]] = {NOTHING_DONE: UsageError, REFUSED: RefusedError, 4: DamagedError}
"""Which class an exit code stands for."""

AS_JSON = "--json"
"""The option that asks for data."""


def printed(error: ClewError, words: Sequence[str], exit_code: int = REFUSED) -> str:
    """A failure of which the engine was not asked, as it would print it for these words."""
    if AS_JSON not in words:
        return f"Error: {error}"
    word = next((word for word in words if not word.startswith("-")), "")
    told = {"message": error.message, "unchanged": error.unchanged, "hint": error.hint}
    return json.dumps({"schema": 1, "command": word, "exit": exit_code, "error": told}, indent=2)
