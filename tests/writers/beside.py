"""What runs beside the kernels: gc without any grace, commands that look, forget and move, and whoever stops and kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from random import Random
from threading import Thread

from writers.counts import Counts
from writers.recorder import Recorder


class Beside(Thread):
    """Does the same again and again until all is over."""

    def __init__(self, counts: Counts, seed: int) -> None:
        super().__init__(name=type(self).__name__, daemon=True)
        self.counts = counts
        self.dice = Random(seed)

    def run(self) -> None:
        while not self.counts.is_over.is_set():
            try:
                self.once()
            except Exception as error:  # the others go on, and this is told
                self.counts.find_corrupt(f"{self.name}: {error!r}")
                return

    def once(self) -> None:
        raise NotImplementedError


class Terminal(Beside):
    """Types commands, and holds their exit codes against those that they may have."""

    def __init__(self, counts: Counts, seed: int, command: str, env: Mapping[str, str]) -> None:
        super().__init__(counts, seed)
        self._command, self._env = command, dict(env)

    def type(self, *words: str, may: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self._command, *words], capture_output=True, text=True, env=self._env, check=False, timeout=200
        )
        if done.returncode not in may or "panicked" in done.stderr:
            self.counts.find_corrupt(
                f"clew {' '.join(words)} ended with {done.returncode}: {done.stdout} {done.stderr}"
            )
        return done


class Collector(Terminal):
    """gc, again and again; the environment tells it to have no grace."""

    def once(self) -> None:
        done = self.type("gc", "--json", may=(0, 3))
        if done.returncode == 3:
            self.counts.count("gc passes that waited in vain for a kernel")
            return
        answer = json.loads(done.stdout)
        self.counts.count("gc passes")
        self.counts.count("packs removed", answer["packs_removed"])
        self.counts.count("bytes removed", answer["removed"]["bytes"])
        for damage in [*answer["kept_files"], *answer["unreadable"]]:
            self.counts.find_corrupt(f"gc: {damage}")
        self.counts.is_over.wait(self.dice.random() * 0.5)


class Looker(Terminal):
    """Looks at histories in every way."""

    notebooks: Sequence[str]

    def __init__(
        self, counts: Counts, seed: int, command: str, env: Mapping[str, str], notebooks: Sequence[str]
    ) -> None:
        super().__init__(counts, seed, command, env)
        self.notebooks = notebooks

    def once(self) -> None:
        notebook = self.dice.choice(self.notebooks)
        for words in (["log", "--all"], ["log", "--graph"], ["vars"], ["verify"], ["verify", "--read-data"]):
            self.type(*words, "--history", notebook)
            self.counts.count("looks")
        self.type("doctor", may=(0, 1))
        self.counts.is_over.wait(self.dice.random())


class Forgetter(Looker):
    """Forgets the name that no value is told by. What kernels are writing is left to gc, which is said by the exit code."""

    def once(self) -> None:
        done = self.type(
            "forget", "scrap", "--yes", "--history", self.dice.choice(self.notebooks), may=(0, 1, 2, 3)
        )
        if done.returncode in (0, 1):
            self.counts.count("forgotten")
        self.counts.is_over.wait(1 + self.dice.random() * 3)


class Mover(Terminal):
    """Undoes in kernels from a terminal, through Jupyter's protocol. One that is busy, stopped or dead refuses."""

    def __init__(
        self, counts: Counts, seed: int, command: str, env: Mapping[str, str], kernels: Sequence[Recorder]
    ) -> None:
        super().__init__(counts, seed, command, env)
        self._kernels = kernels

    def once(self) -> None:
        kernel = self.dice.choice(self._kernels)
        if (pid := kernel.pid) is not None:
            words = ["undo", "--no-wait", "--history", kernel.notebook.name, "--kernel", str(pid)]
            done = self.type(*words, may=(0, 1, 2, 3))
            self.counts.count(
                "moved from a terminal" if done.returncode in (0, 1) else "refused in a terminal"
            )
        self.counts.is_over.wait(self.dice.random())


class Fate(Beside):
    """Stops one kernel for a while, or kills one."""

    def __init__(self, counts: Counts, seed: int, kernels: Sequence[Recorder], longest: float) -> None:
        super().__init__(counts, seed)
        self._kernels, self._longest = kernels, longest

    def once(self) -> None:
        self.counts.is_over.wait(0.5 + self.dice.random())
        kernel = self.dice.choice(self._kernels)
        if self.dice.random() < 0.4:
            self.counts.count("kernels killed", kernel.kill())
        elif (pid := kernel.stop()) is not None:
            self.counts.is_over.wait(0.5 + self.dice.random() * self._longest)
            os.kill(pid, signal.SIGCONT)
            self.counts.count("kernels stopped and gone on")
