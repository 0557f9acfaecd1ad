"""How an answer of the engine reaches the user's eyes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clew.errors import NOTHING_DONE

if TYPE_CHECKING:
    from clew import _engine


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

    def show(self) -> None:
        """Prints it, or displays it where there is more than text.

        Refusals in words go to stderr, data to stdout; none is a traceback.
        """
        if self.exit >= NOTHING_DONE and self.json is None:
            print(self.text, file=sys.stderr, flush=True)
        elif self.html is not None:
            from IPython.display import display

            display(self._repr_mimebundle_(), raw=True)
        elif self.text:
            print(self.text, flush=True)
