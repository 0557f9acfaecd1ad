"""Holding Ctrl+C back while Clew works."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any


class Held:
    """A `with` block in which SIGINT is noted instead of delivered.

    The user's cell is over, so there is nothing of theirs to interrupt; but somebody who presses Ctrl+C means
    what comes next. `at` tells when it came (seconds since the epoch), and the hooks deliver it to a cell
    that was already waiting. Handlers can be changed on the main thread only; elsewhere SIGINT does not
    arrive anyway.
    """

    def __init__(self) -> None:
        self.at: float | None = None
        self._before: Any = None
        self._is_set = False

    def __enter__(self) -> Held:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            # None: a handler that was not installed from Python and could not be put back.
            if self._before is not None:
                signal.signal(signal.SIGINT, self._note)
                self._is_set = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_set:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.at = time.time()
