"""The code that IPython generates from a cell, and the line of the cell that each of its lines comes from.

Line numbers at run time refer to the generated code, not to the cell: IPython removes empty lines at the beginning, and joins continued
lines of a magic. But the cell's own source is split.
"""

from __future__ import annotations

import ast
import io
import linecache
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import NamedTuple

from IPython.core.inputtransformer2 import TRANSFORM_LOOP_LIMIT, TransformerManager


def lines_of(source: str) -> list[str]:
    """Returns the lines of a source as Python counts them, with line ends. `str.splitlines` also splits at form feeds and other
    separators."""
    return io.StringIO(source, newline="").readlines()


class Code(NamedTuple):
    """Code that runs."""

    text: str
    #: For each of its lines, the first and last line of the cell that it comes from, counted from 1.
    spans: tuple[tuple[int, int], ...]
    body: tuple[ast.stmt, ...]

    def line(self, number: int) -> int:
        """Returns the line of the cell for a line of the code; 0 if it is not known."""
        return self.spans[number - 1][0] if 1 <= number <= len(self.spans) else 0

    def at(self, line: int) -> list[tuple[ast.stmt, int, int]]:
        """Returns the cell's own statements on a line of the cell, each with its first and last line."""
        placed = ((node, *self._span(node)) for node in self.body)
        return [(node, begin, end) for node, begin, end in placed if begin <= line <= end]

    def _span(self, node: ast.stmt) -> tuple[int, int]:
        marks = [node.lineno, *(mark.lineno for mark in getattr(node, "decorator_list", ()))]
        return self.spans[min(marks) - 1][0], self.spans[(node.end_lineno or node.lineno) - 1][1]


#: For cells whose code is not known, or is run by one call with its own line numbers (`%%time`).
UNKNOWN = Code("", (), ())


def code_of(source: str, file: str | None = None) -> Code:
    """Returns the code of a cell or script. `file` is its file name at run time; if `linecache` has lines for it, the code must match."""
    ran = "".join(linecache.getlines(file)) if file is not None else ""
    if not ran:
        return made_by_ipython(source)
    found = (code for code in (made_by_ipython(source), _as_it_stands(source)) if _is_same(code.text, ran))
    return next(found, UNKNOWN)


@lru_cache(maxsize=64)
def made_by_ipython(source: str) -> Code:
    """Returns the code that IPython generates from a cell with its default transformations."""
    manager = TransformerManager()
    lines = (source if source.endswith("\n") else source + "\n").splitlines(keepends=True)
    spans = _spans(lines)
    try:
        for clean in (*manager.cleanup_transforms, *manager.line_transforms):
            cleaned = clean(lines)
            left_out = len(lines) - len(cleaned)
            if left_out and lines[left_out:] != cleaned:
                return UNKNOWN
            lines, spans = cleaned, spans[left_out:]
        for _ in range(TRANSFORM_LOOP_LIMIT):
            is_changed, changed = manager.do_one_token_transform(lines)
            if not is_changed:
                break
            joined = len(lines) - len(changed)
            if joined < 0:
                return UNKNOWN
            if joined:
                first = next(
                    n for n, (old, new) in enumerate(zip(lines, changed, strict=False)) if old != new
                )
                last = first + joined
                spans[first : last + 1] = [(spans[first][0], spans[last][1])]
            lines = changed
    except Exception:
        # IPython cannot parse it either, so it does not run.
        return UNKNOWN
    return _read("".join(lines), _by_line(lines, spans))


def _as_it_stands(source: str) -> Code:
    """Returns the code of a script that Python runs."""
    lines = lines_of(source)
    return _read(source, tuple(_spans(lines)))


def _spans(pieces: list[str]) -> list[tuple[int, int]]:
    """Returns the line of each piece. IPython splits a source where Python does not, but never the other way round."""
    spans, line = [], 1
    for piece in pieces:
        spans.append((line, line))
        line += piece.endswith(("\n", "\r"))
    return spans


def _by_line(pieces: list[str], spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Combines pieces to lines, and returns the first and last line of each."""
    found: list[tuple[int, int]] = []
    is_open = False
    for piece, (first, last) in zip(pieces, spans, strict=True):
        if is_open:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
        is_open = not piece.endswith(("\n", "\r"))
    return tuple(found)


def _read(text: str, spans: tuple[tuple[int, int], ...]) -> Code:
    try:
        with _unwarned() if "\\" in text else nullcontext():
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # It does not run.
        return UNKNOWN
    return Code(text, spans, tuple(body))


@contextmanager
def _unwarned() -> Iterator[None]:
    """Suppresses warnings about invalid escapes, which were shown when the cell began. This makes Python forget which warnings were shown
    once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_same(text: str, ran: str) -> bool:
    """Returns whether two texts have the same lines; IPython splits the lines of a cell as `str.splitlines` does."""
    return text.rstrip().splitlines() == ran.rstrip().splitlines()
