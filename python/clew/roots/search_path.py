"""Where modules are looked for: `sys.path`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from clew.roots.root import MISSING, Root


def collect(shell: Any) -> Iterator[Root]:
    yield "path", "sys.path", tuple([entry for entry in sys.path if type(entry) is str])


def install(shell: Any, key: str, value: Any) -> None:
    if value is not MISSING:
        sys.path[:] = value
