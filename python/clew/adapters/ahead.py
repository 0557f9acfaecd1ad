"""Imports, before a call, the modules that the function imports in its first statements.

Imported modules are part of a function's key, and an unloaded module cannot be hashed. A function that is called in this process would
import them a few steps later anyway.
"""

from __future__ import annotations

import importlib
import sys
from itertools import takewhile
from types import FunctionType

from clew.analysis.bytecode import imports_in, steps_of

_BEFORE = frozenset(("COPY_FREE_VARS", "MAKE_CELL"))
"""Instructions before the first statement."""
_IMPORTS = frozenset(
    ("LOAD_CONST", "LOAD_SMALL_INT", "IMPORT_NAME", "IMPORT_FROM", "STORE_FAST", "STORE_DEREF", "POP_TOP")
)
"""Instructions that import statements compile to."""


def import_ahead(function: object) -> None:
    """Imports what the function's first statements import. If an import raises, it will raise in the function, too."""
    if isinstance(function, FunctionType):
        first = list(takewhile(lambda step: step.opname in _BEFORE | _IMPORTS, steps_of(function.__code__)))
        package = function.__globals__.get("__package__")
        for one in imports_in(first, package if isinstance(package, str) else ""):
            if one.module and one.module not in sys.modules:
                try:
                    importlib.import_module(one.module)
                except Exception:
                    return
