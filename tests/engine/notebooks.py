"""What the tests of the heap share: a notebook to run cells in, and whether a value comes back."""

from __future__ import annotations

from typing import Any

from clew._engine import TestHeap

TestHeap.__test__ = False  # pytest would collect it

HIDDEN = {"__builtins__", "__name__"}


class Notebook:
    """A namespace in which cells run as in `__main__`, with a heap over it."""

    def __init__(self, *cells: str) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.heap = TestHeap(self.names)
        for cell in cells:
            self.run(cell)

    def run(self, cell: str) -> None:
        exec(compile(cell, "<ipython-input-1-4242>", "exec", dont_inherit=True), self.names)

    def value(self, expression: str) -> Any:
        return eval(expression, self.names)

    @property
    def values(self) -> dict[str, Any]:
        return {name: value for name, value in self.names.items() if name not in HIDDEN}

    def look(self, *names: str) -> list[Any]:
        values = self.values
        return self.heap.look({name: values[name] for name in names} if names else values)

    def fingerprint(self, name: str) -> str:
        """What the co-variable of `name` hashes to."""
        return next(found.fingerprint for found in self.look() if name in found.roots)

    def groups(self) -> list[list[str]]:
        """Names that belong together."""
        found = (
            [root for root in found.roots if not root.startswith("definition:")] for found in self.look()
        )
        return sorted(group for group in found if group)

    def load(self, stored: list[Any], *, new_kernel: bool = False) -> dict[str, str]:
        """Puts back what was looked at; returns what came back otherwise."""
        if new_kernel:
            # A class that is live would be known by its structure, and then be the one that comes back.
            self.names = {name: value for name, value in self.names.items() if name in HIDDEN}
            self.heap = TestHeap(self.names)
        values = self.heap.load(stored)
        differing: dict[str, str] = values.pop("")
        self.names.update(values)
        return differing
