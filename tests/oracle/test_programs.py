"""Random programs in a real kernel, undone, redone and switched, against a fresh process that runs the cells again."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness import Kernel

from oracle.programs import FIRST, Kinds, Programmer
from oracle.reference import Reference, difference

STEPS = 24
CLEAR = "for _n in [n for n in globals() if n[0] != '_' and n not in ('In', 'Out', 'get_ipython', 'exit', 'quit', 'open')]:\n    del globals()[_n]"


@dataclass
class State:
    """A state that the session had: its revision, the cells that made it, and the kinds of its names."""

    revision: str
    cells: tuple[str, ...]
    kinds: Kinds


@dataclass
class Walker:
    """Walks one program through a kernel, with undo, redo and switch in between, and compares after every step."""

    kernel: Kernel
    reference: Reference
    seed: int
    steps: int = STEPS
    states: list[State] = field(default_factory=list)
    path: list[State] = field(default_factory=list)
    position: int = -1
    wrong: list[str] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)

    @property
    def here(self) -> State:
        return self.path[self.position]

    def walk(self) -> list[str]:
        """All that was wrong, in words."""
        choose = random.Random(self.seed)
        programmer = Programmer(self.seed)
        self.kernel.run(CLEAR)
        self.run(FIRST, {"mark": "list"})
        for _ in range(self.steps):
            move = choose.choices(["run", "undo", "redo", "switch"], [12, 3, 2, 2])[0]
            if move == "undo" and self.position > 0:
                self.step("undo", -1)
            elif move == "redo" and self.position < len(self.path) - 1:
                self.step("redo", 1)
            elif move == "switch":
                self.switch(choose.choice(self.states))
            else:
                cell = programmer.next(self.here.kinds)
                self.run(cell.text, cell.kinds)
            if self.wrong:
                break
        return self.wrong

    def run(self, text: str, kinds: Kinds) -> None:
        before = self.here.cells if self.path else ()
        self.trail.append(text)
        self.kernel.run(text)
        revision = str(json.loads(self.kernel.clew("status --json").text)["at"]["run"])
        self.states.append(State(revision, (*before, text), kinds))
        self.arrive(self.states[-1])
        self.compare("the run itself")

    def arrive(self, state: State) -> None:
        """A new operation: what was undone before it can't be redone any more."""
        self.path = [*self.path[: self.position + 1], state]
        self.position = len(self.path) - 1

    def step(self, word: str, by: int) -> None:
        self.move(word)
        self.position += by
        self.compare(word)

    def switch(self, state: State) -> None:
        self.move(f"switch {state.revision}")
        self.arrive(state)
        self.compare(f"switch {state.revision}")

    def move(self, line: str) -> None:
        self.trail.append(f"%clew {line}")
        text = self.kernel.clew(f"{line} --json").text
        try:
            outcomes = json.loads(text)["outcomes"]
        except (ValueError, KeyError):
            self.wrong.append(f"{line} said {text[:500]}")
            return
        odd = [
            o for o in outcomes if o["outcome"] not in ("unchanged", "restored", "removed") or o["unverified"]
        ]
        if odd:
            self.wrong.append(f"{line}: {odd}")

    def compare(self, after: str) -> None:
        found = self.kernel.value("__import__('oracle_digest').digest(globals())")
        differing = difference(self.reference.digest(self.here.cells), found)
        if differing:
            self.wrong.append(f"after {after}: {differing}")


@pytest.fixture(scope="module")
def reference() -> Iterator[Reference]:
    reference = Reference(os.environ.get("CLEW_TEST_PYTHON") or sys.executable)
    yield reference
    reference.close()


def walk_programs(seeds: range, directory: Path, reference: Reference) -> None:
    """Walks the programs of all seeds, prints what was done, and fails if any value was wrong."""
    kernel, wrong, steps = None, [], 0
    for seed in seeds:
        if kernel is None:
            home = directory / f"home{seed}"
            kernel = Kernel(
                home=home,
                notebook=home / "n.ipynb",
                paths=[Path(__file__).parent],
                env={"PYTHONWARNINGS": "ignore"},
            )
        walker = Walker(kernel, reference, seed)
        try:
            walker.walk()
        except (AssertionError, RuntimeError, TimeoutError, ValueError) as error:
            walker.wrong.append(f"{type(error).__name__}: {error}")
        steps += len(walker.trail)
        if walker.wrong:
            wrong.append(f"seed {seed}: {walker.wrong}\n" + "\n# %%\n".join(walker.trail))
            kernel.kill()
            kernel = None
    if kernel is not None:
        kernel.end()
    print(
        f"{len(seeds)} programs (seeds {seeds.start} to {seeds.stop - 1}), {steps} steps, {len(wrong)} wrong"
    )
    assert not wrong, "\n\n".join(wrong[:5])


def seeds_from(first: int, count: int) -> range:
    """`CLEW_SEED` starts elsewhere, to search on."""
    start = int(os.environ.get("CLEW_SEED", first))
    return range(start, start + count)


def test_p05_random_programs_agree_with_a_fresh_process_that_runs_the_cells_again(
    tmp_path: Path, reference: Reference
) -> None:
    walk_programs(seeds_from(1, 8), tmp_path, reference)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_p05_two_hundred_random_programs_agree_with_a_fresh_process(
    tmp_path: Path, reference: Reference
) -> None:
    walk_programs(seeds_from(1000, 200), tmp_path, reference)
