"""Starts processes without what they would import first: each is forked from this one, which has imported it.

It hears orders on the socket that it is given by number: a text of JSON, with a socket for what becomes of the process to start, and the first
files of that process. On the socket its id goes out, and its exit code once it has ended. A process ends as one of its own would; that it was
forked it cannot notice, but by its hash seed, which is this one's, and by what its parent is.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import site
import socket
import sys
import time
from fcntl import F_DUPFD, fcntl
from typing import Any

#: What each kind of process imports at its start.
KERNEL = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger", "sqlite3"),
    *("IPython.core.completerlib", "IPython.extensions.storemagic", "tornado.platform.asyncio"),
)
DRIVER = (
    *("forking", "jupyter_client.kernelspec", "nbclient", "papermill.execute", "papermill.inspection"),
    *(
        "clew.run.execution",
        "clew.run.papermill_bridge",
        "clew.run.recorded_runs",
        "clew.run.__main__",
        "IPython",
    ),
)
IMPORTED = {"kernel": KERNEL, "observed kernel": KERNEL, "driver": DRIVER}
#: An order has the words and variables of a command; a socket, three streams, and for drivers the sockets of two kinds of kernels.
LARGEST_ORDER, MOST_FILES = 1 << 20, 6


def main() -> None:
    """Forks a process for each order, until nobody can give one any more."""
    for name in IMPORTED[sys.argv[1]]:
        importlib.import_module(name)
    # Python's path to this file is none of theirs.
    del sys.path[0]
    if sys.argv[1] == "driver":
        compile_schemas()
    # Or each of them would copy the pages of all objects when it looks for garbage, at the latest when it ends: half of what a kernel costs.
    gc.freeze()
    orders = socket.socket(fileno=int(sys.argv[2]))
    order = wait_for_order(orders)
    if order is None:
        return
    started, files = order
    # Copies first that are not in each other's way.
    for number, file in enumerate([fcntl(file, F_DUPFD, MOST_FILES) for file in files]):
        os.dup2(file, number)
    # They are closed once, here: later their numbers are those of other files.
    orders.detach()
    os.closerange(len(files), os.sysconf("SC_OPEN_MAX"))
    perform(started, list(range(3, len(files))))


def compile_schemas() -> None:
    """Has nbformat compile what it checks notebooks with, as it does once in a process, for those versions that notebooks have today."""
    import nbformat

    for minor in (4, 5):
        book = nbformat.v4.new_notebook(nbformat_minor=minor)
        nbformat.validate(book)


def wait_for_order(orders: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Hears orders and tells who ended. Returns in each process that it forks, with its order and its first files, and here where there
    are no more orders."""
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
            text, files, _, _ = socket.recv_fds(orders, LARGEST_ORDER, MOST_FILES)
            if not text:
                return None
            told = socket.socket(fileno=files.pop(0))
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                # Before anybody can send its group a signal.
                os.setsid()
                told.sendall(f"{os.getpid()}\n".encode())
                told.detach()
                return json.loads(text), files
            for file in files:
                os.close(file)
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


def perform(order: dict[str, Any], kernels: list[int]) -> None:
    """Does in this process what an order says. `kernels` are the sockets of a driver on which it orders kernels."""
    os.chdir(order["cwd"])
    go_by(order["env"])
    sys.argv[1:] = order["words"]
    # It may be a pipe or nothing, and was neither.
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    if kernels:
        sys.modules["forking"].fork_kernels(kernels)
    if order["program"] == "observed kernel":
        observe()
    if order["program"].endswith("kernel"):
        unfreeze_when_asked()
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


def go_by(env: dict[str, str]) -> None:
    """Has these variables, and has what Python makes of them at its start."""
    searched = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.path[: len(searched)] = [part for part in env.get("PYTHONPATH", "").split(os.pathsep) if part]
    site.removeduppaths()
    # Where a user's packages lie goes by HOME.
    site.USER_BASE = site.USER_SITE = None
    site.getusersitepackages()


def unfreeze_when_asked() -> None:
    """Has the collector know of frozen objects again once somebody asks it for objects."""
    usual = {name: getattr(gc, name) for name in ("get_objects", "get_referrers")}

    def unfreeze() -> None:
        vars(gc).update(usual)
        gc.unfreeze()

    def get_objects(generation: int | None = None) -> list[Any]:
        unfreeze()
        return gc.get_objects(generation)

    def get_referrers(*objects: Any) -> list[Any]:
        unfreeze()
        return [one for one in gc.get_referrers(*objects) if one is not objects]

    vars(gc).update(get_objects=get_objects, get_referrers=get_referrers)


def observe() -> None:
    """Has the library that was preloaded begin a log for this process and its children, as it does where a process starts with it."""
    log = ctypes.CDLL(os.environ["LD_PRELOAD"]).clew_observe()
    assert log >= 0, "There can be no log here"
    os.environ["CLEW_OBSERVER"] = f"/proc/{os.getpid()}/fd/{log}"


if __name__ == "__main__":
    main()
