"""A replacement for IPython in a sandbox process: supports magics that only measure, or configure the display."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

WITHOUT_EFFECT = frozenset(
    [
        "autoreload",
        "config",
        "load_ext",
        "matplotlib",
        "pinfo",
        "pinfo2",
        "precision",
        "reload_ext",
        "timeit",
        "xmode",
    ]
)
"""Magics without results."""


class MagicError(Exception):
    """Raised if a cell uses something that only IPython provides."""


class Magics:
    """Replaces IPython in a rerun cell; `run` runs code in the cell's namespace."""

    def __init__(self, run: Callable[[str], Any]) -> None:
        self._run = run

    def run_line_magic(self, name: str, line: str, **_: object) -> Any:
        """Runs `%name line`."""
        return self._magic("%", name, line, line)

    def run_cell_magic(self, name: str, line: str, cell: str) -> Any:
        """Runs `%%name line`, with the lines below it."""
        return self._magic("%%", name, line, cell)

    def _magic(self, mark: str, name: str, line: str, code: str) -> Any:
        if line.lstrip().startswith("-"):
            raise MagicError(
                f"{mark}{name} with options needs IPython, which does not run in a sandbox process"
            )
        if name == "time":
            return self._run(code)
        if name not in WITHOUT_EFFECT:
            raise MagicError(f"{mark}{name} needs IPython, which does not run in a sandbox process")
        return None

    def system(self, command: str) -> NoReturn:
        """Refuses `!command`."""
        raise MagicError(f"a sandbox process cannot start programs (`{command}`)")

    getoutput = system

    def __getattr__(self, name: str) -> NoReturn:
        raise MagicError(f"get_ipython().{name} needs IPython, which does not run in a sandbox process")
