"""Kernels that are killed (`kill -9`) at random moments while they record: what they said is saved must be there.

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

from harness import Kernel

BEGIN = "import numpy as np\nitems = []\narray = np.zeros(200_000)\nalias = items\nclass Tally:\n    count = 0\nn = 0"
STEP = "n = {k}\nitems.append([{k}])\narray[{at}:{at} + 5000] = {k}\nTally.count += 1\nextra_{slot} = {{'k': {k}, 'in': items}}"
MOST_RUNS = 10
"""So many runs a kernel lives at most, more or less."""
ENOUGH = 5
"""So many that are wrong say enough."""
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
    #: Seconds that a run and a look at what it left took lately: kernels are killed after so many of these on busy machines as on others.
    pace: float = 0.0
    #: What was missing or different.
    wrong: list[str] = field(default_factory=list)
    #: Runs that were gone to and compared.
    compared: int = 0

    def start(self) -> Kernel:
        self.kernel = Kernel(home=self.home, notebook=self.home / "n.ipynb")
        return self.kernel

    def run_once(self) -> None:
        """Records a run, and takes down what it left if it is said to be saved."""
        kernel = self.kernel
        assert kernel is not None
        began = time.monotonic()
        self.step += 1
        at = self.step * 7919 % 190_000
        kernel.run(STEP.format(k=self.step, at=at, slot=self.step % 5)).raised()
        value = repr(kernel.value(READ))
        status = json.loads(kernel.clew("status --json").text)
        if status["is_recording"] and status["at"]["run"] not in self.saved:
            self.saved[str(status["at"]["run"])] = value
        self.pace = time.monotonic() - began

    def live_and_die(self, delay: float) -> None:
        """Records runs until the kernel is killed, after as long as `delay` of them take, from when the first was sent."""
        kernel = self.kernel
        assert kernel is not None
        killer = threading.Timer(delay * self.pace, os.kill, (kernel.pid, signal.SIGKILL))
        killer.start()
        try:
            while True:
                self.run_once()
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
            self.compared += 1
            found = repr(kernel.value(READ)) if "outcomes" in said else said[:300]
            if found != self.saved[revision]:
                wrong.append(f"run {revision}: saved {self.saved[revision]}, found {found}")
        return wrong


def kill_again_and_again(directory: Path, kills: int, seed: int) -> Lives:
    """Kills `kills` kernels; after each, the newest saved run and a few older ones must be there, at the end all."""
    choose = random.Random(seed)
    lives = Lives(directory / "home", seed)
    kernel = lives.start()
    kernel.run(BEGIN).raised()
    lives.run_once()
    while lives.kills < kills and len(lives.wrong) <= ENOUGH:
        before = set(lives.saved)
        lives.live_and_die(choose.uniform(0.0, MOST_RUNS))
        fresh = [revision for revision in lives.saved if revision not in before]
        older = choose.sample(sorted(before), min(2, len(before)))
        lives.wrong += lives.check([*older, *fresh[-3:]])
    assert lives.kernel is not None
    if not lives.wrong:
        lives.kernel.close()
        lives.wrong += lives.check(list(lives.saved))
    verified = lives.kernel.clew("verify --json")
    lives.kernel.close()
    if not verified.ok:
        lives.wrong.append(f"verify said {verified.text[:300]}")
    return lives
