"""statsmodels: the data of models, and results of discrete models.

Pickling model data leaves out the inputs of a formula, and evaluates the formula again when it is loaded: variables of the session might
then be missing, or different. Pickling results removes settings of the fit from the results themselves.
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
#: By the class that defines the pickling of its instances.
_CLASSES = {
    ("statsmodels.base.data", "ModelData"): _DATA,
    ("statsmodels.discrete.discrete_model", "DiscreteResults"): _RESULTS,
}


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for all classes of model data and results, except those that define their own pickling."""
    for (module, name), codec in _CLASSES.items():
        base = getattr(sys.modules.get(module), name, None)
        if base is not None and issubclass(kind, base):
            return codec if getattr(kind, "__getstate__", None) is base.__getstate__ else None
    return None
