"""Draws that libraries make from Python's own generator for their housekeeping: which worker is asked, how long is waited before the next try.

They decide nothing that a cell comes to, and some are made in threads of the library at any time. As long as nobody else drew or seeded
anything, the generator stands as no cell decided, and all such states count as one in `clew run` (`roots/generators.py`). Such draws leave
it so. Once a cell decided it, each draw counts: what the cell draws next depends on it.
"""

from __future__ import annotations

import builtins
import random
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType, FunctionType, ModuleType
from typing import Any

from clew.adapters.arrival import when_imported
from clew.codecs.libraries import ALL
from clew.roots import generators

#: Modules that draw for that, through their global `random`, and the module that must have called them for it.
MODULES = {module: caller for one in ALL for module, caller in one.housekeeping_draws.items()}
#: What of `random` they use.
DRAWS = frozenset(("random", "choice", "sample", "shuffle", "uniform"))


def follow() -> None:
    """Follows what these modules draw, also where they are imported later."""
    for name in MODULES:
        when_imported(name, partial(_follow, name))


def _follow(name: str) -> None:
    module: Any = sys.modules[name]
    if getattr(module, "random", None) is random:
        module.random = _Random(random.__name__, random.__doc__)


class _Random(ModuleType):
    """Python's module as a library has it: it gives what the module gives, and Clew sees what is drawn."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(random, name)
        return partial(_draw, name, value) if name in DRAWS else value


def _draw(name: str, draw: Any, *args: Any, **named: Any) -> Any:
    """Draws as the library would. The state in which that leaves the generator is worked out on a copy: what others draw meanwhile differs."""
    if not _is_housekeeping(sys._getframe(1)):
        return draw(*args, **named)
    with generators.undecided() as before:
        if before is None:
            return draw(*args, **named)
        # `shuffle` changes what it is given.
        given = [list(one) if name == "shuffle" else one for one in args]
        drawn = draw(*args, **named)
        again = random.Random()
        again.setstate(before)
        getattr(again, name)(*given, **named)
        generators.leave_undecided(again.getstate())
        return drawn


def _is_housekeeping(frame: FrameType | None) -> bool:
    """Whether one of the modules draws itself, called by whoever does it for that."""
    name = frame.f_globals.get("__name__") if frame is not None else None
    if name not in MODULES:
        return False
    caller = MODULES[name]
    while caller is not None and frame is not None and frame.f_globals.get("__name__") != caller:
        frame = frame.f_back
    return frame is not None


def with_own_generator(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, with a generator of its own where it imports `random`: what it draws changes no state of the session.

    IPython draws the tip of its banner, for which front ends ask whenever a page is loaded.
    """
    own: Any = random.Random()

    def find(name: str, *arguments: Any, **named: Any) -> Any:
        return own if name == "random" else builtins.__import__(name, *arguments, **named)

    if not isinstance(function, FunctionType):
        return function
    meant = function.__globals__ | {"__builtins__": vars(builtins) | {"__import__": find}}
    return FunctionType(
        function.__code__, meant, function.__name__, function.__defaults__, function.__closure__
    )
