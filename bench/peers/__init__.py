"""The peers: each stores states in its own way. All implement the interface `peer.Peer`."""

from __future__ import annotations

from bench.peers.clew import Clew
from bench.peers.dill import Dill
from bench.peers.kishu import Kishu
from bench.peers.peer import Peer
from bench.peers.pickle_zstd import PickleZstd
from bench.peers.plain import Plain

PEERS: dict[str, type[Peer]] = {peer.name: peer for peer in (Plain, Clew, Kishu, Dill, PickleZstd)}
