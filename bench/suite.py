"""Runs the requested measurements one after another. Existing results are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench import budgets, environments
from bench.course import Course, Rules
from bench.peers import PEERS
from bench.raw import Raw, budget_name, cell_name, reference_name
from bench.reference import take
from bench.workload import Workload
from bench.workloads import MAKERS, workload

#: The name of a result and the function that measures it.
Step = tuple[str, Callable[[], dict[str, Any]]]


@dataclass(frozen=True)
class Wanted:
    """The requested measurements."""

    scale: float = 1.0
    only: tuple[str, ...] = ()
    peers: tuple[str, ...] = tuple(PEERS)
    fresh: bool = False
    cell_seconds: float = 600.0
    course_seconds: float = 1800.0

    def workloads(self) -> list[str]:
        """Returns the requested workloads."""
        return [name for name in MAKERS if not self.only or name in self.only]

    def budgets(self) -> list[str]:
        """Returns the requested budgets."""
        return [name for name in budgets.BUDGETS if not self.only or name in self.only]


@dataclass
class Suite:
    """Runs all requested measurements."""

    wanted: Wanted
    raw: Raw
    scratch: Path
    say: Callable[[str], None] = print
    started: float = field(default_factory=time.monotonic)

    def steps(self) -> list[Step]:
        """Returns the name of every result and its function."""
        return [*self.workload_steps(), *self.budget_steps()]

    def workload_steps(self) -> Iterator[Step]:
        """Yields the reference of a workload, then its measurement with each peer."""
        for name in self.wanted.workloads():
            made = workload(name, self.wanted.scale)
            yield reference_name(name), partial(self.refer, made)
            for peer in self.wanted.peers:
                yield cell_name(name, peer), partial(self.course, made, peer)

    def budget_steps(self) -> Iterator[Step]:
        """Yields the budgets."""
        for name in self.wanted.budgets():
            yield budget_name(name), partial(self.budget, name)

    def run(self) -> None:
        """Measures missing results."""
        steps = self.steps()
        for number, (name, measure) in enumerate(steps, 1):
            if self.wanted.fresh:
                self.raw.drop(name)
            if self.raw.read(name) is not None:
                self.tell(number, len(steps), name, "measured before")
                continue
            self.tell(number, len(steps), name, "begins")
            start = time.monotonic()
            found = measure()
            self.raw.write(name, {"scale": self.wanted.scale, "seconds": time.monotonic() - start} | found)
            self.tell(number, len(steps), name, f"took {time.monotonic() - start:.1f} s")

    def tell(self, number: int, of: int, name: str, what: str) -> None:
        """Prints one line of progress."""
        self.say(f"[{number}/{of}, {time.monotonic() - self.started:.0f} s] {name}: {what}")

    def refer(self, made: Workload) -> dict[str, Any]:
        """Measures the reference of a workload."""
        folder = self.rules(made).folder
        return take(made, folder, self.wanted.cell_seconds, list(self.paths(made)), self.progress)

    def course(self, made: Workload, peer: str) -> dict[str, Any]:
        """Measures a workload with a peer."""
        reference = self.raw.read(reference_name(made.name))
        assert reference is not None, "a workload is run by itself first"
        return Course(made, reference, self.rules(made), self.progress).measure(PEERS[peer])

    def budget(self, name: str) -> dict[str, Any]:
        """Measures a budget."""
        folder = self.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        return budgets.measure(name, folder, self.wanted.scale, self.progress)

    def rules(self, made: Workload) -> Rules:
        """Returns the time limits."""
        wanted = self.wanted
        folder = self.scratch / made.name
        return Rules(folder, wanted.cell_seconds, wanted.course_seconds, self.paths(made))

    def paths(self, made: Workload) -> tuple[Path, ...]:
        """Returns the additional search paths of the kernels."""
        return (environments.torch(self.say),) if made.needs_torch else ()

    def progress(self, what: str) -> None:
        """Prints progress within a step."""
        self.say(f"    {what}")
