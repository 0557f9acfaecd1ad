"""scikit-learn: search trees, whose pickled state counts their queries, and `Bunch`, the container of data sets, which loses its attributes
when unpickled.

Fitted models are instances that the walk reads, and the reducer of decision trees returns their hidden state.
"""

from __future__ import annotations

import sys
from typing import Any

from . import Codec, Parts, keyed
from .stdlib import encode_items, fill_items

COUNTERS = slice(7, 11)
"""The positions of the numbers of trims, leaves, splits and calls in the state."""


def _encode_tree(tree: Any) -> Parts:
    state = list(tree.__getstate__())
    state[COUNTERS] = [0] * 4
    return Parts((type(tree).__module__.rpartition(".")[2], type(tree).__name__), tuple(state))


def _decode_tree(args: tuple[Any, ...]) -> Any:
    import importlib

    file, name = args
    if file not in FILES:
        raise LookupError(f"sklearn.neighbors has no trees in {file}")
    kind = getattr(importlib.import_module(f"sklearn.neighbors.{file}"), name)
    return kind.__new__(kind)


def _decode_bunch(args: tuple[Any, ...]) -> Any:
    from sklearn.utils import Bunch

    return Bunch.__new__(Bunch)


FILES = ("_kd_tree", "_ball_tree")
NAMED = keyed(
    Codec(
        "sklearn.tree",
        _encode_tree,
        _decode_tree,
        lambda tree, state: tree.__setstate__(tuple(state)),
        native=False,
    ),
    Codec("sklearn.bunch", encode_items, _decode_bunch, fill_items),
)
CODECS: dict[type, Codec] = {}


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for a type of scikit-learn; most need none."""
    if kind.__module__ == "sklearn.utils._bunch" and kind.__name__ == "Bunch":
        return NAMED["bunch"]
    if kind.__module__ not in [f"sklearn.neighbors.{file}" for file in FILES]:
        return None
    module = sys.modules[kind.__module__]
    known = kind.__name__.startswith(("KDTree", "BallTree")) and getattr(module, kind.__name__, None) is kind
    return NAMED["tree"] if known else None
