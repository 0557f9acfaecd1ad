"""The progress line of a long move. The answer replaces it, and it is not part of any cell's outputs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from IPython.display import DisplayHandle, display

from clew.shell.start import is_heard

#: The maximal length of a text here (characters).
WIDTH = 60


class Command:
    """A command typed in a notebook. It has one display, which shows the answer at the end."""

    def __init__(self) -> None:
        self._display: DisplayHandle | None = None

    def show(self, bundle: dict[str, str]) -> None:
        """Replaces the displayed content."""
        if self._display is None:
            self._display = display(bundle, raw=True, display_id=True)
        else:
            self._display.update(bundle, raw=True)

    def answer(self, bundle: dict[str, str] | None) -> None:
        """Shows the answer in the display; `None` if it is printed instead."""
        if self._display is not None:
            self.show(bundle or {"text/plain": ""})
        elif bundle is not None:
            display(bundle, raw=True)


_command: Command | None = None


@contextmanager
def command(*, is_shown: bool) -> Iterator[Command]:
    """Runs a typed command; `is_shown` is whether its progress is shown. Commands of a program have no place for a progress line."""
    global _command
    typed = Command()
    before, _command = _command, typed if is_shown else None
    try:
        yield typed
    except BaseException:
        # No answer replaces the progress.
        typed.answer(None)
        raise
    finally:
        _command = before


def show(shell: Any, text: str) -> None:
    """Replaces the displayed text by `text`. An empty text clears the line if no answer replaces it.

    Errors here are ignored, so that the move continues.
    """
    try:
        if getattr(shell, "kernel", None) is None:
            if sys.stderr.isatty():
                with muted():
                    # Overwrite the line from its first column. On stderr, because a program may read the answer on stdout.
                    sys.stderr.write(f"\r{text:<{WIDTH}}" if text else f"\r{'':<{WIDTH}}\r")
                    sys.stderr.flush()
        elif text and _command is not None and is_heard(shell):
            with muted():
                _command.show({"text/plain": text})
    except Exception:
        pass


def muted() -> Any:
    """Excludes what is shown in the block from the recorded outputs."""
    from clew.shell import session

    live = session.recording()
    return live.outputs.muted() if live is not None else nullcontext()
