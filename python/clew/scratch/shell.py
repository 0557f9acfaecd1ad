"""A minimal replacement for IPython's shell: enough to load a state, and to run code of a notebook."""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import sys
import types
from typing import Any

from clew.scratch.magics import Magics
from clew.sources import plain


class Shell:
    """A new `__main__`, with the names that IPython defines."""

    displayhook = None

    def __init__(self) -> None:
        self.main = types.ModuleType(
            "__main__", "Automatically created module for IPython interactive environment"
        )
        self.user_ns: dict[str, Any] = self.main.__dict__
        outputs: dict[int, Any] = {}
        magics = Magics(self.run)
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
            "get_ipython": lambda: magics,
        }
        self.user_ns.update(self.user_ns_hidden, __builtin__=builtins, __builtins__=builtins)
        sys.modules["__main__"] = self.main
        builtins.display = display  # type: ignore[attr-defined]

    def transform_cell(self, source: str) -> str:
        """Returns a cell as plain Python."""
        return plain(source)

    def run(self, source: str) -> Any:
        """Runs a cell as the notebook did, and returns the value of its last expression."""
        tree = ast.parse(self.transform_cell(source))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        _run(tree, "exec", self.user_ns)
        return _run(ast.Expression(last.value), "eval", self.user_ns) if isinstance(last, ast.Expr) else None


def _run(tree: ast.Module | ast.Expression, mode: str, namespace: dict[str, Any]) -> Any:
    """Runs the statements or the last expression of a cell. As in a notebook, it may use `await`."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    value = eval(compile(tree, "<clew replay>", mode, flags, dont_inherit=True), namespace)
    if not inspect.iscoroutine(value) or value.cr_code.co_filename != "<clew replay>":
        return value
    return asyncio.run(value)


def leave() -> None:
    """Exits, as it would end the kernel."""
    raise SystemExit


def display(*_: object, **__: object) -> None:
    """Shows nothing: a sandbox process has no display."""
