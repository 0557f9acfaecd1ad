"""What may be reached when handles come back: decided here for every engine, whatever the engine is called.

A handle (a client, a cluster) stands for something outside the session. To build it again reaches out; a process that only looks does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

#: Whether anything outside may be reached: not by a scratch process, which can change nothing.
is_allowed = True
#: Whether what reaches nothing is stood in for, instead of failing.
stands_in = False
#: The store of the session, if one records here.
store: str | None = None
#: The most bytes that are fetched from clusters to be kept with variables, all together (`tasks.fetch_mb`).
most_fetched = 64_000_000


ONLY_LOOKS = "a sandbox process cannot connect to a cluster"


class Unreachable(Exception):
    """Says what can't be reached, for people."""


def ask() -> None:
    """Raises where nothing outside may be reached."""
    if not is_allowed:
        raise Unreachable(ONLY_LOOKS)


def megabytes(size: int) -> str:
    """A size in bytes, rounded up."""
    return f"{-(-size // 1_000_000)} MB"


class Patience:
    """How long one may wait in all within a while: each wait takes from it."""

    def __init__(self, most: float, within: float) -> None:
        """Both in seconds."""
        self._most, self._within = most, within
        self._left, self._since = most, monotonic()

    def left(self) -> float:
        """Seconds that may still be waited."""
        if monotonic() - self._since > self._within:
            self._left, self._since = self._most, monotonic()
        return max(self._left, 0.0)

    @contextmanager
    def used(self) -> Iterator[float]:
        """Takes off what passes meanwhile; gives what is left before."""
        began = monotonic()
        try:
            yield self.left()
        finally:
            self._left -= monotonic() - began
