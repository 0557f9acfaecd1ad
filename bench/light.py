"""The light cell: what Clew adds to its reply and to the start of the next cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from harness import Kernel

from bench.session import Pair
from bench.table import Row, compared, percentile

LIGHT = {
    "a counter is added to": "counter += 1",
    "a small list is appended to": "name_7.append(counter)",
    "a value is shown": "len(name_3)",
}


@dataclass
class Times:
    """Milliseconds from request to reply, and from there to the start of the cell queued behind."""

    reply: list[float] = field(default_factory=list)
    next: list[float] = field(default_factory=list)


def measure(kernels: Pair, repeat: int) -> list[Row]:
    """Every light cell `repeat` times in both kernels, taking turns."""
    rows = []
    for what, cell in LIGHT.items():
        plain, clew = Times(), Times()
        for number in range(repeat + 5):
            for kernel, times in zip(kernels.each(), (plain, clew), strict=True):
                reply, following = time_cell(kernel, cell)
                if number >= 5:  # the first ones fill caches
                    times.reply.append(reply)
                    times.next.append(following)
        for share, aim in ((0.5, 2.0), (0.95, 10.0)):
            for part in ("reply", "next"):
                values = [percentile(getattr(times, part), share) for times in (plain, clew)]
                where = "reply" if part == "reply" else "start of the next cell"
                rows.append(compared(f"{what}: {where}, p{share * 100:.0f}", values[0], values[1], aim, "ms"))
    return rows


def time_cell(kernel: Kernel, cell: str) -> tuple[float, float]:
    """Sends the cell and another right behind it; reads the times off the kernel's messages."""
    client = kernel.client
    sent = [
        client.session.msg("execute_request", request(cell)),
        client.session.msg("execute_request", request("pass")),
    ]
    for message in sent:
        client.shell_channel.send(message)
    first = client.get_shell_msg(timeout=120)
    client.get_shell_msg(timeout=120)
    started = None
    while True:
        message = client.get_iopub_msg(timeout=120)
        if (
            message["parent_header"].get("msg_id") != sent[1]["header"]["msg_id"]
            or message["msg_type"] != "status"
        ):
            continue
        if message["content"]["execution_state"] == "busy":
            started = message["header"]["date"]
        else:
            break
    assert started is not None
    replied: datetime = first["header"]["date"]
    return milliseconds(first["parent_header"]["date"], replied), milliseconds(replied, started)


def request(code: str) -> dict[str, Any]:
    return {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
    }


def milliseconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() * 1000
