"""A second kernel at a revision: `clew.session().fork(14)`.

It records in the same history, on a separate branch, and shares the store: data that both have is stored once. The current kernel is not
changed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.errors import RefusedError
from clew.shell.identity import HISTORY, VARIABLE, told_path

if TYPE_CHECKING:
    from clew.api import Revision

#: The maximal time in seconds for a new kernel to start.
START = 120.0
UNTOUCHED = "This session is unchanged"


class Fork:
    """A kernel that was started at a revision. It ends with `shutdown()`, or at the end of a `with` block.

    Any front end can join it by its `connection_file` (`jupyter console --existing FILE`).
    """

    def __init__(self, manager: Any, client: Any, said: str) -> None:
        self._manager = manager
        self._client = client
        #: The report with the outcome of each variable, as `%clew resume` prints it.
        self.report = said

    @property
    def connection_file(self) -> str:
        """Returns the path of Jupyter's connection file for the kernel."""
        return str(self._manager.connection_file)

    def run(self, code: str, timeout: float | None = None) -> str:
        """Runs a cell in that kernel. Returns its printed output and its result as text.

        Raises a RuntimeError with the cell's exception if it failed, a TimeoutError after `timeout` seconds.
        """
        return _run(self._client, code, timeout)

    def shutdown(self) -> None:
        """Ends the kernel. The runs that it recorded stay in the history."""
        self._client.stop_channels()
        self._manager.shutdown_kernel()

    def __enter__(self) -> Fork:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        return f"<clew fork, {self.connection_file}: {self.report.splitlines()[0]}>"


def fork(history: str, revision: Revision) -> Fork:
    """Starts a kernel of this interpreter that resumes `history` at `revision`."""
    from IPython import get_ipython

    try:
        from jupyter_client.manager import KernelManager
    except ImportError:
        hint = f"`{sys.executable} -m pip install jupyter_client ipykernel`"
        raise RefusedError("A second kernel needs the package jupyter_client", UNTOUCHED, hint) from None
    manager: Any = KernelManager()
    manager.kernel_spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    notebook = told_path(get_ipython().user_ns)
    told = {HISTORY: history} | ({VARIABLE: notebook} if notebook is not None else {})
    manager.start_kernel(env=os.environ | told, cwd=str(Path.cwd()))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=START)
        _run(client, "%load_ext clew", START)
        said = _run(client, f"%clew resume {revision}", None)
    except BaseException as error:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        if isinstance(error, RuntimeError):
            message = f"The second kernel could not resume run {revision}: {error}"
            raise RefusedError(
                message, UNTOUCHED, "run `clew.session().doctor()` to find the cause"
            ) from None
        raise
    return Fork(manager, client, said)


def _run(client: Any, code: str, timeout: float | None) -> str:
    parts: list[str] = []

    def take(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            parts.append(content["text"])
        elif message["msg_type"] in ("execute_result", "display_data"):
            parts.append(content["data"].get("text/plain", "") + "\n")

    reply = client.execute_interactive(code, output_hook=take, timeout=timeout, allow_stdin=False)["content"]
    text = "".join(parts).rstrip("\n")
    if reply["status"] != "ok":
        raise RuntimeError(f"{reply.get('ename')}: {reply.get('evalue')}")
    if text.startswith("Error: "):
        raise RuntimeError(text.removeprefix("Error: ").splitlines()[0].rstrip("."))
    return text
