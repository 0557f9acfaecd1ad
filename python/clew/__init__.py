"""Clew: undo, branches and resume for notebook sessions."""

from clew import _engine

__version__: str = _engine.__version__


def load_ipython_extension(shell: object) -> None:
    """`%load_ext clew`."""


def unload_ipython_extension(shell: object) -> None:
    """`%unload_ext clew`."""
