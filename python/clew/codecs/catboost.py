"""CatBoost: models. Their serialized bytes have another order after the model was written and read."""

from __future__ import annotations

from typing import Any

from catboost import CatBoost

from . import Codec, Parts, keyed, kinds_below

_MODEL = "__model"


def _encode(model: Any) -> Parts:
    """Encodes the state with the model as CatBoost writes it after reading it: that order is stable."""
    state = model.__getstate__()
    if state.get(_MODEL) is not None:
        again = CatBoost()
        again.__setstate__({_MODEL: state[_MODEL]})
        state = state | {_MODEL: again.__getstate__()[_MODEL]}
    return Parts((type(model),), state)


def _fill(model: Any, state: dict[str, Any]) -> None:
    model.__setstate__(dict(state))


_CODEC = Codec("catboost.model", _encode, lambda args: args[0].__new__(args[0]), _fill, native=False)
NAMED = keyed(_CODEC)
CODECS: dict[type, Codec] = dict.fromkeys((CatBoost, *kinds_below(CatBoost, "catboost.")), _CODEC)
