"""The page `results.md`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.figures import LEAST, Spread
from bench.report.aims import cost, verdicts
from bench.report.summary import MOVES, Return, Summary

NOTHING = "-"


def render(
    summaries: list[Summary], budgets: dict[str, dict[str, Any]], pictures: Sequence[tuple[str, str]]
) -> str:
    """Returns the whole page. `pictures` are files in `pictures/` with their captions."""
    parts = [*head(summaries, budgets)]
    parts += [f"![{shows}](pictures/{file})" for file, shows in pictures]
    parts += ["## Aims", *aims(summaries, budgets)]
    for workload in dict.fromkeys(one.workload for one in summaries):
        parts += section([one for one in summaries if one.workload == workload])
    if budgets:
        parts += ["## Budgets"]
    for name, found in budgets.items():
        parts += budget(name, found)
    return "\n\n".join(parts) + "\n"


def head(summaries: list[Summary], budgets: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Describes the machine and the versions."""
    yield "# Results"
    yield "Made by `make bench` from the figures in [raw](raw); [how to read it](README.md)."
    machines = [one.machine for one in summaries] + [found["machine"] for found in budgets.values()]
    told = {", ".join(f"{key} {value}" for key, value in one.items()): None for one in machines}
    yield "Measured on: " + "; ".join(told) + "."
    scales = sorted({one.scale for one in summaries} | {found["scale"] for found in budgets.values()})
    if scales != [1.0]:
        shares = ", ".join(f"{scale:g}" for scale in scales)
        yield f"**A trial: sizes are {shares} of the stated ones.** Fixed costs weigh more than they do at full size."


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, texts: bool = False) -> str:
    """Formats a table. The first column is aligned to the left, the others to the right unless they are `texts`."""
    lines = [header, ["---"] + ["---" if texts else "---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# -- aims ----------------------------------------------------------------------------------------------------------------


def aims(summaries: list[Summary], budgets: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Formats the number of reached aims, the missed ones, and then all of them."""
    found = verdicts(summaries, budgets)
    reached = sum(1 for one in found if one.reached)
    unknown = sum(1 for one in found if one.reached is None)
    yield f"{reached} of {len(found) - unknown} are reached; {unknown} can't be told."
    words = {True: "yes", False: "**no**", None: "can't be told"}
    rows = [[one.workload, one.aim, words[one.reached], one.figures] for one in found]
    header = ["where", "aim", "reached", "figures"]
    if missed := [row for row, one in zip(rows, found, strict=True) if not one.reached]:
        yield "Not reached:"
        yield table(header, missed, texts=True)
    yield "<details><summary>All of them</summary>"
    yield table(header, rows, texts=True)
    yield "</details>"


# -- workloads -----------------------------------------------------------------------------------------------------------


def section(found: list[Summary]) -> Iterator[str]:
    """Formats one workload."""
    yield f"## {found[0].workload}: {found[0].about}"
    yield "Added to a cell, milliseconds:"
    header = ["", "reply p50", "p95", "sum", "next p50", "p95", "sum", "Clew = 1", "cells"]
    clew = next((one for one in found if one.peer == "clew"), None)
    yield table(header, [recording(one, clew) for one in found])
    yield "Kept, and memory:"
    header = ["", "stored MB", "after gc MB", "Clew = 1", "peak memory MB", "verify"]
    yield table(header, [keeping(one, clew) for one in found])
    yield "Seconds to a state and back (of which check, move); wrong values are marked:"
    header = ["", *MOVES, "Clew = 1", "restart"]
    yield table(header, [returning(one, clew) for one in found if one.remembers])
    yield from troubles(found)
    if clew is not None:
        yield from limit(clew)


def recording(one: Summary, clew: Summary | None) -> list[str]:
    """Formats the row with the cost of recording."""
    spreads = [figure for part in (one.reply, one.next) for figure in spread_cells(part)]
    done = f"{one.done}" if one.done == one.cells else f"**{one.done} of {one.cells}**"
    mean = one.total.sum / one.done if one.total else None
    ratio = NOTHING
    if mean is not None and mean > 0 and clew is not None and clew.total:
        ratio = times(mean, cost(clew, LEAST))
    return [one.title, *spreads, ratio, done]


def spread_cells(part: Spread | None) -> list[str]:
    """Formats the three values."""
    return [NOTHING] * 3 if part is None else [f"{value:,.2f}" for value in (part.p50, part.p95, part.sum)]


def keeping(one: Summary, clew: Summary | None) -> list[str]:
    """Formats the row with the bytes."""
    verify = {None: NOTHING, "": "passes"}.get(one.verify, "**fails**")
    ours = None if clew is None else clew.kept
    collected = NOTHING if one.stored_after_gc is None else megabytes(one.stored_after_gc)
    stored = megabytes(one.stored) if one.remembers else NOTHING
    ratio = times(one.kept, ours) if one.remembers else NOTHING
    return [one.title, stored, collected, ratio, megabytes(one.memory), verify]


def megabytes(size: int | None) -> str:
    """Formats a size."""
    return NOTHING if size is None else f"{size / 1e6:,.2f}"


def times(theirs: float | None, ours: float | None) -> str:
    """Formats how many times as much as Clew's."""
    if theirs is None or ours is None or ours <= 0:
        return NOTHING
    return f"{theirs / ours:,.1f}"


def returning(one: Summary, clew: Summary | None) -> list[str]:
    """Formats the row with the restores."""
    ours = None if clew is None else clew.return_seconds
    moves = [seconds(one.moves.get(name)) for name in MOVES]
    return [one.title, *moves, times(one.return_seconds, ours), seconds(one.restart)]


def seconds(move: Return | None) -> str:
    """Formats the time of a restore."""
    if move is None:
        return "failed"
    told = f"{move.seconds:,.3f}"
    if move.check is not None and move.move is not None:
        told += f" ({move.check:,.3f}, {move.move:,.3f})"
    return told if move.right else f"{told} **wrong**"


def troubles(found: list[Summary]) -> Iterator[str]:
    """Lists failures of peers, and values that they restored incorrectly."""
    lines = []
    for one in found:
        lines += [f"- {one.title}, {stage}: {oneline(why)}" for stage, why in one.failed.items()]
        wrong = [f"{name} ({', '.join(move.wrong)})" for name, move in one.moves.items() if not move.right]
        if one.restart is not None and not one.restart.right:
            wrong.append(f"restart ({', '.join(one.restart.wrong)})")
        if wrong:
            lines.append(f"- {one.title}, wrong: {'; '.join(wrong)}")
        said = [f"{name}: {move.says}" for name, move in one.moves.items() if move.says]
        if one.restart is not None and one.restart.says:
            said.append(f"restart: {one.restart.says}")
        if said:
            lines.append(f"- {one.title} says itself: {'; '.join(said)}")
        if not one.right_at_end and "cells" not in one.failed and "start" not in one.failed:
            lines.append(f"- {one.title}: after the last cell values differ from those of a plain kernel")
        if one.troubles:
            count = len(one.troubles)
            lines.append(
                f"- {one.title} showed {count} errors of its own, the first: {oneline(one.troubles[0])}"
            )
        if one.raised:
            lines.append(f"- {one.title}: {one.raised} cells raised what they don't raise in a plain kernel")
    if lines:
        yield "\n".join(lines)


def oneline(text: str) -> str:
    """Formats an error in one line."""
    return " ".join(text.split())[:300]


def limit(clew: Summary) -> Iterator[str]:
    """Formats the limits of the machine in this run."""
    if not clew.limits:
        return
    speeds = {
        "memory read": "memory_read",
        "memory copied": "memory_copy",
        "written to the page cache": "disk_write",
        "written and flushed": "disk_sync",
        "read from the page cache": "disk_read_cached",
        "read from the disk": "disk_read",
    }
    told = ", ".join(f"{what} {clew.limits[key] / 1e9:,.1f}" for what, key in speeds.items())
    yield f"Bandwidth, in GB/s: {told}. The runs changed {clew.changed / 1e6:,.2f} MB in 64 KiB blocks."


# -- budgets -------------------------------------------------------------------------------------------------------------


def budget(name: str, found: dict[str, Any]) -> Iterator[str]:
    """Formats one budget: `python -m bench --only NAME`."""
    yield f"### {name}: {found['about'].rstrip('.')}"
    yield f"`python -m bench --only {name}`"
    if "failed" in found:
        yield f"Failed: {found['failed']}"
    rows = [[row["what"], *map(figure, figures(row)), row["unit"], told(row)] for row in found["rows"]]
    if rows:
        yield table(["", "without", "with Clew", "added", "aim", "", ""], rows)


def figures(row: dict[str, Any]) -> list[float | None]:
    """Formats the values of a row."""
    return [row["without"], row["with_clew"], row["added"], row["aim"]]


def figure(value: float | None) -> str:
    """Formats one of them."""
    return "" if value is None else f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"


def told(row: dict[str, Any]) -> str:
    """Formats whether the aim is missed, and the note."""
    decisive = row["with_clew"] if row["added"] is None else row["added"]
    missed = ["**missed**"] if row["aim"] is not None and decisive > row["aim"] else []
    return "; ".join([*missed, *([row["note"]] if row["note"] else [])])
