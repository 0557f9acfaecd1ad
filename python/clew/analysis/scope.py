"""Some code with what the names in it mean now, or as the code itself imports them."""

from __future__ import annotations

import builtins
import dis
import sys
from collections.abc import Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any

from clew.analysis.mentions import Mention, constant, dotted, steps_of
from clew.analysis.nondeterminism import attribute

_IMPORTS = dis.opmap["IMPORT_NAME"]


class Scope:
    """Some code, and what the names in it mean."""

    def __init__(self, code: CodeType, namespace: Mapping[str, Any], depth: int = 0) -> None:
        self.code = code
        self.namespace = namespace
        self.depth = depth
        self._steps: list[dis.Instruction] | None = None
        self._imported: dict[str, object] | None = None

    @property
    def steps(self) -> list[dis.Instruction]:
        """What it does, worked out once."""
        if self._steps is None:
            self._steps = steps_of(self.code)
        return self._steps

    @property
    def imported(self) -> dict[str, object]:
        """What it imports itself, by the names it binds that to."""
        if self._imported is None:
            does_import = _IMPORTS in self.code.co_code[::2]
            self._imported = dict(_imports(self.steps)) if does_import else {}
        return self._imported

    def meaning(self, mention: Mention) -> object:
        """What a dotted name leads to through modules and classes, `NotImplemented` where that can't be told."""
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

    def value(self, steps: list[dis.Instruction] | None) -> object:
        """What an argument is, as a constant or by what a name means; `NotImplemented` where that can't be told."""
        mention = dotted(steps)
        return constant(steps) if mention is None else self.meaning(mention)

    def is_none(self, steps: list[dis.Instruction] | None) -> bool:
        """Whether an argument is `None`, as a constant or by what a name means."""
        return self.value(steps) is None


def _imports(steps: list[dis.Instruction]) -> Iterator[tuple[str, object]]:
    """Names that imports bind, and what to."""
    module: str | None = None
    held: object = None
    for one in steps:
        if one.opname == "IMPORT_NAME":
            module, held = one.argval, sys.modules.get(one.argval, NotImplemented)
        elif one.opname == "IMPORT_FROM":
            holder = sys.modules.get(module or "")
            held = attribute(holder, one.argval) if holder is not None else NotImplemented
        elif module is not None and one.opname in ("STORE_NAME", "STORE_GLOBAL", "STORE_FAST", "STORE_DEREF"):
            is_top = isinstance(held, ModuleType) and module.startswith(f"{one.argval}.")
            yield one.argval, sys.modules.get(one.argval) if is_top else held
        elif one.opname not in ("SWAP", "COPY", "LOAD_CONST"):
            module = None
        if one.opname == "POP_TOP":
            module = None
