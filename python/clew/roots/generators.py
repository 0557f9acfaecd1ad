"""The process-wide random generators: Python's own, those that libraries declare (`clew.codecs.libraries`), and instances of
`random.Random` that modules of libraries hold, as in Faker."""

from __future__ import annotations

import importlib
import os
import random
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clew import generator_events, installation
from clew.codecs.libraries import PROCESS_GENERATORS, having
from clew.codecs.library import is_being_imported
from clew.roots.root import MISSING, Root

#: Libraries whose own generators only draw test points, which do not affect results.
_TESTING = having("draws_tests")


def random_states() -> Iterator[tuple[str, Any]]:
    """Yields the states of the process-wide generators, as plain values."""
    yield "random", _python_state(random.getstate())
    for name, declared in PROCESS_GENERATORS.items():
        state = declared.read()
        if state is not None:
            yield name, state
    for name, generator in held_by_libraries().items():
        yield name, state_of(generator)


def held_by_libraries() -> dict[str, random.Random]:
    """Returns the generators in module variables of libraries, by the names of module and variable."""
    global _looked_at, _held
    if len(sys.modules) != len(_looked_at):
        modules = {name: module for name, module in list(sys.modules.items()) if name not in _looked_at}
        found = {
            f"{name}.{variable}": value
            for name, module in modules.items()
            if _is_of_library(name, module)
            for variable, value in list(vars(module).items())
            if isinstance(value, random.Random) and not isinstance(value, random.SystemRandom)
        }
        known = {id(generator) for generator in [*_held.values(), random._inst]}
        first = {id(found[name]): name for name in sorted(found, reverse=True)}
        _held = _held | {name: found[name] for key, name in sorted(first.items()) if key not in known}
        # A module that is being imported may not have created its generator yet.
        begun = {name for name, module in modules.items() if is_being_imported(module)}
        _looked_at = frozenset(sys.modules) - begun
    return _held


def name_held(generator: random.Random) -> str | None:
    """Returns the name of a library's generator."""
    return next((name for name, one in held_by_libraries().items() if one is generator), None)


_held: dict[str, random.Random] = {}
_looked_at: frozenset[str] = frozenset()
"""The modules that were searched for generators."""


def _is_of_library(name: str, module: Any) -> bool:
    file = getattr(module, "__file__", None)
    return (
        isinstance(file, str)
        and name.partition(".")[0] not in _TESTING
        and file.startswith(installation.code())
        and not is_being_imported(module)
    )


def undrawn() -> set[str]:
    """Returns the generators of libraries that are still as the libraries seeded them, so that nothing was drawn."""
    return {name for name, state in random_states() if name != "random" and _is_undrawn(name, state)}


def _is_undrawn(name: str, state: Any) -> bool:
    if name in PROCESS_GENERATORS:
        return PROCESS_GENERATORS[name].is_undrawn(state)
    return generator_events.is_undrawn(struct.unpack_from("=I", state[1])[0])


def state_of(generator: random.Random) -> Any:
    """Returns the state of a `random.Random` instance, as a plain value."""
    return _python_state(random.Random.getstate(generator))


def _python_state(state: tuple[Any, ...]) -> Any:
    version, words, gauss = state
    return (version, struct.pack(f"<{len(words)}I", *words), gauss)


def _set_python_state(value: Any, generator: random.Random = random._inst) -> None:
    version, words, gauss = value
    random.Random.setstate(generator, (version, struct.unpack(f"<{len(words) // 4}I", words), gauss))


def collect(shell: Any) -> Iterator[Root]:
    with _lock:
        states = list(random_states())
        absent = {name for name, state in states if _is_absent(name, state)}
        is_free = _undecided is not None and states[0][1] == _undecided
    for name, state in states:
        if name not in absent:
            yield "random", name, None if is_free and name == "random" else state


def _is_absent(name: str, state: Any) -> bool:
    if name == "random":
        return False
    late = _late.setdefault(name, _Late())
    if late.first is None:
        late.first = state
    return late.is_absent and state == late.first


_undecided: Any = None
"""The state of Python's own generator that does not come from any cell. It represents all such states."""


def leave_undecided(state: tuple[Any, ...] | None = None) -> None:
    """Marks the current state of Python's own generator, or the given one after a housekeeping draw, as one that does not come from any
    cell."""
    global _undecided
    with _lock:
        _undecided = _python_state(random.getstate() if state is None else state)


@contextmanager
def undecided() -> Iterator[tuple[Any, ...] | None]:
    """Yields the state of Python's own generator if it does not come from any cell, and locks it for a housekeeping draw."""
    with _lock:
        state = random.getstate() if _undecided is not None else None
        yield state if state is not None and _python_state(state) == _undecided else None


@contextmanager
def none_comes() -> Iterator[None]:
    """Prevents that Clew's own imports during the block add a generator to the session's state, as long as nothing draws from it."""
    new = [late for late in _late.values() if late.first is None]
    for late in new:
        late.is_absent = True
    try:
        yield
        # Notes the first states of new generators.
        for _ in collect(None):
            pass
    finally:
        for late in new:
            late.is_absent = late.first is not None


class _Late:
    """A library's generator in states from before the import. The module cannot be unloaded, so the generator's state is not part of the
    session while it stays as first seen."""

    first: Any = None
    is_absent: bool = False


_late = {name: _Late() for name in PROCESS_GENERATORS}
_lock = threading.RLock()
"""Needed because libraries draw in their own threads."""


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


if sys.platform != "win32":  # Windows has no fork
    os.register_at_fork(after_in_child=_renew_lock)


def install(shell: Any, key: str, value: Any) -> None:
    late = _late.get(key)
    if late is not None:
        late.is_absent = value is MISSING
        if value is MISSING:
            value = late.first
    if key == "random" and value is None:
        with _lock:
            if _undecided is None:
                leave_undecided()
            else:
                _set_python_state(_undecided)
        return
    if value is MISSING or value is None:
        return
    if key == "random":
        _set_python_state(value)
        return
    if key in PROCESS_GENERATORS:
        PROCESS_GENERATORS[key].write(value)
        return
    importlib.import_module(key.rpartition(".")[0])
    _set_python_state(value, held_by_libraries()[key])
