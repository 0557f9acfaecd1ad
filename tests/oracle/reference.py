"""The second reference of the programs: what a fresh process has after the same cells."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any


class Reference:
    """Asks the reference process, and remembers its answers."""

    def __init__(self, python: str) -> None:
        script = Path(__file__).resolve().with_name("rerun.py")
        environment = os.environ | {"PYTHONPATH": str(script.parent), "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.known: dict[tuple[str, ...], dict[str, str]] = {}

    def digest(self, cells: tuple[str, ...]) -> dict[str, str]:
        """What a fresh process has after these cells."""
        if cells not in self.known:
            assert self.process.stdin is not None and self.process.stdout is not None
            self.process.stdin.write(json.dumps(cells) + "\n")
            self.process.stdin.flush()
            answers: list[dict[str, str]] = json.loads(self.process.stdout.readline())
            for length, answer in enumerate(answers, start=1):
                self.known[cells[:length]] = answer
        return self.known[cells]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def difference(expected: dict[str, Any], found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The names that differ, with both digests."""
    names = expected.keys() | found.keys()
    return {
        name: (expected.get(name), found.get(name)) for name in names if expected.get(name) != found.get(name)
    }
