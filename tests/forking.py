"""Processes that tests start by the hundred, each forked from one that has imported what takes long to import (`forked.py`)."""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Variables that Python, the dynamic linker or libraries read when a process starts: a fork would not notice them.
READ_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "OMP_", "MKL_", "OPENBLAS_", "PYDEVD_")


class Forked:
    """A process that was forked, as `subprocess.Popen` has one."""

    #: Nobody here writes to it or reads from it.
    stdin = stdout = stderr = None

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self._heard = b""
        self.returncode: int | None = None
        self.pid = int(self._line() or 0)

    def poll(self) -> int | None:
        """Its exit code, or the signal that ended it as a negative number; `None` while it runs."""
        if self.returncode is None:
            try:
                self._end(socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass
        return self.returncode

    def wait(self) -> int:
        """The same, once it has ended."""
        if self.returncode is None:
            self._end()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends it a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Asks it to end."""
        self.send_signal(signal.SIGTERM)

    def _end(self, flags: int = 0) -> None:
        self.returncode = int(self._line(flags))
        self._told.close()

    def _line(self, flags: int = 0) -> bytes:
        while b"\n" not in self._heard:
            heard = self._told.recv(64, flags)
            if not heard:
                raise RuntimeError("The process that forks others is gone")
            self._heard += heard
        line, _, self._heard = self._heard.partition(b"\n")
        return line


class Forking:
    """A process that is forked for each of a kind: `kernel` or `driver`."""

    def __init__(self, kind: str, sources: Sequence[Path]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="clew-forking-")
        self._path = os.pathsep.join(map(str, sources))
        left_out = ("JUPYTER", "JPY", "IPYTHON", "CLEW")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        # A home without packages of a user's.
        own = {"HOME": self._folder.name, "PYTHONPATH": self._path}
        # Who started it a kernel reads when it is imported. What it says of its debugger goes to nobody.
        own |= {"JPY_PARENT_PID": str(os.getpid()), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            program = [
                sys.executable,
                str(Path(__file__).with_name("forked.py")),
                kind,
                str(theirs.fileno()),
            ]
            self._process = subprocess.Popen(
                program,
                env=kept | own,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    @classmethod
    @functools.cache
    def shared(cls, kind: str, sources: tuple[Path, ...]) -> Forking:
        """The one of this process."""
        forking = cls(kind, sources)
        atexit.register(forking.end)
        return forking

    @staticmethod
    def takes(env: Mapping[str, str], more: Mapping[str, str], sources: Sequence[Path]) -> bool:
        """Whether a process in these surroundings does in a fork what it does by itself. `more` is set for it besides what the machine has
        set."""
        is_as_before = env["PYTHONPATH"] == os.pathsep.join(map(str, sources))
        has_packages = (Path(env["HOME"]) / ".local" / "lib").exists()
        return is_as_before and not has_packages and not any(name.startswith(READ_AT_START) for name in more)

    def end(self) -> None:
        """Ends it. What was forked from it goes on."""
        self._orders.close()
        self._process.wait()
        self._folder.cleanup()

    def start(
        self,
        program: str,
        words: Sequence[str],
        *,
        cwd: str | os.PathLike[str],
        env: Mapping[str, str],
        streams: Sequence[int],
    ) -> Forked:
        """Starts a program with words behind its name; its three streams are copies of these."""
        order = {"program": program, "words": list(words), "cwd": str(cwd), "env": dict(env)}
        told, theirs = socket.socketpair()
        with theirs:
            handles = [*streams, theirs.fileno()]
            socket.send_fds(self._orders, [json.dumps(order).encode()], handles)
        return Forked(told)
