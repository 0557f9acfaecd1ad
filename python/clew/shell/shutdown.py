"""Handles a kernel that is terminated (`SIGTERM`) with a grace period: it saves and pushes first.

Schedulers and machines that shut down terminate kernels like this. It is only handled with the setting `push.when_ended`; otherwise the
signal ends a kernel at once, as usual. Recorded runs are pushed at once, by a separate process, because a cell may ignore the interrupt.
The results of the running cell follow once they are recorded. A second signal ends the kernel at once.
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

#: The interval in seconds at which it checks whether the interrupted cell has ended.
BEAT = 0.05


class Ending:
    """The termination of one kernel."""

    def __init__(
        self,
        loop: Callable[[], Any],
        rests: Callable[[], bool],
        begin_push: Callable[[], subprocess.Popen[bytes]],
        push: Callable[[], str],
    ) -> None:
        """`rests` records what is pending and returns whether nothing is running any more; `begin_push` pushes the recorded runs, and
        `push` pushes the rest, waits, and returns a message."""
        self._loop, self._rests, self._begin_push, self._push = loop, rests, begin_push, push
        self._process = os.getpid()
        #: The thread's signal mask before a fork; `None` until forks are followed.
        self._mask: frozenset[int] | None = None
        self._first: subprocess.Popen[bytes] | None = None

    def listen(self, is_wanted: bool) -> None:
        """Installs or removes the signal handler. Leaves other handlers unchanged, including one installed over this one."""
        if sys.platform == "win32":
            return  # programs are ended without a signal there
        if threading.current_thread() is not threading.main_thread():
            return
        heard = signal.getsignal(signal.SIGTERM)
        if is_wanted and heard is signal.SIG_DFL and self._loop() is not None:
            signal.signal(signal.SIGTERM, self._told)
            self._follow_forks()
        elif not is_wanted and heard == self._told:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _follow_forks(self) -> None:
        """Makes forked children end at once, as usual. A signal during the fork is blocked until the child is ready."""
        if self._mask is None and sys.platform != "win32":
            self._mask = frozenset()
            os.register_at_fork(
                before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._in_child
            )

    def _before_fork(self) -> None:
        if sys.platform != "win32":
            self._mask = frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]))

    def _after_fork(self) -> None:
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask or ())

    def _in_child(self) -> None:
        if signal.getsignal(signal.SIGTERM) == self._told:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._after_fork()

    def _told(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._first = guarded("start to push", self._begin_push)
        self._loop().add_callback(guarded, "shut down cleanly", self._end)
        # Like the interrupt button. Outside of cells it has no effect.
        os.kill(self._process, signal.SIGINT)

    def _end(self) -> None:
        if not self._rests():
            self._loop().call_later(BEAT, guarded, "shut down cleanly", self._end)
            return
        try:
            if self._first is not None:
                self._first.wait()
            said = guarded("push the remaining runs", self._push)
            # Output of cells is no longer shown, so this goes to the log of the kernel's parent process.
            print(said or "Clew: not everything was pushed.", file=sys.__stderr__, flush=True)
        finally:
            os.kill(self._process, signal.SIGTERM)
