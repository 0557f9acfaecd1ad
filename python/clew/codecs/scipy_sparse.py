"""scipy: the classes of sparse matrices, which cache whether their indices are sorted."""

from __future__ import annotations

import scipy.sparse

from . import Codec
from .scipy import NAMED, SPARSE

CODECS: dict[type, Codec] = {getattr(scipy.sparse, name): NAMED["sparse"] for name in SPARSE}
