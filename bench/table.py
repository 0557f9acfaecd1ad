"""The table of figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """One figure with its aim, both in one unit."""

    what: str
    without: float | None
    with_clew: float
    added: float | None
    aim: float | None
    unit: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def compared(what: str, without: float, with_clew: float, aim: float | None, unit: str) -> Row:
    """A figure of both kernels: what Clew adds, or the ratio where that is the unit."""
    added = with_clew / without if unit == "x" else with_clew - without
    return Row(what, without, with_clew, added, aim, unit)


def alone(what: str, figure: float, aim: float | None, unit: str) -> Row:
    """A figure that only a kernel with Clew has."""
    return Row(what, None, figure, None, aim, unit)


def render(rows: list[Row]) -> str:
    """Lines for people; a star marks what is above its aim."""
    lines = [f"{'':52}{'without':>11}{'with':>11}{'added':>11}{'aim':>9}"]
    for row in rows:
        decisive = row.with_clew if row.added is None else row.added
        above = row.aim is not None and decisive > row.aim
        cells = "".join(f"{figure(value):>11}" for value in (row.without, row.with_clew, row.added))
        lines.append(f"{row.what:52}{cells}{figure(row.aim):>9} {row.unit}{' *' if above else ''}")
    return "\n".join(lines) + "\n"


def figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
