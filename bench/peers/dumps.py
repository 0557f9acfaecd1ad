"""Peers that dump the whole session into a file after every run."""

from __future__ import annotations

from typing import ClassVar

from bench.kernel import folder_bytes
from bench.peers.peer import Failed, Move, Peer


class Dumps(Peer):
    """A hook dumps after each run, beginning with the first measured state. Earlier dumps would not be needed."""

    environment: ClassVar[str | None] = "dumps"
    #: The class in `inside/bench_dumps.py`.
    way: ClassVar[str]

    def attach(self) -> float:
        folder = str(self.home / "dumps")
        code = f"__import__('bench_dumps').attach(get_ipython(), {self.way!r}, {folder!r})"
        return self.typed(code).total / 1000

    def begin(self, timed_cells: int) -> None:
        super().begin(timed_cells)
        self.silently("get_ipython()._bench_dumps.begin()")

    def finish(self) -> None:
        failures = self.silently("", expression="get_ipython()._bench_dumps.failures").value
        self.failures: dict[int, str] = failures if isinstance(failures, dict) else {}

    def go(self, state: int) -> Move:
        if state in self.failures:
            raise Failed(self.failures[state])
        return Move(self.typed(f"get_ipython()._bench_dumps.load({state})").total / 1000)

    def stored(self) -> int:
        return folder_bytes(self.home / "dumps")
