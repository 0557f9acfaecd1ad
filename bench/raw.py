"""The raw data: one JSON file for each thing measured, so that what was interrupted goes on where it stopped."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from bench.environments import ROOT

#: What the files mean; files of another version are measured again.
VERSION = 1


class Raw:
    """A folder of results at one scale."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, name: str) -> dict[str, Any] | None:
        """A result, or `None` where there is none that can be used."""
        try:
            found: dict[str, Any] = json.loads(self.path(name).read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return found if found.get("version") == VERSION else None

    def write(self, name: str, result: dict[str, Any]) -> None:
        """Keeps a result, whole or not at all."""
        beside = self.path(name).with_suffix(".new")
        beside.write_text(without_paths(json.dumps({"version": VERSION} | result, indent=1)) + "\n")
        os.replace(beside, self.path(name))

    def drop(self, name: str) -> None:
        """Forgets a result."""
        self.path(name).unlink(missing_ok=True)

    def all(self, prefix: str) -> dict[str, dict[str, Any]]:
        """The results whose names begin so, by what follows."""
        found = {}
        for path in sorted(self.folder.glob(f"{prefix}*.json")):
            result = self.read(path.stem)
            if result is not None:
                found[path.stem.removeprefix(prefix)] = result
        return found

    def path(self, name: str) -> Path:
        """Where a result lies."""
        return self.folder / f"{name}.json"


def without_paths(text: str) -> str:
    """A text without where things lie on this machine, which errors like to tell."""
    # The longer one first: the other may be its beginning.
    for path, name in sorted({str(ROOT): ".", str(Path.home()): "~"}.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(path, name)
    return text


def cell_name(workload: str, peer: str) -> str:
    """The name of what one workload and one peer gave."""
    return f"workload-{workload}--{peer}"


def reference_name(workload: str) -> str:
    """The name of what a workload is, whoever runs it."""
    return f"reference-{workload}"


def budget_name(budget: str) -> str:
    """The name of what a budget gave."""
    return f"budget-{budget}"
