"""patsy: the parts of its formulas. They refuse to be pickled, because patsy's own format is not final. Their attributes are complete, and
are stored directly.
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
    # This class refuses in its own way.
    Origin: _PLAIN,
}


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for the classes that refuse to be pickled."""
    return _PLAIN if any(vars(kind).get(name) is no_pickling for name in PICKLING) else None
