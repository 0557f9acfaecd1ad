"""How an answer of the engine reaches the user's eyes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clew.console import say

if TYPE_CHECKING:
    from clew import _engine
    from clew.shell.progress import Command


@dataclass(frozen=True)
class Answer:
    """What a command said. A notebook shows it as it would be printed."""

    exit: int
    text: str
    html: str | None = None
    json: Any = None
    #: Whether Ctrl+C came when a move could not be stopped any more.
    interrupted: bool = False
    #: Whether the text says why nothing was done.
    is_problem: bool = False

    @staticmethod
    def of(answer: _engine.Answer) -> Answer:
        """From the engine's words."""
        text = answer["text"].rstrip("\n")
        interrupted, is_problem = answer.get("interrupted", False), answer.get("is_problem", False)
        return Answer(answer["exit"], text, answer["html"], answer["json"], interrupted, is_problem)

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        bundle = {"text/plain": self.text}
        return bundle if self.html is None else bundle | {"text/html": self.html}

    def show(self, command: Command) -> None:
        """Prints it, or displays it where there is more than text, in the place of the progress that the command showed.

        Why nothing was done goes to stderr, all else to stdout; nothing is a traceback.
        """
        if self.html is not None:
            command.answer(self._repr_mimebundle_())
            return
        command.answer(None)
        if self.text:
            stream = sys.stderr if self.is_problem else None
            say(self.text, stream)
