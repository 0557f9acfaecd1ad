"""networkx: graphs, without the cached views of themselves."""

from __future__ import annotations

import sys
from typing import Any

from networkx import DiGraph, Graph, MultiDiGraph, MultiGraph

from . import Codec, keyed
from .subclasses import instances

_OURS = 3
"""The reference count of a view that no other object holds: the graph, the copy of its attributes, and the call."""


def _encode(graph: Any) -> dict[str, Any]:
    own = dict(vars(graph))
    for name in _VIEWS:
        if name in own and sys.getrefcount(own[name]) == _OURS:
            del own[name]
    return own


_VIEWS = (
    "adj",
    "succ",
    "pred",
    "nodes",
    "edges",
    "degree",
    "in_edges",
    "out_edges",
    "in_degree",
    "out_degree",
)

_CODEC = instances("networkx.graph", _encode, lambda graph, own: vars(graph).update(own))
NAMED = keyed(_CODEC)
CODECS: dict[type, Codec] = dict.fromkeys((Graph, DiGraph, MultiGraph, MultiDiGraph), _CODEC)
