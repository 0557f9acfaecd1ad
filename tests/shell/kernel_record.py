"""Kernels whose hooks talk to an engine that writes down what it is asked."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from harness import Kernel, wait_for

HERE = Path(__file__).resolve().parent
LOAD = "__import__('recording_engine').load(get_ipython())"


class Gate:
    """Where a capture waits, with the interpreter held, until the test lets it go on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

    def wait(self) -> None:
        """Until a capture is there."""
        wait_for(Path(f"{self.path}.reached").exists, "no capture began")

    def open(self) -> None:
        """Lets the capture go on, once it is there."""
        self.wait()
        wait_for(self._has_opened, "the capture went away")

    def _has_opened(self) -> bool:
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            if error.errno != errno.ENXIO:  # nobody waits at this moment
                raise
            return False
        return True


class Recorded:
    """A kernel, and what its engine was told."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        kernel.run(LOAD, silent=True).raised()

    def ask(self, expression: str) -> Any:
        """The value of an attribute of the engine."""
        return self.kernel.value(f"__import__('recording_engine').engine.{expression}")

    def tell(self, statement: str) -> None:
        """Sets an attribute of the engine, unrecorded."""
        self.kernel.run(f"__import__('recording_engine').engine.{statement}", silent=True).raised()

    def gate(self) -> Gate:
        """A gate that the next capture comes to, and holds the interpreter there."""
        gate = Gate(self.kernel.home / f"gate{len(list(self.kernel.home.glob('gate*')))}")
        self.tell(f"gate = {str(gate.path)!r}")
        return gate

    @property
    def captures(self) -> list[dict[str, Any]]:
        return self.ask("captures")

    @property
    def sources(self) -> list[str]:
        return self.ask("sources()")

    @property
    def states(self) -> list[dict[str, str]]:
        return self.ask("states")

    @property
    def calls(self) -> list[tuple[str, Any]]:
        return self.ask("calls")
