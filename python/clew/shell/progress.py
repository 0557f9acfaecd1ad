"""The line that tells how far a long move is. The answer takes its place, and it belongs to no cell's outputs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from IPython.display import DisplayHandle, display

from clew.shell.start import is_heard

#: No text here is longer (characters).
WIDTH = 60


class Command:
    """A command that was typed in a notebook. What it shows is one display, the answer at last."""

    def __init__(self) -> None:
        self._display: DisplayHandle | None = None

    def show(self, bundle: dict[str, str]) -> None:
        """Shows something in the place of what was shown before."""
        if self._display is None:
            self._display = display(bundle, raw=True, display_id=True)
        else:
            self._display.update(bundle, raw=True)

    def answer(self, bundle: dict[str, str] | None) -> None:
        """Shows the answer there; `None` if it is printed."""
        if self._display is not None:
            self.show(bundle or {"text/plain": ""})
        elif bundle is not None:
            display(bundle, raw=True)


_command: Command | None = None


@contextmanager
def command(*, is_shown: bool) -> Iterator[Command]:
    """A command runs that was typed; whether its progress is shown. What a program asks for has no place for a line of its own."""
    global _command
    typed = Command()
    before, _command = _command, typed if is_shown else None
    try:
        yield typed
    except BaseException:
        # No answer comes in its place.
        typed.answer(None)
        raise
    finally:
        _command = before


def show(shell: Any, text: str) -> None:
    """Shows `text` in the place of what was shown before; nothing wipes the line, where no answer follows in its place.

    Whatever goes wrong here, the move goes on.
    """
    try:
        if getattr(shell, "kernel", None) is None:
            if sys.stderr.isatty():
                with muted():
                    # To the first column, over what stood there, and back.
                    # Beside the answer, which may be read by a program.
                    sys.stderr.write(f"\r{text:<{WIDTH}}" if text else f"\r{'':<{WIDTH}}\r")
                    sys.stderr.flush()
        elif text and _command is not None and is_heard(shell):
            with muted():
                _command.show({"text/plain": text})
    except Exception:
        pass


def muted() -> Any:
    """What is shown within is not recorded."""
    from clew.shell import session

    live = session.recording()
    return live.outputs.muted() if live is not None else nullcontext()
