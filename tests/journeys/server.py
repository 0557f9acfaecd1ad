"""A real Jupyter server, as JupyterLab speaks to it: it starts, restarts, culls and loses kernels."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import zmq
from harness import NEVER, REPOSITORY, SOURCES, Kernel, wait_for
from jupyter_client.blocking.client import BlockingKernelClient

from journeys.person import Person

PYTHON = REPOSITORY / ".venv-servers/bin/python"


class Served(Kernel):
    """A kernel that a server started, and a client of the tests beside the server."""

    def __init__(self, connection: Path, home: Path) -> None:
        self.home, self.cwd, self.notebook = home, home, None
        self.stray, self._collected = [], {}
        self.client = BlockingKernelClient(connection_file=str(connection))
        self.client.load_connection_file()
        self.client.start_channels(hb=False)
        self._poller = zmq.Poller()
        for channel in (self.client.shell_channel, self.client.iopub_channel):
            self._poller.register(channel.socket, zmq.POLLIN)
        # Until it has told its number the server says whether it lives.
        self.manager = SimpleNamespace(is_alive=lambda: True)  # type: ignore[assignment]
        try:
            self._wait_until_ready()
        except AssertionError:
            # What nobody took would keep the test process at its end.
            self.client.context.destroy(linger=0)
            raise
        self._pid = int(self.value("__import__('os').getpid()"))
        self.manager = SimpleNamespace(is_alive=self.is_alive)  # type: ignore[assignment]

    @property
    def pid(self) -> int:
        return self._pid

    def is_alive(self) -> bool:
        try:
            state = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state != "Z"

    def until_gone(self) -> None:
        """Waits for its end, whoever brings it."""
        wait_for(lambda: not self.is_alive(), "the kernel did not end")
        self.client.stop_channels()


class _Local(http.client.HTTPConnection):
    """HTTP over a socket in the file system: a port could be somebody else's."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=NEVER)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


class Server:
    """`jupyter server` of one person, in the folder of their notebooks; `settings` are arguments of its own."""

    def __init__(self, person: Person, *settings: str) -> None:
        assert PYTHON.exists(), f"{PYTHON} is missing: tools/make_venv.sh servers makes it"
        self.person = person
        self._settings = settings
        person.folder.mkdir(parents=True, exist_ok=True)
        self._write_spec()
        self._folder = tempfile.TemporaryDirectory(prefix="clew-")
        self.process: subprocess.Popen[bytes] | None = None
        self._kernels: list[Served] = []
        self.start()

    def _environment(self) -> dict[str, str]:
        home = self.person.home
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("JUPYTER", "JPY", "IPYTHON"))
        }
        folders = {
            "JUPYTER_CONFIG_DIR": str(home / "jupyter/config"),
            "JUPYTER_DATA_DIR": str(home / "jupyter/data"),
            # A short path: the kernels' sockets lie in it, and a socket's path has at most 107 bytes.
            "JUPYTER_RUNTIME_DIR": f"{self._folder.name}/runtime",
            "IPYTHONDIR": str(home / "ipython"),
            "CLEW_RECORD_PROVE": "false",
            "PYTHONPATH": os.pathsep.join(map(str, SOURCES)),
        }
        return kept | self.person.folders | folders

    def _write_spec(self) -> None:
        """Makes the kernel that records from its start."""
        import sys

        launcher = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {
            "argv": [*launcher, "--IPKernelApp.extra_extensions=clew"],
            "display_name": "Clew",
            "language": "python",
        }
        folder = self.person.home / "jupyter/data/kernels/clew"
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        self._socket = f"{self._folder.name}/{time.monotonic_ns()}"
        words = ["-m", "jupyter_server", f"--ServerApp.sock={self._socket}", "--allow-root", "--no-browser"]
        words += [
            "--IdentityProvider.token=",
            "--ServerApp.disable_check_xsrf=True",
            "--ServerApp.allow_unauthenticated_access=True",
            # Sockets, not ports: two suites at once could pick the same.
            "--KernelManager.transport=ipc",
        ]
        self._log = open(f"{self._folder.name}/log", "ab")
        self.process = subprocess.Popen(
            [str(PYTHON), *words, *self._settings],
            env=self._environment(),
            cwd=self.person.folder,
            stdout=self._log,
            stderr=self._log,
        )
        wait_for(self._answers, "the server did not answer")

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log()
        try:
            self.ask("GET", "/api/status")
        except OSError:
            return False
        return True

    def log(self) -> str:
        """What it wrote so far."""
        return Path(self._log.name).read_text()

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request, as the front end makes it."""
        connection = _Local(self._socket)
        connection.request(method, path, json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, f"{method} {path}: {answer.status} {text!r}\n{self.log()}"
        return json.loads(text) if text else None

    def opens(self, name: str) -> tuple[str, Served]:
        """Opens a notebook as JupyterLab does: the kernel's id at the server, and the kernel."""
        asked = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "clew"}}
        session = self.ask("POST", "/api/sessions", asked)
        identifier = session["kernel"]["id"]
        return identifier, self.kernel(identifier)

    def kernel(self, identifier: str) -> Served:
        """The kernel that the server has under this id now."""
        connection = Path(self._folder.name) / f"runtime/kernel-{identifier}.json"
        try:
            self._kernels.append(Served(connection, self.person.home))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from error
        return self._kernels[-1]

    def restarts(self, identifier: str) -> Served:
        """*Restart Kernel* in the menu."""
        self.ask("POST", f"/api/kernels/{identifier}/restart")
        return self.kernel(identifier)

    def kill(self) -> None:
        """Ends the server at once, as a crash would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def close(self) -> None:
        """Ends it and its kernels."""
        for kernel in self._kernels:
            kernel.client.stop_channels()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self._log.close()
        self._folder.cleanup()
