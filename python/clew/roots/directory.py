"""The working directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clew.roots.root import MISSING, Root


def collect(shell: Any) -> Iterator[Root]:
    current = _current()
    if current is not None:
        yield "directory", "cwd", current


def install(shell: Any, key: str, value: Any) -> None:
    if value is not MISSING and value != _current():
        os.chdir(value)


def _current() -> str | None:
    try:
        return str(Path.cwd())
    except Exception:  # it is gone, or somebody replaced the function
        return None
