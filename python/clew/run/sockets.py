"""Where a kernel of `clew run` listens: sockets in a folder of its own, which no other process can take; and how it is heard.

jupyter_client picks free ports and lets go of them before the kernel takes them. Where many kernels start at once, two pick the same:
one of them dies, or waits for ever without a heartbeat. Sockets in a folder have names of their own, and only their user can open them.
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

#: The most characters that a socket's path may have on every system.
LONGEST = 100


#: How often a channel is looked at on which nobody was heard (seconds).
BEAT = 0.2


def look_again(channel: Any) -> None:
    """Has whoever waits on an asynchronous channel look at it from time to time.

    jupyter_client sends behind the back of pyzmq's asynchronous socket, and a socket tells of a message only once. So where somebody sends
    while another waits (nbclient, for a widget of a cell that runs), the reply may lie there and nobody is woken.
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
    """Has a kernel that was not started yet listen in a folder of its own until the `with` is left, where that can be done: ipykernels
    on this machine. Others go on to listen as they do."""
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
    """Whether there can be a socket: some systems, and some file systems, have none."""
    if len(path) > LONGEST or not hasattr(socket, "AF_UNIX"):
        return False
    with suppress(OSError), socket.socket(socket.AF_UNIX) as tried:
        tried.bind(path)
        return True
    return False
