"""Counts of the tasks of distributed computations, by outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew._engine import TaskCounts


@dataclass(slots=True)
class Counts:
    """The counts of one computation, or of several."""

    total: int = 0
    run: int = 0
    """Tasks that ran: they had no cached result, or cannot have one."""
    loaded: int = 0
    """Tasks whose results were loaded. Tasks that only these needed are not counted here."""
    keyless: dict[str, int] = field(default_factory=dict)
    """The reasons why tasks have no key, with the number of tasks."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Counts:
        """Reads the JSON of `clew show`."""
        return cls(data["total"], data["run"], keyless=data["uncacheable"])

    @property
    def hit(self) -> int:
        """Returns the number of tasks that did not need to run."""
        return self.total - self.run

    def described(self) -> TaskCounts:
        """Returns the counts in the form of the record."""
        return {"total": self.total, "known": self.hit, "run": self.run, "keyless": self.keyless}

    def as_json(self) -> dict[str, Any]:
        """Returns the counts as `clew show` and `clew run` print them (docs/json.md)."""
        return {"total": self.total, "cached": self.hit, "run": self.run, "uncacheable": self.keyless}

    def add(self, other: Counts) -> None:
        """Adds the counts of another computation."""
        self.total += other.total
        self.run += other.run
        self.loaded += other.loaded
        for why, many in other.keyless.items():
            self.keyless[why] = self.keyless.get(why, 0) + many

    def __str__(self) -> str:
        said = f"{self.total} tasks: {self.hit} cached, {self.run} run"
        if self.keyless:
            said += "; never cached: " + ", ".join(f"{count} ({why})" for why, count in self.keyless.items())
        return said
