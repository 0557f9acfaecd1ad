"""astropy: the classes of units."""

from __future__ import annotations

from astropy.units.core import UnitBase

from . import Codec, kinds_below
from .astropy import NAMED

CODECS: dict[type, Codec] = dict.fromkeys((UnitBase, *kinds_below(UnitBase)), NAMED["unit"])
