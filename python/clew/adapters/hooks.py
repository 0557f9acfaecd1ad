"""Installs an adapter's hooks into an engine once the user imports it, and removes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tasks import Place
from .arrival import when_imported


class Hooks:
    """The hooks of one adapter. While its `place` is `None`, remaining hooks behave like the engine itself."""

    def __init__(self, hooks: dict[str, Callable[[], None]]) -> None:
        """`hooks` maps modules to what is to be done as soon as each is loaded."""
        self._hooks = hooks
        self._hooked: set[str] = set()
        self._before: list[tuple[Any, str, Any]] = []
        self.place: Place | None = None

    def enable(self, store: str | None = None, config: str | None = None, quick: float | None = None) -> None:
        """Caches tasks from now on, by default in the user's store, and imports nothing of the engine. Results of tasks that took less than
        `quick` seconds are stored only if they were requested; the default is the setting `tasks.quick`."""
        self.begin(Place.here(store, config, quick))

    def begin(self, place: Place) -> None:
        """Does the same with an existing `Place`."""
        self.place = place
        for module in self._hooks:
            when_imported(module, lambda module=module: self._hook(module))  # type: ignore[misc]

    def _hook(self, module: str) -> None:
        if self.place is not None and module not in self._hooked:
            self._hooked.add(module)
            self._hooks[module]()

    def replace(self, owner: Any, name: str, method: Any) -> None:
        """Replaces an attribute of the engine, and notes the old one."""
        self._before.append((owner, name, vars(owner).get(name)))
        setattr(owner, name, method)

    def disable(self) -> None:
        """Restores the engine's attributes."""
        self.place = None
        self._hooked.clear()
        while self._before:
            owner, name, before = self._before.pop()
            if before is None:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
