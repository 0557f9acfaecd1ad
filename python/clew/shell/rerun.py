"""`%clew run --stale`: reruns the stale cells of this session in order, each as a separate run.

The stale cells are determined again after each one. So if a cell has the same results as before, cells that read them do not rerun.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew import _engine
    from clew.shell.recorder import Place
    from clew.shell.session import Session

#: The words of the command, and its optional ones.
WORDS = ("run", "--stale")
LOOKS, AS_JSON = "--plan", "--json"
PROGRAM: _engine.Through = {"interface": "python"}
#: The maximal number of characters shown of a cell's first line.
LONGEST = 60


def is_asked(words: Sequence[str]) -> bool:
    """Returns whether these words are this command, without anything else."""
    rest = set(words) - {LOOKS, AS_JSON}
    return tuple(words[:1]) == WORDS[:1] and rest == set(WORDS)


class Rerun:
    """One rerun of the stale cells of a session."""

    def __init__(self, session: Session, shell: Any) -> None:
        self._session = session
        self._shell = shell
        #: Runs that were stale, with the outcome of each: the new run, or why there is none.
        self._done: list[dict[str, Any]] = []

    def answer(self, words: Sequence[str], place: Place) -> _engine.Answer:
        """Reruns the cells, or only lists them. Returns the answer of the command."""
        is_json = AS_JSON in words
        if LOOKS in words:
            self._done = [self._told(cell) for cell in self._stale()]
            return self._said("would be rerun", is_json=is_json)
        with self._session.recorder.apart(place) as number:
            # Before IPython 9, a running cell's number is not counted before it ends.
            is_taken = number is not None and self._shell.execution_count == number
            while (cell := self._next()) is not None:
                if not self._run(cell, after=int(is_taken), is_quiet=is_json):
                    break
        return self._said("rerun", is_json=is_json)

    def _stale(self) -> list[dict[str, Any]]:
        """Returns the stale runs in the order in which the cells first ran, so that a cell comes before those that read its results even if
        it ran again since."""
        found: list[dict[str, Any]] = self._asked("stale")["stale"]
        return sorted(found, key=lambda cell: int(cell["runs_before"]))

    def _next(self) -> dict[str, Any] | None:
        """Returns the first stale cell that has not been rerun. Each is rerun once."""
        known = {entry["run"] for entry in self._done} | {entry["new_run"] for entry in self._done}
        cells = {entry["cell"] for entry in self._done if entry["cell"] is not None}
        stale = (cell for cell in self._stale() if cell["run"] not in known)
        return next((cell for cell in stale if cell["cell"] not in cells), None)

    def _run(self, cell: dict[str, Any], *, after: int, is_quiet: bool) -> bool:
        """Reruns one cell. Returns whether to continue."""
        told = self._told(cell)
        self._done.append(told)
        if self._asked("show", cell["run"])["evidence"]["masked"]:
            told["problem"] = "its source was not recorded completely"
            return True
        if not is_quiet:
            print(f"Rerunning run {cell['run']}: {headline(cell['source'])}", flush=True)
        shell = self._shell
        shell.execution_count += after
        try:
            # IPython 7 has no ids of cells.
            ids = {"cell_id": cell["cell"]} if cell["cell"] is not None else {}
            result = shell.run_cell(cell["source"], store_history=True, **ids)
        finally:
            shell.execution_count -= after
        self._session.recorder.finish()
        if not result.success:
            told["problem"] = "it failed"
            return False
        told["new_run"] = self._asked("show", "@")["run"]
        return True

    def _told(self, cell: dict[str, Any]) -> dict[str, Any]:
        kept = ("run", "cell", "source", "reasons")
        return {name: cell[name] for name in kept} | {"new_run": None, "problem": None}

    def _asked(self, *words: str) -> dict[str, Any]:
        answer = self._session.command(*words, AS_JSON, through=PROGRAM)
        told: dict[str, Any] = answer["json"]
        if "error" in told:
            raise RuntimeError(told["error"]["message"])
        return told

    def _said(self, what: str, *, is_json: bool) -> _engine.Answer:
        problems = [entry for entry in self._done if entry["problem"] is not None]
        exit_code = 1 if problems else 0
        data = {"schema": 1, "command": "run", "exit": exit_code, "cells": self._done}
        if is_json:
            text = json.dumps(data, indent=2)
            return {"exit": exit_code, "text": text, "html": None, "json": data}
        ran = len(self._done) - len(problems)
        lines = [f"{ran} stale {'cell' if ran == 1 else 'cells'} {what}."]
        if not self._done:
            lines = ["No cell is stale."]
        if what.startswith("would"):
            lines += [f"  {entry['run']}  {headline(entry['source'])}" for entry in self._done]
        for entry in problems:
            lines.append(f"Run {entry['run']} ({headline(entry['source'])}): {entry['problem']}.")
        if any(entry["problem"] == "it failed" for entry in problems):
            lines.append(
                "The cells after it did not run: `%clew stale` lists them. `%clew undo` undoes the reruns."
            )
        return {"exit": exit_code, "text": "\n".join(lines), "html": None, "json": data}


def headline(source: str) -> str:
    """Returns the first line of a cell that is not empty."""
    line = next((line.strip() for line in source.splitlines() if line.strip()), "")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
