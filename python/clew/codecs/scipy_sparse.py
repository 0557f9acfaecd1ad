"""scipy: sparse matrices that find out about themselves whether their indices are in order."""

from __future__ import annotations

import scipy.sparse

from . import Codec
from .scipy import NAMED, SPARSE

CODECS: dict[type, Codec] = {getattr(scipy.sparse, name): NAMED["sparse"] for name in SPARSE}
