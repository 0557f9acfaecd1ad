"""State that is no name: outputs, random generators, directory, environment, options, settings, modules, figures.

`collect` reads it, `install` puts one piece of it back; each kind has a file with functions of these two names. Reading has no
side effect: nothing is imported, created or drawn; what a library keeps is looked at only if the session has the library.
The kinds are the engine's words.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from clew.roots import (
    directory,
    environment,
    figures,
    generators,
    library_patches,
    modules,
    options,
    outputs,
    process,
    search_path,
    settings,
)
from clew.roots.generators import random_states
from clew.roots.modules import bring_back, bring_submodules, end_staging, modules_seen, own_modules
from clew.roots.names import is_users, user_names
from clew.roots.root import MISSING, Root

__all__ = [
    "MISSING",
    "Root",
    "bring_back",
    "bring_submodules",
    "collect",
    "end_staging",
    "foresee",
    "install",
    "is_users",
    "library_of",
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
    process.collect,
    library_patches.collect,
    modules.collect,
    figures.collect,
)


def _install_setting(shell: Any, key: str, value: Any) -> None:
    source = (
        library_patches if library_patches.is_deletion(key) else process if process.is_row(key) else settings
    )
    source.install(shell, key, value)


def _install_attribute(shell: Any, key: str, value: Any) -> None:
    if value is not MISSING:
        modules.bring_back_for(key)
    is_patch = library_patches.knows(key) or (
        value is not MISSING and (not modules.is_of_own(key) or library_patches.is_of_function(key))
    )
    (library_patches if is_patch else modules).install(shell, key, value)


_INSTALLERS: dict[str, Callable[[Any, str, Any], None]] = {
    "out": outputs.install,
    "random": generators.install,
    "directory": directory.install,
    "environment": environment.install,
    "path": search_path.install,
    "option": options.install,
    "setting": _install_setting,
    "module_attribute": _install_attribute,
    "figures": figures.install,
}


def collect(shell: Any, with_outputs: bool = True) -> list[Root]:
    """All roots that are no names, as they are now; the shell's outputs only if they are wanted."""
    found: list[Root] = list(outputs.collect(shell)) if with_outputs else []
    for source in _SOURCES:
        found.extend(source(shell))
    return found


def foresee(shell: Any, codes: list[CodeType]) -> None:
    """Notes what is that code which is about to run may set in the process and in libraries: else nothing could be put back."""
    process.foresee(codes, shell)
    library_patches.foresee(codes, shell.user_ns)
    for module in modules.take_new():
        process.foresee_module(module, shell)


def install(shell: Any, kind: str, key: str, value: Any) -> None:
    """Puts one root back, or takes it away where `value` is `MISSING`.

    Raises what the library or the system raises (a directory that is gone); the other roots are untouched then.
    """
    _INSTALLERS[kind](shell, key, value)


def library_of(kind: str, key: str) -> str | None:
    """The library that is imported where an option, a setting or a random generator of its is installed."""
    if kind == "option":
        return key.partition(": ")[0]
    if kind == "setting":
        return "numpy" if key.startswith("numpy") else None
    return key.partition(".")[0] if kind == "random" and key != "random" else None
