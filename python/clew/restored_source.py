"""Provides source lines of restored functions to tracebacks, debuggers and `inspect`.

The file name of a cell contains the kernel's process id and a hash of the cell's source. There is no such file: IPython stores the lines in
`linecache`. A function that was created in another kernel has that kernel's file name, for which Python would find no lines. An entry of
`linecache` may be a function that reads the lines when needed, so restoring does not read the sources of cells.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from typing import Any

from clew import sources

#: Returns the cells of the history, those nearest to the session's state first: `In [n]` and source.
Cells = Callable[[], Sequence[tuple[int | None, str]]]


class _Kernel:
    """The provider of the sources, and IPython's compiler, which names cells in tracebacks."""

    cells: Cells | None = None
    compiler: Any = None


def use(cells: Cells | None, compiler: Any) -> None:
    """Sets the provider of sources, and IPython's compiler, which names a cell in a traceback. `None` removes them."""
    _Kernel.cells, _Kernel.compiler = cells, compiler


def register(file: str) -> None:
    """Makes the lines of a cell's file available. The engine calls this for the code that it builds."""
    if file not in linecache.cache and sources.is_cell(file):
        entry: Any = (lambda: _text(file),)
        linecache.cache[file] = entry


def _text(file: str) -> str | None:
    """Returns the text that Python compiled for the cell; `None` if the history does not have the cell."""
    if _Kernel.cells is None:
        return None
    try:
        for number, text in _Kernel.cells():
            found = sources.compiled_text(text, file)
            if found is not None:
                _name(file, number)
                return found
    except RuntimeError:  # The engine is busy or closed.
        return None
    return None


def _name(file: str, number: int | None) -> None:
    """Makes tracebacks show the file as they did in its own kernel: `Cell In[n]`."""
    names = getattr(_Kernel.compiler, "_filename_map", None)
    if number is not None and isinstance(names, dict):
        # A text, because the numbers in this dict belong to this kernel's own cells.
        names.setdefault(file, str(number))
