"""Shows the engine's answers to the user."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from clew.console import say

if TYPE_CHECKING:
    from clew._engine import Answer
    from clew.shell.progress import Command


def show(answer: Answer, command: Command) -> None:
    """Prints an answer, or displays it if it has more than text, in place of the command's progress.

    Messages why nothing was done go to stderr, all others to stdout. There are no tracebacks.
    """
    text = answer["text"].rstrip("\n")
    if answer["html"] is not None:
        command.answer({"text/plain": text, "text/html": answer["html"]})
        return
    command.answer(None)
    if text:
        say(text, sys.stderr if answer.get("is_problem") else None)
