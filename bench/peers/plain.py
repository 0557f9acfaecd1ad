"""A plain kernel: what everything is measured against, and the zero of the tables."""

from __future__ import annotations

from typing import ClassVar

from bench.peers.peer import Failed, Move, Peer


class Plain(Peer):
    """Remembers nothing."""

    name: ClassVar[str] = "plain"
    title: ClassVar[str] = "plain kernel"
    remembers: ClassVar[bool] = False

    def go(self, state: int) -> Move:
        raise Failed("a plain kernel remembers nothing")

    def stored(self) -> int:
        return 0
