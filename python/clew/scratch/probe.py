"""Tries operations that the sandbox must prevent. Runs before any of the user's code."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path


def gaps(outside: str) -> list[str]:
    """Returns descriptions of the operations that succeeded. `outside` is a folder for this, with a file `there` in it."""
    if sys.platform == "win32":
        return []  # there is no sandbox to test, and `os.kill(…, 0)` would interrupt the parent process there
    there = Path(outside, "there")
    tries: list[tuple[str, Callable[[], object]]] = [
        ("files can be created", lambda: Path(outside, "made").write_bytes(b"")),
        ("files can be written", lambda: there.write_bytes(b"changed")),
        ("files can be emptied", lambda: os.truncate(there, 0)),
        ("file permissions can be changed", lambda: there.chmod(0o600)),
        ("file times can be changed", lambda: os.utime(there, (0, 0))),
        ("files can be renamed", lambda: there.rename(Path(outside, "renamed"))),
        ("files can be deleted", there.unlink),
        ("the network can be reached", lambda: _open(socket.AF_INET, socket.SOCK_STREAM)),
        ("the network can be reached by datagrams", lambda: _open(socket.AF_INET, socket.SOCK_DGRAM)),
        ("local sockets can be reached", _open_unix),
        ("signals can be sent to other processes", lambda: os.kill(os.getppid(), 0)),
        ("processes can be started", _fork),
    ]
    return [what for what, attempt in tries if _gets_through(attempt)]


def _gets_through(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    except AttributeError:
        return False  # this platform has no such function
    return True


def _open(family: int, kind: int) -> None:
    socket.socket(family, kind).close()


def _open_unix() -> None:
    if sys.platform != "win32":
        _open(socket.AF_UNIX, socket.SOCK_STREAM)


def _fork() -> None:
    if sys.platform != "win32":
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
