"""How an answer of the engine reaches the user's eyes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from clew.console import say

if TYPE_CHECKING:
    from clew._engine import Answer
    from clew.shell.progress import Command


def show(answer: Answer, command: Command) -> None:
    """Prints an answer, or displays it where there is more than text, in the place of the progress that the command showed.

    Why nothing was done goes to stderr, all else to stdout; nothing is a traceback.
    """
    text = answer["text"].rstrip("\n")
    if answer["html"] is not None:
        command.answer({"text/plain": text, "text/html": answer["html"]})
        return
    command.answer(None)
    if text:
        say(text, sys.stderr if answer.get("is_problem") else None)
