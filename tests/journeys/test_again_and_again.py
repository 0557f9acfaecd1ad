"""Resume, work, save, resume again, ten times: everything stays reachable, and nothing grows that nobody asked for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from journeys.person import Person

TIMES = 10
BEGIN = (
    "import numpy as np\nrng = np.random.default_rng(1)\nbig = rng.normal(size=400_000)\nview = big[:1000]",
    "class Tally:\n    count = 0\ntallies = [Tally()]\nalias = tallies\nnotes = {}",
)
WORK = "notes[{n}] = 'round {n}'\nbig[{n}] = {n}\nTally.count += 1\ntallies.append(Tally())"
FACTS = "len(notes), Tally.count, len(tallies), alias is tallies, view.base is big, float(big.sum()), all(type(t) is Tally for t in tallies)"


def stored(store: Path) -> int:
    """Bytes of packs and logs."""
    return sum(
        path.stat().st_size
        for folder in ("packs", "histories")
        for path in (store / folder).rglob("*")
        if path.is_file()
    )


def test_ten_times_resumed_every_state_is_there(ada: Person) -> None:
    notebook = ada.opens("n.ipynb")
    notebook.run(*BEGIN)
    states = {notebook.at(): notebook.read(FACTS)}
    for n in range(TIMES):
        notebook.kill()
        notebook = ada.opens("n.ipynb")
        before = list(states.values())[-1]
        assert notebook.move("resume").data["exit"] == 0 and notebook.read(FACTS) == before
        notebook.run(WORK.format(n=n))
        states[notebook.at()] = notebook.read(FACTS)
    assert len(states) == TIMES + 1
    for run, facts in states.items():
        notebook.move(f"switch {run}")
        assert notebook.read(FACTS) == facts, run
    assert "is intact" in ada.clew("verify", "--read-data").well()


@pytest.mark.long
def test_ten_times_resumed_without_work_each_adds_as_much_as_the_one_before(ada: Person) -> None:
    notebook = ada.opens("n.ipynb")
    notebook.run(*BEGIN)
    facts = notebook.read(FACTS)
    sizes = []
    for _ in range(TIMES):
        notebook.kill()
        notebook = ada.opens("n.ipynb")
        notebook.move("resume")
        assert notebook.read(FACTS) == facts
        sizes.append(stored(ada.store))
    added = [after - before for before, after in pairwise(sizes)]
    # What a kernel finds at its start, the names of files and one operation: no value is stored again.
    assert max(added) < 64 * 1024, added
    assert max(added) - min(added) < 4 * 1024, added
