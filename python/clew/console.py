"""Prints for somebody who may read no further."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def say(text: str, stream: TextIO | None = None) -> None:
    """Prints a text whole, to standard output unless told otherwise. A reader that went away (`clew undo | head -1`) is no failure, as for
    the native command; of letters that the stream has no code for their numbers are printed."""
    stream = stream or sys.stdout
    try:
        try:
            print(text, file=stream, flush=True)
        except UnicodeEncodeError:
            code = stream.encoding
            text = text.encode(code, "backslashreplace").decode(code)
            print(text, file=stream, flush=True)
    except BrokenPipeError:
        # What is still to be written would fail again, at the latest when Python ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
