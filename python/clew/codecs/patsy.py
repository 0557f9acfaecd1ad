"""patsy: what its formulas are made of. It refuses to be pickled, since its own format is not settled. Its attributes say all there is, and are
stored as they are.
"""

from __future__ import annotations

import numpy as np
from patsy import DesignMatrix
from patsy.origin import Origin
from patsy.util import no_pickling

from . import Codec, keyed
from .numpy import NAMED as ARRAYS
from .subclasses import PICKLING, plain, subclass

_PLAIN = plain("patsy.plain")
NAMED = keyed(_PLAIN)
CODECS: dict[type, Codec] = {
    DesignMatrix: subclass(DesignMatrix, np.ndarray, ARRAYS["ndarray"]),
    # Its refusal is one of its own.
    Origin: _PLAIN,
}


def codec_for(kind: type) -> Codec | None:
    """The codec for the classes that refuse."""
    return _PLAIN if any(vars(kind).get(name) is no_pickling for name in PICKLING) else None
