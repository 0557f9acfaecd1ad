"""Clients and clusters of Dask as handles: their addresses and options are stored, but no credentials.

```text
   client ─► on a LocalCluster of this process ─► that cluster, started again
          └► elsewhere ─► which scheduler answers? ─► the same one ─► a client of it
                                                   ├► another one ─► a client of it, and a notice
                                                   └► none within two seconds ─► its cell reruns if allowed, else a stand-in
```
"""

from __future__ import annotations

from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from distributed import Client, LocalCluster
from distributed.nanny import Nanny
from distributed.worker import Worker

from clew._engine import Whereabouts, notice
from clew.adapters import handle_reach
from clew.codecs import NoValue

from . import dask_scheduler

#: The stored parts of a client: its address, its cluster if that runs in this process, whether it is the default client, and whether it was
#: open, closed or gone.
ClientParts = tuple[Whereabouts, Any, bool, str]
OPEN, CLOSED, GONE = "open", "closed", "gone"

#: The last known addresses of clients. A client forgets its address once the connection to its scheduler is lost.
_met: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


class StandIn:
    """The value of a variable whose scheduler is gone. Every use raises an error that explains this."""

    def __init__(self, parts: ClientParts) -> None:
        self.__dict__["_parts"] = parts

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_repr_", "_ipython_")):
            raise AttributeError(name)
        self._fail()

    def __setattr__(self, name: str, value: object) -> None:
        self._fail()

    def __enter__(self) -> NoReturn:
        self._fail()

    def __exit__(self, *_: object) -> None:
        self._fail()

    def __repr__(self) -> str:
        where, _, _, state = self.__dict__["_parts"]
        return f"<client of the scheduler at {_address(where)}, which {SAID[state]}>"

    def _fail(self) -> NoReturn:
        where, _, _, state = self.__dict__["_parts"]
        raise ConnectionError(
            f"This client of the scheduler at {_address(where)} {SAID[state]}. Rerun the cell that connects"
        )


SAID = {CLOSED: "was closed", GONE: "is disconnected, because no scheduler answered when it was restored"}


def encode_client(client: Any) -> ClientParts:
    """Returns the stored parts of a client."""
    if client.scheduler is not None and client.status == "running":
        _met[client] = f"{client.scheduler.address} {client._scheduler_identity.get('id', '')}"
    where = _met.get(client)
    # An address that contains credentials must not be stored.
    if where is None or "@" in where:
        raise NoValue("distributed.client.Client: a client of a cluster")
    cluster = client.cluster if type(client.cluster) is LocalCluster else None
    state = CLOSED if client.status in ("closing", "closed") else OPEN
    return Whereabouts(where), cluster if state == OPEN else None, bool(client._set_as_default), state


def encode_stand_in(stand_in: StandIn) -> ClientParts:
    """Returns the stored parts of a client that was gone already: the same, marked as gone."""
    parts: ClientParts = stand_in.__dict__["_parts"]
    return parts


def decode_client(parts: ClientParts) -> Any:
    """Connects a client to the scheduler that runs now."""
    where, cluster, is_default, state = parts
    address, _, then = where.text.partition(" ")
    if state == CLOSED:
        return StandIn(parts)
    if cluster is not None:
        return Client(cluster, set_as_default=is_default)
    now = dask_scheduler.identity(address) if handle_reach.is_allowed else None
    if now is None:
        why = f"no scheduler answers at {address}" if handle_reach.is_allowed else handle_reach.ONLY_LOOKS
        if not handle_reach.stands_in:
            raise handle_reach.Unreachable(why)
        notice(f"{why}: rerun the cell that connects" if handle_reach.is_allowed else why)
        return StandIn((where, None, is_default, GONE))
    if now != then:
        notice(f"another scheduler answers at {address}: the data on the first one is gone")
    return Client(address, timeout=dask_scheduler.PATIENCE, set_as_default=is_default)


def encode_cluster(cluster: Any) -> tuple[Any, ...]:
    """Returns the stored parts of a cluster that runs in this process: how to start another one."""
    options = dict(cluster.new_spec["options"])
    is_plain = cluster.new_spec["cls"] in (Nanny, Worker) and not cluster.asynchronous
    is_open = not cluster.security.require_encryption
    if type(cluster) is not LocalCluster or cluster.status.name != "running" or not (is_plain and is_open):
        raise NoValue(f"{type(cluster).__module__}.{type(cluster).__qualname__}: a cluster")
    dashboard = cluster.scheduler_spec["options"].get("dashboard_address")
    return (
        Whereabouts(f"{cluster.scheduler_address} {cluster.scheduler_info['id']}"),
        len(cluster.worker_spec),
        options.get("nthreads"),
        options.get("memory_limit"),
        bool(cluster.processes),
        dashboard if isinstance(dashboard, str) else None,
    )


def decode_cluster(parts: tuple[Any, ...]) -> Any:
    """Starts a similar cluster. Its workers start in the background."""
    handle_reach.ask()
    _, workers, threads, memory, processes, dashboard = parts
    cluster = LocalCluster(
        n_workers=0,
        threads_per_worker=threads,
        memory_limit=memory,
        processes=processes,
        dashboard_address=dashboard,
    )
    cluster.scale(workers)
    notice(f"the cluster was restarted with {workers} worker{'' if workers == 1 else 's'}")
    return cluster


def _address(where: Whereabouts) -> str:
    return where.text.partition(" ")[0]
