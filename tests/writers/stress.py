"""Lets them all play for a while on one store, then holds what was acknowledged against what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import Kernel

from writers.beside import Collector, Fate, Forgetter, Looker, Mover
from writers.cells import READ, step_of
from writers.counts import Counts
from writers.recorder import Recorder

NO_GRACE = {"CLEW_GC_GRACE": "0"}


@dataclass(frozen=True)
class Plan:
    """What is to happen."""

    seconds: float
    #: How many kernels there are, one on the first notebook and then two on each.
    kernels: int
    seed: int
    #: Seconds that a kernel is stopped at most, and that it rests between cells.
    longest_stop: float
    rest: float


def notebook_of(home: Path, number: int) -> Path:
    return home / f"notebook{number // 2}.ipynb"


@contextmanager
def a_desk(home: Path) -> Iterator[Kernel]:
    """A kernel without Clew, for its terminal."""
    (home / "clew").mkdir(mode=0o700, parents=True)
    with Kernel(home=home, load=False) as desk:
        yield desk


def play(plan: Plan, desk: Kernel) -> Counts:
    """All of them at once, then the verdict."""
    counts = Counts()
    home, command, env = desk.home, desk.command, desk.environment() | NO_GRACE
    recorders = [
        Recorder(home, notebook_of(home, number), plan.seed + number, counts, plan.rest)
        for number in range(1, plan.kernels + 1)
    ]
    names = sorted({recorder.notebook.name for recorder in recorders})
    beside = [
        Collector(counts, plan.seed, command, env),
        Looker(counts, plan.seed, command, env, names),
        Forgetter(counts, plan.seed, command, env, names),
        Mover(counts, plan.seed, command, env, recorders),
        Fate(counts, plan.seed, recorders, plan.longest_stop),
    ]
    for recorder in recorders:
        recorder.start()
    # Commands have nothing to say of histories that are not there yet.
    while any(not counts.steps_of(name) for name in names) and not counts.corrupt:
        counts.is_over.wait(0.05)
    for one in beside:
        one.start()
    counts.is_over.wait(plan.seconds)
    counts.is_over.set()
    # Who stops and kills ends first, so that nobody stays stopped.
    for one in [*reversed(beside), *recorders]:
        one.join()
    judge(counts, desk)
    return counts


def judge(counts: Counts, desk: Kernel) -> None:
    """Every run that was acknowledged is in the log, and what it left comes back in a new kernel; no byte is damaged."""
    for notebook, steps in sorted(counts.acknowledged.items()):
        runs = logged(desk, notebook)
        for step in steps.keys() - runs.keys():
            counts.lost.append(f"{notebook}: step {step} is not in the log")
        with Kernel(home=desk.home, notebook=desk.home / notebook) as kernel:
            for step in sorted(steps.keys() & runs.keys()):
                compare(counts, kernel, f"{notebook}, step {step}", runs[step], steps[step])
        verified = desk.terminal("verify", "--read-data", "--json", "--history", notebook)
        counts.corrupt += [f"verify: {finding}" for finding in verified.json.get("findings", [verified])]
    # One that was killed is finished as `doctor` says: by another.
    desk.terminal("gc")
    checks = desk.terminal("doctor", "--json").json["checks"]
    counts.corrupt += [f"doctor: {it}" for it in checks if it["group"] == "store" and not it["is_fine"]]


def logged(desk: Kernel, notebook: str) -> dict[int, str]:
    """The run of each step that the log has."""
    typed = desk.terminal("log", "--all", "-n", "0", "--json", "--history", notebook)
    assert typed.exit == 0, typed
    steps = {step_of(run["source"]): run["run"] for run in typed.json["runs"]}
    return {step: run for step, run in steps.items() if step is not None}


def compare(counts: Counts, kernel: Kernel, what: str, run: str, left: str) -> None:
    """Goes there, and reads what the cell read when it had run."""
    answer = json.loads(kernel.clew(f"switch {run} --json").text)
    words = {
        outcome["root"]["key"]: outcome
        for outcome in answer.get("outcomes", [])
        if outcome["outcome"] in ("lost", "not_identical")
    }
    forgotten = words.pop("scrap", None)
    if "error" in answer or words or (forgotten and "forgotten" not in forgotten["why"]):
        counts.corrupt.append(f"{what}: switch {run} said {answer.get('error', words or forgotten)}")
        return
    found = kernel.run(f"print({READ})", silent=True).stdout.strip()
    counts.count("runs found and equal", found == left)
    if found != left:
        counts.corrupt.append(f"{what}: {left} came back as {found}")
