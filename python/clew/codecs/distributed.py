"""Dask clusters: clients, clusters, and results on them. They stand for something outside the session
(`python/clew/adapters/dask_handles.py`)."""

from __future__ import annotations

from distributed import Client, Future, LocalCluster

from clew.adapters import dask_local_results

from ..adapters import dask_handles, dask_results
from . import Codec, keyed

CLIENT = Codec("handle.client", dask_handles.encode_client, dask_handles.decode_client, native=False)
STAND_IN = CLIENT._replace(encode=dask_handles.encode_stand_in, kind=Client)
CLUSTER = Codec("handle.cluster", dask_handles.encode_cluster, dask_handles.decode_cluster, native=False)
FUTURE = Codec(
    "handle.future", dask_results.encode_future, dask_results.decode_future, native=False, kind=Future
)
CODECS: dict[type, Codec] = {
    Client: CLIENT,
    dask_handles.StandIn: STAND_IN,
    LocalCluster: CLUSTER,
    Future: FUTURE,
    dask_local_results.Fetched: FUTURE,
}
NAMED = keyed(CLIENT, CLUSTER, FUTURE)
