"""Plotly: figures, and what they are made of. Their own pickle support hands over what a figure shows, and the constructor sorts that anew: the
figure that it makes differs, in the order of its settings, from the one that was recorded. Their attributes say all there is, and are stored as
they are.
"""

from __future__ import annotations

from plotly.basedatatypes import BaseFigure, BasePlotlyType

from . import Codec, keyed
from .subclasses import plain

_PLAIN = plain("plotly.plain")
NAMED = keyed(_PLAIN)
CODECS: dict[type, Codec] = {}


def codec_for(kind: type) -> Codec | None:
    """The codec for figures and their parts. A figure that is a widget, with traits, says itself how it is pickled."""
    is_part = issubclass(kind, BaseFigure | BasePlotlyType)
    return _PLAIN if is_part and not hasattr(kind, "class_traits") else None
