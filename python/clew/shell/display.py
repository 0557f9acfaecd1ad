"""How an answer of the engine reaches the user's eyes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clew.errors import NOTHING_DONE

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

    @staticmethod
    def of(answer: _engine.Answer) -> Answer:
        """From the engine's words."""
        text = answer["text"].rstrip("\n")
        return Answer(answer["exit"], text, answer["html"], answer["json"], answer.get("interrupted", False))

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        bundle = {"text/plain": self.text}
        return bundle if self.html is None else bundle | {"text/html": self.html}

    def show(self, command: Command) -> None:
        """Prints it, or displays it where there is more than text, in the place of the progress that the command showed.

        Refusals in words go to stderr, data to stdout; none is a traceback.
        """
        if self.html is not None and (self.exit < NOTHING_DONE or self.json is not None):
            command.answer(self._repr_mimebundle_())
            return
        command.answer(None)
        if self.text:
            print(
                self.text,
                file=sys.stderr if self.exit >= NOTHING_DONE and self.json is None else None,
                flush=True,
            )
