"""A plain kernel: the baseline of all measurements."""

from __future__ import annotations

from typing import ClassVar

from bench.peers.peer import Failed, Move, Peer


class Plain(Peer):
    """Stores no states."""

    name: ClassVar[str] = "plain"
    title: ClassVar[str] = "plain kernel"
    remembers: ClassVar[bool] = False

    def go(self, state: int) -> Move:
        raise Failed("a plain kernel remembers nothing")

    def stored(self) -> int:
        return 0
