"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]


def tell_cells(say: Say, start: int, stop: int, of: int) -> None:
    """Says how far it is, about five times in all."""
    if start * 5 // of != stop * 5 // of:
        say(f"cell {stop} of {of}")
