"""Displays that later cells update: their positions in OUT, whether their cells were executed or not."""

from __future__ import annotations

from typing import Any

from clew.shell.run_outputs import DISPLAY, UPDATES


class Displays:
    """The displays of a notebook, by the ids that `update_display` uses."""

    def __init__(self, notebook: Any) -> None:
        self._notebook = notebook
        #: For each id, the cells and the indexes of their outputs. For executed cells, nbclient maintains the same structure, in this dict.
        self.places: dict[str, dict[int, list[int]]] = {}

    def put(self, index: int, outputs: list[dict[str, Any]]) -> list[Any]:
        """Returns the outputs of a cell that is not executed, from its stored ones. Applies its updates to displays of earlier cells."""
        from nbformat import from_dict

        kept: list[Any] = []
        for output in outputs:
            notes = dict(output.get("metadata", {}).get("clew", {}))
            name, updated = notes.pop(DISPLAY, None), notes.pop(UPDATES, None)
            if name is None and updated is None:
                kept.append(from_dict(output))
                continue
            shown = from_dict({**output, "metadata": {"clew": notes} if notes else {}})
            self._update(updated or name, shown)
            if name is not None:
                self.places.setdefault(name, {}).setdefault(index, []).append(len(kept))
                kept.append(shown)
                # The next output of this cell may update this one.
                self._notebook.cells[index].outputs = kept
        return kept

    def _update(self, name: str, shown: Any) -> None:
        for index, numbers in self.places.get(name, {}).items():
            for number in numbers:
                output = self._notebook.cells[index].outputs[number]
                output["data"], output["metadata"] = shown["data"], shown["metadata"]
