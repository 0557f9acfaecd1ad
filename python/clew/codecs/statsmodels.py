"""statsmodels: what models keep of their data. Its own pickling leaves out what a formula was made of, and has the formula evaluated again where it
is loaded: names that it took from the session would not be there, or others.
"""

from __future__ import annotations

import sys

from . import Codec
from .inherited import instances

_DATA = instances("statsmodels.data", lambda data: dict(vars(data)), lambda data, own: vars(data).update(own))
NAMED: dict[str, Codec] = {"data": _DATA}
CODECS: dict[type, Codec] = {}


def codec_for(kind: type) -> Codec | None:
    """The codec for all kinds of data of models, but for those that say themselves how they are pickled."""
    module = sys.modules.get("statsmodels.base.data")
    if module is None or not issubclass(kind, module.ModelData):
        return None
    return _DATA if getattr(kind, "__getstate__", None) is module.ModelData.__getstate__ else None
