"""Displays that later cells update: where they stand in OUT, whether their cells were executed or not."""

from __future__ import annotations

from typing import Any

from clew.shell.run_outputs import DISPLAY, UPDATES


class Displays:
    """The displays of a notebook, by the names that `update_display` knows them by."""

    def __init__(self, notebook: Any) -> None:
        self._notebook = notebook
        #: For each name the cells, and which of their outputs are meant. nbclient keeps those of executed cells in the same way, in here.
        self.places: dict[str, dict[int, list[int]]] = {}

    def put(self, index: int, outputs: list[dict[str, Any]]) -> list[Any]:
        """What a cell shows that is not executed, of what is stored of it. What it did to displays of cells before it is done to these."""
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
                # So that the next output of this cell finds it.
                self._notebook.cells[index].outputs = kept
        return kept

    def _update(self, name: str, shown: Any) -> None:
        for index, numbers in self.places.get(name, {}).items():
            for number in numbers:
                output = self._notebook.cells[index].outputs[number]
                output["data"], output["metadata"] = shown["data"], shown["metadata"]
