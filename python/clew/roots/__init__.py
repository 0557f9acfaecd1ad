"""State that is no name: outputs, random generators, directory, environment, options, settings, modules, figures.

`collect` reads it, `install` puts one piece of it back; each kind has a file with functions of these two names. Reading has no
side effect: nothing is imported, created or drawn; what a library keeps is looked at only if the session has the library.
The kinds are the engine's words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clew.roots import (
    directory,
    environment,
    figures,
    generators,
    modules,
    options,
    outputs,
    search_path,
    settings,
)
from clew.roots.generators import random_states
from clew.roots.modules import bring_back, end_staging, modules_seen, own_modules
from clew.roots.names import is_users, user_names
from clew.roots.root import MISSING, Root

__all__ = [
    "MISSING",
    "Root",
    "bring_back",
    "collect",
    "end_staging",
    "install",
    "is_users",
    "modules_seen",
    "own_modules",
    "random_states",
    "user_names",
]

_SOURCES = (
    generators.collect,
    directory.collect,
    environment.collect,
    search_path.collect,
    options.collect,
    settings.collect,
    modules.collect,
    figures.collect,
)

_INSTALLERS: dict[str, Callable[[Any, str, Any], None]] = {
    "out": outputs.install,
    "random": generators.install,
    "directory": directory.install,
    "environment": environment.install,
    "path": search_path.install,
    "option": options.install,
    "setting": settings.install,
    "module_attribute": modules.install,
    "figures": figures.install,
}


def collect(shell: Any, with_outputs: bool = True) -> list[Root]:
    """All roots that are no names, as they are now; the shell's outputs only if they are wanted."""
    found: list[Root] = list(outputs.collect(shell)) if with_outputs else []
    for source in _SOURCES:
        found.extend(source(shell))
    return found


def install(shell: Any, kind: str, key: str, value: Any) -> None:
    """Puts one root back, or takes it away where `value` is `MISSING`.

    Raises what the library or the system raises (a directory that is gone); the other roots are untouched then.
    """
    _INSTALLERS[kind](shell, key, value)
