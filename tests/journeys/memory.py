"""A process that gets too much memory is killed: by the system where a memory cgroup can be made, else by a watcher that
stands for it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOM = 300_000_000
"""So many bytes more than it has a process may take."""


@contextmanager
def little_memory(pid: int) -> Iterator[str]:
    """Has a process killed (SIGKILL) that takes more than `ROOM`. Gives who kills: `system` or `watcher`."""
    group = make_group(resident(pid) + ROOM)
    if group is not None:
        (group / "cgroup.procs").write_text(str(pid))
        try:
            yield "system"
        finally:
            remove(group)
        return
    is_over = threading.Event()
    watcher = threading.Thread(target=watch, args=(pid, resident(pid) + ROOM, is_over))
    watcher.start()
    try:
        yield "watcher"
    finally:
        is_over.set()
        watcher.join()


def make_group(limit: int) -> Path | None:
    """A memory cgroup below our own, of either version; `None` where that is not allowed."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        root, file = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        if controllers == "":
            root, file = ("/sys/fs/cgroup", "memory.max")
        elif "memory" not in controllers.split(","):
            continue
        group = Path(f"{root}{path}/clew-{os.getpid()}")
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / file).write_text(str(limit))
        except OSError:
            group.rmdir()
            continue
        return group
    return None


def remove(group: Path) -> None:
    """Takes the group away once the system has seen that its process is gone."""
    for _ in range(1000):
        try:
            return group.rmdir()
        except OSError:
            time.sleep(0.01)


def resident(pid: int) -> int:
    """The memory that a process has, in bytes; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), 0)


def watch(pid: int, limit: int, is_over: threading.Event) -> None:
    while not is_over.wait(0.002):
        if resident(pid) > limit:
            os.kill(pid, signal.SIGKILL)
            return
