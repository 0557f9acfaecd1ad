"""Locks this process in, for good."""

from __future__ import annotations

import os

from clew._engine import enter_sandbox
from clew.scratch import probe
from clew.scratch.channel import silence


def enter(folder: str, outside: str, memory: int, seconds: int) -> list[str]:
    """From here on files are written in `folder` only. Says what the sandbox lacks: empty where it holds.

    What the machine says it gives is one thing; what was tried in `outside`, a folder that is there for it, is another.
    """
    # Out of the terminal's reach: Ctrl+C there is for whoever started this process.
    if hasattr(os, "setsid"):
        os.setsid()
    gaps = [*enter_sandbox(folder, memory, seconds), *probe.gaps(outside)]
    silence()
    return gaps
