"""How the demo looks on a terminal: plain where it is piped, coloured where a person reads."""

from __future__ import annotations

import textwrap
from typing import TextIO

from kernel import Answer

WIDTH = 100
LINES = 14


class Teller:
    """Prints acts, cells and what came of them."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.acts = 0
        self.colour = out.isatty()

    def title(self, text: str) -> None:
        self._line(self._paint("1", text))

    def act(self, name: str, text: str) -> None:
        self.acts += 1
        self._line("")
        self._line(self._paint("1;36", f"{self.acts}. {name}"))
        self.say(text)

    def say(self, text: str) -> None:
        for line in textwrap.wrap(text, WIDTH):
            self._line(line)

    def cell(self, number: int | None, code: str, answer: Answer) -> None:
        """A cell with what is seen below it."""
        prompt = f"  In [{number or ' '}]: "
        self._line("")
        for position, line in enumerate(code.splitlines()):
            lead = self._paint("32", prompt) if position == 0 else " " * (len(prompt) - 5) + "...: "
            self._line(lead + line)
        for line in "\n".join([*answer.shown, *answer.warned]).splitlines()[:LINES]:
            self._line(" " * len(prompt) + line)
        if answer.error:
            self._line(" " * len(prompt) + self._paint("31", answer.error))

    def fact(self, claim: str) -> None:
        self._line(self._paint("1;32", "  ✓ ") + claim)

    def suggest(self, *commands: tuple[str, str]) -> None:
        for command, what in commands:
            self._line(f"  {self._paint('33', command)}")
            self._line(f"      {what}")

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def _line(self, text: str) -> None:
        print(text, file=self.out, flush=True)
