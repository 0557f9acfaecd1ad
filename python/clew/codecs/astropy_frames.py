"""astropy: which classes are frames of coordinates."""

from __future__ import annotations

from astropy.coordinates import BaseCoordinateFrame

from . import Codec
from .astropy import NAMED, all_below

CODECS: dict[type, Codec] = dict.fromkeys(all_below(BaseCoordinateFrame), NAMED["frame"])
