"""astropy: which classes are units."""

from __future__ import annotations

from astropy.units.core import UnitBase

from . import Codec
from .astropy import NAMED, all_below

CODECS: dict[type, Codec] = dict.fromkeys(all_below(UnitBase), NAMED["unit"])
