"""patsy: what its formulas are made of. It refuses to be pickled, since its own format is not settled. Its attributes say all there is, and are
stored as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from patsy import DesignMatrix
from patsy.origin import Origin
from patsy.util import no_pickling

from . import Codec, Parts
from .inherited import PICKLING, attributes, restore_attributes, subclass
from .numpy import NAMED as ARRAYS


def _encode(value: Any) -> Parts:
    return Parts((type(value),), attributes(value, object))


def _fill(value: Any, state: tuple[dict[str, Any] | None, dict[str, Any]]) -> None:
    restore_attributes(value, *state)


_PLAIN = Codec("patsy.plain", _encode, lambda args: object.__new__(args[0]), _fill, native=False)
NAMED: dict[str, Codec] = {"plain": _PLAIN}
CODECS: dict[type, Codec] = {
    DesignMatrix: subclass(DesignMatrix, np.ndarray, ARRAYS["ndarray"]),
    # Its refusal is one of its own.
    Origin: _PLAIN,
}


def codec_for(kind: type) -> Codec | None:
    """The codec for the classes that refuse."""
    return _PLAIN if any(vars(kind).get(name) is no_pickling for name in PICKLING) else None
