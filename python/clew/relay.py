"""`python -m clew.relay`: sends a command from a terminal to the kernel with the variables.

The native command finds the kernel (crates/clew-cli/src/kernel_connection.rs) and starts this module with its interpreter. The module only
implements Jupyter's protocol: wait until the kernel is idle, send the command, print the answer.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from clew.console import say
from clew.errors import AS_JSON, REFUSED, RefusedError, printed

#: The interval in seconds at which other events are checked while waiting for a message.
BEAT = 0.2
#: The time in seconds after which a kernel that has not answered counts as busy.
BUSY_AFTER = 1.0
#: The time in seconds without a heartbeat after which a kernel counts as dead.
DEAD_AFTER = 5.0
RESTART = "restart it in Jupyter, then type `%clew resume` to restore its last state"


def main() -> int:
    """Sends the words after `--`. Returns the exit code of the answer."""
    parser = argparse.ArgumentParser(prog="python -m clew.relay")
    parser.add_argument("--connection", required=True)
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--coloured", action="store_true")
    parser.add_argument("--in-notebook", required=True, help="the command as typed in a notebook")
    parser.add_argument("words", nargs="+")
    given = parser.parse_args()
    instead = f"type {given.in_notebook} in the notebook"
    payload = {
        "words": given.words,
        "through": through(given.width, given.coloured),
        "instead": instead,
    }
    try:
        return send(given.connection, payload, is_waiting="--no-wait" not in given.words)
    except RefusedError as refused:
        say(printed(refused, given.words), sys.stdout if AS_JSON in given.words else sys.stderr)
        return REFUSED


def through(width: int, is_coloured: bool) -> dict[str, Any]:
    """Describes where the command was typed, in the form that the engine expects."""
    return {"interface": "terminal", "width": width, "is_coloured": is_coloured}


def send(connection: str, payload: dict[str, Any], *, is_waiting: bool) -> int:
    """Waits until the kernel is idle, sends the command, and prints its answer."""
    try:
        from jupyter_client.blocking.client import BlockingKernelClient
    except ImportError:
        hint = f"`{shlex.quote(sys.executable)} -m pip install jupyter_client`, or {payload['instead']}"
        raise RefusedError("Connecting to a kernel needs the package jupyter_client", hint=hint) from None
    client: Any = BlockingKernelClient()
    try:
        client.load_connection_file(connection)
    except (OSError, ValueError):
        message = f"The kernel's connection file {connection} cannot be read"
        raise RefusedError(message, hint=payload["instead"]) from None
    client.start_channels()
    wait_until_free(client, payload["instead"], is_waiting=is_waiting)
    return print_answer(ask(client, payload))


def wait_until_free(client: Any, instead: str, *, is_waiting: bool) -> None:
    """Waits until the kernel answers a request without effects. Only then is the command sent."""
    # Not `kernel_info`: to answer it, IPython chooses a tip for its banner with the user's random generator.
    client.execute("", silent=True, allow_stdin=False)
    began = time.monotonic()
    was_told = False
    with noticed_interrupts() as interrupts:
        while not answered(client, client.shell_channel, timeout=BEAT):
            if interrupts:
                raise RefusedError(
                    "Interrupted while waiting for the running cell",
                    hint=f"repeat the command, or {instead}",
                )
            silent = time.monotonic() - began
            if silent > DEAD_AFTER and not client.hb_channel.is_beating():
                raise RefusedError("The kernel does not respond, not even to its heartbeat", hint=RESTART)
            if silent > BUSY_AFTER and not is_waiting:
                raise RefusedError(
                    "A cell is running",
                    hint="repeat the command without `--no-wait` to wait until it is done",
                )
            if silent > BUSY_AFTER and not was_told:
                print(
                    "The kernel is running a cell; waiting until it is done (Ctrl+C cancels).",
                    file=sys.stderr,
                )
                was_told = True


@contextmanager
def noticed_interrupts() -> Iterator[list[int]]:
    """Collects each Ctrl+C. Raised inside the protocol's own loops, it could get lost."""
    noticed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: noticed.append(number))
    try:
        yield noticed
    finally:
        signal.signal(signal.SIGINT, before)


def answered(client: Any, channel: Any, timeout: float) -> dict[str, Any] | None:
    """Returns the next message of a channel, if one arrives in time."""
    import queue

    try:
        message: dict[str, Any] = channel.get_msg(timeout=timeout)
    except queue.Empty:
        return None
    return message


def ask(client: Any, payload: dict[str, Any]) -> dict[str, Any]:
    """Lets the kernel execute the command. Ctrl+C is passed on to the kernel: it stops the move, and the session stays unchanged."""
    call = f"__import__('clew.shell.kernel_requests', fromlist=['answer']).answer({json.dumps(payload)!r})"
    client.allow_stdin = False
    sent = client.execute("", silent=True, user_expressions={"clew": call}, allow_stdin=False)
    began = time.monotonic()
    with noticed_interrupts() as interrupts:
        while True:
            reply = answered(client, client.shell_channel, timeout=BEAT)
            if interrupts:
                interrupts.clear()
                client.control_channel.send(client.session.msg("interrupt_request", {}))
            if reply is not None and reply.get("parent_header", {}).get("msg_id") == sent:
                return told(reply, payload["instead"])
            # The first heartbeats are delayed.
            is_late = reply is None and time.monotonic() - began > BUSY_AFTER
            if is_late and not client.hb_channel.is_beating():
                raise RefusedError("The kernel died while it ran the command", hint=RESTART)


def told(reply: dict[str, Any], instead: str) -> dict[str, Any]:
    """Returns the answer in a reply."""
    found = reply["content"].get("user_expressions", {}).get("clew", {})
    if found.get("status") != "ok":
        raise RefusedError(
            f"The kernel could not run the command: {found.get('evalue', 'no reply')}", hint=instead
        )
    answer: dict[str, Any] = json.loads(ast.literal_eval(found["data"]["text/plain"]))
    return answer


def print_answer(answer: dict[str, Any]) -> int:
    """Prints the answer to the same stream as the native command would. Returns its exit code."""
    stream = sys.stderr if answer["is_problem"] else sys.stdout
    say(answer["text"].rstrip("\n"), stream)
    code: int = answer["exit"]
    return code


if __name__ == "__main__":
    code = main()
    # All output is flushed. The protocol's threads and sockets end with the process, without waiting for a kernel that may be busy.
    os._exit(code)
