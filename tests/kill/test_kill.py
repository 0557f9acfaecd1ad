"""P1: a kernel is killed (`kill -9`) at random moments while it records; every run that said *saved* is there and equal.

A few, on each Python; the crash kit (`tests/crash`) kills hundreds.
"""

from __future__ import annotations

import os
from pathlib import Path

from kill.lives import kill_again_and_again


def test_p01_ten_kills_lose_no_run_that_said_saved(tmp_path: Path) -> None:
    lives = kill_again_and_again(tmp_path, 10, seed=int(os.environ.get("CLEW_SEED", 1)))
    assert not lives.wrong, "\n".join(lives.wrong)
    assert len(lives.saved) > lives.kills / 2, "too few runs were saved for the proof to say anything"
