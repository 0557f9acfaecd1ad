"""The line that tells how far a long move is. It is wiped when the move is over, and belongs to no cell's outputs."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Any

from clew.shell.start import is_heard


def show(shell: Any, text: str) -> None:
    """Shows `text` in the place of what was shown before; nothing wipes the line.

    Whatever goes wrong here, the move goes on.
    """
    try:
        is_kernel = getattr(shell, "kernel", None) is not None
        if is_heard(shell) and (is_kernel or sys.stderr.isatty()):
            with muted():
                # To the first column, over what stood there, and back.
                # Beside the answer, which may be read by a program.
                sys.stderr.write(f"\r{text:<{WIDTH}}" if text else f"\r{'':<{WIDTH}}\r")
                sys.stderr.flush()
    except Exception:
        pass


#: No text here is longer (characters).
WIDTH = 60


def muted() -> Any:
    """What is shown within is not recorded."""
    from clew.shell import session

    live = session.recording()
    return live.outputs.muted() if live is not None else nullcontext()
