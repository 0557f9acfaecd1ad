"""Reruns a cell in a separate namespace, to recreate values that the store does not have.

The namespace contains what the cell could read; the live namespace is not changed. The results must not refer to the separate namespace: a
function defined in the cell would read its globals from there forever.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import types
from collections.abc import Iterator
from typing import Any


class ReplayError(Exception):
    """Raised if the cell cannot be rerun, or its results cannot be used."""


_ran: dict[str, dict[str, object] | ReplayError] = {}
"""The namespaces after the cells that the current move reran, or the reasons why they failed: each cell runs once, however many of its
values are needed."""


def end() -> None:
    """Ends the move."""
    _ran.clear()


def run(
    shell: Any, run_id: str, source: str, inputs: dict[str, object], wanted: list[str]
) -> dict[str, object]:
    """Reruns ``source`` over ``inputs``, unless this move did so before, and returns those of ``wanted`` that it bound.

    Discards the cell's output. Raises `ReplayError` with the reason; interrupts pass through.
    """
    if run_id not in _ran:
        try:
            _ran[run_id] = _namespace(shell, source, inputs)
        except ReplayError as error:
            _ran[run_id] = error
    scratch = _ran[run_id]
    if isinstance(scratch, ReplayError):
        raise scratch
    made = {name: scratch[name] for name in wanted if name in scratch}
    for name, value in made.items():
        if isinstance(value, types.FunctionType) and value.__globals__ is scratch:
            raise ReplayError(f"{name} would read its globals from a temporary namespace")
    return made


def _namespace(shell: Any, source: str, inputs: dict[str, object]) -> dict[str, object]:
    scratch: dict[str, object] = {"__name__": "__main__", "__builtins__": builtins, **inputs}
    code = shell.transform_cell(source) if shell is not None else source
    sink = io.StringIO()
    try:
        compiled = compile(code, "<clew replay>", "exec")
        live = shell.user_ns if shell is not None else {}
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink), _lent(live, inputs):
            exec(compiled, scratch)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ReplayError(f"rerunning it raised {type(error).__name__}: {error}") from error
    return scratch


@contextlib.contextmanager
def _lent(live: dict[str, object], inputs: dict[str, object]) -> Iterator[None]:
    """Binds inputs in the live namespace while a cell runs, under names that are unbound there. Functions among the inputs read their
    globals there, and in a new kernel nothing is bound before all values are restored."""
    names = [name for name in inputs if name not in live]
    for name in names:
        live[name] = inputs[name]
    try:
        yield
    finally:
        for name in names:
            live.pop(name, None)
