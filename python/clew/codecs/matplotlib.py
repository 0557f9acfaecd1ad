"""matplotlib: figures without their place in pyplot's register, which is a root of its own.

A figure's own pickle support puts it into pyplot while it is loaded; here it is loaded beside the live ones and installed
with everything else.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from . import Codec, Parts


def _encode_figure(figure: Any) -> Parts:
    state = figure.__getstate__()
    state.pop("_restore_to_pylab", None)
    return Parts((type(figure),), state)


def _fill_figure(figure: Any, state: dict[str, Any]) -> None:
    figure.__setstate__(dict(state))


_FIGURE = Codec(
    "matplotlib.Figure",
    _encode_figure,
    lambda args: object.__new__(args[0]),
    _fill_figure,
    native=False,
)
NAMED: dict[str, Codec] = {"Figure": _FIGURE}
CODECS: dict[type, Codec] = {Figure: _FIGURE}
