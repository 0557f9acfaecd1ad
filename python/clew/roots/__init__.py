"""Other session state: outputs, random generators, directory, environment, options, settings, modules, figures.

`collect` reads it, and `install` restores one part of it. Each kind has a file with functions of these two names. Reading has no side
effects: nothing is imported, created or drawn. State of a library is only read if the session has imported the library. The names of the
kinds are the engine's.
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
    """Returns the current values of all roots that are not variables; the shell's outputs only if requested."""
    found: list[Root] = list(outputs.collect(shell)) if with_outputs else []
    for source in _SOURCES:
        found.extend(source(shell))
    return found


def foresee(shell: Any, codes: list[CodeType]) -> None:
    """Notes the present values of settings that code which is about to run may change in the process and in libraries. Otherwise they could
    not be restored."""
    process.foresee(codes, shell)
    library_patches.foresee(codes, shell.user_ns)
    for module in modules.take_new():
        process.foresee_module(module, shell)


def install(shell: Any, kind: str, key: str, value: Any) -> None:
    """Restores one root, or removes it if `value` is `MISSING`.

    Raises the exception of the library or system, for example if a directory no longer exists. The other roots are not affected then.
    """
    _INSTALLERS[kind](shell, key, value)


def library_of(kind: str, key: str) -> str | None:
    """Returns the library that installing an option, setting or random generator imports."""
    if kind == "option":
        return key.partition(": ")[0]
    if kind == "setting":
        return "numpy" if key.startswith("numpy") else None
    return key.partition(".")[0] if kind == "random" and key != "random" else None
