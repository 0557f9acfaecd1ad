"""The example notebooks moved to another home over a link of a stated speed: the chosen plan, beside sending and replaying everything."""

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
#: Rates that have a plan send all that can be sent, and replay all that can be replayed.
WAYS = {"chosen": None, "sending": "1TB", "replaying": "1"}
#: What takes no time to send or to make: what it costs is what commands, connections and a kernel's `%clew` cost.
NEXT_TO_NOTHING = ["one = 1", "two = one + 1"]
#: How often each is measured in full; the median counts.
TIMES = 5


@dataclass(frozen=True)
class Went:
    """One move: seconds until the variables are there, what the plan said of each way, and what did not come back as it was."""

    seconds: float
    predicted: dict[str, float]
    says: str


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Every notebook, link and way; a part of the scale measures each less often."""
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
    """The three ways of one notebook over one link; in turns, so that what else the machine does falls on all."""
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
    """What the plan said of a way."""
    return "not possible alone" if math.isnan(predicted) else f"predicted {predicted:.2f} s"


def move(here: Clew, folder: Path, rate: float | None, forced: str | None) -> Went:
    """Moves the session to a home that has nothing, and brings it back there; neither kernel's start is counted."""
    shutil.rmtree(folder, ignore_errors=True)
    commands = str(Path(here.kernel.command).parent)
    path = os.pathsep.join([commands, os.environ["PATH"]])
    with SlowLink(rate, folder / "bin", path):
        environment = {"PATH": os.pathsep.join([str(folder / "bin"), path])}
        # How fast the way to a place is is remembered for an hour: of another link it is to be asked anew.
        place = f"ssh://far{folder / f'place-{rate or 0:.0f}'}"
        words = ["move", "far", *(["--rate", forced] if forced else [])]
        # Once a place: it is asked how it keeps its word, and how fast the way there is.
        here.kernel.type_in_terminal("remote", "remove", "far").ended()
        typed(here.kernel, ["remote", "add", "far", place], environment)
        typed(here.kernel, [*words, "--dry-run"], environment)
        sent, page = typed(here.kernel, words, environment)
        # The other machine is the same person's.
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
    """What a plan says of each way that is possible."""
    found = {"chosen": page["seconds"]}
    for way, instead in (("sending", page["send_all"]), ("replaying", page["rerun_all"])):
        if instead["is_possible"]:
            found[way] = instead["seconds"]
    return found


def typed(kernel: Kernel, words: list[str], environment: dict[str, str]) -> tuple[float, dict[str, Any]]:
    """Types a command in a terminal: the seconds it took, and its answer."""
    began = time.monotonic()
    said = kernel.type_in_terminal(*words, "--json", environment=environment).ended()
    seconds = time.monotonic() - began
    answer = said.json
    if answer["exit"] > 1:
        raise Failed(f"clew {' '.join(words)}: {answer}"[:500])
    return seconds, answer
