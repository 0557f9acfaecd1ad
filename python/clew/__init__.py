"""Clew: undo, branches and resume for notebook sessions.

`%load_ext clew` in a running session is all it takes; `%clew` is how to talk to it, `clew.session()` how a
program does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew import errors, results
    from clew.api import Session

__all__ = ["errors", "load_ipython_extension", "results", "session", "unload_ipython_extension"]


def __getattr__(name: str) -> Any:
    # Only what runs in a session needs the compiled engine; looking at the package does not.
    if name == "__version__":
        from clew import _engine

        return _engine.__version__
    if name in ("errors", "results"):
        from importlib import import_module

        return import_module(f"clew.{name}")
    raise AttributeError(f"module 'clew' has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """Starts recording (`%load_ext clew`, or at the kernel's start after `clew enable`).

    What exists already becomes the starting state. With `CLEW=off` in the environment nothing happens.
    """
    from clew.shell import start

    start.start(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Stops recording (`%unload_ext clew`) and lets go of everything."""
    from clew.shell import start

    start.stop()


def session() -> Session:
    """The session that records this kernel; a `clew.errors.NotRecordingError` (a RuntimeError) if none does."""
    from clew.api import Session
    from clew.shell.session import current

    current()
    return Session()
