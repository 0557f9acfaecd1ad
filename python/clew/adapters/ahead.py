"""Modules that a function imports before it does anything else, imported before it is called.

What a function imports is part of its key, and nothing is known of a module before that is there. A function that is called in this process
imports it here anyway, some steps later.
"""

from __future__ import annotations

import dis
import importlib
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType

_BEFORE = frozenset(("RESUME", "COPY_FREE_VARS", "MAKE_CELL", "NOP"))
"""What stands before the first statement."""
_IMPORTS = frozenset(
    ("LOAD_CONST", "LOAD_SMALL_INT", "IMPORT_NAME", "IMPORT_FROM", "STORE_FAST", "STORE_DEREF", "POP_TOP")
)
"""What imports come to."""


def import_ahead(function: object) -> None:
    """Imports what the function's first statements import. What raises will raise in the function."""
    if isinstance(function, FunctionType):
        for name in _first_imports(function.__code__):
            if name not in sys.modules:
                try:
                    importlib.import_module(name)
                except Exception:
                    return


def _first_imports(code: CodeType) -> Iterator[str]:
    for step in dis.get_instructions(code):
        if step.opname not in _BEFORE | _IMPORTS:
            return
        if step.opname == "IMPORT_NAME":
            yield step.argval
