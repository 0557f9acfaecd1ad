"""Runs cells in a real kernel, with the timestamps of the kernel's messages.

The *reply* of a request is the time from its start in the kernel to its reply. The *next* is the time from the reply to the start of the
request queued after it. Work that a recorder does before the reply is part of the first, work after it is part of the second.
"""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from queue import Empty
from typing import Any

from harness import Kernel

__all__ = ["Kernel", "Request", "Stopped", "Timing", "peak", "resident", "run", "timed"]


class Stopped(Exception):
    """Raised if a kernel died or exceeded a time limit. `timings` are those of the earlier requests."""

    def __init__(self, why: str, timings: list[Timing]) -> None:
        super().__init__(why)
        self.timings = timings


@dataclass(frozen=True)
class Request:
    """One execute request. A silent one is not a cell, and may evaluate an expression."""

    code: str
    silent: bool = False
    expression: str | None = None

    def content(self) -> dict[str, Any]:
        """The content of the request, as defined by the protocol."""
        asked = {} if self.expression is None else {"it": f"repr(({self.expression}))"}
        return {
            "code": self.code,
            "silent": self.silent,
            "store_history": not self.silent,
            "user_expressions": asked,
            "allow_stdin": False,
            "stop_on_error": False,
        }


@dataclass
class Timing:
    """The result of one request, with times in milliseconds."""

    reply: float = 0.0
    next: float = 0.0
    error: str | None = None
    #: An error that was displayed although the request succeeded: an error of a hook.
    trouble: str | None = None
    text: str = ""
    value: Any = None

    @property
    def total(self) -> float:
        """The time from its start to the start of the next request."""
        return self.reply + self.next


@dataclass
class Stamps:
    """The timestamps of one request that was sent."""

    busy: datetime | None = None
    replied: datetime | None = None
    idle: bool = False
    timing: Timing = field(default_factory=Timing)


def run(kernel: Kernel, code: str, limit: float = 600.0) -> Timing:
    """Runs one cell."""
    return timed(kernel, [Request(code)], limit)[0]


def timed(kernel: Kernel, requests: Sequence[Request], limit: float = 600.0) -> list[Timing]:
    """Sends all requests at once, followed by an empty silent one. `limit` is the time limit of each in seconds."""
    client, courses = kernel.client, {}
    for request in [*requests, Request("", silent=True)]:
        message = client.session.msg("execute_request", request.content())
        client.shell_channel.send(message)
        courses[message["header"]["msg_id"]] = Stamps()
    followed = Following(kernel, courses, limit)
    try:
        followed.to_the_end()
    except (TimeoutError, RuntimeError) as error:
        raise Stopped(str(error), followed.timings()) from error
    return followed.timings()


class Following:
    """Collects messages until each request has its reply and its idle status."""

    def __init__(self, kernel: Kernel, courses: dict[str, Stamps], limit: float) -> None:
        self.kernel = kernel
        self.courses = courses
        self.limit = limit

    def to_the_end(self) -> None:
        """Waits for all of them."""
        deadline = time.monotonic() + self.limit
        while not all(course.idle and course.replied for course in self.courses.values()):
            if self.receive():
                deadline = time.monotonic() + self.limit
            elif time.monotonic() > deadline:
                raise TimeoutError(f"no answer in {self.limit:.0f} s")
            elif not self.kernel.is_alive():
                raise RuntimeError("the kernel died")

    def receive(self) -> bool:
        """Collects the messages that have arrived. Returns whether a request made progress."""
        got_on = False
        client = self.kernel.client
        for channel, seconds in ((client.iopub_channel, 0.02), (client.shell_channel, 0)):
            try:
                while True:
                    got_on |= self.take(channel.get_msg(timeout=seconds))
            except Empty:
                pass
        return got_on

    def take(self, message: dict[str, Any]) -> bool:
        """Handles one message."""
        course = self.courses.get(message["parent_header"].get("msg_id", ""))
        if course is None:
            return False
        kind, content = message["msg_type"], message["content"]
        if kind == "execute_reply":
            course.replied = message["header"]["date"]
            take_reply(course.timing, content)
        elif kind == "status" and content["execution_state"] == "busy":
            course.busy = message["header"]["date"]
        elif kind == "status" and content["execution_state"] == "idle":
            course.idle = True
        else:
            take_shown(course.timing, kind, content)
            return False
        return True

    def timings(self) -> list[Timing]:
        """Returns the times of all requests except for the last, empty one."""
        courses = list(self.courses.values())
        for course, following in pairwise(courses):
            if course.busy and course.replied:
                course.timing.reply = milliseconds(course.busy, course.replied)
                if following.busy:
                    course.timing.next = milliseconds(course.replied, following.busy)
        return [course.timing for course in courses[:-1] if course.replied]


def take_reply(timing: Timing, content: dict[str, Any]) -> None:
    """Handles a reply."""
    if content["status"] != "ok":
        timing.error = f"{content.get('ename')}: {content.get('evalue')}"[:500]
    asked = content.get("user_expressions", {}).get("it")
    if asked is None:
        return
    if asked["status"] != "ok":
        timing.error = f"{asked['ename']}: {asked['evalue']}"[:500]
        return
    text = ast.literal_eval(asked["data"]["text/plain"])
    try:
        timing.value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        timing.value = text


def take_shown(timing: Timing, kind: str, content: dict[str, Any]) -> None:
    """Adds the text of an output."""
    if kind == "stream":
        timing.text += content["text"]
    elif kind in ("display_data", "update_display_data", "execute_result"):
        timing.text += content["data"].get("text/plain", "")
    elif kind == "error":
        timing.trouble = f"{content.get('ename')}: {content.get('evalue')}"[:500]


def milliseconds(start: datetime, end: datetime) -> float:
    """Returns the time between two timestamps."""
    return (end - start).total_seconds() * 1000


def resident(kernel: Kernel) -> int:
    """Returns the kernel's resident memory in bytes."""
    return status_bytes(kernel, "VmRSS")


def peak(kernel: Kernel, *, again: bool = False) -> int:
    """Returns the peak resident memory of the kernel in bytes; `again` resets the peak."""
    found = status_bytes(kernel, "VmHWM")
    if again:
        try:
            Path(f"/proc/{kernel.pid}/clear_refs").write_text("5")
        except OSError:
            pass  # if that is forbidden, the peak is that of the whole session
    return found


def status_bytes(kernel: Kernel, key: str) -> int:
    """Returns a value from `/proc/PID/status`."""
    lines = Path(f"/proc/{kernel.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) * 1024


def folder_bytes(folder: Path) -> int:
    """Returns the bytes of all files below a folder."""
    found = 0
    for path, _, files in os.walk(folder):
        found += sum(os.lstat(Path(path) / name).st_size for name in files)
    return found
