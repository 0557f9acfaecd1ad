"""A link with a limited speed to this machine: the data of `ssh` passes through a proxy on loopback that limits the rate."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

#: A replacement for `ssh`: it sends the remote command to the proxy, and then works as a pipe.
SSH = """#!{python}
import os, socket, sys, threading
link = socket.create_connection(("127.0.0.1", {port}))
link.sendall(sys.argv[-1].encode() + b"\\n")
def up():
    while piece := os.read(0, 1 << 16):
        link.sendall(piece)
    link.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while piece := link.recv(1 << 16):
    os.write(1, piece)
"""
PIECE = 1 << 16


class Bucket:
    """Limits the bytes per second of all its users together; no limit without a rate."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._free_at = time.monotonic()

    def take(self, number: int) -> None:
        """Waits until this number of bytes may pass."""
        if self._rate is None:
            return
        with self._lock:
            begins = max(time.monotonic(), self._free_at)
            self._free_at = begins + number / self._rate
            until = self._free_at
        time.sleep(max(0.0, until - time.monotonic()))


class SlowLink:
    """The proxy, as a context manager. `folder` gets the replacement for `ssh`; `path` is the PATH of the remote commands."""

    def __init__(self, rate: float | None, folder: Path, path: str) -> None:
        self._up, self._down = Bucket(rate), Bucket(rate)
        self._path = path
        self._server = socket.create_server(("127.0.0.1", 0))
        folder.mkdir(parents=True, exist_ok=True)
        script = folder / "ssh"
        script.write_text(SSH.format(python=sys.executable, port=self._server.getsockname()[1]))
        script.chmod(0o755)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> SlowLink:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing the socket does not wake the accepting thread.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(link,), daemon=True).start()

    def _connect(self, link: socket.socket) -> None:
        with link, link.makefile("rb", buffering=0) as heard:
            command = heard.readline().decode().rstrip("\n")
            far = subprocess.Popen(
                ["sh", "-c", command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PATH": self._path},
            )
            assert far.stdin is not None and far.stdout is not None
            inward, outward = far.stdin.fileno(), far.stdout.fileno()
            up = threading.Thread(
                target=pump, args=(lambda: link.recv(PIECE), lambda piece: write(inward, piece), self._up)
            )
            up.start()
            pump(lambda: os.read(outward, PIECE), link.sendall, self._down)
            far.stdout.close()
            link.shutdown(socket.SHUT_RDWR)
            up.join()
            far.stdin.close()
            far.wait()


def pump(read: Callable[[], bytes], send: Callable[[bytes], object], bucket: Bucket) -> None:
    """Passes data on until it ends or the receiver is closed."""
    try:
        while piece := read():
            bucket.take(len(piece))
            send(piece)
    except OSError:
        return


def write(file: int, piece: bytes) -> None:
    """Writes all bytes."""
    while piece:
        piece = piece[os.write(file, piece) :]
