"""P9 with real kernels and the real command: nothing acknowledged is lost, whoever records, collects, stops or dies beside.

`make writers` is the same for ten minutes.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Kernel

from writers.counts import Counts
from writers.stress import Plan, a_desk, judge, play

MUST = [
    *("kernels killed", "kernels stopped and gone on", "gc passes", "packs removed", "looks", "forgotten"),
    *("moves", "moved from a terminal"),
]
"""What has to have happened for the verdict to say anything."""
TRIES = 4


def check(counts: Counts) -> None:
    assert counts.is_good, str(counts)
    assert counts.times["runs acknowledged"] == counts.times["runs found and equal"] > 0, str(counts)
    for what in MUST:
        assert counts.times[what] > 0, f"{what}: {counts}"
    print(counts)


def check_that_faults_are_noticed(played: Counts, desk: Kernel) -> None:
    """A run that nobody made, a value that was not there, bytes that were changed."""
    notebook, steps = min(played.acknowledged.items())
    counts = Counts(acknowledged={notebook: {min(steps): "another value", 10**9: "a run that nobody made"}})
    judge(counts, desk)
    assert counts.lost == [f"{notebook}: step {10**9} is not in the log"]
    assert any("another value came back as" in what for what in counts.corrupt), counts

    # Only now: the values of that run may be among the bytes that are changed.
    for pack in (desk.home / "clew").rglob("*.pack"):
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.write_bytes(data)
    counts = Counts(acknowledged={notebook: {}})
    judge(counts, desk)
    assert any(what.startswith("verify: ") for what in counts.corrupt), counts


def test_p01_p08_p09_kernels_beside_gc_and_commands_lose_nothing_when_stopped_and_killed(
    tmp_path: Path,
) -> None:
    # What has to happen may not, in so short a time on a busy machine: then there is another play.
    for number in range(TRIES):
        with a_desk(tmp_path / f"home{number}") as desk:
            counts = play(Plan(seconds=9, kernels=4, seed=3 + number, longest_stop=2.0, rest=0.3), desk)
            assert counts.is_good, str(counts)
            if number < TRIES - 1 and not all(counts.times[what] for what in MUST):
                continue
            check(counts)
            return check_that_faults_are_noticed(counts, desk)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_p01_p08_p09_ten_kernels_for_ten_minutes_lose_nothing(tmp_path: Path) -> None:
    with a_desk(tmp_path / "home") as desk:
        check(play(Plan(seconds=600, kernels=10, seed=7, longest_stop=30.0, rest=0.2), desk))
