"""Source lines of restored functions, for tracebacks, debuggers and `inspect`.

A kernel names the file of a cell by its own process and a hash of the cell's source. There is no such file: IPython keeps the lines in
`linecache`. A function that was made in another kernel has that kernel's name of the file, and Python would find no lines. An entry
of `linecache` may be a function that reads the lines when they are needed: no move reads the sources of cells for this.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from typing import Any

from clew import sources

#: The cells of the history, nearest to the session's state first: `In [n]` and source.
Cells = Callable[[], Sequence[tuple[int | None, str]]]


class _Kernel:
    """Where the sources come from, and who names the cells in tracebacks."""

    cells: Cells | None = None
    compiler: Any = None


def use(cells: Cells | None, compiler: Any) -> None:
    """Reads sources from `cells` from now on; `compiler` is IPython's, which names a cell in a traceback. `None` ends it."""
    _Kernel.cells, _Kernel.compiler = cells, compiler


def register(file: str) -> None:
    """Makes the lines of a cell's file available; the engine calls it for the code that it builds."""
    if file not in linecache.cache and sources.is_cell(file):
        entry: Any = (lambda: _text(file),)
        linecache.cache[file] = entry


def _text(file: str) -> str | None:
    """What Python compiled of the cell; `None` where the history has no such cell."""
    if _Kernel.cells is None:
        return None
    try:
        for number, text in _Kernel.cells():
            found = sources.compiled_text(text, file)
            if found is not None:
                _name(file, number)
                return found
    except RuntimeError:  # The engine is at work, or closed.
        return None
    return None


def _name(file: str, number: int | None) -> None:
    """Has tracebacks call the file what they called it in its kernel, `Cell In[n]`."""
    names = getattr(_Kernel.compiler, "_filename_map", None)
    if number is not None and isinstance(names, dict):
        # A text: the numbers among these are of this kernel's own cells.
        names.setdefault(file, str(number))
