"""Progress messages of long work."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]


def tell_cells(say: Say, start: int, stop: int, of: int) -> None:
    """Prints the progress, about five times in total."""
    if start * 5 // of != stop * 5 // of:
        say(f"cell {stop} of {of}")
