"""A shell without a front end: as much of IPython's as a state needs to be loaded and code of a notebook to run."""

from __future__ import annotations

import builtins
import sys
import types
from typing import Any


class Shell:
    """A fresh `__main__`, with the names that IPython gives one."""

    displayhook = None

    def __init__(self) -> None:
        self.main = types.ModuleType(
            "__main__", "Automatically created module for IPython interactive environment"
        )
        self.user_ns: dict[str, Any] = self.main.__dict__
        outputs: dict[int, Any] = {}
        inputs: list[str] = [""]
        self.user_ns_hidden: dict[str, Any] = {
            "In": inputs,
            "Out": outputs,
            "_ih": inputs,
            "_oh": outputs,
            "_dh": [],
            "_": "",
            "__": "",
            "___": "",
            "exit": leave,
            "quit": leave,
            "get_ipython": get_ipython,
        }
        self.user_ns.update(self.user_ns_hidden, __builtin__=builtins, __builtins__=builtins)
        sys.modules["__main__"] = self.main
        builtins.display = display  # type: ignore[attr-defined]

    def transform_cell(self, source: str) -> str:
        """A cell in plain Python."""
        from IPython.core.inputtransformer2 import TransformerManager

        transformed: str = TransformerManager().transform_cell(source)
        return transformed


def leave() -> None:
    """Ends what runs, as it would the kernel."""
    raise SystemExit


def get_ipython() -> None:
    """No IPython runs here."""


def display(*_: object, **__: object) -> None:
    """Shows nothing: nobody looks at a scratch process."""
