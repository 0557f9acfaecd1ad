"""Reports about the cells: one line for each, or as data."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

from clew.console import say
from clew.run.options import STREAM, TELLING, Options
from clew.run.walk import Told, Walk

#: The maximal number of characters shown of a cell's first line.
LONGEST = 40


class Report:
    """Reports about a run, as the options specify."""

    def __init__(self, options: Options, walk: Walk) -> None:
        self._options = options
        self._walk = walk

    def planned(self, code: int) -> None:
        """Reports what would be done with the cells."""
        if self._options.json:
            self._print_json(code)
        elif self._options.plan or self._options.explain:
            self._print_lines(sys.stdout)
            if any(self._walk.seconds(told) is not None for told in self._walk.told.values()):
                say(self._expected())
        elif self._options.check:
            say(self._checked())

    def ended(self, code: int) -> None:
        """Reports what was done with the cells, if requested."""
        if self._options.json:
            self._print_json(code)
        elif self._options.explain:
            is_taken = self._options.output == STREAM
            self._print_lines(sys.stderr if is_taken else sys.stdout)
        if not self._options.json and self._options.log_level in TELLING:
            say(self._summary(), sys.stderr)
            if (
                self._walk.failed is not None
                and self._walk.ended_at is not None
                and self._options.output != STREAM
            ):
                say(
                    f"Next: in {self._options.output or self._options.input}, type `%load_ext clew` and `%clew resume` to restore the variables as they were then. "
                    "The same command again executes only the cells that did not complete or that changed",
                    sys.stderr,
                )

    def verified(self) -> bool:
        """Returns whether all cells that could be compared equal their recorded runs. Reports the result on standard error."""
        compared = [told for told in self._walk.told.values() if told.compared is not None]
        differing = [told for told in compared if told.differs]
        cells = f"{len(compared)} {'cell' if len(compared) == 1 else 'cells'}"
        if not differing:
            say(f"Compared {cells} with the recorded runs: no difference", sys.stderr)
            return True
        say(f"Compared {cells} with the recorded runs: {len(differing)} gave a different result:", sys.stderr)
        for told in differing:
            say(f"cell {told.number}, {headline(told.source)}: {'; '.join(told.why)}", sys.stderr)
        return False

    def _checked(self) -> str:
        would_run = self._counts()["executed"]
        cells = "cell" if would_run == 1 else "cells"
        return (
            f"{would_run} {cells} would be executed; `--plan` lists them"
            if would_run
            else "Nothing would be executed"
        )

    def _time(self, told: Told) -> str:
        """Returns the expected time of a cell, if nothing ran yet; empty if it is not known."""
        seconds = self._walk.seconds(told)
        is_expected = self._options.is_looking and told.outcome == "executed" and seconds is not None
        return duration(seconds) if is_expected and seconds is not None else ""

    def _expected(self) -> str:
        """Formats the expected time of all cells, from their last runs: `Expected: 2 s; 31 s saved`."""
        executed = [told for told in self._walk.told.values() if told.outcome == "executed"]
        unknown = sum(self._walk.seconds(told) is None for told in executed)
        cells = f"{unknown} {'cell' if unknown == 1 else 'cells'}"
        besides = f", and {cells} without a recorded run" if unknown else ""
        expected, saved = (duration(self._walk.total(outcome)) for outcome in ("executed", "restored"))
        return f"Expected: {expected}{besides}; {saved} saved"

    def _summary(self) -> str:
        """Formats the numbers of restored and executed cells, and the saved time: `7 of 9 cells restored, 2 executed; 31 s saved`."""
        counts = self._counts()
        total = len(self._walk.told) - counts["skipped"]
        cells = f"{counts['restored']} of {total} {'cell' if total == 1 else 'cells'} restored"
        others = [
            f", {counts[word]} {word}" for word in ("executed", "failed", "interrupted") if counts[word]
        ]
        saved = f"; {duration(self._walk.total('restored'))} saved" if counts["restored"] else ""
        return f"{cells}{''.join(others)}{saved}"

    def _counts(self) -> Counter[str]:
        return Counter(told.outcome for told in self._walk.told.values())

    def _print_lines(self, stream: Any) -> None:
        lines = [(*columns(told), self._time(told)) for told in self._walk.told.values()]
        widths = [max((len(line[at]) for line in lines), default=0) for at in range(5)]
        for number, outcome, code, why, time in lines:
            at = f"{number:>{widths[0]}}  {outcome:<{widths[1]}}"
            at += f"  {time:>{widths[4]}}" if widths[4] else ""
            line = f"{at}  {code:<{widths[2]}}  {why}"
            say(line.rstrip(), stream)

    def _print_json(self, code: int) -> None:
        options = self._options
        answer = {
            "schema": 1,
            "command": "run",
            "exit": code,
            "input": options.input,
            "output": None if options.is_looking else options.output,
            "is_planned": options.is_looking,
            "cells": [
                described(told) | {"seconds": self._walk.seconds(told)} for told in self._walk.told.values()
            ],
            "counts": dict(self._counts()),
        }
        say(json.dumps(answer, indent=2))


def duration(seconds: float) -> str:
    """Formats a time for users: `0.4 s`, `31 s`, `12 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def columns(told: Told) -> tuple[str, str, str, str]:
    """Returns number, outcome, first line of code, and reasons, including the outcome of its tasks."""
    said = [*told.why, *([str(told.tasks)] if told.tasks is not None else [])]
    return str(told.number), told.outcome, headline(told.source), "; ".join(said)


def headline(source: str) -> str:
    """Returns the first line of a cell that is not a comment."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    line = next((line for line in lines if not line.startswith("#")), lines[0] if lines else "")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def described(told: Told) -> dict[str, Any]:
    """Returns a cell as data."""
    return {
        "number": told.number,
        "cell": told.id or None,
        "code": headline(told.source),
        "outcome": told.outcome,
        "why": list(told.why),
        "run": told.run,
        "compared_with": told.compared,
        "differs": list(told.differs),
        "tasks": told.tasks.as_json() if told.tasks is not None else None,
    }
