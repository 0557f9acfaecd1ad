"""Clew: undo, branches and resume for notebook sessions.

Run `%load_ext clew` to record a running session. Use `%clew` in the notebook, and `clew.session()` in programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew import errors, results
    from clew.api import Session

__all__ = ["errors", "load_ipython_extension", "results", "session", "unload_ipython_extension"]


def __getattr__(name: str) -> Any:
    # Only recording needs the compiled engine: importing the package does not load it.
    if name == "__version__":
        from clew import _engine

        return _engine.__version__
    if name in ("errors", "results"):
        from importlib import import_module

        return import_module(f"clew.{name}")
    raise AttributeError(f"module 'clew' has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """Starts recording (`%load_ext clew`, or at the kernel's start after `clew enable`).

    Records what exists already as the starting state. Does nothing if `CLEW=off` is set in the environment.
    """
    from clew.shell import start

    start.start(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Stops recording (`%unload_ext clew`) and releases all resources."""
    from clew.shell import start

    start.stop()


def session() -> Session:
    """Returns the session that records this kernel. Raises `clew.errors.NotRecordingError` (a RuntimeError) if there is none."""
    from clew.api import Session
    from clew.shell.session import current

    current()
    return Session()
