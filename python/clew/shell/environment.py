"""What changed around a run: modules imported, environment variables set, memory used, files and sockets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from itertools import islice
from types import ModuleType
from typing import Any

from clew import evidence
from clew.secrets import raw_environment

try:
    import resource
except ImportError:  # Not on Windows.
    resource = None  # type: ignore[assignment]


class Surroundings:
    """Compares what a run found with what it left."""

    def __init__(self) -> None:
        self._modules = len(sys.modules)
        self._environment = dict(raw_environment())

    def begin(self) -> None:
        """A run starts."""
        self._modules = len(sys.modules)
        self._environment = dict(raw_environment())
        evidence.begin()

    def end(self) -> Around:
        """The run is over."""
        imported, changed = self._imported(), self._changed_variables()
        return Around(imported, changed, evidence.take())

    def close(self) -> None:
        """Watches nothing any more."""
        evidence.stop()

    def _imported(self) -> list[str]:
        # New modules come last; a run that also took some away hides as many, and evidence proves nothing
        # anyway.
        return [name for name in islice(list(sys.modules), self._modules, None) if "." not in name]

    def _changed_variables(self) -> list[str]:
        now, before = raw_environment(), self._environment
        if now == before:
            return []
        names = now.keys() | before.keys()
        return sorted(os.fsdecode(name) for name in names if now.get(name) != before.get(name))


class Around:
    """What was found around one run, told once the reply has left."""

    def __init__(self, imported: list[str], changed: list[str], seen: evidence.Seen | None) -> None:
        self.imported = imported
        self.changed = changed
        self._seen = seen

    def described(self, values: Iterable[object] = ()) -> dict[str, Any]:
        """Fields of the engine's evidence; `values` are objects of the run that may be paths."""
        found = self._seen.described(evidence.named_files(values)) if self._seen is not None else {}
        return found | {
            "modules": [described(name) for name in self.imported],
            "environment": self.changed,
            "peak_memory": peak_memory(),
        }


def described(name: str) -> dict[str, Any]:
    """One module as evidence. Only plain modules are asked, since others may run code when asked."""
    module = sys.modules.get(name)
    version = module.__dict__.get("__version__") if type(module) is ModuleType else None
    return {"name": name, "version": version if type(version) is str else None, "digest": None}


def peak_memory() -> int:
    """The most memory this process held so far, in bytes; 0 where unknown."""
    if resource is None:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
