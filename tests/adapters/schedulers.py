"""A scheduler of Dask in a process of its own, with one worker: it ends and begins again without the kernels that use it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp://", dashboard_address=None,
        scheduler_port=int(sys.argv[1]),
    )
    print(cluster.scheduler_address, flush=True)
    sys.stdin.read()
"""


class Scheduler:
    """Runs until it is ended; `begin` starts another one at the same address."""

    def __init__(self) -> None:
        self.address, self._process = "", None
        self.begin()

    def begin(self) -> None:
        port = self.address.rpartition(":")[2] or "0"
        self._process: subprocess.Popen[str] | None = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        assert self.address, "no scheduler began"

    def end(self) -> None:
        """Ends it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process = None
