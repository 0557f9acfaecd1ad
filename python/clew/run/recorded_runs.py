"""Decides by what is on record: a cell need not run where a recorded run of its code found what it would find now.

The engine decides and finds the words (`clew._engine.CellReuse`, decision 40); here is what it asks of this machine, and of the kernel.
"""

from __future__ import annotations

import builtins
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew import _engine, distribution_index
from clew.analysis.imports import INSTALLED
from clew.analysis.source_readers import defines, macros, may_quote, may_read_functions, may_read_sources
from clew.analysis.submodules import ALL, IMPORTED, NOT_IMPORTED, with_packages
from clew.files import LOOKED, has_mark, listed
from clew.run.code import (
    annotates,
    imported,
    reads_annotations,
    reads_results,
    same_code,
    same_text,
    taken,
)
from clew.run.decider import Ask, Cell, Decision, Lost
from clew.run.environment import Environment, Unknown
from clew.run.mistakes import Mistake
from clew.run.session import BATCH, found_by_cells
from clew.run.source import named_kernel
from clew.shell.identity import identifier, read

#: Tags by which a cell's author decides.
ALWAYS, PURE, NEVER = "clew:always", "clew:pure", "clew:never"
UNKNOWN = "this notebook has no recorded runs"
OVERWRITTEN = ("a file that a cell wrote", "a later cell overwrote it")
MACRO = "it is a macro: it runs the text of other cells"
ANNOTATED = "a cell reads annotations of variables"
READ = "a cell may read the source of functions, and this cell defines some"


@dataclass(frozen=True)
class Wanted:
    """Which cells are wanted to be executed, beside those that a change reaches."""

    #: The cell from which on all are: its id, or its number.
    first: str | None = None
    #: Whether what can't be repeated is taken as it was.
    only_stale: bool = False
    #: Whether all are, to be compared with what was recorded.
    verify: bool = False


class RecordedRuns:
    """Decides by the record of one notebook."""

    def __init__(self, notebook: str | None, wanted: Wanted, kernel: str | None = None) -> None:
        """`notebook` is its absolute path. `kernel` is the one that is wanted instead of the notebook's own."""
        self._notebook = notebook
        self._wanted = wanted
        self._kernel = kernel
        self._walk: _engine.CellReuse | None = None
        self._why = UNKNOWN
        self._cells: dict[int, tuple[int, Cell]] = {}
        #: Runs that could have been taken for cells, where all are executed to be compared with them.
        self._compared: dict[int, str] = {}
        self._counts_results = False
        #: Whether a cell may read the text of others: then the kernel has to know the text of all.
        self._counts_texts = False
        #: Whether comments and layout count.
        self._counts_comments = False
        #: Whether one may read the source of functions, which have it from the cell that made them.
        self._counts_lines = False
        #: Whether one reads the types that cells give their variables, which no record has.
        self._counts_annotations = False
        self._is_behind_first = False
        self._next = Cell(0, "", "", ())
        self._number = 1
        self._directory = ""
        self._ask: Ask | None = None

    def begin(self, cells: Sequence[Cell], parameters: dict[str, Any], cwd: str) -> None:
        """Opens the record."""
        self._cells = {cell.index: (number, cell) for number, cell in enumerate(cells, 1)}
        self._counts_results = any(reads_results(cell.source) for cell in cells)
        self._counts_texts = any(may_read_sources(cell.source) for cell in cells)
        self._counts_comments = self._counts_texts or any(may_quote(cell.source) for cell in cells)
        self._counts_lines = any(may_read_functions(cell.source) for cell in cells)
        self._counts_annotations = any(reads_annotations(cell.source) for cell in cells)
        self._macros = {name for cell in cells for name in macros(cell.source)}
        self._directory = cwd
        first = self._wanted.first
        known = {str(number) for number, _ in self._cells.values()} | {cell.id for cell in cells}
        if first is not None and first not in known:
            raise Mistake(
                f"There is no cell {first}", "repeat the command with `--plan` to list the cells by number"
            )
        if self._notebook is None:
            return
        try:
            kernel = Environment(self._kernel or named_kernel(read(self._notebook)))
            self._outside = Outside(kernel, found_by_cells(self._notebook))
            self._open()
        except Unknown as unknown:
            self._why = f"Clew cannot determine the environment of the kernel {unknown}"
        except RuntimeError as error:
            raise Mistake(f"The recorded runs cannot be read: {error}", "`clew verify`") from error
        if self._walk is not None and not self._wanted.verify:
            self._look_ahead(self._walk)

    def _look_ahead(self, walk: _engine.CellReuse) -> None:
        """Decides on all cells once, where what is decided on one hangs on those behind it."""
        if walk.has_overwritten():
            walk.allow_overwritten()
            while not self._is_settled(walk):
                self._start_over(walk)
            self._start_over(walk)
        if walk.has_patches():
            # What sets something in libraries is executed for the others: where there are none it need not be.
            walk.overlook_patches(True)
            is_whole = all(self.decide(index).outcome == "restored" for index in self._cells)
            walk.overlook_patches(is_whole and walk.settle_overwritten())
            self._is_behind_first = False

    def _is_settled(self, walk: _engine.CellReuse) -> bool:
        """Whether of no file that several cells write the last writer is executed, nor anything between them."""
        settled = []
        for index in self._cells:
            if self.decide(index).outcome == "executed":
                settled.append(walk.settle_overwritten())
        return all((*settled, walk.settle_overwritten()))

    def _start_over(self, walk: _engine.CellReuse) -> None:
        walk.start_over()
        self._is_behind_first = False

    def _open(self) -> None:
        assert self._notebook is not None
        document = read(self._notebook)
        self._walk = _engine.CellReuse.of(
            self._notebook, identifier(document), packed_with(document), self._directory
        )

    def decide(self, index: int) -> Decision:
        """Says what becomes of a cell."""
        number, cell = self._cells[index]
        self._next, self._number = cell, number
        self._is_behind_first |= self._wanted.first in (str(number), cell.id)
        if self._is_behind_first:
            return Decision("executed", ("--from",))
        if ALWAYS in cell.tags:
            return Decision("executed", (f"tagged {ALWAYS}",))
        if self._walk is None:
            return Decision("executed", (self._why,))
        if self._counts_lines and defines(cell.source):
            return Decision("executed", (READ,))
        if self._counts_annotations and (annotates(cell.source) or reads_annotations(cell.source)):
            return Decision("executed", (ANNOTATED,))
        if cell.source.strip() in self._macros:
            return Decision("executed", (MACRO,))
        self._outside.imported = set(with_packages(imported(self._before())))
        told = self._walk.decide(
            (cell.id or None, cell.source, number),
            self._outside,
            same_text if self._counts_comments else same_code,
            self._vouched(cell),
            self._counts_results,
        )
        if "why" in told:
            last = told["duration"]
            return Decision("executed", tuple(told["why"]), seconds=None if last is None else last / 1e9)
        if self._wanted.verify:
            self._walk.pending()
            self._compared[index] = told["run"]
            return Decision("executed", ("--verify",), run=told["run"])
        outputs = json.loads(told["output"]) if told["output"] else []
        for output in outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = number
        why = (f"tagged {NEVER}", *told["although"]) if told["although"] else ()
        return Decision(
            "restored", why, outputs, number, told["run"], end=told["end"], seconds=told["duration"] / 1e9
        )

    def _vouched(self, cell: Cell) -> str | None:
        if NEVER in cell.tags and not self._wanted.verify:
            return "done"
        return "pure" if PURE in cell.tags or self._wanted.only_stale else None

    def bring(self, ask: Ask) -> bool:
        """Brings to the kernel what cells left that did not run, as far as the next may touch it."""
        self._ask = ask
        if self._walk is not None and not self._walk.settle_overwritten():
            raise Lost([OVERWRITTEN])
        pending = self._walk.pending() if self._walk is not None else []
        before = self._before()
        texts = json.dumps(before if self._counts_texts else [])
        every = json.dumps(imported(before))
        held = json.dumps(taken(before))
        told = (
            f"{json.dumps(pending)!r}, {self._next.source!r}, {self._number}, {texts!r}, {every!r}, {held!r}"
        )
        said = ask(f"{BATCH}.bring({told})")
        if said["lost"]:
            raise Lost([(name, why) for name, why in said["lost"]])
        self._stand()
        return bool(said["left"])

    def _before(self) -> list[str]:
        """The texts of the cells before the one that is decided on, in their order."""
        before = {number: cell.source for number, cell in self._cells.values() if number < self._number}
        return [before[number] for number in sorted(before)]

    def begin_again(self, lost: Sequence[tuple[str, str]]) -> list[int]:
        """Has cells executed whose runs can't be brought back."""
        cells = self._walk.begin_again(lost) if self._walk is not None else []
        if cells:
            self._ask = None
            self._is_behind_first = False
            self._compared.clear()
            self._outside.forget()
        return cells

    def executed(self, index: int, ok: bool) -> tuple[str, ...] | None:
        """A cell was executed: what it left is what the next one finds. In what that differs from a recorded run that it was to be
        compared with; `None` if it was with none."""
        if self._walk is not None:
            self._outside.forget()
        at = self._stand()
        if index not in self._compared or self._walk is None or at is None:
            return None
        differences = self._walk.differences(self._compared[index], at)
        return None if differences is None else tuple(differences)

    def end(self, ask: Ask | None) -> None:
        """Writes down that the last cells left what they left before."""
        pending = self._walk.pending() if self._walk is not None and ask is not None else []
        if pending and ask is not None:
            ask(f"{BATCH}.bring({json.dumps(pending)!r}, None, None)")

    def _stand(self) -> str | None:
        """Has the next cell find what the kernel holds; the run that it is at."""
        if self._ask is None:
            return None
        at, directory = self._ask(f"{BATCH}.standing()")
        if self._walk is None and self._notebook is not None and self._why == UNKNOWN:
            self._open()
        if self._walk is not None:
            self._walk.stand_at(at, directory)
        run: str = at
        return run


#: What is said of a module that was not there and is.
THERE = "installed"
#: Of those that a cell asked for by their metadata.
OTHERS = "different ones"
#: And of one whose files are others.
EDITED = "with changed files"


class Outside:
    """How things are outside the session, as the engine asks it."""

    def __init__(self, environment: Environment, variables: Mapping[str, str]) -> None:
        """
        # Errors
        `Unknown` where nobody can tell what the kernel runs in.
        """
        self.python = environment.python
        self._environment = environment
        self._variables = variables
        self._files: dict[tuple[Any, ...], bool] = {}
        #: Modules that the cells before import, with the packages that these lie in.
        self.imported: set[str] = set()

    def has_file(
        self, path: str, size: int | None, modified: int | None, digest: str | None, mark: str | None
    ) -> bool:
        """Whether a file is what it was: by its digest or mark where there is one, else by size and time."""
        asked = (path, size, modified, digest, mark)
        if asked not in self._files:
            self._files[asked] = self._has(*asked)
        return self._files[asked]

    def forget(self) -> None:
        """Cells that run may write files."""
        self._files.clear()

    def _has(
        self, path: str, size: int | None, modified: int | None, digest: str | None, mark: str | None
    ) -> bool:
        is_as_looked, is_marked = (True, None) if mark is None else has_mark(path, mark)
        if not is_as_looked:
            return False
        try:
            there = os.stat(path)  # noqa: PTH116 (as it was recorded)
        except OSError:
            return size is None
        if os.path.isdir(path):  # noqa: PTH112
            # One that was not listed has no digest, and what it holds is nobody's mark.
            is_file = any(not part.startswith(LOOKED) for part in (mark or "").split())
            return size is not None and not is_file and (digest is None or listed(path) == digest)
        if size != there.st_size:
            return False
        if digest is not None:
            return _engine.digest_of(path) == digest
        return modified == there.st_mtime_ns if is_marked is None else is_marked

    def other_module(
        self,
        name: str,
        then: str,
        distribution: str | None,
        edited: str | None = None,
        imports: Sequence[str] | None = None,
    ) -> str | None:
        """The version of a package that is there now, if it is another, or its files are (`edited` is what those were known by that were not
        as they were installed); empty if it is not there. Of one that was not there nobody tells the version. Under the name of all that cells
        import (`imports`), these are compared."""
        if name == ALL and imports is not None:
            return None if self.imported == set(imports) else THERE
        if name == distribution_index.INSTALLED and imports is not None:
            return None if all(map(distribution_index.is_as_asked, imports)) else OTHERS
        if not then and edited in (IMPORTED, NOT_IMPORTED):
            is_imported = name in self.imported
            return None if is_imported == (edited == IMPORTED) else THERE if is_imported else ""
        if not then and edited == INSTALLED:
            return None if self._environment.may_have_module(name) else ""
        if not then and distribution is None:
            # It was looked for in vain.
            return THERE if self._environment.has_module(name) else None
        # One that lies in a folder of the user's is known by its files.
        if distribution is None or imports is not None or name in sys.stdlib_module_names:
            return None
        now = self._environment.installed(distribution)
        if now == then and now and self._environment.edited(distribution) != edited:
            return f"{now} {EDITED}"
        return None if now == then else now

    def variable(self, name: str) -> str | None:
        """An environment variable, as the kernel would find it."""
        return self._variables.get(name)

    def is_builtin(self, name: str) -> bool:
        """Whether Python has something under a name."""
        return hasattr(builtins, name)


def packed_with(document: dict[str, Any]) -> str | None:
    """The history that a notebook of a package came with."""
    metadata = document.get("metadata")
    said = metadata.get("clew") if isinstance(metadata, dict) else None
    history = said.get("history") if isinstance(said, dict) else None
    return history if isinstance(history, str) else None
