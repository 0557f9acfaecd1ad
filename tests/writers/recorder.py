"""A kernel that records, in a thread of its own: begun again when it was killed, moving now and then."""

from __future__ import annotations

import json
import os
import re
import signal
from itertools import count
from pathlib import Path
from random import Random
from threading import Lock, Thread
from typing import Any

from harness import Kernel, Reply

from writers.cells import DIFFERENT, cell, left
from writers.counts import Counts

STEPS = count(1)
"""A step's number is given once, whoever runs it."""
ENDS, MOVES = 0.03, 0.3
"""How likely a kernel ends after a step, or moves."""
REFUSED = "here is nothing to (undo|redo|resume)"
"""What a move may answer that moves nothing."""
DIED = (RuntimeError, TimeoutError, OSError)
"""What the harness raises when its kernel is gone."""


def answered(reply: Reply, what: str) -> dict[str, Any]:
    """What a word answered as data."""
    try:
        answer: dict[str, Any] = json.loads(reply.text)
    except json.JSONDecodeError:
        raise AssertionError(f"{what}: no answer: {reply}") from None
    return answer


class Recorder(Thread):
    """One after another on the same notebook; what it told to be saved is in the counts."""

    def __init__(self, home: Path, notebook: Path, seed: int, counts: Counts, rest: float) -> None:
        super().__init__(name=f"{notebook.name} {seed}", daemon=True)
        self._rest = rest
        self.home, self.notebook, self.counts = home, notebook, counts
        self.dice = Random(seed)
        self._lives = Lock()
        self._kernel: Kernel | None = None
        self._is_killed = False

    def run(self) -> None:
        while not self.counts.is_over.is_set():
            try:
                self._live()
            except DIED as error:
                if not self._is_killed:
                    self.counts.find_corrupt(f"{self.name}: the kernel ended by itself: {error!r}")
                    return
            except Exception as error:  # the others go on, and this is told
                self.counts.find_corrupt(f"{self.name}: {error!r}")
                return
            finally:
                self._end()

    def _live(self) -> None:
        # IPython's own history is one file for all of them, which one that is stopped keeps locked.
        kernel = Kernel(home=self.home, notebook=self.notebook, arguments=["--HistoryManager.enabled=False"])
        self.counts.count("kernels")
        with self._lives:
            self._kernel, self._is_killed = kernel, False
        self._check(kernel, "resume")
        # One that ends lets go of its packs, for gc to go over.
        while not self.counts.is_over.is_set() and self.dice.random() > ENDS:
            self._step(kernel)
            if self.dice.random() < MOVES:
                self._move(kernel)
            self.counts.is_over.wait(self.dice.random() * self._rest)

    def _end(self) -> None:
        with self._lives:
            kernel, self._kernel = self._kernel, None
        if kernel is None:
            return
        if self._is_killed:
            kernel.client.stop_channels()
            kernel.manager.shutdown_kernel(now=True)
        else:
            kernel.close()

    def _step(self, kernel: Kernel) -> None:
        """Runs a cell; it counts as acknowledged when the kernel answered, without any warning, that it records."""
        step = next(STEPS)
        reply = kernel.run(cell(step, self.dice.randrange(DIFFERENT))).raised()
        status = answered(kernel.clew("status --json"), "status")
        said = left(reply.stdout)
        assert said is not None, reply
        if reply.stderr:
            self.counts.find_corrupt(f"{self.name}: step {step} warned: {reply.stderr}")
        elif status["is_recording"]:
            self.counts.acknowledge(self.notebook.name, step, said)

    def _move(self, kernel: Kernel) -> None:
        """Back, forth, or to a run of whoever records in this history."""
        kind = self.dice.choice(["undo", "redo", "switch", "switch"])
        if kind == "switch":
            runs = answered(kernel.clew("log --json --all -n 40"), "log")["runs"]
            numbers = [run["run"] for run in runs if run["source"] and "LEFT" in run["source"]]
            kind = f"switch {self.dice.choice(numbers)}" if numbers else "undo"
        self._check(kernel, kind)

    def _check(self, kernel: Kernel, what: str) -> None:
        """Moves. What a move may not say: nothing that was stored is lost, unless it was forgotten."""
        answer = answered(kernel.clew(f"{what} --json"), what)
        if "error" in answer:
            if not re.search(REFUSED, answer["error"]["message"]):
                self.counts.find_corrupt(f"{self.name}: {what}: {answer['error']['message']}")
            return
        self.counts.count("moves")
        for outcome in answer["outcomes"]:
            if outcome["outcome"] in ("lost", "not_identical") and "forgotten" not in outcome["why"]:
                told = kernel.clew("diff @- @").text
                self.counts.find_corrupt(f"{self.name}: {what}: {outcome}\n{told}")

    # -- what others do to it -----------------------------------------------------------------------------------------

    def kill(self) -> bool:
        """`kill -9`, if there is a kernel just now."""
        with self._lives:
            if self._kernel is None or self._is_killed:
                return False
            self._is_killed = True
            os.kill(self._kernel.pid, signal.SIGKILL)
            return True

    def stop(self) -> int | None:
        """Stops the kernel where it is; the process that was stopped, for `go_on`."""
        with self._lives:
            if self._kernel is None or self._is_killed:
                return None
            os.kill(self._kernel.pid, signal.SIGSTOP)
            return self._kernel.pid

    @property
    def pid(self) -> int | None:
        with self._lives:
            return self._kernel.pid if self._kernel is not None else None
