"""Dask graphs with results on a cluster: futures in them are restored as the results themselves.

So a persisted collection is stored as the values that it consists of, and computes in a process without a cluster.
"""

from __future__ import annotations

import sys
from typing import Any

from dask._expr import Expr
from dask.delayed import Delayed
from dask.highlevelgraph import MaterializedLayer

from . import Codec, keyed


def _with_futures(graph: Any) -> Any:
    """Returns a graph in which nodes for fetched results are replaced by their futures; the same graph if there are none."""
    fetched = sys.modules.get("clew.adapters.dask_local_results")
    if fetched is None or not isinstance(graph, dict):
        return graph
    live = [value for value in graph.values() if type(value) is fetched.Future]
    if live:
        from ..adapters import dask_results

        # All at once, not one by one.
        dask_results.keep(live)
    nodes = (fetched.KeptNode, fetched.KnownTask)
    if not any(isinstance(value, nodes) for value in graph.values()):
        return graph
    return {key: value.future if isinstance(value, nodes) else value for key, value in graph.items()}


def _with_nodes(graph: Any) -> Any:
    """Reverses `_with_futures`."""
    fetched = sys.modules.get("clew.adapters.dask_local_results")
    if fetched is None or not isinstance(graph, dict):
        return graph
    if not any(isinstance(value, fetched.Fetched) for value in graph.values()):
        return graph
    return {
        key: fetched.node_of(value) if isinstance(value, fetched.Fetched) else value
        for key, value in graph.items()
    }


def _encode_layer(layer: Any) -> tuple[Any, ...]:
    return _with_futures(layer.mapping), layer.annotations, layer.collection_annotations


def _decode_layer(parts: tuple[Any, ...]) -> Any:
    mapping, annotations, collection_annotations = parts
    return MaterializedLayer(_with_nodes(mapping), annotations, collection_annotations)


def _encode_delayed(delayed: Any) -> tuple[Any, ...]:
    return delayed._key, _with_futures(delayed._dask), delayed._length, delayed._layer


def _decode_delayed(parts: tuple[Any, ...]) -> Any:
    key, graph, length, layer = parts
    return Delayed(key, _with_nodes(graph), length, layer)


def _encode_expression(expression: Any) -> tuple[Any, ...]:
    operands = [_with_futures(operand) for operand in expression.operands]
    # Cached properties are not stored: merely displaying a frame fills them.
    return type(expression), operands, expression.deterministic_token


def _decode_expression(parts: tuple[Any, ...]) -> Any:
    kind, operands, token = parts
    return kind(*map(_with_nodes, operands), _determ_token=token)


LAYER = Codec("dask.layer", _encode_layer, _decode_layer, native=False)
DELAYED = Codec("dask.delayed", _encode_delayed, _decode_delayed, native=False)
EXPRESSION = Codec("dask.expression", _encode_expression, _decode_expression, native=False)

CODECS: dict[type, Codec] = {MaterializedLayer: LAYER, Delayed: DELAYED}
NAMED = keyed(LAYER, DELAYED, EXPRESSION)


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for the expressions of frames."""
    return EXPRESSION if issubclass(kind, Expr) else None
