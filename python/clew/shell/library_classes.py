"""Detects classes that a run let a library create in its own module, as `deap.creator.create` does: they are not recorded, and pickles of
their instances only name them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from types import ModuleType
from typing import Any

from clew.analysis.own_modules import is_own


class MadeThere:
    """Examines the modules of libraries that are values of the notebook's variables."""

    def __init__(self) -> None:
        #: The modules, with the number of variables that each had when the run began.
        self._before: list[tuple[ModuleType, int]] = []

    def begin(self, namespace: Mapping[str, Any]) -> None:
        """Begins a run."""
        self._before = [
            (one, len(one.__dict__)) for one in list(namespace.values()) if type(one) is ModuleType
        ]

    def end(self) -> list[str]:
        """Ends the run. Returns the new classes, with their modules. New variables come last."""
        found = dict[str, None]()
        for module, size in self._before:
            held, name = module.__dict__, module.__dict__.get("__name__")
            if len(held) > size and type(name) is str and not is_own(name, module):
                new = islice(reversed(held.items()), len(held) - size)
                made = (key for key, value in new if isinstance(value, type) and value.__module__ == name)
                found.update((f"{name}.{key}", None) for key in made)
        return list(found)
