"""Draws that libraries make from Python's own generator for internal purposes: which worker to use, how long to wait before a retry.

They do not affect a cell's results, and some happen in threads of a library at any time. While no other code has drawn or seeded, the
generator's state does not come from any cell, and all such states count as equal in `clew run` (`python/clew/roots/generators.py`). These
draws do not change that. Once a cell determines the state, each draw counts, because the cell's next draw depends on it.
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

#: Modules that draw for internal purposes with the `random` in their globals, and the module that must have called them, if any.
MODULES = {module: caller for one in ALL for module, caller in one.housekeeping_draws.items()}
#: The functions of `random` that they use.
DRAWS = frozenset(("random", "choice", "sample", "shuffle", "uniform"))


def follow() -> None:
    """Observes the draws of these modules, also if they are imported later."""
    for name in MODULES:
        when_imported(name, partial(_follow, name))


def _follow(name: str) -> None:
    module: Any = sys.modules[name]
    if getattr(module, "random", None) is random:
        module.random = _Random(random.__name__, random.__doc__)


class _Random(ModuleType):
    """The `random` module as one of these libraries sees it: it returns the original attributes, and Clew observes the draws."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(random, name)
        return partial(_draw, name, value) if name in DRAWS else value


def _draw(name: str, draw: Any, *args: Any, **named: Any) -> Any:
    """Draws for the library. The resulting state is computed on a copy, because other code may draw in the meantime."""
    if not _is_housekeeping(sys._getframe(1)):
        return draw(*args, **named)
    with generators.undecided() as before:
        if before is None:
            return draw(*args, **named)
        # `shuffle` changes its argument.
        given = [list(one) if name == "shuffle" else one for one in args]
        drawn = draw(*args, **named)
        again = random.Random()
        again.setstate(before)
        getattr(again, name)(*given, **named)
        generators.leave_undecided(again.getstate())
        return drawn


def _is_housekeeping(frame: FrameType | None) -> bool:
    """Returns whether one of the modules draws itself, called by the module that uses it for that."""
    name = frame.f_globals.get("__name__") if frame is not None else None
    if name not in MODULES:
        return False
    caller = MODULES[name]
    while caller is not None and frame is not None and frame.f_globals.get("__name__") != caller:
        frame = frame.f_back
    return frame is not None


def with_own_generator(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the function with a generator of its own in place of the `random` that it imports: its draws change no state of the session.

    IPython draws the tip in its banner, which front ends request whenever a page is loaded.
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
