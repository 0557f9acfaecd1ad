"""dill's `dump_module` after every run."""

from __future__ import annotations

from typing import ClassVar

from bench.peers.dumps import Dumps


class Dill(Dumps):
    """Dumps all of `__main__` into one file."""

    name: ClassVar[str] = "dill"
    title: ClassVar[str] = "dill 0.4.1"
    way: ClassVar[str] = "dill"
