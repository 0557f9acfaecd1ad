"""Numba: compiled functions as their sources and options. Numba's own pickling creates bytes that differ in each process, and returns the
function of this process if it still exists.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

from . import Codec, Parts, keyed

#: The attribute in which a restored function keeps its state until everything that it needs is complete.
_STATE = "_clew_state"


def _encode(function: Any) -> Parts:
    states: dict[str, Any] = function._reduce_states()
    # By this id, Numba finds functions of this process.
    del states["uuid"]
    return Parts((type(function),), states | {"is_cached": isinstance(function._cache, FunctionCache)})


def _fill(function: Any, state: dict[str, Any]) -> None:
    function.__dict__[_STATE] = state


def _finish(function: Any) -> None:
    state = function.__dict__.pop(_STATE)
    function.__init__(state["py_func"], state["locals"], state["targetoptions"])
    if state["is_cached"]:
        # Numba stores compiled code beside the source, if it can write there.
        with suppress(RuntimeError):
            function.enable_caching()
    for signature in state["sigs"]:
        function.compile(signature)
    function._can_compile = state["can_compile"]


_FUNCTION = Codec(
    "numba.function", _encode, lambda args: args[0].__new__(args[0]), _fill, _finish, native=False
)
NAMED = keyed(_FUNCTION)
CODECS: dict[type, Codec] = {}


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for compiled functions."""
    return _FUNCTION if issubclass(kind, Dispatcher) else None
