"""The plots: one measure each, for all workloads and peers, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import LEAST
from bench.report.aims import cost
from bench.report.summary import Summary

Figure = Callable[[Summary], float | None]

COLOURS = {"plain": "#888888", "clew": "#0b6e4f", "kishu": "#c8553d", "dill": "#f2a541", "pickle": "#5b7db1"}


def mean(one: Summary) -> float | None:
    """Returns the milliseconds added to each cell: the mean, or the median if noise made the mean smaller."""
    return cost(one, LEAST) if one.total else None


def sixth(total: float | None) -> float | None:
    """Returns the mean of the six restores."""
    return None if total is None else total / 6


#: The file, the caption and the value of each plot.
BARS: list[tuple[str, str, Figure]] = [
    ("added.svg", "Milliseconds added to a cell, the mean", mean),
    ("stored.svg", "Megabytes kept, after gc", lambda one: None if one.kept is None else one.kept / 1e6),
    ("return.svg", "Seconds of a return, the mean of six", lambda one: sixth(one.return_seconds)),
    ("restart.svg", "Seconds of a restart", lambda one: one.restart.seconds if one.restart else None),
]


def draw(summaries: list[Summary], budgets: dict[str, dict[str, Any]], folder: Path) -> list[tuple[str, str]]:
    """Draws all plots for which there are values. Returns the files and their captions."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "clew"  # the same values always give the same file
    drawn = [(file, shows) for file, shows, figure in BARS if bars(summaries, figure, shows, folder / file)]
    shows = "Milliseconds added to a run as runs pile up, the middle of a twentieth of all"
    return drawn + ([("curve.svg", shows)] if curves(summaries, shows, folder / "curve.svg") else [])


def bars(summaries: list[Summary], figure: Figure, shows: str, path: Path) -> bool:
    """Draws bars for every workload, hatched if the peer restored wrong values. Returns whether there was anything to draw."""
    import matplotlib.pyplot as plt

    peers = [peer for peer in COLOURS if peer != "plain"]
    workloads = list(dict.fromkeys(one.workload for one in summaries))
    found = {(one.workload, one.peer): one for one in summaries if one.peer in peers}
    if not any((figure(one) or 0) > 0 for one in found.values()):
        return False
    fig, axes = plt.subplots(figsize=(9, 1.5 + 0.62 * len(workloads)), layout="constrained")
    for offset, peer in enumerate(peers):
        there = [(row, one) for row, name in enumerate(workloads) if (one := found.get((name, peer)))]
        drawn = [(row + (offset - 1.5) * 0.2, figure(one) or 0.0, one) for row, one in there]
        hatches = ["" if one.restores else "////" for *_, one in drawn]
        places, values = [place for place, *_ in drawn], [max(value, 0.0) for _, value, _ in drawn]
        title = drawn[0][2].title if drawn else peer
        axes.barh(places, values, 0.19, color=COLOURS[peer], label=title, hatch=hatches, edgecolor="white")
    finish(axes, workloads, shows)
    fig.legend(loc="outside lower center", ncols=len(peers), fontsize=8)
    save(fig, path)
    return True


def finish(axes: Any, workloads: list[str], shows: str) -> None:
    """Sets the scale and the labels."""
    axes.set_xscale("log")
    axes.set_yticks(range(len(workloads)), workloads)
    axes.invert_yaxis()
    axes.set_title(f"{shows} (hatched: not every value comes back)", fontsize=10, loc="left")
    axes.grid(axis="x", alpha=0.3)


def curves(summaries: list[Summary], shows: str, path: Path) -> bool:
    """Draws the cost of a run over all runs, for the workload with the most runs."""
    import matplotlib.pyplot as plt

    there = [one for one in summaries if one.workload == "runs" and one.curve and one.peer != "plain"]
    if not there:
        return False
    fig, axes = plt.subplots(figsize=(9, 4))
    for one in there:
        window = one.done / len(one.curve)
        runs = [window * (number + 0.5) for number in range(len(one.curve))]
        axes.plot(runs, [max(part.p50, 0.01) for part in one.curve], color=COLOURS[one.peer], label=one.title)
    axes.set_yscale("log")
    axes.set_xlabel("run")
    axes.set_title(shows, fontsize=10, loc="left")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    save(fig, path)
    return True


def save(fig: Any, path: Path) -> None:
    """Writes a plot without its creation time."""
    import matplotlib.pyplot as plt

    fig.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(fig)
