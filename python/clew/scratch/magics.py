"""What a cell may ask of IPython where none runs: magics that only measure or set up how things are shown."""

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
"""Magics that leave no value behind."""


class MagicError(Exception):
    """A cell asks for something that only IPython can do."""


class Magics:
    """Stands for IPython in a cell that runs again; `run` runs code where the cell runs."""

    def __init__(self, run: Callable[[str], Any]) -> None:
        self._run = run

    def run_line_magic(self, name: str, line: str, **_: object) -> Any:
        """`%name line`."""
        return self._magic("%", name, line, line)

    def run_cell_magic(self, name: str, line: str, cell: str) -> Any:
        """`%%name line`, and the lines below it."""
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
        """`!command`."""
        raise MagicError(f"a sandbox process cannot start programs (`{command}`)")

    getoutput = system

    def __getattr__(self, name: str) -> NoReturn:
        raise MagicError(f"get_ipython().{name} needs IPython, which does not run in a sandbox process")
