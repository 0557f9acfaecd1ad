"""Starts processes without what they would import first: each is forked from this one, which has imported it.

It hears orders on the socket that it is given by number: a text of JSON, with the streams of the process to start and a socket for what becomes
of it. On that its id goes out, and its exit code once it has ended. A process ends as one of its own would; only that it was forked it cannot
notice, but by its hash seed, which is this one's, and by what its parent is.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from typing import Any

#: What each kind of process imports at its start.
IMPORTED = {
    "kernel": ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger")
    + ("IPython.core.completerlib", "IPython.extensions.storemagic", "tornado.platform.asyncio", "sqlite3"),
    "driver": ("jupyter_client.kernelspec", "nbclient", "papermill.execute", "papermill.inspection")
    + ("clew.run.executing", "clew.run.papermilled", "clew.run.repeat", "clew.run.__main__"),
}
#: An order has the words and variables of a command.
LARGEST_ORDER = 1 << 20


def main() -> None:
    """Forks a process for each order, until nobody can give one any more."""
    # Python's path to this file is none of theirs.
    del sys.path[0]
    for name in IMPORTED[sys.argv[1]]:
        importlib.import_module(name)
    # Or each of them would copy the pages of all objects when it looks for garbage, the last time when it ends.
    gc.freeze()
    orders = socket.socket(fileno=int(sys.argv[2]))
    order = wait_for_order(orders)
    if order is None:
        return
    started, streams, told = order
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    # They are closed once, below: later their numbers are those of other files.
    for one in (orders, told):
        one.detach()
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    perform(started)


def wait_for_order(orders: socket.socket) -> tuple[dict[str, Any], list[int], socket.socket] | None:
    """Hears orders and tells who ended. Returns in each process that it forks, with its order, and here where there are no more."""
    ended, wake = socket.socketpair()
    for end in (ended, wake):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    running: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(orders, selectors.EVENT_READ)
        selector.register(ended, selectors.EVENT_READ)
        while True:
            heard = [key.fileobj for key, _ in selector.select()]
            if ended in heard:
                ended.recv(4096)
                tell_ends(running)
            if orders not in heard:
                continue
            text, handles, _, _ = socket.recv_fds(orders, LARGEST_ORDER, 4)
            if not text:
                return None
            told = socket.socket(fileno=handles.pop())
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return json.loads(text), handles, told
            told.sendall(f"{pid}\n".encode())
            for handle in handles:
                os.close(handle)
            running[pid] = told


def tell_ends(running: dict[int, socket.socket]) -> None:
    """Tells of each process that has ended how it did, to whoever started it."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as told:
            try:
                told.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            except OSError:
                pass  # nobody waits for it any more


def perform(order: dict[str, Any]) -> None:
    """Does in this process what an order says."""
    gc.unfreeze()
    os.setsid()
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv[1:] = order["words"]
    # It may be a pipe or nothing, and was neither.
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    if order["program"] == "kernel":
        # Where `python -m` looks first.
        sys.path.insert(0, os.getcwd())
        runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
    elif order["program"] == "clew":
        from clew.run.__main__ import main as its_main

        sys.exit(its_main())
    else:
        # Not before: it looks at its streams while it is imported.
        from papermill.cli import papermill as its_command

        its_command(order["words"], prog_name="papermill")


if __name__ == "__main__":
    main()
