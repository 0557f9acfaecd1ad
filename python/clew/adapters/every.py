"""Turns all engines' adapters on or off at once, as the setting says."""

from __future__ import annotations

from ..tasks import Place
from . import dask, parsl, ray, taskvine

ENGINES = (dask, parsl, ray, taskvine)


def enable(store: str) -> None:
    """Caches tasks of every engine that the user imports, now or later."""
    place = Place.here(store)
    for engine in ENGINES:
        engine.begin(place)


def disable() -> None:
    """Removes all hooks from the engines."""
    for engine in ENGINES:
        engine.disable()
