"""The pipe to the parent process: frames of JSON, each after its length in four bytes."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

#: The highest file descriptor that is closed at the start. Libraries do not open higher ones before.
DESCRIPTORS = 4096
#: The maximal length of an answer in bytes. The parent process does not read longer ones.
LONGEST = 16 << 20


class Channel:
    """Separate file descriptors for frames, so that input and output of the user's code are not mistaken for frames."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests = requests
        self._answers = answers

    @classmethod
    def take_over(cls) -> Channel:
        """Takes standard input and output for frames, and closes all other inherited descriptors.

        A writable descriptor would be a hole in the sandbox. Standard error stays open until the sandbox is entered, for errors before
        that.
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
        """Returns the next request; `None` at the end."""
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
    """Redirects standard error to the null device, like standard output."""
    os.dup2(1, 2)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass  # it was not open
