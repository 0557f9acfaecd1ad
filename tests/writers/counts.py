"""What a stress did and found, shared by all who take part in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Event, Lock

SHOWN = 20


@dataclass
class Counts:
    """What happened; `lost` and `corrupt` must stay empty."""

    times: Counter[str] = field(default_factory=Counter)
    #: What each step left, by notebook: steps that were said to be saved.
    acknowledged: dict[str, dict[int, str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)
    is_over: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def count(self, what: str, times: int = 1) -> None:
        with self.lock:
            self.times[what] += times

    def acknowledge(self, notebook: str, step: int, left: str) -> None:
        with self.lock:
            self.acknowledged.setdefault(notebook, {})[step] = left
            self.times["runs acknowledged"] += 1

    def find_corrupt(self, what: str) -> None:
        with self.lock:
            self.corrupt.append(what)

    def steps_of(self, notebook: str) -> list[int]:
        with self.lock:
            return list(self.acknowledged.get(notebook, {}))

    @property
    def is_good(self) -> bool:
        return not self.lost and not self.corrupt

    def __str__(self) -> str:
        lines = [f"{what}: {count:,}" for what, count in sorted(self.times.items())]
        lines += [f"lost: {len(self.lost)}", f"corrupt: {len(self.corrupt)}"]
        lines += [f"  {what}" for what in [*self.lost[:SHOWN], *self.corrupt[:SHOWN]]]
        return "\n".join(lines)
