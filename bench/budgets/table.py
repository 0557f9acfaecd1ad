"""The table of results."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """One result with its aim, in the same unit."""

    what: str
    without: float | None
    with_clew: float
    added: float | None
    aim: float | None
    unit: str
    note: str = ""

    @property
    def decisive(self) -> float:
        """The description of the aim."""
        return self.with_clew if self.added is None else self.added

    @property
    def is_reached(self) -> bool | None:
        """Whether the aim is reached; `None` without an aim."""
        return None if self.aim is None else self.decisive <= self.aim

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def compared(what: str, without: float, with_clew: float, aim: float | None, unit: str) -> Row:
    """Creates a row from measurements of both kernels: the time that Clew adds, or the ratio if that is the unit."""
    added = with_clew / without if unit == "x" else with_clew - without
    return Row(what, without, with_clew, added, aim, unit)


def alone(what: str, figure: float, aim: float | None, unit: str, note: str = "") -> Row:
    """Creates a row from a measurement that only exists with Clew."""
    return Row(what, None, figure, None, aim, unit, note)


def render(rows: list[Row]) -> str:
    """Formats rows for people. A star marks results above their aim."""
    lines = [f"{'':64}{'without':>11}{'with':>11}{'added':>11}{'aim':>9}"]
    for row in rows:
        cells = "".join(f"{figure(value):>11}" for value in (row.without, row.with_clew, row.added))
        lines.append(
            f"{row.what:64}{cells}{figure(row.aim):>9} {row.unit:2}{' *' if row.is_reached is False else ''}"
            + (f"  {row.note}" if row.note else "")
        )
    return "\n".join(lines) + "\n"


def figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
