"""P1: a kernel is killed (`kill -9`) at random moments while it records; every run that said *saved* is there and equal.

One history, many lives: each kernel resumes, checks what its predecessors said was saved, records on, and is killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness import Kernel

BEGIN = "import numpy as np\nitems = []\narray = np.zeros(200_000)\nalias = items\nclass Tally:\n    count = 0\nn = 0"
STEP = "n = {k}\nitems.append([{k}])\narray[{at}:{at} + 5000] = {k}\nTally.count += 1\nextra_{slot} = {{'k': {k}, 'in': items}}"
READ = "(n, len(items), items[-1:], alias is items, round(float(array.sum()), 1), Tally.count)"


@dataclass
class Lives:
    """What the kernels of one history said was saved: the revision of each run, and what was read right before it."""

    home: Path
    seed: int
    saved: dict[str, str] = field(default_factory=dict)
    step: int = 0
    kernel: Kernel | None = None
    kills: int = 0

    def start(self) -> Kernel:
        self.kernel = Kernel(home=self.home, notebook=self.home / "n.ipynb")
        return self.kernel

    def live_and_die(self, delay: float) -> None:
        """Records runs until the kernel is killed `delay` seconds after the first of them was sent."""
        kernel = self.kernel
        assert kernel is not None
        killer = threading.Timer(delay, os.kill, (kernel.pid, signal.SIGKILL))
        killer.start()
        try:
            while True:
                self.step += 1
                at = self.step * 7919 % 190_000
                kernel.run(STEP.format(k=self.step, at=at, slot=self.step % 5)).raised()
                value = repr(kernel.value(READ))
                status = json.loads(kernel.clew("status --json").text)
                if status["is_recording"] and status["at"]["run"] not in self.saved:
                    self.saved[str(status["at"]["run"])] = value
        except (RuntimeError, TimeoutError, OSError, ValueError):
            killer.join()
            self.kills += 1
        try:
            kernel.kill()
        except ProcessLookupError:
            kernel.manager.shutdown_kernel(now=True)

    def check(self, revisions: list[str]) -> list[str]:
        """Goes to each revision in a new kernel; gives what was missing or different."""
        kernel = self.start()
        said = kernel.clew("resume --json").text
        wrong = [] if "outcomes" in said else [f"resume said {said[:300]}"]
        for revision in revisions:
            said = kernel.clew(f"switch {revision} --json").text
            found = repr(kernel.value(READ)) if "outcomes" in said else said[:300]
            if found != self.saved[revision]:
                wrong.append(f"run {revision}: saved {self.saved[revision]}, found {found}")
        return wrong


def kill_again_and_again(directory: Path, kills: int, seed: int) -> None:
    """Kills `kills` kernels; after each, the newest saved run and a few older ones must be there."""
    choose = random.Random(seed)
    lives = Lives(directory / "home", seed)
    kernel = lives.start()
    kernel.run(BEGIN).raised()
    assert kernel.clew("status").ok  # answered when the run before it is saved
    wrong: list[str] = []
    while lives.kills < kills:
        before = set(lives.saved)
        lives.live_and_die(choose.uniform(0.0, 0.5))
        fresh = [revision for revision in lives.saved if revision not in before]
        older = choose.sample(sorted(before), min(2, len(before)))
        wrong += lives.check([*older, *fresh[-3:]])
        if wrong and len(wrong) > 5:
            break
    wrong += lives.check(list(lives.saved)) if not wrong else []
    assert lives.kernel is not None
    verified = lives.kernel.clew("verify --json")
    lives.kernel.close()
    print(
        f"{lives.kills} kills (seed {seed}), {len(lives.saved)} runs said saved, {len(wrong)} missing or different"
    )
    assert not wrong, "\n".join(wrong)
    assert verified.ok
    assert len(lives.saved) > kills / 2, "too few runs were saved for the proof to say anything"


def test_p01_ten_kills_lose_no_run_that_said_saved(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, 10, seed=int(os.environ.get("CLEW_SEED", 1)))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_p01_a_hundred_kills_lose_no_run_that_said_saved(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, 100, seed=int(os.environ.get("CLEW_SEED", time.time_ns() % 10_000)))
