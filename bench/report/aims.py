"""The aims, and whether they are reached, with the measurements for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.figures import LEAST, times_less
from bench.report.summary import Summary

#: The lower limit in seconds for comparing restores.
LEAST_MOVE = 0.0005

LESS_ADDED, FEWER_BYTES, FASTER_RETURN, OF_LIMIT = 100.0, 20.0, 50.0, 2.0

#: Smaller differences than this factor also occur between two measurements of the same work.
NOISE = 1.05


@dataclass(frozen=True)
class Verdict:
    """One aim for one workload; `reached` is `None` if it cannot be determined."""

    workload: str
    aim: str
    reached: bool | None
    figures: str


def verdicts(summaries: list[Summary], budgets: dict[str, dict[str, Any]]) -> list[Verdict]:
    """Returns all verdicts."""
    found: list[Verdict] = []
    for workload in dict.fromkeys(one.workload for one in summaries):
        there = {one.peer: one for one in summaries if one.workload == workload}
        if "clew" in there:
            found += of_workload(there.pop("clew"), there)
    return found + list(of_budgets(budgets))


def of_workload(clew: Summary, others: dict[str, Summary]) -> Iterator[Verdict]:
    """Yields the aims of one workload."""
    yield from itself(clew)
    least = resolution(others.get("plain"), clew)
    if "kishu" in others:
        yield from beside_kishu(clew, others["kishu"], least)
    for peer in others.values():
        if peer.restores:
            yield nowhere_worse(clew, peer, least)
    yield from beside_limit(clew, least)


def resolution(plain: Summary | None, clew: Summary) -> float:
    """Returns the average difference between two plain kernels in milliseconds per cell: the smallest cost that can be measured."""
    if plain is None or plain.total is None:
        return LEAST
    return max(LEAST, abs(plain.total.sum) / plain.done)


def cost(one: Summary, least: float) -> float:
    """Returns the mean time in milliseconds that a peer adds to a cell.

    Noise must not make it too small. So it is at least the median, and a negative mean counts with its absolute value.
    """
    assert one.total is not None
    return max(abs(one.total.sum) / one.done, one.total.p50, least)


def itself(clew: Summary) -> Iterator[Verdict]:
    """Yields the aims that do not depend on other peers."""
    wrong = [name for name, move in clew.moves.items() if not move.right]
    right = clew.restores and clew.right_at_end and clew.restart is not None and clew.restart.right
    told = ", ".join([*wrong, *(f"{stage}: {why}" for stage, why in clew.failed.items())])
    yield Verdict(clew.workload, "every value right after every return", right, told or "all of them")
    made = [*clew.moves.items(), *([("restart", clew.restart)] if clew.restart else [])]
    inexact = "; ".join(f"{name}: {move.says}" for name, move in made if move.says)
    yield Verdict(
        clew.workload, "every return exact by Clew's own account", not inexact, inexact or "all of them"
    )
    healthy = clew.verify == ""
    yield Verdict(
        clew.workload,
        "`clew verify --read-data` passes",
        healthy,
        clew.verify or ("it does" if healthy else "not run"),
    )


def beside_kishu(clew: Summary, kishu: Summary, least: float) -> Iterator[Verdict]:
    """Yields the three factors compared with Kishu."""
    if clew.total and kishu.total:
        # The mean per cell: a peer that was stopped is compared by the cells that it finished.
        ratio = cost(kishu, least) / cost(clew, least)
        yield factor(clew, "added time beside Kishu", ratio, LESS_ADDED, stopped(kishu))
    if clew.restores and kishu.restores and clew.kept and kishu.kept:
        yield factor(clew, "bytes beside Kishu", kishu.kept / clew.kept, FEWER_BYTES)
    else:
        aim = aim_of("bytes beside Kishu", FEWER_BYTES)
        yield Verdict(clew.workload, aim, None, f"Kishu {trouble(kishu)}")
    ours, theirs = clew.return_seconds, kishu.return_seconds
    if ours and theirs:
        note = "" if kishu.restores else "; Kishu's values are wrong"
        ratio = times_less(ours, theirs, LEAST_MOVE)
        yield factor(clew, "return beside Kishu", ratio, FASTER_RETURN, note)


def factor(clew: Summary, what: str, ratio: float, wanted: float, note: str = "") -> Verdict:
    """Returns the verdict for a factor."""
    return Verdict(clew.workload, aim_of(what, wanted), ratio >= wanted, f"{ratio:,.1f} times{note}")


def aim_of(what: str, wanted: float) -> str:
    """Formats the aim for a factor."""
    return f"{what}: {wanted:.0f} times less"


def stopped(peer: Summary) -> str:
    """Formats a note if a peer did not finish all cells."""
    return "" if peer.done == peer.cells else f" on the {peer.done} cells of {peer.cells} that it ended"


def trouble(peer: Summary) -> str:
    """Returns the reason why a peer cannot be compared."""
    if peer.failed:
        stage, why = next(iter(peer.failed.items()))
        return f"failed at {stage}: {why}"
    return "brings back wrong values"


def nowhere_worse(clew: Summary, peer: Summary, least: float) -> Verdict:
    """Compares with a peer that restores correctly."""
    worse = list(worse_than(clew, peer, least))
    aim = f"nowhere slower and no more bytes than {peer.title}"
    return Verdict(clew.workload, aim, not worse, "; ".join(worse) or "nowhere")


def worse_than(clew: Summary, peer: Summary, least: float) -> Iterator[str]:
    """Yields the values for which Clew is worse."""
    if clew.total and peer.total and cost(clew, least) > cost(peer, least) * NOISE:
        yield f"added {cost(clew, least):,.2f} ms a cell beside {cost(peer, least):,.2f} ms"
    for name, theirs in peer.moves.items():
        ours = clew.moves.get(name)
        if ours and ours.seconds > max(theirs.seconds * NOISE, LEAST_MOVE):
            yield f"{name} {ours.seconds * 1000:,.1f} ms beside {theirs.seconds * 1000:,.1f} ms"
    mine, other = clew.restart, peer.restart
    if mine and other and other.right and mine.seconds > other.seconds * NOISE:
        yield f"restart {mine.seconds:,.3f} s beside {other.seconds:,.3f} s"
    if clew.kept and peer.kept and clew.kept > peer.kept:
        yield f"{clew.kept / 1e6:,.1f} MB beside {peer.kept / 1e6:,.1f} MB"


def beside_limit(clew: Summary, least: float) -> Iterator[Verdict]:
    """Compares with the limits of the machine. If Clew needs more than twice the limit, the verdict explains the rest of the time."""
    if clew.total and clew.record_limit:
        took = cost(clew, least) * clew.done
        aim = f"recording within {OF_LIMIT:.0f} times the limit"
        yield Verdict(clew.workload, aim, took <= OF_LIMIT * clew.record_limit, why_recording(clew, took))
    seconds, limit = clew.return_seconds, sum(move.limit or 0.0 for move in clew.moves.values())
    if seconds and limit:
        aim = f"return within {OF_LIMIT:.0f} times the limit"
        yield Verdict(clew.workload, aim, seconds <= OF_LIMIT * limit, why_return(clew, seconds, limit))


def why_recording(clew: Summary, took: float) -> str:
    """Explains the time for recording."""
    rest = max(0.0, took - clew.record_limit - clew.touch_limit) / max(1, clew.done)
    return (
        f"{took / clew.record_limit:,.1f} times: {took:,.1f} ms; writing "
        f"{clew.changed / 1e6:,.2f} MB that changed takes {clew.record_limit:,.3f} ms, reading {clew.touched / 1e6:,.1f} MB "
        f"that cells named {clew.touch_limit:,.1f} ms; the rest is {rest:.2f} ms a run"
    )


def why_return(clew: Summary, seconds: float, limit: float) -> str:
    """Explains the time for restoring."""
    checks = sum(move.check or 0.0 for move in clew.moves.values())
    moved = sum(move.move or 0.0 for move in clew.moves.values())
    # The parts are from a repetition of the same restores, so the rest may be negative.
    rest = max(0.0, seconds - checks - moved)
    return (
        f"{seconds / limit:,.1f} times: {seconds * 1000:,.1f} ms for {len(clew.moves)} restores. In a repetition, the check took "
        f"{checks * 1000:,.1f} ms and the restore {moved * 1000:,.1f} ms; the cell and first-time costs are {rest * 1000:,.1f} ms. "
        f"Copying the difference takes {limit * 1000:,.3f} ms"
    )


def of_budgets(budgets: dict[str, dict[str, Any]]) -> Iterator[Verdict]:
    """Yields the rows with an aim."""
    for name, found in budgets.items():
        if "failed" in found:
            yield Verdict(f"budget {name}", "measured", False, found["failed"])
        for row in found["rows"]:
            if row["aim"] is not None:
                decisive = row["with_clew"] if row["added"] is None else row["added"]
                told = f"{decisive:,.3f} {row['unit']}, aim {row['aim']:,g}"
                yield Verdict(f"budget {name}", row["what"], decisive <= row["aim"], told)
