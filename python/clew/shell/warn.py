"""How Clew tells of its own failures: one line, never an exception into the user's cell."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def warn(text: str) -> None:
    """Prints one line where the user sees it.

    Not `warnings.warn`: that would touch the user's filters and registries.
    """
    try:
        # In one piece: what another thread prints meanwhile stands before it or behind.
        sys.stderr.write(f"Clew: {' '.join(text.split())}\n")
        sys.stderr.flush()
    except Exception:
        pass  # A closed or replaced stderr must not turn a warning into a failure.


def describe(error: BaseException) -> str:
    """An exception in one line. Its own `str` may raise; the engine's are sentences and need no type.

    Of a panic, which is a defect of ours, it tells where it was.
    """
    try:
        text = str(error)
    except Exception:
        return type(error).__name__
    if type(error).__name__ == "PanicException":
        from clew import _engine  # not before: that it can't be loaded is told from here, too

        text += f" ({_engine.panicked_at()})"
    return text if type(error) is RuntimeError and text else f"{type(error).__name__}: {text}"


def guarded(what: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Does `work`; whatever it raises ends as one warning and `None`.

    Base exceptions too: a panic of the engine is one, and a Ctrl+C that hits Clew is not the user's cell's.
    """
    try:
        return work(*args, **kwargs)
    except BaseException as error:
        warn_failed(what, error)
        return None


def warn_failed(what: str, error: BaseException) -> None:
    """Says that something could not be done, and that this costs the user nothing but that."""
    warn(f"could not {what}: {describe(error)}. Your session is unchanged and recording continues.")


def guarded_at_end(what: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """The same where recording ends."""
    try:
        return work(*args, **kwargs)
    except BaseException as error:
        warn(f"could not {what}: {describe(error)}. Your session is unchanged, and saved runs are kept.")
        return None
