"""A real ipykernel for tests. Cells are sent with Jupyter's own protocol, and replies and outputs are collected in order.

Every kernel has its own directories (HOME, Jupyter, IPython, Clew), so tests do not read or change the user's files. This module knows
nothing about Clew's implementation. `tests/cases` and `tests/shell` are based on it.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from queue import Empty
from typing import Any

import zmq
from forking import Forked, Forking
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

REPOSITORY = Path(__file__).resolve().parent.parent

#: The source folder, if it contains a built extension (during development). Otherwise the installed package is tested.
SOURCES = [path.parent.parent for path in (REPOSITORY / "python" / "clew").glob("_engine*.so")][:1]
#: The native command in the working tree; `None` for the installed one.
COMMAND = next((path for path in [REPOSITORY / "data/scripts/clew"] if SOURCES and path.exists()), None)
LAUNCHER = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]

#: The timeout in seconds for something that must happen. It only detects hangs: it is so long that a slow machine does not fail a test.
NEVER = 240.0


@functools.cache
def no_maps() -> str | None:
    """Returns the reason why this machine cannot map paths for a process (`resume --map`), as in many containers; `None` if it can."""
    with tempfile.TemporaryDirectory() as folder:
        ask = f"from clew._engine import map_paths; print(map_paths([('/no-such-folder/one', {folder!r})], {folder!r}) or '')"
        path = os.pathsep.join([*map(str, SOURCES), os.environ.get("PYTHONPATH", "")])
        asked = subprocess.run(
            [sys.executable, "-c", ask],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": path},
        )
    said = asked.stdout.strip()
    return said if said.startswith("this machine cannot show a process files") else None


#: The interval in milliseconds at which a waiting client checks whether the kernel is still alive.
MOMENT = 50


#: Disables the test builds of values in idle kernels: with hundreds of kernels they would slow down other tests. Tests of this feature
#: enable it.
UNPROVED = {"CLEW_RECORD_PROVE": "false"}


@dataclass
class Reply:
    """The result of one request: its reply, and all published messages, in order."""

    status: str = ""
    ename: str = ""
    evalue: str = ""
    stdout: str = ""
    stderr: str = ""
    result: str | None = None
    data: list[dict[str, Any]] = field(default_factory=list)
    #: The index in `data` of each display that may be updated.
    displays: dict[str, int] = field(default_factory=dict)
    execution_count: int | None = None
    traceback: str = ""
    #: (message type, content) of every iopub message of this request.
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    #: The seconds from sending the request to the reply and to the idle status, as measured by the client.
    reply_seconds: float = 0.0
    idle_seconds: float = 0.0
    content: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the request ended without an exception."""
        return self.status == "ok"

    @property
    def text(self) -> str:
        """The text that a user sees: printed text, displayed text and the result."""
        shown = [bundle.get("text/plain", "") for bundle in self.data]
        return "\n".join(part for part in [self.stdout, *shown] if part)

    def raised(self) -> Reply:
        """Returns this reply. Raises an AssertionError with the traceback if the cell failed."""
        assert self.ok, f"{self.status}: {self.ename}: {self.evalue}\n{self.traceback}\n{self.stderr}"
        return self


@dataclass(frozen=True)
class Typed:
    """The result of a command in a terminal."""

    exit: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Parses its output as JSON."""
        answer: dict[str, Any] = json.loads(self.out)
        return answer


class Typing:
    """A command in a terminal that may still be running."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._err = ""

    def until_told(self, text: str) -> None:
        """Waits until the command prints this text to standard error."""
        assert self.process.stderr is not None
        while text not in self._err:
            line = self.process.stderr.readline()
            assert line, f"It ended and said {self._err!r}"
            self._err += line

    def ended(self) -> Typed:
        """Waits until the command ends."""
        out, err = self.process.communicate(timeout=NEVER)
        return Typed(self.process.returncode, out, self._err + err)


def private_folders(home: Path) -> dict[str, Path]:
    """Returns private folders below a separate home, by the environment variables that set them."""
    return {
        "HOME": home,
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local/share",
        "XDG_CACHE_HOME": home / ".cache",
        "JUPYTER_CONFIG_DIR": home / "jupyter/config",
        "JUPYTER_DATA_DIR": home / "jupyter/data",
        "JUPYTER_RUNTIME_DIR": home / "jupyter/runtime",
        "IPYTHONDIR": home / "ipython",
        "CLEW_HOME": home / "clew",
        "MPLCONFIGDIR": home / "matplotlib",
    }


class ForkedProvisioner(LocalProvisioner):
    """Starts kernels by forking a process that has already imported the modules of a kernel."""

    process: Any = None

    async def launch_kernel(self, cmd: list[str], **options: Any) -> KernelConnectionInfo:
        """Starts a kernel. `cmd` begins with `python -m ipykernel_launcher`."""
        forking = Forking.shared("kernel", tuple(SOURCES))
        words, cwd, env = cmd[3:], options["cwd"], options["env"]
        with open(os.devnull) as nothing:
            self.process = forking.start("kernel", words, cwd=cwd, env=env, files=[nothing.fileno(), 1, 2])
        self.pid, self.pgid, self.cwd = self.process.pid, self.process.pid, cwd
        return self.connection_info


FORKED = EntryPoint(
    "clew-forked", f"{__name__}:{ForkedProvisioner.__name__}", "jupyter_client.kernel_provisioners"
)


class Kernel:
    """One kernel process and a client connected to it.

    `home` holds all of its private directories; two kernels with one `home` share one store. `notebook` is the path that
    the front end would tell. `load=False` starts it without Clew.
    """

    def __init__(
        self,
        python: str | os.PathLike[str] | None = None,
        home: str | os.PathLike[str] | None = None,
        notebook: str | os.PathLike[str] | None = None,
        *,
        load: bool = True,
        cwd: str | os.PathLike[str] | None = None,
        env: dict[str, str] | None = None,
        paths: Sequence[str | os.PathLike[str]] = (),
        arguments: Sequence[str] = (),
    ) -> None:
        if home is None:
            raise ValueError("A kernel of the tests needs a home of its own")
        self.python = str(python or os.environ.get("CLEW_TEST_PYTHON") or sys.executable)
        self.home = Path(home).resolve()
        self.notebook = str(notebook) if notebook is not None else None
        self.cwd = Path(cwd) if cwd is not None else self.home / "work"
        self.cwd.mkdir(parents=True, exist_ok=True)
        self._arguments = list(arguments)
        self._paths = [*paths, *SOURCES]
        self._extra = dict(env or {})
        self._load = load
        self._id = uuid.uuid4()
        #: Messages that belong to no request of this client (but to another client's cells).
        self.stray: list[dict[str, Any]] = []
        #: The collected replies. Later output (from threads, warnings) is added to the reply that it belongs to.
        self._collected: dict[str, tuple[Sent, Reply]] = {}
        self._start()

    # -- life ---------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        # Uses sockets instead of ports, because two test suites at the same time could choose the same port. The path must be short: at
        # most 107 bytes for a socket.
        self._sockets = tempfile.TemporaryDirectory(prefix="clew-")
        self.manager = KernelManager(transport="ipc", ip=f"{self._sockets.name}/kernel")
        # A front end keeps this file when it restarts the kernel.
        self.manager.connection_file = str(self.home / f"kernel-{self._id}.json")
        # The kernel may use half of this time to end normally, and the other half after SIGTERM. Some tests check what a kernel does at its
        # end.
        self.manager.shutdown_wait_time = 60.0
        spec = self.manager.kernel_spec
        assert spec is not None
        spec.argv = [self.python, *LAUNCHER, *self._arguments]
        spec.env = {}
        spec.metadata = {}
        environment = self.environment()
        if self.python == sys.executable and Forking.takes(environment):
            spec.metadata = {"kernel_provisioner": {"provisioner_name": FORKED.name}}
            KernelProvisionerFactory.instance().provisioners[FORKED.name] = FORKED
        self.manager.start_kernel(env=environment, cwd=str(self.cwd))
        self.client: BlockingKernelClient = self.manager.client()
        # Heartbeats are not used: waiting code checks whether the process is alive.
        self.client.start_channels(hb=False)
        self._poller = zmq.Poller()
        for channel in (self.client.shell_channel, self.client.iopub_channel):
            self._poller.register(channel.socket, zmq.POLLIN)
        self._wait_until_ready()
        if self._load:
            self.run("%load_ext clew").raised()

    def _wait_until_ready(self) -> None:
        """Waits until the kernel replies and both channels are connected. Messages published before the client listens are lost."""
        deadline = time.monotonic() + NEVER
        while True:
            try:
                self.collect([self.message("kernel_info_request", {})], 1.0)
                break
            except TimeoutError:
                assert time.monotonic() < deadline, f"In {NEVER:.0f} s the kernel did not answer"
        self._collected.clear()
        self.stray.clear()

    def environment(self) -> dict[str, str]:
        """Returns the environment of the kernel: the machine's, with private directories."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "JPY", "IPYTHON")) and name not in ("COLUMNS", "LINES")
        }
        private = private_folders(self.home)
        for directory in private.values():
            directory.mkdir(parents=True, exist_ok=True)
        kept |= {name: str(path) for name, path in private.items()}
        kept["PYTHONPATH"] = os.pathsep.join(str(path) for path in self._paths)
        if self.notebook is not None:
            kept["JPY_SESSION_NAME"] = self.notebook
        return kept | UNPROVED | self._extra

    @property
    def pid(self) -> int:
        """The process id of the kernel."""
        pid = getattr(self.manager.provisioner, "pid", None)
        assert isinstance(pid, int)
        return pid

    def is_alive(self) -> bool:
        """Whether the process is running."""
        return bool(self.manager.is_alive())

    def interrupt(self) -> None:
        """Interrupts the kernel with SIGINT, as the stop button does. Returns when the process has received the signal."""
        self.manager.interrupt_kernel()
        wait_for(lambda: not self._has_pending_interrupt(), "the kernel did not take SIGINT")

    def _has_pending_interrupt(self) -> bool:
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return False
        masks = [line.split()[1] for line in status.splitlines() if line.startswith(("SigPnd:", "ShdPnd:"))]
        return any(int(mask, 16) >> (signal.SIGINT - 1) & 1 for mask in masks)

    def kill(self) -> None:
        """Ends the process at once, like a crash (`kill -9`)."""
        self.client.stop_channels()
        os.kill(self.pid, signal.SIGKILL)
        # Otherwise the manager considers it alive, and checks again only after a while.
        self._process.wait()
        self.manager.shutdown_kernel(now=True)

    def await_end(self) -> int:
        """Waits until the process ends. Returns the signal that ended it, or its exit code."""
        code = self._process.wait()
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        return abs(code)

    @property
    def _process(self) -> subprocess.Popen[bytes] | Forked:
        process = getattr(self.manager.provisioner, "process", None)
        assert isinstance(process, subprocess.Popen | Forked)
        return process

    def restart(self, *, load: bool | None = None, graceful: bool = False) -> None:
        """Starts a new process in the same home. The old one is killed, or asked to shut down if `graceful`."""
        if graceful:
            self.close()
        elif self.manager.has_kernel:
            self.kill()
        if load is not None:
            self._load = load
        self._start()

    def close(self) -> None:
        """Shuts the kernel down as a front end does, so that its exit handlers run."""
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=False)

    def end(self) -> None:
        """Ends the process, alive or not, without running its exit handlers."""
        if self.is_alive():
            self.kill()
        else:
            self.close()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- cells --------------------------------------------------------------------------------------------------------

    def run(self, code: str, timeout: float = NEVER, **options: Any) -> Reply:
        """Runs one cell and waits until the kernel is idle again.

        `options` are added to the request (`silent=True`, `cell_id="a1"`, `subshell_id=...`).
        """
        return self.collect([self.send(code, **options)], timeout)[0]

    def run_typing(self, code: str, *answers: str) -> Reply:
        """Runs one cell that asks for input, and answers each prompt."""
        sent = self.send(code, allow_stdin=True)
        for answer in answers:
            self.client.get_stdin_msg(timeout=NEVER)
            self.client.input(answer)
        return self.collect([sent])[0]

    def queue(self, codes: Sequence[str], timeout: float = NEVER, **options: Any) -> list[Reply]:
        """Sends all cells at once, as Run All does, and waits for all of them."""
        options.setdefault("stop_on_error", True)
        return self.collect([self.send(code, **options) for code in codes], timeout)

    def value(self, expression: str, timeout: float = NEVER) -> Any:
        """Evaluates an expression without recording a run. Returns its value if its `repr` is a Python literal, otherwise the `repr`."""
        sent = self.send(
            "", silent=True, store_history=False, user_expressions={"it": f"repr(({expression}))"}
        )
        content = self.collect([sent], timeout)[0].content["user_expressions"]["it"]
        if content["status"] != "ok":
            raise AssertionError(f"{expression}: {content['ename']}: {content['evalue']}")
        text = ast.literal_eval(content["data"]["text/plain"])
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text

    def clew(self, words: str, timeout: float = NEVER) -> Reply:
        """Runs `%clew WORDS` in a cell."""
        return self.run(f"%clew {words}", timeout)

    @property
    def command(self) -> str:
        """Returns the path of the native command."""
        return str(COMMAND if COMMAND is not None else Path(self.python).parent / "clew")

    def terminal(self, *words: str) -> Typed:
        """Runs `clew WORDS` in a terminal with the same home."""
        return self.type_in_terminal(*words).ended()

    def type_in_terminal(self, *words: str, environment: dict[str, str] | None = None) -> Typing:
        """Starts `clew WORDS` in a terminal, with additional environment variables, and does not wait for its end."""
        return Typing(
            subprocess.Popen(
                [self.command, *words],
                env=self.environment() | (environment or {}),
                cwd=self.cwd,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )

    # -- the protocol -------------------------------------------------------------------------------------------------

    def send(
        self, code: str, *, cell_id: str | None = None, subshell_id: str | None = None, **content: Any
    ) -> Sent:
        """Sends an execute request and returns at once; `collect` waits for it."""
        body = {
            "code": code,
            "silent": False,
            "store_history": not content.get("silent", False),
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        metadata = {"cellId": cell_id} if cell_id else {}
        return self.message("execute_request", body | content, metadata=metadata, subshell_id=subshell_id)

    def has_subshells(self) -> bool:
        """Whether the kernel can run cells in parallel."""
        return "create_subshell_request" in self.value("list(get_ipython().kernel.control_handlers)")

    def subshell(self) -> str | None:
        """Starts a subshell and returns its id; `None` if the kernel does not support subshells (ipykernel 6)."""
        if not self.has_subshells():
            return None
        return str(self.control("create_subshell_request")["subshell_id"])

    def settle_subshell(self, subshell: str) -> None:
        """Waits until a subshell has finished all its work: its thread records a run after the reply, in parallel to later requests of the
        main shell."""
        self.run("", silent=True, subshell_id=subshell)

    def message(
        self,
        kind: str,
        content: dict[str, Any],
        *,
        metadata: dict[str, Any] | None = None,
        subshell_id: str | None = None,
    ) -> Sent:
        """Sends any message on the shell channel."""
        message = self.client.session.msg(kind, content, metadata=metadata or {})
        if subshell_id is not None:
            message["header"]["subshell_id"] = subshell_id
        self.client.shell_channel.send(message)
        sent = Sent(message["header"]["msg_id"], time.monotonic(), expects_reply=kind.endswith("_request"))
        self._collected[sent.id] = (sent, Reply())
        return sent

    def control(
        self, kind: str, content: dict[str, Any] | None = None, timeout: float = NEVER
    ) -> dict[str, Any]:
        """Sends a request on the control channel (`create_subshell_request`) and returns the content of the reply."""
        message = self.client.session.msg(kind, content or {})
        self.client.control_channel.send(message)
        while True:
            reply = self.client.get_control_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return dict(reply["content"])

    def collect(self, sent: Sequence[Sent], timeout: float = NEVER) -> list[Reply]:
        """Waits until each of `sent` has its reply and its idle status."""
        deadline = time.monotonic() + timeout
        while waiting := [one for one in sent if not one.is_complete]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(waiting)} of {len(sent)} requests got no answer in {timeout} s")
            if not self.manager.is_alive():
                raise RuntimeError(self._death())
            self.take()
        return [self._collected[one.id][1] for one in sent]

    def _death(self) -> str:
        """Describes how a process ended that should have replied. Closes the channels: garbage collection of a context with open sockets
        would hang in a later test."""
        self.client.stop_channels()
        ended = self.manager.provisioner and self.manager.provisioner.process.returncode
        return f"The kernel died: {signal.Signals(-ended).name if ended and ended < 0 else f'status {ended}'}"

    def until_printed(self, sent: Sent, text: str) -> Reply:
        """Waits until a request has printed `text`: this shows that the cell has started."""
        reply = self._collected[sent.id][1]

        def has_printed() -> bool:
            self.take()
            printed = reply.stdout + reply.stderr
            assert not sent.is_complete or text in printed, f"It ended and printed {printed!r}"
            return text in printed

        wait_for(has_printed, f"no {text!r} was printed")
        return reply

    def heard(self) -> str:
        """Returns everything written to stderr so far, by all requests and by Clew between them. Background checks add their messages to
        the last request."""
        return "".join(reply.stderr for _, reply in self._collected.values())

    def settle(self) -> None:
        """Collects messages that arrive after the idle status of earlier requests: they precede the next reply."""
        self.value("None")

    def take(self) -> None:
        """Collects the messages that have arrived on both channels; waits a moment if there are none."""
        self._poller.poll(MOMENT)
        for message in [*self._arrived("shell"), *self._arrived("iopub")]:
            parent = message["parent_header"].get("msg_id", "")
            if parent not in self._collected:
                self.stray.append(message)
                continue
            sent, reply = self._collected[parent]
            if message["msg_type"].endswith("_reply"):
                _take_reply(sent, reply, message["content"])
            else:
                _take_published(sent, reply, message["msg_type"], message["content"])

    def _arrived(self, name: str) -> list[dict[str, Any]]:
        channel = self.client.shell_channel if name == "shell" else self.client.iopub_channel
        found: list[dict[str, Any]] = []
        try:
            while True:
                found.append(channel.get_msg(timeout=0))
        except Empty:
            return found


def wait_for(is_so: Callable[[], object], otherwise: str, seconds: float = NEVER) -> None:
    """Waits until a condition holds. After the timeout, fails with the message `otherwise`."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"In {seconds:.0f} s {otherwise}"
        time.sleep(0.01)


@dataclass
class Sent:
    """A request that was sent."""

    id: str
    at: float
    expects_reply: bool = True
    has_reply: bool = False
    is_idle: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all its messages have arrived."""
        return self.is_idle and (self.has_reply or not self.expects_reply)


def _take_reply(sent: Sent, reply: Reply, content: dict[str, Any]) -> None:
    sent.has_reply = True
    reply.reply_seconds = time.monotonic() - sent.at
    reply.content = content
    reply.status = content.get("status", "")
    reply.ename = content.get("ename", "")
    reply.evalue = content.get("evalue", "")
    reply.traceback = "\n".join(content.get("traceback", []))
    reply.execution_count = content.get("execution_count")


def _take_published(sent: Sent, reply: Reply, kind: str, content: dict[str, Any]) -> None:
    reply.messages.append((kind, content))
    if kind == "status" and content["execution_state"] == "idle":
        sent.is_idle = True
        reply.idle_seconds = time.monotonic() - sent.at
    elif kind == "stream" and content["name"] == "stdout":
        reply.stdout += content["text"]
    elif kind == "stream":
        reply.stderr += content["text"]
    elif kind == "update_display_data":
        # For example the progress of a restore, which the report replaces.
        place = reply.displays.get(content["transient"]["display_id"])
        if place is not None:
            reply.data[place] = content["data"]
    elif kind in ("display_data", "execute_result"):
        identity = content.get("transient", {}).get("display_id")
        if identity is not None:
            reply.displays[identity] = len(reply.data)
        reply.data.append(content["data"])
        if kind == "execute_result":
            reply.result = content["data"].get("text/plain")
