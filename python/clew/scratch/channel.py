"""The pipe to whoever started this process: frames of JSON, four bytes of length before each."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

#: The highest descriptor that is closed at the start; libraries open no higher ones before.
DESCRIPTORS = 4096
#: The longest answer that is sent (bytes). The other side reads no longer one.
LONGEST = 16 << 20


class Channel:
    """Descriptors of its own, so that what the user's code reads and prints is not taken for a frame."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests = requests
        self._answers = answers

    @classmethod
    def take_over(cls) -> Channel:
        """Keeps standard input and output for frames, and leaves nothing open behind them.

        What was inherited besides is closed: a descriptor that can be written would be a hole in the sandbox.
        Standard error stays until the sandbox is shut, for what goes wrong before.
        """
        requests, answers = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.closerange(max(requests, answers, null) + 1, DESCRIPTORS)
        for descriptor in range(3, max(requests, answers, null) + 1):
            if descriptor not in (requests, answers):
                _close(descriptor)
        return cls(requests, answers)

    def read(self) -> dict[str, Any] | None:
        """The next request; `None` when there will be none."""
        length = self._read_exactly(4)
        if length is None:
            return None
        body = self._read_exactly(struct.unpack("<I", length)[0])
        if body is None:
            return None
        request = json.loads(body)
        return request if isinstance(request, dict) else {}

    def write(self, answer: dict[str, Any]) -> None:
        """Sends one answer."""
        body = json.dumps(answer).encode()
        if len(body) > LONGEST:
            body = json.dumps({"refused": "The answer exceeds the maximum length"}).encode()
        left = memoryview(struct.pack("<I", len(body)) + body)
        while left:
            left = left[os.write(self._answers, left) :]

    def _read_exactly(self, length: int) -> bytes | None:
        parts = []
        while length:
            part = os.read(self._requests, min(length, 1 << 20))
            if not part:
                return None
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


def silence() -> None:
    """Lets standard error go where standard output goes: nowhere."""
    os.dup2(1, 2)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass  # it was not open
