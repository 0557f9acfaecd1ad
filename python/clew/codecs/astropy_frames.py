"""astropy: the classes of coordinate frames."""

from __future__ import annotations

from astropy.coordinates import BaseCoordinateFrame

from . import Codec, kinds_below
from .astropy import NAMED

CODECS: dict[type, Codec] = dict.fromkeys(
    (BaseCoordinateFrame, *kinds_below(BaseCoordinateFrame)), NAMED["frame"]
)
