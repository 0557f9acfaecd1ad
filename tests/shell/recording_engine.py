"""An engine that only writes down what it was asked: the hooks' tests look at when and with what.

Loaded inside the kernel under test. It holds the interpreter like the real one, until the test opens the `gate`; fails
when told to (`fail`); and sees the namespace as it is at the moment of each call.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clew.shell import hooks, session

#: Functions of C that keep the interpreter lock while they wait, as the raw walk does while it walks.
_C = ctypes.PyDLL(None)


def hold_until_open(gate: str) -> None:
    """Holds the interpreter until somebody opens the FIFO `gate` for writing; says by a file that it waits."""
    Path(f"{gate}.reached").touch()
    # A signal ends the call early; its handler runs before the next one.
    while (file := _C.open(os.fsencode(gate), os.O_RDONLY)) < 0:
        pass
    os.close(file)


REPORT = {
    "from": "2", "to": "1", "at": "1", "branch": None, "runs": [], "keep": [], "left_run": None,
    "other_kernels": [], "batch_run": None, "unreachable": None, "missing": None, "external_change": None, "included_changes": [], "dry_run": False, "is_exact": True,
    "outcomes": [], "restore_nanoseconds": 0,
}  # fmt: skip
"""What a mover that moved nothing answers."""


class RecordingEngine:
    """Looks like `clew._engine.Engine`."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.calls: list[tuple[str, Any]] = []
        self.captures: list[dict[str, Any]] = []
        self.states: list[dict[str, str]] = []
        self.times: list[float] = []
        self.log = ""
        self.gate = ""
        self.fail: BaseException | None = None
        self.warnings: list[str] = []

    def attach(self, notebook: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(("attach", dict(notebook)))
        return {"warnings": []}

    def cells(self) -> list[tuple[int | None, str]]:
        """Keeps no sources."""
        return []

    def begins(self, cell: Mapping[str, Any]) -> None:
        """Notes nothing: nobody kills this kernel."""

    def ends(self, duration: int, ending: object) -> None:
        """Nor this."""

    def capture(self, run: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(("capture", run["source"]))
        self.times.append(time.time())
        if self.log:
            with open(self.log, "a") as file:
                file.write("capture\n")
        if self.gate:
            gate, self.gate = self.gate, ""
            hold_until_open(gate)
        if self.fail is not None:
            raise self.fail
        self.captures.append(dict(run))
        self.states.append(self.state())
        return {"run": str(len(self.captures)), "saved": True, "warnings": self.warnings, "nanoseconds": {}}

    def excludes(self) -> bool:
        """Nothing is."""
        return False

    def hidden(self, words: list[str], touched: list[str] | None = None) -> dict[str, list[str]]:
        return {"named": [], "names": []}

    def command(self, argv: list[str], busy: bool = False, through: object = None) -> dict[str, Any]:
        self.calls.append(("command", list(argv)))
        if argv[0] == "refuse":
            text = "Refused: nothing was done"
            return {"exit": 3, "text": text, "html": None, "json": None, "is_problem": True}
        html = "<b>table</b>" if argv[0] == "log" else None
        data = dict(REPORT, action=argv[0]) if through else None
        return {"exit": 0, "text": f"did {' '.join(argv)}", "html": html, "json": data}

    def setting(self, key: str) -> None:
        return None

    def store(self) -> str:
        return "nowhere"

    def complete(self, line: str) -> tuple[str, list[str]]:
        self.calls.append(("complete", line))
        return line.rpartition(" ")[2], ["undo"] if "un" in line else []

    def idle(self, descriptors: Sequence[int] = (), is_awaited: bool = False) -> bool:
        self.calls.append(("idle", None))
        if self.log:
            with open(self.log, "a") as file:
                file.write("idle\n")
        return not self.shell.user_ns.pop("SOMEBODY_WAITS", False)

    def untold(self) -> list[str]:
        return []

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
    # A busy machine is slow; that the reply leaves first, and that a resting session is looked at, is the question here.
    hooks.LONGEST_FLUSH = hooks.DEAREST_LOOK = 60.0
    session.load(shell, lambda _: engine)
