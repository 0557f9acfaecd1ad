"""The interface of a peer for the benchmarks: start, store every run, restore a state, do so in a new kernel, report the stored bytes."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

from bench import environments
from bench.kernel import Kernel, Request, Timing, timed

#: The folder with code that runs inside the kernels.
INSIDE = Path(__file__).resolve().parent.parent / "inside"


#: Settings of Clew: no size limit that depends on the disk, no grace period, and test builds of values as for users.
FREE_OF_LIMITS = {"CLEW_GC_GRACE": "0", "CLEW_STORE_BUDGET": "90 %", "CLEW_RECORD_PROVE": "true"}


class Failed(Exception):
    """Raised if a peer fails, with its own error message."""


@dataclass(frozen=True)
class Move:
    """A restore: the seconds until the next cell could start."""

    seconds: float
    #: The parts that a peer reports: detecting changes since the last run, and restoring. `None` if it reports none.
    check: float | None = None
    move: float | None = None
    #: The inexact values that the peer itself reports, as text.
    says: str = ""

    def as_dict(self) -> dict[str, float | str | None]:
        """Returns the values for the raw data."""
        return asdict(self)


class Peer(ABC):
    """One peer with one kernel, in its own home."""

    name: ClassVar[str]
    #: The name in tables.
    title: ClassVar[str]
    #: The environment of its kernel; `None` is the one with Clew.
    environment: ClassVar[str | None] = None
    #: Whether it stores states at all.
    remembers: ClassVar[bool] = True

    def __init__(self, home: Path, limit: float = 600.0, paths: Sequence[Path] = ()) -> None:
        self.home = home
        self.limit = limit
        self.paths = [self.probes(), *paths]
        self.timed_cells = 0
        self.kernel = self.new_kernel()
        self.attach()

    def probes(self) -> Path:
        """Creates a folder with the code that runs inside kernels. Its name prevents that recorders take the code for the user's own
        modules."""
        folder = self.home / "site-packages"
        folder.mkdir(parents=True, exist_ok=True)
        for path in INSIDE.glob("*.py"):
            shutil.copy(path, folder)
        return folder

    def new_kernel(self) -> Kernel:
        """Starts a kernel without the peer."""
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
        """The path of the notebook that a front end would report."""
        return self.home / "work" / "bench.ipynb"

    def attach(self) -> float:
        """Loads the peer in a new kernel. Returns the seconds that this took."""
        return 0.0

    def begin(self, timed_cells: int) -> None:
        """Called after the session was created. `timed_cells` cells follow, and each state from now on may be restored."""
        self.timed_cells = timed_cells

    def finish(self) -> None:
        """Called after all timed cells. Waits until everything is stored, and determines the names of the states."""

    @abstractmethod
    def go(self, state: int) -> Move:
        """Restores the state after this number of timed cells."""

    def told(self, state: int) -> Move | None:
        """Restores a state with a report of the parts, which takes longer; `None` if the peer reports none."""
        return None

    def restart(self) -> Move:
        """Kills the kernel, starts another one, and restores the last state. The start of the kernel is not counted."""
        self.kernel.restart()
        return self.resume()

    def resume(self) -> Move:
        """Restores the last state in the new kernel, including loading the peer."""
        attached = self.attach()
        there = self.go(self.timed_cells)
        return replace(there, seconds=there.seconds + attached)

    @abstractmethod
    def stored(self) -> int:
        """Returns the bytes on disk."""

    def gc(self) -> int | None:
        """Deletes data that no state needs, and returns the bytes on disk; `None` if the peer does not support that. No kernel is
        running."""
        return None

    def verify(self) -> str | None:
        """Checks the stored data, and returns a description of errors, empty if there are none; `None` if the peer does not support that.
        No kernel is running."""
        return None

    def close(self, *, at_once: bool = False) -> None:
        """Ends the kernel, if it is still running; `at_once` does not wait for pending work."""
        if not self.kernel.manager.has_kernel:
            return
        if at_once:
            self.kernel.kill()
        else:
            self.kernel.close()

    # -- what adapters share -------------------------------------------------------------------------------------------

    def typed(self, code: str) -> Timing:
        """Runs a cell like a user."""
        return self.done(Request(code))

    def silently(self, code: str, expression: str | None = None) -> Timing:
        """Runs code that is not a cell, and then evaluates an expression."""
        return self.done(Request(code, silent=True, expression=expression))

    def done(self, request: Request) -> Timing:
        """Returns the result of a request. Raises its error as `Failed`."""
        (timing,) = timed(self.kernel, [request], self.limit)
        if timing.error:
            raise Failed(timing.error)
        return timing
