"""scipy: search trees, whose pickled nodes contain addresses; rotations, which copy their data; and sparse matrices without cached
properties. Other types need no codec."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from . import Codec, NoValue, Parts, keyed

NODE = np.dtype([("numbers", "i8", 5), ("addresses", "i8", 2), ("links", "i8", 2)])
"""A node of a search tree: split and range, the addresses of its children, and their indexes in the list of nodes."""


def _spatial() -> Any:
    import scipy.spatial

    return scipy.spatial


def _encode_tree(tree: Any) -> Parts:
    nodes, *rest = _spatial().cKDTree.__getstate__(tree)
    if nodes.nbytes % NODE.itemsize:
        raise NoValue(f"{type(tree).__qualname__}: its nodes have an unknown layout")
    steady = np.frombuffer(nodes.tobytes(), NODE).copy()
    steady["addresses"] = 0
    own = getattr(tree, "__dict__", None) or None
    return Parts((type(tree).__name__,), (steady.view("S1"), tuple(rest), own))


def _decode_tree(args: tuple[Any, ...]) -> Any:
    kind = {name: getattr(_spatial(), name) for name in TREES}[args[0]]
    return kind.__new__(kind)


def _fill_tree(tree: Any, state: Any) -> None:
    nodes, rest, own = state
    _spatial().cKDTree.__setstate__(tree, (nodes, *rest))
    if own:
        tree.__dict__.update(own)


def _encode_rotation(rotation: Any) -> Parts:
    """Encodes its numbers as a copy, as its own `__setstate__` makes one: sharing with another array is not observable."""
    state = tuple(np.array(part) if type(part) is np.ndarray else part for part in rotation.__getstate__())
    return Parts((type(rotation).__name__,), state)


def _decode_rotation(args: tuple[Any, ...]) -> Any:
    import scipy.spatial.transform

    kind = {name: getattr(scipy.spatial.transform, name) for name in ROTATIONS}[args[0]]
    return kind.__new__(kind)


_FLAGS = ("_has_canonical_format", "_has_sorted_indices")
"""Properties of its indices that a sparse matrix determines at first use. Users can also set them, correctly or not."""


def _encode_sparse(matrix: Any) -> Parts:
    """Encodes a matrix without these properties, if it would determine them to be the same again."""
    own = dict(vars(matrix))
    told = {name: own.pop(name) for name in _FLAGS if name in own}
    if told:
        again = object.__new__(type(matrix))
        vars(again).update(own)
        own |= {name: value for name, value in told.items() if getattr(again, name[1:]) != value}
    return Parts((type(matrix).__module__.rpartition(".")[2], type(matrix).__name__), own)


def _decode_sparse(args: tuple[Any, ...]) -> Any:
    import scipy.sparse

    file, name = args
    kind: Any = getattr(scipy.sparse, name)
    if kind.__module__ != f"scipy.sparse.{file}" or name not in SPARSE:
        raise LookupError(f"scipy.sparse has no matrix {name}")
    return object.__new__(kind)


SPARSE = tuple(f"{name}_{kind}" for name in ("csr", "csc", "bsr") for kind in ("matrix", "array"))
TREES = ("cKDTree", "KDTree")
ROTATIONS = ("Rotation",)
NAMED = keyed(
    Codec("scipy.tree", _encode_tree, _decode_tree, _fill_tree),
    Codec("scipy.sparse", _encode_sparse, _decode_sparse, lambda matrix, own: vars(matrix).update(own)),
    Codec("scipy.rotation", _encode_rotation, _decode_rotation, lambda made, state: made.__setstate__(state)),
)
CODECS: dict[type, Codec] = {}


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for a type of scipy. Imports nothing that the session has not imported."""
    spatial, transform = (sys.modules.get(f"scipy.spatial{below}") for below in ("", ".transform"))
    if any(getattr(transform, name, None) is kind for name in ROTATIONS):
        return NAMED["rotation"]
    if kind.__name__ in SPARSE and getattr(sys.modules.get("scipy.sparse"), kind.__name__, None) is kind:
        return NAMED["sparse"]
    return NAMED["tree"] if any(getattr(spatial, name, None) is kind for name in TREES) else None
