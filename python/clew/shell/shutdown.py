"""A kernel that is told to end (`SIGTERM`), and is left a while to do so: it saves and pushes first.

That is what schedulers and machines that are taken away do. Only where the setting `push.when_ended` says so: else the
signal ends a kernel at once, as ever. What was recorded is sent at once, by a process of its own, since a cell may not
let itself be interrupted; what the cell did until then follows once it is recorded. A second signal ends it at once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from clew.shell.warn import guarded

#: How often it is looked whether the cell that was interrupted has ended (seconds).
BEAT = 0.05


class Ending:
    """What one kernel does when it is told to end."""

    def __init__(
        self,
        loop: Callable[[], Any],
        rests: Callable[[], bool],
        begin_push: Callable[[], subprocess.Popen[bytes]],
        push: Callable[[], str],
    ) -> None:
        """`rests` takes what is left to record and says whether nothing runs any more; `begin_push` sends what was recorded,
        and `push` waits for the rest and says what came of it."""
        self._loop, self._rests, self._begin_push, self._push = loop, rests, begin_push, push
        self._process = os.getpid()
        #: The thread's mask before it forked; `None` as long as forks are not followed.
        self._mask: frozenset[int] | None = None
        self._first: subprocess.Popen[bytes] | None = None

    def listen(self, is_wanted: bool) -> None:
        """Listens, or no longer. A handler of somebody else's is left alone, and one that is put over this one too."""
        if threading.current_thread() is not threading.main_thread():
            return
        heard = signal.getsignal(signal.SIGTERM)
        if is_wanted and heard is signal.SIG_DFL and self._loop() is not None:
            signal.signal(signal.SIGTERM, self._told)
            self._follow_forks()
        elif not is_wanted and heard == self._told:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _follow_forks(self) -> None:
        """A child that was forked ends at once, as who ends it expects. A signal that comes before it is ready for that waits."""
        if self._mask is None:
            self._mask = frozenset()
            os.register_at_fork(
                before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._in_child
            )

    def _before_fork(self) -> None:
        self._mask = frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]))

    def _after_fork(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask or ())

    def _in_child(self) -> None:
        if signal.getsignal(signal.SIGTERM) == self._told:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._after_fork()

    def _told(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._first = guarded("start to push", self._begin_push)
        self._loop().add_callback(guarded, "shut down cleanly", self._end)
        # As the interrupt button does: outside of cells it is nobody's.
        os.kill(self._process, signal.SIGINT)

    def _end(self) -> None:
        if not self._rests():
            self._loop().call_later(BEAT, guarded, "shut down cleanly", self._end)
            return
        try:
            if self._first is not None:
                self._first.wait()
            said = guarded("push the remaining runs", self._push)
            # Nobody reads what cells print any more: for the log of whoever started the kernel.
            print(said or "Clew: not everything was pushed.", file=sys.__stderr__, flush=True)
        finally:
            os.kill(self._process, signal.SIGTERM)
