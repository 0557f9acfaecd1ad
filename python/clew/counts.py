"""What became of the tasks of distributed computations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew._engine import TaskCounts


@dataclass(slots=True)
class Counts:
    """What became of the tasks of one computation, or of several."""

    total: int = 0
    run: int = 0
    """Those that were run, since no result was there or they can't have one."""
    loaded: int = 0
    """Those whose results were brought in; what only went into these was not even looked at."""
    keyless: dict[str, int] = field(default_factory=dict)
    """Why tasks have no key, with how many."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Counts:
        """From the JSON of `clew show`."""
        return cls(data["total"], data["run"], keyless=data["uncacheable"])

    @property
    def hit(self) -> int:
        """Tasks that need not run."""
        return self.total - self.run

    def described(self) -> TaskCounts:
        """As the record has them."""
        return {"total": self.total, "known": self.hit, "run": self.run, "keyless": self.keyless}

    def as_json(self) -> dict[str, Any]:
        """As `clew show` and `clew run` print them (docs/json.md)."""
        return {"total": self.total, "cached": self.hit, "run": self.run, "uncacheable": self.keyless}

    def add(self, other: Counts) -> None:
        """Counts another computation's too."""
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
