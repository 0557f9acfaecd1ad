"""What the parts of the kit count, and the table that they end in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

SHOWN = 10
"""So many findings of a kind are printed."""


@dataclass
class Tally:
    """What one part did and found. A part that could not be run, or did nothing, proves nothing: it is red."""

    name: str
    #: How often something was done to a store, by what it was.
    times: Counter[str] = field(default_factory=Counter)
    #: Acknowledged runs that had to be there, and runs that were loaded and compared.
    expected: int = 0
    compared: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)
    #: Damage that nobody named, and what doctor had no advice for.
    unsaid: list[str] = field(default_factory=list)
    #: Why the part could not be run.
    missing: list[str] = field(default_factory=list)
    #: What this machine does not give, and the part needs.
    lacking: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def findings(self) -> dict[str, list[str]]:
        return {
            "acknowledged runs lost": self.lost,
            "wrong values": self.wrong,
            "stores that did not open": self.unopened,
            "damage unsaid": self.unsaid,
            "not run": self.not_run,
        }

    @property
    def not_run(self) -> list[str]:
        nothing = [] if self.times or self.lacking else [f"{self.name}: nothing was done"]
        return [*self.missing, *self.lacking, *nothing]

    def is_green(self, *, where_possible: bool) -> bool:
        """Whether nothing was found; with ``where_possible`` what this machine does not give is no finding."""
        found = sum(len(found) for found in self.findings.values())
        return found == (len(self.lacking) if where_possible else 0)


def table(tallies: Sequence[Tally]) -> str:
    """A line for each thing that was done, then the sums that must be 0."""
    lines = [f"{'':44}{'times':>8}{'runs kept':>12}{'compared':>10}{'seconds':>9}"]
    for tally in tallies:
        kept = tally.expected - len(tally.lost)
        lines.append(
            f"{tally.name:44}{tally.times.total():8,}{kept:12,}{tally.compared:10,}{tally.seconds:9.0f}"
        )
        if len(tally.times) > 1:
            lines += [f"    {what:40}{count:8,}" for what, count in sorted(tally.times.items())]
    lines.append("")
    sums: Counter[str] = Counter()
    for tally in tallies:
        sums.update({what: len(found) for what, found in tally.findings.items()})
    lines.append("; ".join(f"{what}: {count}" for what, count in sums.items()))
    for tally in tallies:
        for what, found in tally.findings.items():
            lines += [f"{tally.name}: {what}: {one}" for one in found[:SHOWN]]
    return "\n".join(lines)


def exit_code(tallies: Sequence[Tally], *, where_possible: bool = False) -> int:
    """0 where everything was done and nothing found."""
    is_green = all(tally.is_green(where_possible=where_possible) for tally in tallies)
    return 0 if tallies and is_green else 1
