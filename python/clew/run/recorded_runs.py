"""Decides from the record: a cell need not run if a recorded run of its code found the inputs that the cell would find now.

All rules are in the engine (`clew._engine.CellReuse`, decision 40). This module provides facts about cells and machine, and performs the
decisions in the kernel.
"""

from __future__ import annotations

import builtins
import json
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from clew import _engine
from clew.analysis.source_readers import defines, macros, may_quote, may_read_functions, may_read_sources
from clew.run.code import annotates, imported, reads_annotations, reads_results, same_code, taken
from clew.run.decider import Ask, Cell, Decider, Decision, Lost
from clew.run.environment import Environment, Unknown
from clew.run.mistakes import Mistake
from clew.run.options import Options
from clew.run.session import BATCH, found_by_cells, notebook_path
from clew.run.source import named_kernel
from clew.shell.identity import identifier, read
from clew.shell.start import is_on

if TYPE_CHECKING:
    from clew._engine import NotebookCell, NotebookFacts


class RecordedRuns(Decider):
    """Decides from the record of one notebook."""

    _reuse: _engine.CellReuse

    def __init__(self, notebook: str | None, options: Options) -> None:
        """`notebook` is its absolute path."""
        self._notebook = notebook
        self._options = options
        self._cells: dict[int, tuple[int, Cell]] = {}
        #: The current cell, and its `In [n]`.
        self._next, self._number = Cell(0, "", "", ()), 1
        self._ask: Ask | None = None

    def begin(self, cells: Sequence[Cell], parameters: dict[str, Any], cwd: str) -> None:
        """Opens the record."""
        self._cells = {cell.index: (number, cell) for number, cell in enumerate(cells, 1)}
        options = self._options
        first = options.from_cell
        known = {str(number) for number, _ in self._cells.values()} | {cell.id for cell in cells}
        if first is not None and first not in known:
            raise Mistake(
                f"There is no cell {first}",
                f"`clew run {self._notebook or 'IN'} --plan` lists the code cells by number",
            )
        notebook: NotebookFacts | str | None = None
        environment: Environment | None = None
        try:
            if self._notebook is not None:
                document = read(self._notebook)
                environment = Environment(options.kernel or named_kernel(document))
                notebook = facts_of(self._notebook, document, cwd, environment)
        except Unknown as unknown:
            notebook = f"Clew cannot determine the environment of the kernel {unknown}"
        try:
            self._reuse = _engine.CellReuse(
                described(cells), notebook, environment, same_code, first, options.stale, options.verify
            )
        except RuntimeError as error:
            raise Mistake(f"The recorded runs cannot be read: {error}", "`clew verify`") from error
        self._reuse.look_ahead()

    def decide(self, index: int) -> Decision:
        """Decides about a cell."""
        self._number, self._next = number, _ = self._cells[index]
        decided = self._reuse.decide(number)
        outputs = json.loads(decided["output"]) if decided["output"] else []
        for output in outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = number
        is_restored, duration = decided["outcome"] == "restored", decided["duration"]
        return Decision(
            decided["outcome"],
            tuple(decided["why"]),
            outputs if is_restored else None,
            number if is_restored else None,
            decided["run"],
            decided["end"],
            None if duration is None else duration / 1e9,
        )

    def bring(self, ask: Ask) -> bool:
        """Restores in the kernel the results of cells that did not run, as far as the next cell may touch them."""
        self._ask = ask
        needed = self._reuse.before_execution(self._number)
        if needed["lost"]:
            raise Lost(needed["lost"])
        runs, texts, imports = (json.dumps(needed[key]) for key in ("runs", "texts", "imports"))
        before = [cell.source for number, cell in self._cells.values() if number < self._number]
        held = json.dumps(taken(before))
        told = f"{runs!r}, {self._next.source!r}, {self._number}, {texts!r}, {imports!r}, {held!r}"
        said = ask(f"{BATCH}.bring({told})")
        if said["lost"]:
            raise Lost([(name, why) for name, why in said["lost"]])
        self._stand()
        return bool(said["left"])

    def begin_again(self, lost: Sequence[tuple[str, str]]) -> list[int]:
        """Marks cells for execution whose runs cannot be restored."""
        cells = self._reuse.begin_again(lost)
        if cells:
            self._ask = None
        return cells

    def executed(self, index: int, ok: bool) -> tuple[str, ...] | None:
        """Notes that a cell was executed: the next cell finds its results. Returns how its run differs from a recorded run that it was
        compared with; `None` if there was none to compare with."""
        differences = self._reuse.executed(self._cells[index][0], self._stand())
        return None if differences is None else tuple(differences)

    def end(self, ask: Ask | None) -> None:
        """Records that the last cells were reused."""
        pending = self._reuse.pending() if ask is not None else []
        if pending and ask is not None:
            ask(f"{BATCH}.bring({json.dumps(pending)!r}, None, None)")

    def _stand(self) -> str | None:
        """Notes that the next cell finds the kernel's current state. Returns the run of that state."""
        if self._ask is None:
            return None
        at, directory = self._ask(f"{BATCH}.standing()")
        self._reuse.stand_at(at, directory)
        run: str = at
        return run


#: Properties of code that no record shows.
TRAITS = {
    "reads_results": reads_results,
    "reads_sources": may_read_sources,
    "quotes": may_quote,
    "reads_functions": may_read_functions,
    "reads_annotations": reads_annotations,
}
#: Properties that only matter if a cell reads the result, because detecting them requires parsing the code of every cell.
MADE = (("reads_functions", "defines", defines), ("reads_annotations", "annotates", annotates))


def described(cells: Sequence[Cell]) -> list[NotebookCell]:
    """Describes cells in the form that the engine expects."""
    found: list[NotebookCell] = [
        {
            "id": cell.id or None,
            "source": cell.source,
            "number": number,
            "tags": cell.tags,
            "traits": [name for name, has in TRAITS.items() if has(cell.source)],
            "imports": imported([cell.source]),
            "macros": macros(cell.source),
        }
        for number, cell in enumerate(cells, 1)
    ]
    for reads, makes, has in MADE:
        if any(reads in cell["traits"] for cell in found):
            for cell in found:
                cell["traits"] += [makes] if has(cell["source"]) else []
    return found


def facts_of(path: str, document: dict[str, Any], directory: str, environment: Environment) -> NotebookFacts:
    """Returns the facts for the first decision.

    # Errors
    `Unknown` if the environment of the kernel cannot be determined.
    """
    # A value that is not valid text becomes one that differs from any recorded one.
    variables = {
        os.fsencode(name).decode(errors="replace"): os.fsencode(value).decode(errors="replace")
        for name, value in found_by_cells(path).items()
    }
    return {
        "path": path,
        "id": identifier(document),
        "history": packed_with(document),
        "directory": directory,
        "python": environment.python,
        "variables": variables,
        "builtins": {*dir(builtins), *dir(ModuleType)},
        "standard_modules": sys.stdlib_module_names,
    }


def packed_with(document: dict[str, Any]) -> str | None:
    """Returns the history that a notebook of a package came with."""
    metadata = document.get("metadata")
    said = metadata.get("clew") if isinstance(metadata, dict) else None
    history = said.get("history") if isinstance(said, dict) else None
    return history if isinstance(history, str) else None


FORCED = "--force"
SWITCHED_OFF = "CLEW=off"


def decider_for(options: Options, base: str) -> Decider:
    """Returns the decider for the options. Paths are relative to `base`."""
    if options.force or not is_on():
        return Decider(FORCED if options.force else SWITCHED_OFF)
    notebook = notebook_path(options.input, base) or notebook_path(options.output, base)
    return RecordedRuns(notebook, options)
