"""Processes that tests start by the hundred. Each is forked from a process that has already imported the slow modules (`forked.py`)."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

#: Variables that Python, the dynamic linker or libraries read at the start of a process. A forked process would not read them again.
READ_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "OMP_", "MKL_", "OPENBLAS_")
#: The variable among these that a forked process applies itself (`forked.py`), and the modules that Python imports from its folders at its
#: start.
SEARCHED, IMPORTED_AT_START = "PYTHONPATH", ("sitecustomize.py", "usercustomize.py")
#: Variables for the library that Clew preloads into kernels that it starts (`clew/observer.py`).
PRELOAD, OBSERVER = "LD_PRELOAD", "CLEW_OBSERVER"
#: The kinds of forked kernels, in the order of the sockets that a driver receives.
KERNELS = ("kernel", "observed kernel")
#: The number of server processes of each kind. Forked processes share the hash seed of their server, but restored values should meet
#: another seed. Three, because tests start papermill and Clew alternately.
SEEDS = 3


class Forked:
    """A forked process, with the interface of `subprocess.Popen`."""

    #: The streams are not connected to this process.
    stdin = stdout = stderr = None

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self._heard = b""
        self.returncode: int | None = None
        self.pid = int(self._line())

    def poll(self) -> int | None:
        """Returns its exit code, or the negative number of the signal that ended it; `None` while it is running."""
        if self.returncode is None:
            try:
                self._end(socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass
        return self.returncode

    def wait(self) -> int:
        """Waits until it has ended, and returns the same as `poll`."""
        if self.returncode is None:
            self._end()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends it a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Asks it to end (SIGTERM)."""
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


class Orders:
    """The socket on which a server process receives requests."""

    def __init__(self, orders: socket.socket) -> None:
        self.socket = orders

    def start(
        self,
        program: str,
        words: Sequence[str],
        *,
        cwd: str | os.PathLike[str],
        env: Mapping[str, str],
        files: Sequence[int],
    ) -> Forked:
        """Starts a program with these arguments. Its first file descriptors, including the standard streams, are copies of `files`."""
        order = {"program": program, "words": list(words), "cwd": str(cwd), "env": dict(env)}
        told, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.socket, [json.dumps(order).encode()], [theirs.fileno(), *files])
        return Forked(told)


class Forking(Orders):
    """A server process of one kind, which forks itself for each request: a `driver`, or one of `KERNELS`."""

    def __init__(self, kind: str, sources: Sequence[Path]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="clew-forking-")
        left_out = ("JUPYTER", "JPY", "IPYTHON", "CLEW")
        env = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        env |= {"HOME": self._folder.name, "PYTHONPATH": os.pathsep.join(map(str, sources))}
        # A kernel reads its parent's process id when it is imported. Warnings of the debugger are turned off.
        env |= {"JPY_PARENT_PID": str(os.getpid()), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        if kind == "observed kernel":
            # Without a log: each forked process creates its own.
            env |= {PRELOAD: observer(), OBSERVER: "off"}
        orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        super().__init__(orders)
        program = Path(__file__).with_name("forked.py")
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(program), kind, str(theirs.fileno())],
                env=env,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    @staticmethod
    def shared(kind: str, sources: tuple[Path, ...]) -> Forking:
        """Returns one of this process's servers, each time the next one."""
        return next(_shared(kind, sources))

    @staticmethod
    def takes(env: Mapping[str, str]) -> bool:
        """Whether a forked process behaves with these variables like a newly started one."""
        return read_at_start(env) == read_at_start(os.environ)

    def end(self) -> None:
        """Ends the server. The forked processes continue, and a driver among them may still have its socket."""
        self.socket.close()
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()


@functools.cache
def _shared(kind: str, sources: tuple[Path, ...]) -> Iterator[Forking]:
    all_of_them = [Forking(kind, sources) for _ in range(SEEDS)]
    for one in all_of_them:
        atexit.register(one.end)
    return itertools.cycle(all_of_them)


def read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that a process reads at its start and that a forked process would not apply."""
    read = {name: value for name, value in env.items() if name.startswith(READ_AT_START)}
    searched = read.get(SEARCHED, "").split(os.pathsep)
    if not any(Path(folder, name).exists() for folder in searched if folder for name in IMPORTED_AT_START):
        read.pop(SEARCHED, None)
    return read


def observer() -> str:
    """Returns the path of the library that Clew preloads."""
    package = importlib.util.find_spec("clew")
    assert package is not None and package.origin is not None
    return str(Path(package.origin).with_name("_observer.so"))


def fork_kernels(files: Sequence[int]) -> None:
    """Makes this driver fork its kernels, if a forked kernel behaves like a newly started one. The files are the sockets of `KERNELS`."""
    from jupyter_client.provisioning import local_provisioner

    orders = {kind: Orders(socket.socket(fileno=file)) for kind, file in zip(KERNELS, files, strict=True)}
    usual = vars(local_provisioner)["launch_kernel"]
    before, library = read_at_start(os.environ), observer()

    def launch(cmd: list[str], **options: Any) -> Any:
        env = options["env"]
        is_observed = env.get(OBSERVER) == "new"
        expected = before | ({PRELOAD: library} if is_observed else {})
        if cmd[:3] != [sys.executable, "-m", "ipykernel_launcher"] or read_at_start(env) != expected:
            return usual(cmd, **options)
        kind = KERNELS[is_observed]
        # jupyter_client sets this variable.
        env = env | {"JPY_PARENT_PID": str(os.getpid())}
        with open(os.devnull) as nothing:
            return orders[kind].start(
                kind, cmd[3:], cwd=options.get("cwd") or os.getcwd(), env=env, files=[nothing.fileno(), 1, 2]
            )

    vars(local_provisioner)["launch_kernel"] = launch
