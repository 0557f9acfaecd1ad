"""Runs commands of papermill or of `clew run` one after the other, each in a process of its own that is forked from one that has imported
what takes long to import.

Nothing else is saved: papermill's command is its own, and reads anew what its streams are. Orders come as lines of JSON on standard
input, exit codes go out the same way.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any

import jupyter_client.kernelspec
import nbclient
import papermill.execute
import papermill.inspection

from clew.run import executing, papermilled, repeat
from clew.run.__main__ import main as its_main

#: What the children would import, first of all.
IMPORTED = (
    jupyter_client.kernelspec,
    nbclient,
    papermill.execute,
    papermill.inspection,
    executing,
    papermilled,
    repeat,
)


def main() -> None:
    """Forks a child for every order and waits for it."""
    # Or each child would copy the pages of all objects when it looks for garbage, the last time when it ends.
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            perform(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def perform(order: dict[str, Any]) -> None:
    """Does what an order says in this process, and ends it."""
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    take_streams(order)
    if order["program"] == "clew":
        sys.argv[1:] = order["words"]
        sys.exit(its_main())
    # Not before: it looks at its streams while it is imported.
    from papermill.cli import papermill as its_command

    its_command(order["words"], prog_name="papermill")


def take_streams(order: dict[str, Any]) -> None:
    """Makes files of standard output and error, and of standard input a pipe or nothing."""
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if order["given"] is None:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    else:
        reading, writing = os.pipe()
        # Small enough for a pipe that nobody reads yet.
        os.write(writing, order["given"].encode())
        os.close(writing)
        os.dup2(reading, 0)
    sys.stdin = open(0, encoding="utf-8")


if __name__ == "__main__":
    main()
