"""statsmodels: what models keep of their data, and results of discrete models.

Pickling of data leaves out what a formula was made of, and has the formula evaluated again where it is loaded: names that it took from the
session would not be there, or others. Pickling of results takes settings of the fit away from the results themselves.
"""

from __future__ import annotations

import sys

from . import Codec, keyed
from .stdlib import restore_dict
from .subclasses import instances

_DATA, _RESULTS = (
    instances(name, lambda value: dict(vars(value)), restore_dict)
    for name in ("statsmodels.data", "statsmodels.results")
)
NAMED = keyed(_DATA, _RESULTS)
CODECS: dict[type, Codec] = {}
#: By the class that says how its instances are pickled.
_CLASSES = {
    ("statsmodels.base.data", "ModelData"): _DATA,
    ("statsmodels.discrete.discrete_model", "DiscreteResults"): _RESULTS,
}


def codec_for(kind: type) -> Codec | None:
    """The codec for all kinds of data of models and of results, but for those that say themselves how they are pickled."""
    for (module, name), codec in _CLASSES.items():
        base = getattr(sys.modules.get(module), name, None)
        if base is not None and issubclass(kind, base):
            return codec if getattr(kind, "__getstate__", None) is base.__getstate__ else None
    return None
