"""Programs that compute with Dask, each run in a process of its own over a store that they share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import SOURCES

#: What every program begins with: `computed` gives a value as the cache has it and as Dask alone has it, and counts the tasks.
BEGIN = """
import json, os, sys
import clew.adapters.dask as adapter
from clew import tasks
def enable():
    adapter.enable(os.environ["STORE"], os.environ["CONFIG"], json.loads(os.environ["QUICK"]))
enable()
import dask
told = []
def computed(value, **options):
    before = len(tasks.counts())
    found = dask.compute(value, **options)[0]
    counted = tasks.counts()[before:]
    adapter.disable()
    plain = dask.compute(value, **options)[0]
    enable()
    told.append([found, plain, *[[one.total, one.hit, one.run] for one in counted]])
"""
END = "\nprint(json.dumps(told))\n"


class Programs:
    """Runs programs; `folder` holds their store, their settings and themselves, `first` is what each begins with."""

    def __init__(
        self, folder: Path, quick: float | None = 0.0, first: str = BEGIN, paths: Sequence[Path] = ()
    ) -> None:
        self.folder, self.quick, self.first, self.paths, self.seed = folder, quick, first, paths, 0
        self.python = sys.executable
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def begin(self, body: str, config: str = "config", **variables: str) -> subprocess.Popen[str]:
        """Starts a program, each with other hashes."""
        self.seed += 1
        program = self.folder / "program.py"
        program.write_text(self.first + body + END)
        own = {"STORE": str(self.store), "CONFIG": str(self.folder / config), "QUICK": json.dumps(self.quick)}
        paths = [*map(str, [*SOURCES, *self.paths]), str(self.folder)]
        environment = (
            os.environ | own | {"PYTHONHASHSEED": str(self.seed), "PYTHONPATH": os.pathsep.join(paths)}
        )
        return subprocess.Popen(
            [self.python, str(program)],
            env=environment | variables,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, body: str, config: str = "config", **variables: str) -> list[Any]:
        """What a program told: for each value [with the cache, without it, [tasks, known, run]]."""
        return ended(self.begin(body, config, **variables))

    def counts(self, body: str, **variables: str) -> list[list[int]]:
        """The tasks of each value, [all, known, run], whose values are what Dask alone comes to."""
        told = self.run(body, **variables)
        assert all(found == plain for found, plain, *_ in told), told
        return [counted for _, _, counted in told]

    def files(self, kind: str) -> Sequence[Path]:
        return [path for path in (self.store / "tasks" / kind).rglob("*") if path.is_file()]


def ended(process: subprocess.Popen[str]) -> list[Any]:
    said, wrong = process.communicate(timeout=120)
    assert process.returncode == 0 and "Clew:" not in wrong, wrong
    told: list[Any] = json.loads(said.splitlines()[-1])
    return told
