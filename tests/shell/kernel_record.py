"""Kernels whose hooks talk to an engine that writes down what it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness import Kernel

HERE = Path(__file__).resolve().parent
LOAD = "__import__('recording_engine').load(get_ipython())"


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
