"""Reports Clew's own failures: one line, never an exception in the user's cell."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def warn(text: str) -> None:
    """Prints one line for the user.

    Not `warnings.warn`: that would touch the user's filters and registries.
    """
    try:
        # In one call, so that output of other threads does not interrupt the line.
        sys.stderr.write(f"Clew: {' '.join(text.split())}\n")
        sys.stderr.flush()
    except Exception:
        pass  # A closed or replaced stderr must not turn a warning into a failure.


def describe(error: BaseException) -> str:
    """Describes an exception in one line. Its own `str` may raise; the engine's messages are sentences and need no type name.

    For a panic, which is a defect of Clew, adds the location.
    """
    try:
        text = str(error)
    except Exception:
        return type(error).__name__
    if type(error).__name__ == "PanicException":
        from clew import _engine  # imported here, because failures to load it are reported from here, too

        text += f" ({_engine.panicked_at()})"
    return text if type(error) is RuntimeError and text else f"{type(error).__name__}: {text}"


def guarded(what: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Runs `work`; an exception is reported as one warning, and the result is `None`.

    This includes base exceptions: a panic of the engine is one, and a Ctrl+C during Clew's work is not meant for the user's cell.
    """
    try:
        return work(*args, **kwargs)
    except BaseException as error:
        warn_failed(what, error)
        return None


def warn_failed(what: str, error: BaseException) -> None:
    """Warns that something failed, without other consequences for the user."""
    warn(f"could not {what}: {describe(error)}. Your session is unchanged and recording continues.")


def guarded_at_end(what: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Does the same at the end of recording."""
    try:
        return work(*args, **kwargs)
    except BaseException as error:
        warn(f"could not {what}: {describe(error)}. Your session is unchanged, and saved runs are kept.")
        return None
