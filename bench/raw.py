"""The raw data: one JSON file for each measurement, so that an interrupted benchmark can continue."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from bench.environments import ROOT

#: The format version of the files. Measurements with another version are repeated.
VERSION = 1


class Raw:
    """A folder of results at one scale."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, name: str) -> dict[str, Any] | None:
        """Returns a result, or `None` if there is no valid one."""
        try:
            found: dict[str, Any] = json.loads(self.path(name).read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return found if found.get("version") == VERSION else None

    def write(self, name: str, result: dict[str, Any]) -> None:
        """Stores a result atomically."""
        beside = self.path(name).with_suffix(".new")
        beside.write_text(without_paths(json.dumps({"version": VERSION} | result, indent=1)) + "\n")
        os.replace(beside, self.path(name))

    def drop(self, name: str) -> None:
        """Deletes a result."""
        self.path(name).unlink(missing_ok=True)

    def all(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Returns the results whose names begin with a prefix, by the rest of the name."""
        found = {}
        for path in sorted(self.folder.glob(f"{prefix}*.json")):
            result = self.read(path.stem)
            if result is not None:
                found[path.stem.removeprefix(prefix)] = result
        return found

    def path(self, name: str) -> Path:
        """Returns the path of a result."""
        return self.folder / f"{name}.json"


def without_paths(text: str) -> str:
    """Removes paths of this machine from a text: error messages often contain them."""
    # The longer path first, because the other one may be its prefix.
    for path, name in sorted({str(ROOT): ".", str(Path.home()): "~"}.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(path, name)
    return text


def cell_name(workload: str, peer: str) -> str:
    """Returns the name of the result of one workload and one peer."""
    return f"workload-{workload}--{peer}"


def reference_name(workload: str) -> str:
    """Returns the name of a workload's reference, which does not depend on a peer."""
    return f"reference-{workload}"


def budget_name(budget: str) -> str:
    """Returns the name of a budget's result."""
    return f"budget-{budget}"
