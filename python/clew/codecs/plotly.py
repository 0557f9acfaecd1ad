"""Plotly: figures and their parts. Their own pickle support stores what a figure shows, and the constructor sorts that again: the restored
figure differs from the recorded one in the order of its settings. Their attributes are complete, and are stored directly.
"""

from __future__ import annotations

from plotly.basedatatypes import BaseFigure, BasePlotlyType

from . import Codec, keyed
from .subclasses import plain

_PLAIN = plain("plotly.plain")
NAMED = keyed(_PLAIN)
CODECS: dict[type, Codec] = {}


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for figures and their parts. A figure that is a widget, with traits, defines its own pickling."""
    is_part = issubclass(kind, BaseFigure | BasePlotlyType)
    return _PLAIN if is_part and not hasattr(kind, "class_traits") else None
