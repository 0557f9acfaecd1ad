"""What is said of the cells: a line each, or the same as data."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

from clew.run.options import STREAM, Options
from clew.run.walk import Told, Walk

#: So many characters of a cell's first line are shown.
LONGEST = 40


class Report:
    """Tells of a walk, as the options want it."""

    def __init__(self, options: Options, walk: Walk) -> None:
        self._options = options
        self._walk = walk

    def planned(self, code: int) -> None:
        """Tells what would become of the cells."""
        if self._options.json:
            self._print_json(code)
        elif self._options.plan or self._options.explain:
            self._print_lines(sys.stdout)
        elif self._options.check:
            print(self._checked())

    def ended(self, code: int) -> None:
        """Tells what became of them, where that was asked for."""
        if self._options.json:
            self._print_json(code)
        elif self._options.explain:
            is_taken = self._options.output == STREAM
            self._print_lines(sys.stderr if is_taken else sys.stdout)

    def verified(self) -> bool:
        """Whether all cells that could be compared are as they were recorded; says so on standard error."""
        compared = [told for told in self._walk.told.values() if told.compared is not None]
        differing = [told for told in compared if told.differs]
        cells = f"{len(compared)} {'cell' if len(compared) == 1 else 'cells'}"
        if not differing:
            print(f"{cells} compared with what was recorded: no difference", file=sys.stderr)
            return True
        print(f"{len(differing)} of {cells} compared came out otherwise:", file=sys.stderr)
        for told in differing:
            print(f"cell {told.number}, {headline(told.source)}: {'; '.join(told.why)}", file=sys.stderr)
        return False

    def _checked(self) -> str:
        would_run = self._counts()["executed"]
        cells = "cell" if would_run == 1 else "cells"
        return (
            f"{would_run} {cells} would be executed; `--plan` lists them"
            if would_run
            else "Nothing would be executed"
        )

    def _counts(self) -> Counter[str]:
        return Counter(told.outcome for told in self._walk.told.values())

    def _print_lines(self, stream: Any) -> None:
        lines = list(map(columns, self._walk.told.values()))
        widths = [max((len(line[at]) for line in lines), default=0) for at in range(3)]
        for number, outcome, code, why in lines:
            line = f"{number:>{widths[0]}}  {outcome:<{widths[1]}}  {code:<{widths[2]}}  {why}"
            print(line.rstrip(), file=stream)

    def _print_json(self, code: int) -> None:
        options = self._options
        answer = {
            "schema": 1,
            "command": "run",
            "exit": code,
            "input": options.input,
            "output": None if options.is_looking else options.output,
            "is_planned": options.is_looking,
            "cells": [described(told) for told in self._walk.told.values()],
            "counts": dict(self._counts()),
        }
        print(json.dumps(answer, indent=2))


def columns(told: Told) -> tuple[str, str, str, str]:
    """Number, outcome, first line of code, reasons; then what became of its tasks."""
    said = [*told.why, *([str(told.tasks)] if told.tasks is not None else [])]
    return str(told.number), told.outcome, headline(told.source), "; ".join(said)


def headline(source: str) -> str:
    """The first line of a cell that says something."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    line = next((line for line in lines if not line.startswith("#")), lines[0] if lines else "")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def described(told: Told) -> dict[str, Any]:
    """A cell as data."""
    return {
        "number": told.number,
        "cell": told.id or None,
        "code": headline(told.source),
        "outcome": told.outcome,
        "why": list(told.why),
        "run": told.run,
        "compared": told.compared,
        "differs": list(told.differs),
        "tasks": told.tasks.described() if told.tasks is not None else None,
    }
