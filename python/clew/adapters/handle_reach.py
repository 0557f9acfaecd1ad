"""What may be contacted when handles are restored: one policy for all engines.

A handle (a client, a cluster) stands for something outside the session. Building it again connects to that; a process that only reads must
not connect.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

#: Whether connections to the outside are allowed. They are not in a sandbox process, which must not change anything.
is_allowed = True
#: Whether a handle that cannot connect is replaced by a stand-in, instead of failing.
stands_in = False
#: The store of the session, if it is recorded.
store: str | None = None
#: The maximal total size of the results that are fetched from clusters and stored with variables, in bytes (`tasks.fetch_mb`).
most_fetched = 64_000_000


ONLY_LOOKS = "a sandbox process cannot connect to a cluster"


class Unreachable(Exception):
    """Raised if an address cannot be reached. The message is for users."""


def ask() -> None:
    """Raises if connections to the outside are not allowed."""
    if not is_allowed:
        raise Unreachable(ONLY_LOOKS)


def megabytes(size: int) -> str:
    """Formats a size in bytes as megabytes, rounded up."""
    return f"{-(-size // 1_000_000)} MB"


class Patience:
    """A time budget for waiting, which is renewed after a while. Each wait uses part of it."""

    def __init__(self, most: float, within: float) -> None:
        """Both arguments are in seconds."""
        self._most, self._within = most, within
        self._left, self._since = most, monotonic()

    def left(self) -> float:
        """Returns the seconds that may still be waited."""
        if monotonic() - self._since > self._within:
            self._left, self._since = self._most, monotonic()
        return max(self._left, 0.0)

    @contextmanager
    def used(self) -> Iterator[float]:
        """Deducts the time that the block takes. Yields the budget before it."""
        began = monotonic()
        try:
            yield self.left()
        finally:
            self._left -= monotonic() - began
