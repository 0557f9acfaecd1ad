"""The notebooks of `examples/moving` that need a cluster's library or a large one: Spark and PyTorch, each fetched by its test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cases.story import Notebook, Report

from bench import environments
from journeys.carrying import ORACLE, WAYS, digest, halves
from journeys.java import java_home
from journeys.person import Person, told

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


class Move:
    """A notebook whose first half ran here, and the homes that it was brought to."""

    def __init__(self, name: str, people: Callable[..., Person], folder: Path, paths: list[Path]) -> None:
        self.before, self.behind = halves(name)
        self.people, self.folder = people, folder
        self.options: dict[str, Any] = {"python": environments.python(None), "paths": [ORACLE, *paths]}
        self.here = people("here")
        self.stays = self.here.opens("work.ipynb", **self.options)
        self.stays.run(*self.before)

    def to(self, name: str, way: str, **options: Any) -> tuple[Notebook, Report]:
        """Brings it to another home; gives the notebook there, and what became of each name."""
        there = self.people(name)
        there.folder = self.folder / f"at-{name}"
        history = WAYS[way](self.stays, self.here, there, self.folder / f"by-{name}")
        new = there.opens("work.ipynb", **(self.options | options))
        told(new, f"history {history}")
        return new, new.move("resume")


HANDLES = ("spark", "context", "thrown")


def test_p03_p06_what_spark_counted_comes_and_its_session_too(
    people: Callable[..., Person], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java_home()))
    monkeypatch.setenv("PYSPARK_PYTHON", str(environments.python(None)))
    move = Move("pi_by_spark", people, tmp_path, [environments.spark()])
    there_is = digest(move.stays, HANDLES)
    moved = {way: move.to(way, way) for way in ("state", "clone", "plan")}
    for way, (new, report) in moved.items():
        lost = {name: report.why(name) for name, word in report.words.items() if word == "lost"}
        assert set(lost) == {"thrown"} and "a query on a cluster" in lost["thrown"], (way, lost)
        assert set(report.names.values()) <= {"restored", "unchanged", "rerun", "lost"}, report.words
        assert report.word("counted") == report.word("pi") == "restored", "nobody throws the same darts again"
        assert digest(new, HANDLES) == there_is, way
        assert {"spark", "context"} == set(HANDLES) & new.names()
    shown = [move.stays.run(cell).result for cell in move.behind]
    for way, (new, _) in moved.items():
        assert [new.run(cell).result for cell in move.behind] == shown, way


#: What the oracle's digest does not see of PyTorch's objects.
STATE = """
(lambda t, h: (
    h(model.state_dict().values()),
    h(v for one in optimizer.state.values() for v in one.values()),
    h(p.grad for p in model.head.parameters()),
    [p.requires_grad for p in model.parameters()],
    optimizer.param_groups[0]['params'][0] is model.head.weight,
    frozen is model.layers, type(model) is Network, model.training,
    few.untyped_storage().data_ptr() == pictures.untyped_storage().data_ptr(),
    h([pictures, kinds, thick]), losses, h([t.get_rng_state()]),
))(torch, lambda ts: [__import__('hashlib').sha256(t.detach().numpy().tobytes()).hexdigest() for t in ts])
"""


#: An optimizer leaves attributes of its own out of what it is pickled as.
FORGETS = ("optimizer",)


def test_p03_p05_a_network_in_the_middle_of_its_training_goes_on_elsewhere(
    people: Callable[..., Person], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sums come out alike only with as many threads.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    move = Move("new_head", people, tmp_path, [environments.torch()])
    (state,) = move.stays.read(STATE)
    there_is = digest(move.stays, FORGETS)
    moved = {way: move.to(way, way) for way in ("state", "clone", "plan")}
    for way, (new, report) in moved.items():
        assert set(report.names.values()) <= {"restored", "unchanged", "rerun"}, (way, report.names)
        assert new.read(STATE) == [state], way
        assert digest(new, FORGETS) == there_is, way
    # A machine without PyTorch has the rest, and says what is missing. A state tells no path where one lies.
    new, report = move.to("without", "state", paths=[ORACLE])
    lost = {name: report.why(name) for name, word in report.words.items() if word == "lost"}
    assert {"model", "optimizer", "pictures", "torch", "Network"} <= set(lost) and "losses" not in lost, lost
    assert all("torch" in why for why in lost.values()), lost
    assert new.read("losses") == move.stays.read("losses")
    shown = [move.stays.run(cell).result for cell in move.behind]
    (state,) = move.stays.read(STATE)
    for way, (new, _) in moved.items():
        assert [new.run(cell).result for cell in move.behind] == shown, way
        assert new.read(STATE) == [state], way
