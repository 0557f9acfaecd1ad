"""Moving the example notebooks to another home over a link with a given speed: the chosen plan, compared with sending or rerunning
everything."""

from __future__ import annotations

import math
import os
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.budgets.session import must
from bench.budgets.table import Row, alone
from bench.kernel import Kernel
from bench.peers.clew import Clew
from bench.peers.peer import Failed
from bench.slow_link import SlowLink
from bench.workloads import notebooks

RATES: dict[str, float | None] = {"10 MB/s": 10e6, "100 MB/s": 100e6, "unlimited": None}
#: The option for each way: a high rate makes the plan send everything, and a low one makes it rerun everything.
WAYS = {"chosen": None, "sending": "1TB", "replaying": "1"}
#: Cells whose values take no time to send or recreate. They show the cost of the commands, the connections and the kernel's `%clew`.
NEXT_TO_NOTHING = ["one = 1", "two = one + 1"]
#: The number of complete measurements of each way; the median counts.
TIMES = 5


@dataclass(frozen=True)
class Went:
    """One move: the seconds until the variables are restored, the predictions of the plan, and the inexact outcomes."""

    seconds: float
    predicted: dict[str, float]
    says: str


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Measures every notebook, link and way. With a smaller scale, each is measured less often."""
    times = max(1, round(TIMES * min(scale, 1.0)))
    rows: list[Row] = []
    examples = {path.stem: notebooks.cells(path) for path in sorted(notebooks.EXAMPLES.glob("*.ipynb"))}
    for notebook, cells in {"next to nothing": NEXT_TO_NOTHING, **examples}.items():
        here = Clew(folder / notebook.replace(" ", "_"))
        try:
            for cell in cells:
                must(here, cell)
            here.begin(0)
            here.finish()
            here.kernel.close()
            for name, rate in RATES.items():
                rows += table(here, folder, f"{notebook}, {name}", rate, times, say)
        finally:
            here.close(at_once=True)
    return rows


def table(
    here: Clew, folder: Path, title: str, rate: float | None, times: int, say: Callable[[str], None]
) -> list[Row]:
    """Measures the three ways of one notebook over one link. They take turns, so that other load of the machine affects all of them."""
    went: dict[str, list[Went]] = {way: [] for way in WAYS}
    for _ in range(times):
        for way, forced in WAYS.items():
            went[way].append(move(here, folder / "move", rate, forced))
    told = {
        way: statistics.median(one.predicted.get(way, math.nan) for one in went["chosen"]) for way in WAYS
    }
    seconds = {way: statistics.median(one.seconds for one in went[way]) for way in WAYS}
    says = {one.says for ones in went.values() for one in ones} - {""}
    best = min(seconds.values())
    say(f"{title}: " + ", ".join(f"{way} {seconds[way]:.2f} s ({said(told[way])})" for way in WAYS))
    return [
        *(alone(f"{title}: {way}", seconds[way], None, "s", said(told[way])) for way in WAYS),
        alone(
            f"{title}: chosen beside the best", seconds["chosen"] / best, 1.1, "x", "; ".join(sorted(says))
        ),
    ]


def said(predicted: float) -> str:
    """Formats the prediction of the plan for a way."""
    return "not possible alone" if math.isnan(predicted) else f"predicted {predicted:.2f} s"


def move(here: Clew, folder: Path, rate: float | None, forced: str | None) -> Went:
    """Moves the session to an empty home and resumes it there. The starts of the kernels are not counted."""
    shutil.rmtree(folder, ignore_errors=True)
    commands = str(Path(here.kernel.command).parent)
    path = os.pathsep.join([commands, os.environ["PATH"]])
    with SlowLink(rate, folder / "bin", path):
        environment = {"PATH": os.pathsep.join([str(folder / "bin"), path])}
        # Clew caches the speed of the connection to a URL for an hour, so each link has its own URL.
        place = f"ssh://far{folder / f'place-{rate or 0:.0f}'}"
        words = ["move", "far", *(["--rate", forced] if forced else [])]
        # Once for each URL: this tests the remote and measures the speed of the connection.
        here.kernel.type_in_terminal("remote", "remove", "far").ended()
        typed(here.kernel, ["remote", "add", "far", place], environment)
        typed(here.kernel, [*words, "--dry-run"], environment)
        sent, page = typed(here.kernel, words, environment)
        # The other machine belongs to the same user, with the same key.
        shutil.copytree(here.home / ".config/clew", folder / "home/.config/clew")
        there = Clew(folder / "home")
        try:
            typed(there.kernel, ["remote", "add", "far", place], environment)
            fetched, _ = typed(there.kernel, ["pull", "far", "--all"], environment)
            _, found = typed(there.kernel, ["list"], environment)
            history = next(one["id"] for one in found["histories"] if one["runs"] > 1)
            there.typed(f"%clew history {history}")
            back = there.went("resume")
            return Went(sent + fetched + back.seconds, predicted(page), back.says)
        finally:
            there.close(at_once=True)


def predicted(page: dict[str, Any]) -> dict[str, float]:
    """Returns the predicted seconds of each possible way."""
    found = {"chosen": page["seconds"]}
    for way, instead in (("sending", page["send_all"]), ("replaying", page["rerun_all"])):
        if instead["is_possible"]:
            found[way] = instead["seconds"]
    return found


def typed(kernel: Kernel, words: list[str], environment: dict[str, str]) -> tuple[float, dict[str, Any]]:
    """Runs a command in a terminal. Returns the seconds that it took, and its JSON output."""
    began = time.monotonic()
    said = kernel.type_in_terminal(*words, "--json", environment=environment).ended()
    seconds = time.monotonic() - began
    answer = said.json
    if answer["exit"] > 1:
        raise Failed(f"clew {' '.join(words)}: {answer}"[:500])
    return seconds, answer
