"""Random programs that move to another home over links of any speed, against a fresh process that runs the cells again.

What the plan sends and what it has the other home replay is another mixture with every program and speed; whatever it
is, each name must arrive as it was, aliases and shared memory included, and live on.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from harness import Kernel

from oracle.programs import Programmer
from oracle.reference import Reference, difference
from oracle.test_programs import Walker, reference, seeds_from

__all__ = ["reference"]

STEPS = 12
#: How many cells run in the other home, where everything must live on.
GOES_ON = 3


class Mover:
    """Moves one program after the other from one kernel; each arrives in a home and a kernel of its own."""

    def __init__(self, folder: Path, reference: Reference) -> None:
        self.folder = folder
        self.reference = reference
        self.here = self.kernel("here")
        self.words: Counter[str] = Counter()

    def kernel(self, name: str) -> Kernel:
        """A new kernel in a home."""
        home = self.folder / name
        return Kernel(
            home=home,
            notebook=home / "n.ipynb",
            paths=[Path(__file__).parent],
            env={"PYTHONWARNINGS": "ignore"},
        )

    def move(self, seed: int) -> list[str]:
        """All that was wrong with the program of the seed, in words."""
        choose = random.Random(f"move {seed}")
        walker = Walker(self.here, self.reference, seed, steps=STEPS)
        if walker.walk():
            return walker.wrong
        rate = round(10 ** choose.uniform(0, 7))
        # Where programs went before, some of what they share lies already.
        place = self.folder / f"place{choose.choice([0, seed])}"
        self.said(self.here, f"remote add p{seed} {place}")
        page = self.said(self.here, f"push p{seed} --plan --rate {rate}")
        self.words["sent"] += len(page["sent"])
        self.words["cells to be replayed"] += len(page["rerun"])
        there = self.arrive(f"there{seed}", place)
        try:
            report = self.said(there, "resume")
            self.words.update(outcome["outcome"] for outcome in report["outcomes"])
            odd = [
                o
                for o in report["outcomes"]
                if o["outcome"] not in ("unchanged", "restored", "rerun") or o["unverified"]
            ]
            wrong = [f"at {rate} bytes a second: {odd}"] if odd else []
            return wrong + self.lives_on(there, walker, seed)
        finally:
            there.kill()
            shutil.rmtree(self.folder / f"there{seed}")

    def arrive(self, name: str, place: Path) -> Kernel:
        """A kernel in a new home of the same person, which has what lies in the place."""
        home = self.folder / name
        shutil.copytree(self.here.home / ".config/clew", home / ".config/clew")
        there = self.kernel(name)
        self.said(there, f"remote add place {place}")
        self.said(there, "pull place --all")
        history = json.loads(there.terminal("list", "--json").out)["histories"]
        there.clew(f"history {next(one['id'] for one in history if one['runs'] > 1)}").raised()
        return there

    def lives_on(self, there: Kernel, walker: Walker, seed: int) -> list[str]:
        """What differs when it arrived, and after each of some cells more."""
        programmer, wrong = Programmer(seed + 1), []
        cells, kinds = walker.here.cells, walker.here.kinds
        for _ in range(1 + GOES_ON):
            found = there.value("__import__('oracle_digest').digest(globals())")
            if differing := difference(self.reference.digest(cells), found):
                wrong.append(f"after {cells[-1]!r}: {differing}")
                break
            cell = programmer.next(kinds)
            there.run(cell.text)
            cells, kinds = (*cells, cell.text), cell.kinds
        return wrong

    def said(self, kernel: Kernel, line: str) -> dict[str, Any]:
        """The answer in JSON of `%clew line`, which must have been done."""
        word, _, rest = line.partition(" ")
        text = kernel.clew(f"{word} --json {rest}").text
        page = json.loads(text)
        assert page["exit"] <= 1, f"{line}: {text[:1000]}"
        return page


def move_programs(seeds: range, folder: Path, reference: Reference) -> None:
    """Moves the programs of all seeds, prints what was done, and fails if any value was wrong."""
    mover, wrong = Mover(folder, reference), []
    for seed in seeds:
        try:
            said = mover.move(seed)
        except (AssertionError, RuntimeError, TimeoutError, ValueError) as error:
            said = [f"{type(error).__name__}: {error}"]
        if said:
            wrong.append(f"seed {seed}: {said}")
    mover.here.end()
    print(f"{len(seeds)} programs moved, {len(wrong)} wrong: {dict(mover.words)}")
    assert not wrong, "\n\n".join(wrong[:5])


def test_p03_random_programs_arrive_as_a_fresh_process_has_them(tmp_path: Path, reference: Reference) -> None:
    move_programs(seeds_from(1, 4), tmp_path, reference)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_p03_a_hundred_random_programs_arrive_as_a_fresh_process_has_them(
    tmp_path: Path, reference: Reference
) -> None:
    move_programs(seeds_from(1000, 100), tmp_path, reference)
