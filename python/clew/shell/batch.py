"""What `clew run` asks of the kernel it started: to record, and whether it has."""

from __future__ import annotations

import json
import os
from typing import Any

from clew.shell.start import VARIABLE, start


def begin(shell: Any) -> str:
    """Starts recording, which the environment held back; whether that came about, as JSON."""
    from clew.shell import session

    os.environ.pop(VARIABLE, None)
    start(shell)
    return json.dumps(session.recording() is not None)


def recorded() -> str:
    """The run of the cell that ended last, as JSON: `null` if it is none (a cell of commands only).

    It is asked by a request of its own, which the kernel takes up only when the capture of the one before is done.
    """
    from clew.shell import session

    current = session.recording()
    if current is None:
        return json.dumps(None)
    run, current.last_run = current.last_run, None
    return json.dumps(run)
