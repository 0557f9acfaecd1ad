"""Plain pickle with zstd after every run."""

from __future__ import annotations

from typing import ClassVar

from bench.peers.dumps import Dumps


class PickleZstd(Dumps):
    """Dumps a dict of all names in one compressed pickle."""

    name: ClassVar[str] = "pickle"
    title: ClassVar[str] = "pickle + zstd"
    way: ClassVar[str] = "pickle"
