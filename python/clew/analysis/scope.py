"""A code object with the values of its names, from the namespace or from its own imports."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

from clew.analysis.bytecode import IMPORTS, Mention, Step, constant, does_any, dotted, imports_in, steps_of
from clew.analysis.nondeterminism import attribute


class Scope:
    """A code object, and the values of the names in it."""

    def __init__(self, code: CodeType, namespace: Mapping[str, Any], depth: int = 0) -> None:
        self.code = code
        self.namespace = namespace
        self.depth = depth
        self._imported: dict[str, object] | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """Returns its instructions."""
        return steps_of(self.code)

    @property
    def imported(self) -> dict[str, object]:
        """Returns the modules and objects that it imports itself, by variable."""
        if self._imported is None:
            self._imported = dict(self._imports()) if does_any(self.code, IMPORTS) else {}
        return self._imported

    def _imports(self) -> Iterator[tuple[str, object]]:
        package = self.namespace.get("__package__")
        for one in imports_in(self.steps, package if type(package) is str else ""):
            holder = sys.modules.get(one.module, NotImplemented)
            for name, path in one.bound.items():
                if one.taken:
                    yield name, attribute(holder, path.rpartition(".")[2])
                else:
                    yield name, sys.modules.get(path, NotImplemented)

    def meaning(self, mention: Mention) -> object:
        """Returns the value of a dotted name through modules and classes; `NotImplemented` if it cannot be determined."""
        name = mention.path[0]
        if mention.is_local or name not in self.namespace:
            held = self.imported.get(name, NotImplemented)
            if held is NotImplemented and not mention.is_local:
                held = builtins.__dict__.get(name, NotImplemented)
        else:
            held = self.namespace[name]
        for name in mention.path[1:]:
            held = attribute(held, name)
        return held

    def value(self, steps: Sequence[Step] | None) -> object:
        """Returns the value of an argument that is a constant or a name; `NotImplemented` if it cannot be determined."""
        mention = dotted(steps)
        return constant(steps) if mention is None else self.meaning(mention)

    def is_none(self, steps: Sequence[Step] | None) -> bool:
        """Returns whether an argument is `None`, as a constant or as the value of a name."""
        return self.value(steps) is None
