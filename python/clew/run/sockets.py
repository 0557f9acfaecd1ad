"""Gives each kernel of `clew run` sockets in its own folder, which no other process can take, and makes waiting on them reliable.

jupyter_client picks free ports and releases them before the kernel binds them. If many kernels start at once, two may pick the same: one of
them dies, or waits forever without a heartbeat. Sockets in a folder have unique names, and only their user can open them.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any

#: The maximal length of a socket's path that every system supports.
LONGEST = 100


#: The interval in seconds at which a channel without messages is polled.
BEAT = 0.2


def look_again(channel: Any) -> None:
    """Makes waiting on an asynchronous channel poll it from time to time.

    jupyter_client sends without using pyzmq's asynchronous socket, and a socket signals a message only once. If code sends while other code
    waits (nbclient, for a widget of a running cell), the reply may be available without waking the waiting code.
    """
    get_msg = channel.get_msg

    async def heard(timeout: float | None = None) -> Any:
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        while True:
            left = BEAT if end is None else max(0.0, min(BEAT, end - loop.time()))
            try:
                return await get_msg(timeout=left)
            except Empty:
                if end is not None and loop.time() >= end:
                    raise

    channel.get_msg = heard


@contextmanager
def own_sockets(manager: Any) -> Iterator[None]:
    """Lets a kernel that is not started yet listen in its own folder until the `with` block ends, if possible: for ipykernels on this
    machine. Other kernels listen as usual."""
    if not _can_listen(manager):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="clew-", ignore_cleanup_errors=True) as folder:
        path = str(Path(folder) / "kernel")
        if _works(f"{path}-0"):
            manager.transport, manager.ip = "ipc", path
        yield


def _can_listen(manager: Any) -> bool:
    spec = manager.kernel_spec
    is_ipython = any("ipykernel" in part for part in spec.argv)
    return is_ipython and "kernel_provisioner" not in spec.metadata and manager.transport == "tcp"


def _works(path: str) -> bool:
    """Returns whether a socket can be created there: some systems and file systems do not support it."""
    if len(path) > LONGEST or not hasattr(socket, "AF_UNIX"):
        return False
    with suppress(OSError), socket.socket(socket.AF_UNIX) as tried:
        tried.bind(path)
        return True
    return False
