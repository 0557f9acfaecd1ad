"""Decides by what is on record: a cell need not run where a recorded run of its code found what it would find now.

The engine decides and finds the words (`clew._engine.Repeat`, decision 40); here is what it asks of this machine, and of the kernel.
"""

from __future__ import annotations

import builtins
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from clew import _engine
from clew.run.code import same_code
from clew.run.deciding import Ask, Cell, Decision
from clew.run.environment import Environment, Unknown
from clew.run.mistakes import FAILED, Mistake
from clew.run.session import BATCH
from clew.shell.identity import identifier, read

#: Tags by which a cell's author decides.
ALWAYS, PURE = "clew:always", "clew:pure"
UNKNOWN = "nothing is recorded of this notebook"


class Recorded:
    """Decides by the record of one notebook."""

    def __init__(self, notebook: str | None, first: str | None = None, kernel: str | None = None) -> None:
        """`notebook` is its absolute path; from the cell `first` on (its id, or its number) all cells are executed. `kernel` is the one
        that is wanted instead of the notebook's own."""
        self._notebook = notebook
        self._first = first
        self._kernel = kernel
        self._walk: _engine.Repeat | None = None
        self._why = UNKNOWN
        self._cells: dict[int, tuple[int, Cell]] = {}
        self._is_behind_first = False
        self._next = 1
        self._ask: Ask | None = None

    def begin(self, cells: Sequence[Cell], parameters: dict[str, Any], cwd: str) -> None:
        """Opens the record."""
        self._cells = {cell.index: (number, cell) for number, cell in enumerate(cells, 1)}
        wanted = {str(number) for number, _ in self._cells.values()} | {cell.id for cell in cells}
        if self._first is not None and self._first not in wanted:
            raise Mistake(
                f"There is no cell {self._first}", "`clew run IN.ipynb --plan` shows them by number"
            )
        if self._notebook is None:
            return
        document = read(self._notebook)
        try:
            self._outside = Outside(Environment(self._kernel or kernel_of(document)))
            self._walk = _engine.Repeat.of(self._notebook, identifier(document))
        except Unknown as unknown:
            self._why = f"nobody can tell what the kernel {unknown} runs in"
        except RuntimeError as error:
            raise Mistake(f"The record can't be read: {error}", "`clew verify`") from error

    def decide(self, index: int) -> Decision:
        """Says what becomes of a cell."""
        number, cell = self._cells[index]
        self._next = number
        self._is_behind_first |= self._first in (str(number), cell.id)
        if self._is_behind_first:
            return Decision("executed", ("--from",))
        if ALWAYS in cell.tags:
            return Decision("executed", (f"tagged {ALWAYS}",))
        if self._walk is None:
            return Decision("executed", (self._why,))
        told = self._walk.decide(
            (cell.id or None, cell.source, number), self._outside, same_code, PURE in cell.tags
        )
        if "why" in told:
            return Decision("executed", tuple(told["why"]))
        outputs = json.loads(told["output"]) if told["output"] else []
        for output in outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = number
        return Decision("restored", (), outputs, number, told["run"])

    def bring(self, ask: Ask) -> None:
        """Brings to the kernel what cells left that did not run."""
        self._ask = ask
        pending = self._walk.pending() if self._walk is not None else []
        said = json.loads(ask(f"print({BATCH}.bring(get_ipython(), {json.dumps(pending)!r}, {self._next}))"))
        if said["lost"]:
            name, why = said["lost"][0]
            hint = "`clew run IN.ipynb OUT.ipynb --force` runs every cell"
            raise Mistake(f"{name} could not be brought back: {why}", hint, FAILED)
        self._stand()

    def executed(self, index: int, ok: bool) -> None:
        """A cell was executed: what it left is what the next one finds."""
        if self._walk is not None:
            self._outside.forget()
        self._stand()

    def end(self, ask: Ask | None) -> None:
        """Writes down that the last cells left what they left before."""
        pending = self._walk.pending() if self._walk is not None and ask is not None else []
        if pending and ask is not None:
            ask(f"{BATCH}.bring(get_ipython(), {json.dumps(pending)!r}, None)")

    def _stand(self) -> None:
        if self._ask is None:
            return
        at = json.loads(self._ask(f"print({BATCH}.standing())"))
        if self._walk is None and self._notebook is not None and self._why == UNKNOWN:
            self._walk = _engine.Repeat.of(self._notebook, identifier(read(self._notebook)))
        if self._walk is not None:
            self._walk.stand_at(at)


class Outside:
    """How things are outside the session, as the engine asks it."""

    def __init__(self, environment: Environment) -> None:
        """
        # Errors
        `Unknown` where nobody can tell what the kernel runs in.
        """
        self.python = environment.python
        self._environment = environment
        self._files: dict[tuple[Any, ...], bool] = {}

    def has_file(self, path: str, size: int | None, modified: int | None, digest: str | None) -> bool:
        """Whether a file is what it was: by its digest where there is one, else by size and time."""
        asked = (path, size, modified, digest)
        if asked not in self._files:
            self._files[asked] = self._has(path, size, modified, digest)
        return self._files[asked]

    def forget(self) -> None:
        """Cells that run may write files."""
        self._files.clear()

    def _has(self, path: str, size: int | None, modified: int | None, digest: str | None) -> bool:
        try:
            there = os.stat(path)  # noqa: PTH116 (as it was recorded)
        except OSError:
            return size is None
        if os.path.isdir(path):  # noqa: PTH112
            return True
        if size != there.st_size:
            return False
        return _engine.digest_of(path) == digest if digest else modified == there.st_mtime_ns

    def other_module(self, name: str, then: str, distribution: str | None) -> str | None:
        """The version of a package that is there now, if it is another; empty if it is not there."""
        if distribution is None or name in sys.stdlib_module_names:
            return None
        now = self._environment.installed(distribution)
        return None if now == then else now

    def is_builtin(self, name: str) -> bool:
        """Whether Python has something under a name."""
        return hasattr(builtins, name)


def kernel_of(document: dict[str, Any]) -> str | None:
    """The kernel that a notebook names."""
    metadata = document.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    name = spec.get("name") if isinstance(spec, dict) else None
    return name if isinstance(name, str) else None
