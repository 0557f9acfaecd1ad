"""A real Jupyter kernel for the demo, in a playground of its own."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Answer:
    """What a cell printed, showed and returned."""

    number: int | None = None
    shown: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    #: Where in `shown` each display stands, by its id, or by its number where it has none.
    displayed: dict[str | int, int] = field(default_factory=dict)
    error: str | None = None


class Kernel:
    """A kernel whose home, and with it Clew's store, is the playground."""

    def __init__(self, playground: Path, notebook: Path) -> None:
        self.store = playground / "clew"
        directories = {"HOME": playground, "XDG_CONFIG_HOME": playground / "config", "CLEW_HOME": self.store}
        directories |= {"IPYTHONDIR": playground / "ipython", "JUPYTER_RUNTIME_DIR": playground / "runtime"}
        for directory in directories.values():
            directory.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {name: str(path) for name, path in directories.items()}
        environment["JPY_SESSION_NAME"] = str(notebook)
        self.manager = KernelManager()
        spec = self.manager.kernel_spec
        assert spec is not None
        spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager.start_kernel(env=environment, cwd=str(notebook.parent))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str, numbered: bool = True) -> Answer:
        """Runs a cell and gives what a person would see under it."""
        answer = Answer()

        def take(message: dict[str, Any]) -> None:
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                (answer.shown if content["name"] == "stdout" else answer.warned).append(
                    content["text"].rstrip("\n")
                )
            elif kind in ("execute_result", "display_data"):
                place = content.get("transient", {}).get("display_id", len(answer.displayed))
                answer.displayed[place] = len(answer.shown)
                answer.shown.append(content["data"].get("text/plain", ""))
            elif kind == "update_display_data":
                # The answer comes in the place of the progress of a long move.
                place = content["transient"]["display_id"]
                answer.shown[answer.displayed[place]] = content["data"].get("text/plain", "")
            elif kind == "error":
                answer.error = ESCAPES.sub("", f"{content['ename']}: {content['evalue']}")

        reply = self.client.execute_interactive(code, store_history=numbered, output_hook=take, timeout=600)
        answer.number = reply["content"].get("execution_count")
        return answer

    def value(self, expression: str) -> Any:
        """The value of an expression, looked up without a run of its own."""
        reply = self.client.execute_interactive(
            "", silent=True, user_expressions={"it": expression}, timeout=600
        )
        found = reply["content"]["user_expressions"]["it"]
        if found["status"] != "ok":
            raise RuntimeError(f"{expression}: {found['evalue']}")
        return ast.literal_eval(found["data"]["text/plain"])

    def status(self) -> dict[str, Any]:
        """The answer of `%clew status --json`."""
        return dict(json.loads("\n".join(self.run("%clew status --json", numbered=False).shown)))

    def kill(self) -> None:
        """Ends the process as a crash would."""
        pid = getattr(self.manager.provisioner, "pid", None)
        assert isinstance(pid, int)
        self.client.stop_channels()
        os.kill(pid, signal.SIGKILL)
        self.manager.shutdown_kernel(now=True)

    def close(self) -> None:
        """Shuts the kernel down, as closing the notebook does."""
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel()
