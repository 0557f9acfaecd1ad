"""Modules that a function imports before it does anything else, imported before it is called.

What a function imports is part of its key, and nothing is known of a module before that is there. A function that is called in this process
imports it here anyway, some steps later.
"""

from __future__ import annotations

import importlib
import sys
from itertools import takewhile
from types import FunctionType

from clew.analysis.bytecode import imports_in, steps_of

_BEFORE = frozenset(("COPY_FREE_VARS", "MAKE_CELL"))
"""What stands before the first statement."""
_IMPORTS = frozenset(
    ("LOAD_CONST", "LOAD_SMALL_INT", "IMPORT_NAME", "IMPORT_FROM", "STORE_FAST", "STORE_DEREF", "POP_TOP")
)
"""What imports come to."""


def import_ahead(function: object) -> None:
    """Imports what the function's first statements import. What raises will raise in the function."""
    if isinstance(function, FunctionType):
        first = list(takewhile(lambda step: step.opname in _BEFORE | _IMPORTS, steps_of(function.__code__)))
        package = function.__globals__.get("__package__")
        for one in imports_in(first, package if isinstance(package, str) else ""):
            if one.module and one.module not in sys.modules:
                try:
                    importlib.import_module(one.module)
                except Exception:
                    return
