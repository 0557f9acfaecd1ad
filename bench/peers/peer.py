"""What a benchmark asks of a peer: start, remember every run, go to a state, do so in a new kernel, tell what is stored."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

from bench import environments
from bench.kernel import Kernel, Request, Timing, timed

#: What runs inside the kernels.
INSIDE = Path(__file__).resolve().parent.parent / "inside"


#: Settings of Clew: no peer has a budget or a grace period, what is measured must not hang on how full the disk is, and proofs are made as they
#: are for everybody.
FREE_OF_LIMITS = {"CLEW_GC_GRACE": "0", "CLEW_STORE_BUDGET": "90 %", "CLEW_RECORD_PROVE": "true"}


class Failed(Exception):
    """Says what a peer could not do, in its own words."""


@dataclass(frozen=True)
class Move:
    """Seconds that going to a state took, until the next cell could start."""

    seconds: float
    #: What a peer says of it: finding out what changed since the last run, and going. `None` where it does not tell.
    check: float | None = None
    move: float | None = None
    #: What the peer itself says did not come back as it was, for people.
    says: str = ""

    def as_dict(self) -> dict[str, float | str | None]:
        """For the raw data."""
        return asdict(self)


class Peer(ABC):
    """One peer with one kernel, in a home of its own."""

    name: ClassVar[str]
    #: What tables call it.
    title: ClassVar[str]
    #: The environment its kernel runs in; `None` is the one with Clew in it.
    environment: ClassVar[str | None] = None
    #: Whether it remembers states at all.
    remembers: ClassVar[bool] = True

    def __init__(self, home: Path, limit: float = 600.0, paths: Sequence[Path] = ()) -> None:
        self.home = home
        self.limit = limit
        self.paths = [self.probes(), *paths]
        self.timed_cells = 0
        self.kernel = self.new_kernel()
        self.attach()

    def probes(self) -> Path:
        """A folder with what runs inside kernels; its name keeps recorders from taking that for the person's own modules."""
        folder = self.home / "site-packages"
        folder.mkdir(parents=True, exist_ok=True)
        for path in INSIDE.glob("*.py"):
            shutil.copy(path, folder)
        return folder

    def new_kernel(self) -> Kernel:
        """A kernel that knows nothing of the peer yet."""
        return Kernel(
            python=environments.python(self.environment),
            home=self.home,
            notebook=self.notebook,
            load=False,
            env={"OMP_NUM_THREADS": "2", **FREE_OF_LIMITS},
            paths=self.paths,
        )

    @property
    def notebook(self) -> Path:
        """The notebook that the front end would tell."""
        return self.home / "work" / "bench.ipynb"

    def attach(self) -> float:
        """Puts the peer into a new kernel; the seconds that took."""
        return 0.0

    def begin(self, timed_cells: int) -> None:
        """The session is made; so many timed cells follow, and each state from here on may be returned to."""
        self.timed_cells = timed_cells

    def finish(self) -> None:
        """All timed cells have run: waits until everything is where it belongs, and finds the names of the states."""

    @abstractmethod
    def go(self, state: int) -> Move:
        """Goes to the state after so many timed cells."""

    def told(self, state: int) -> Move | None:
        """Goes to a state and tells the parts of the way, which takes longer; `None` where a peer tells none."""
        return None

    def restart(self) -> Move:
        """Kills the kernel, starts another, and brings back the last state; the kernel's own start is not counted."""
        self.kernel.restart()
        return self.resume()

    def resume(self) -> Move:
        """Brings back the last state into the new kernel; putting the peer there is part of it."""
        attached = self.attach()
        there = self.go(self.timed_cells)
        return replace(there, seconds=there.seconds + attached)

    @abstractmethod
    def stored(self) -> int:
        """Bytes on disk."""

    def gc(self) -> int | None:
        """Bytes on disk after taking away what no state needs; `None` where there is no such thing. No kernel runs."""
        return None

    def verify(self) -> str | None:
        """What is wrong with what is stored, empty if nothing; `None` where nobody can tell. No kernel runs."""
        return None

    def close(self, *, at_once: bool = False) -> None:
        """Ends the kernel, if it still runs; `at_once` does not wait for it to finish anything."""
        if not self.kernel.manager.has_kernel:
            return
        if at_once:
            self.kernel.kill()
        else:
            self.kernel.close()

    # -- what adapters share -------------------------------------------------------------------------------------------

    def typed(self, code: str) -> Timing:
        """Runs a cell as a person types one."""
        return self.done(Request(code))

    def silently(self, code: str, expression: str | None = None) -> Timing:
        """Runs code that is no cell, and gives the value of an expression after it."""
        return self.done(Request(code, silent=True, expression=expression))

    def done(self, request: Request) -> Timing:
        """What came of a request, or the error as `Failed`."""
        (timing,) = timed(self.kernel, [request], self.limit)
        if timing.error:
            raise Failed(timing.error)
        return timing
