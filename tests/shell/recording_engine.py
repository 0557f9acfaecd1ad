"""An engine that only writes down what it was asked: the hooks' tests look at when and with what.

Loaded inside the kernel under test. It holds the interpreter like the real one (`hold`), fails when told to (`fail`),
and sees the namespace as it is at the moment of each call.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping
from typing import Any

from clew.shell import session

#: A function of C that keeps the interpreter lock while it sleeps, as the raw walk does while it walks.
_sleep = ctypes.PyDLL(None).usleep


class RecordingEngine:
    """Looks like `clew._engine.Engine`."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.calls: list[tuple[str, Any]] = []
        self.captures: list[dict[str, Any]] = []
        self.states: list[dict[str, str]] = []
        self.times: list[float] = []
        self.hold = 0.0
        self.fail: BaseException | None = None
        self.warnings: list[str] = []

    def attach(self, notebook: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(("attach", dict(notebook)))
        return {"warnings": []}

    def capture(self, run: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(("capture", run["source"]))
        self.times.append(time.time())
        if self.hold:
            _sleep(int(self.hold * 1e6))
        if self.fail is not None:
            raise self.fail
        self.captures.append(dict(run))
        self.states.append(self.state())
        return {"run": str(len(self.captures)), "saved": True, "warnings": self.warnings, "nanoseconds": {}}

    def command(self, argv: list[str], busy: bool = False) -> dict[str, Any]:
        self.calls.append(("command", list(argv)))
        if argv[0] == "refuse":
            return {"exit": 3, "text": "Refused: nothing was done", "html": None, "json": None}
        html = "<b>table</b>" if argv[0] == "log" else None
        return {"exit": 0, "text": f"did {' '.join(argv)}", "html": html, "json": None}

    def idle(self) -> None:
        self.calls.append(("idle", None))

    def sync(self) -> None:
        self.calls.append(("sync", None))

    def close(self) -> None:
        self.calls.append(("close", None))
        log = self.shell.user_ns.get("CLOSE_LOG")
        if log:
            with open(log, "w") as file:
                file.write(repr([call for call in self.calls]))

    def abandon(self) -> None:
        self.calls.append(("abandon", None))

    def state(self) -> dict[str, str]:
        """What the user's names hold now, as text."""
        return {
            name: repr(value)
            for name, value in list(self.shell.user_ns.items())
            if not name.startswith("_") and type(value) in (int, str, list, tuple, dict)
        }

    def sources(self) -> list[str]:
        """What was captured."""
        return [run["source"] for run in self.captures]


engine: RecordingEngine


def load(shell: Any) -> None:
    """Starts a session with a fresh engine of this kind."""
    global engine
    engine = RecordingEngine(shell)
    session.load(shell, lambda _: engine)
