"""Prints to streams whose reader may be gone."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def say(text: str, stream: TextIO | None = None) -> None:
    """Prints a text completely, by default to standard output. A closed pipe (`clew undo | head -1`) is not a failure, as in the native
    command. Characters that the stream cannot encode are escaped."""
    stream = stream or sys.stdout
    try:
        try:
            print(text, file=stream, flush=True)
        except UnicodeEncodeError:
            code = stream.encoding
            text = text.encode(code, "backslashreplace").decode(code)
            print(text, file=stream, flush=True)
    except BrokenPipeError:
        # Writing the rest would fail again, at the latest when Python exits.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
