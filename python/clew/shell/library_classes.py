"""Classes that a run had a library make in a module of its own, as `deap.creator.create` does: no record holds them, and what is pickled of their
instances only names them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from types import ModuleType
from typing import Any

from clew.analysis.own_modules import is_own


class MadeThere:
    """Looks at the modules of libraries that variables of the notebook stand for."""

    def __init__(self) -> None:
        #: The modules, and how many variables each had when the run began.
        self._before: list[tuple[ModuleType, int]] = []

    def begin(self, namespace: Mapping[str, Any]) -> None:
        """A run starts."""
        self._before = [
            (one, len(one.__dict__)) for one in list(namespace.values()) if type(one) is ModuleType
        ]

    def end(self) -> list[str]:
        """It is over: the classes, each with its module. New variables come last."""
        found = dict[str, None]()
        for module, size in self._before:
            held, name = module.__dict__, module.__dict__.get("__name__")
            if len(held) > size and type(name) is str and not is_own(name, module):
                new = islice(reversed(held.items()), len(held) - size)
                made = (key for key, value in new if isinstance(value, type) and value.__module__ == name)
                found.update((f"{name}.{key}", None) for key in made)
        return list(found)
