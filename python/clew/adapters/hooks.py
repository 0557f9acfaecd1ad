"""What an adapter puts into an engine once the user imports it, and takes out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tasks import Place
from .arrival import when_imported


class Hooks:
    """The hooks of one adapter. While its `place` is none, what is still hooked does as the engine would."""

    def __init__(self, hooks: dict[str, Callable[[], None]]) -> None:
        """Modules, and what is to be done as soon as one is there."""
        self._hooks = hooks
        self._hooked: set[str] = set()
        self._before: list[tuple[Any, str, Any]] = []
        self.place: Place | None = None

    def enable(self, store: str | None = None, config: str | None = None, quick: float | None = None) -> None:
        """Caches what the engine is given from now on, in the user's store unless told otherwise, and imports nothing of the engine. `quick`: tasks
        that took less, in seconds, are kept only if somebody asked for them; unless told otherwise the setting `tasks.quick`."""
        self.begin(Place.here(store, config, quick))

    def begin(self, place: Place) -> None:
        """The same with a place that is there."""
        self.place = place
        for module in self._hooks:
            when_imported(module, lambda module=module: self._hook(module))  # type: ignore[misc]

    def _hook(self, module: str) -> None:
        if self.place is not None and module not in self._hooked:
            self._hooked.add(module)
            self._hooks[module]()

    def replace(self, owner: Any, name: str, method: Any) -> None:
        """Puts something of its own where the engine has something."""
        self._before.append((owner, name, vars(owner).get(name)))
        setattr(owner, name, method)

    def disable(self) -> None:
        """Leaves the engine as it was."""
        self.place = None
        self._hooked.clear()
        while self._before:
            owner, name, before = self._before.pop()
            if before is None:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
