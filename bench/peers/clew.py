"""Clew as its users run it: the extension is loaded, `%clew` runs in cells, `clew` in a terminal."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import Any, ClassVar

from bench.kernel import Timing, folder_bytes
from bench.peers.peer import Failed, Move, Peer

SECOND = 1_000_000_000

#: The beginning of the report of a successful restore, and its entries for variables that are not restored exactly.
DONE = re.compile(r"(Switched|Resumed) ")
INEXACT = re.compile(r"\b[\d,]+ (?:not identical|lost): [^.,(]+")


class Clew(Peer):
    """Records every run. The states are the runs of kind `cell`."""

    name: ClassVar[str] = "clew"
    title: ClassVar[str] = "Clew"

    def attach(self) -> float:
        return self.typed("%load_ext clew").total / 1000

    def finish(self) -> None:
        self.wait_until_synced()
        runs = self.ask("log --all -n 0")["runs"]
        cells = [run["run"] for run in reversed(runs) if run["kind"] == "cell"]
        self.runs = cells[-self.timed_cells - 1 :]
        if len(self.runs) <= self.timed_cells:
            raise Failed(f"{len(cells)} runs were recorded, fewer than cells ran")

    def wait_until_synced(self) -> None:
        """Waits until everything is flushed, at most ten seconds: a run is synced after two seconds."""
        deadline = time.monotonic() + 10
        while not self.ask("status")["is_synced"] and time.monotonic() < deadline:
            time.sleep(0.1)

    def go(self, state: int) -> Move:
        return self.went(f"switch {self.runs[state]}")

    def told(self, state: int) -> Move:
        return self.moved(f"switch {self.runs[state]}")

    def resume(self) -> Move:
        attached = self.attach()
        there = self.went("resume")
        return replace(there, seconds=there.seconds + attached)

    def went(self, words: str) -> Move:
        """Runs a restore like a user."""
        timing = self.typed(f"%clew {words}")
        text = said(timing)
        if not DONE.match(text):
            raise Failed(text[:300])
        return Move(timing.total / 1000, says=", ".join(INEXACT.findall(text)))

    def moved(self, words: str) -> Move:
        """Runs a restore with `--json`, and reads its two parts from the output. Writing JSON takes longer."""
        timing = self.typed(f"%clew {words} --json")
        told = answer(timing)
        if "outcomes" not in told:
            raise Failed(str(told.get("error", told))[:300])
        check, move = told["compare_nanoseconds"] / SECOND, told["restore_nanoseconds"] / SECOND
        return Move(timing.total / 1000, check, move, inexact(told["outcomes"]))

    def ask(self, words: str) -> dict[str, Any]:
        """Runs a command with `--json` in a cell; this records no run."""
        return answer(self.typed(f"%clew {words} --json"))

    def stored(self) -> int:
        return folder_bytes(self.home / "clew")

    def gc(self) -> int | None:
        for _ in range(2):  # data that the first one marks is deleted by the second
            typed = self.kernel.terminal("gc", "--json")
            if typed.exit not in (0, 1):
                raise Failed(typed.err[-300:] or typed.out[-300:])
        return self.stored()

    def verify(self) -> str | None:
        typed = self.kernel.terminal("verify", "--read-data", "--json")
        if typed.exit == 0:
            return ""
        found = typed.json
        return str(found.get("findings") or found.get("error"))[:1000] or f"exit code {typed.exit}"


def inexact(outcomes: list[dict[str, Any]]) -> str:
    """Formats the roots that are lost or not identical, some of them by name."""
    found = [one for one in outcomes if one["outcome"] in ("lost", "not_identical")]
    named = ", ".join(f"{one['root']['key']} {one['outcome']}" for one in found[:5])
    return named + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def said(timing: Timing) -> str:
    """Returns the printed text without the progress line of a long restore, whose end is erased."""
    return timing.text.rpartition("\r")[2]


def answer(timing: Timing) -> dict[str, Any]:
    """Parses the output of `--json`."""
    try:
        found: dict[str, Any] = json.loads(said(timing))
    except json.JSONDecodeError as error:
        raise Failed(f"it answered {timing.text[:200]!r} and {timing.text[-200:]!r}") from error
    return found
