"""scipy: search trees, whose pickled nodes hold addresses, rotations, which copy what they are made of, and sparse matrices without what they
found out about themselves. Everything else says enough by itself or by its reducer."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from . import Codec, NoValue, Parts, keyed

NODE = np.dtype([("numbers", "i8", 5), ("addresses", "i8", 2), ("links", "i8", 2)])
"""A node of a search tree: split and range, where its children lie in memory, and where in the list of nodes."""


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
    """Its numbers, copied as its own `__setstate__` does: whether it had them of another array shows nowhere."""
    state = tuple(np.array(part) if type(part) is np.ndarray else part for part in rotation.__getstate__())
    return Parts((type(rotation).__name__,), state)


def _decode_rotation(args: tuple[Any, ...]) -> Any:
    import scipy.spatial.transform

    kind = {name: getattr(scipy.spatial.transform, name) for name in ROTATIONS}[args[0]]
    return kind.__new__(kind)


_FLAGS = ("_has_canonical_format", "_has_sorted_indices")
"""What a sparse matrix finds out about its indices when it is first asked. It can also be told, rightly or not."""


def _encode_sparse(matrix: Any) -> Parts:
    """Without what it found out, as far as it would find out the same again."""
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
    """The codec for a type of scipy's; nothing is imported that the session has not."""
    spatial, transform = (sys.modules.get(f"scipy.spatial{below}") for below in ("", ".transform"))
    if any(getattr(transform, name, None) is kind for name in ROTATIONS):
        return NAMED["rotation"]
    if kind.__name__ in SPARSE and getattr(sys.modules.get("scipy.sparse"), kind.__name__, None) is kind:
        return NAMED["sparse"]
    return NAMED["tree"] if any(getattr(spatial, name, None) is kind for name in TREES) else None
