"""The output of `cargo metadata` for the workspace, used by the other checks in this folder."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@cache
def metadata() -> dict[str, Any]:
    """Returns all crates in the lock file, including dependencies."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def crates() -> list[dict[str, Any]]:
    """Returns the crates of the workspace."""
    members = set(metadata()["workspace_members"])
    return [package for package in metadata()["packages"] if package["id"] in members]


def sources(package: dict[str, Any], *folders: str) -> list[Path]:
    """Returns the Rust files of a crate in the given folders (in all folders by default)."""
    root = Path(package["manifest_path"]).parent
    bases = [root / folder for folder in folders] or [root]
    return sorted(path for base in bases for path in base.rglob("*.rs") if "target" not in path.parts)


def report(what: str, problems: Iterable[str]) -> int:
    """Prints every problem; returns the exit code."""
    problems = list(problems)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{what}: {len(problems)} problems" if problems else f"{what}: fine")
    return 1 if problems else 0
