"""Two people on two machines, and a folder that both reach: push, clone, pull, and both lines kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.person import Person, told

CELLS = [
    "import numpy as np\nimport pandas as pd",
    "a = np.arange(200_000.0)\nview = a[3:9]",
    "table = pd.DataFrame({'n': range(300)})\nwords = ['one', 'two']",
]


@pytest.fixture
def ada(people: Callable[..., Person], tmp_path: Path) -> Person:
    ada = people("ada")
    ada.folder = tmp_path / "adas"
    return ada


@pytest.fixture
def bob(people: Callable[..., Person], tmp_path: Path) -> Person:
    bob = people("bob")
    bob.folder = tmp_path / "bobs"
    bob.folder.mkdir()
    return bob


def key_of(person: Person) -> str:
    found = person.ask("trust")["keys"]
    return str(next(key["key"] for key in found if key["trust"] == "own"))


def test_p09_two_machines_push_and_pull_and_both_lines_are_kept(
    ada: Person, bob: Person, tmp_path: Path
) -> None:
    place = tmp_path / "lab"
    notebook = ada.opens("analysis.ipynb")
    notebook.run(*CELLS)
    assert "several machines can push" in told(notebook, f"remote add lab {place}")
    said = told(notebook, "push lab")
    assert said.startswith("Pushed analysis.ipynb to lab: "), said
    assert told(notebook, "push") == "lab already has all of analysis.ipynb."
    project = bob.folder / "flights"
    said = bob.clew("clone", str(place), str(project)).well()
    assert "1 history" in said and "Pulled analysis.ipynb from origin: 4 runs" in said, said
    store = ["--store", str(project / ".clew")]
    assert "is intact" in bob.clew("verify", "--read-data", *store).well()
    bob.clew("trust", "add", key_of(ada), "--yes", *store).well()
    assert bob.clew("clone", str(place), str(project)).exit == 3, "a store that is there is left alone"
    bob.folder, bob.store = project, project / ".clew"
    history = bob.ask("list", *store)["histories"][0]["id"]
    mine = bob.opens("mine.ipynb")
    mine.kernel.clew(f"history {history}").raised()
    told(mine, "resume")
    mine.run(
        "assert view.base is a and a.sum() == 19999900000.0 and len(table) == 300", "words.append('bob')"
    )
    notebook.run("words.append('ada')")
    assert "Pushed" in told(mine, "push")
    assert "Pushed" in told(notebook, "push")
    assert "Pulled" in told(mine, "pull") and "Pulled" in told(notebook, "pull")
    for person, at in ((ada, []), (bob, store)):
        runs = person.ask("log", "--all", "-n", "0", "--history", history, *at)["runs"]
        sources = {run["source"] for run in runs}
        assert {"words.append('bob')", "words.append('ada')"} <= sources
        assert "is intact" in person.clew("verify", "--history", history, *at).well()
    assert notebook.kernel.run("words").text == "['one', 'two', 'ada']"


def test_what_is_no_remote_and_what_has_none_is_said(ada: Person, tmp_path: Path) -> None:
    notebook = ada.opens("n.ipynb")
    notebook.run("x = 1")
    assert "has no remotes" in told(notebook, "push")
    (tmp_path / "empty").mkdir()
    refused = ada.clew("clone", str(tmp_path / "empty"), str(tmp_path / "into"))
    assert refused.exit in (2, 3) and "Next:" in refused.err
    assert not (tmp_path / "into").exists()
    told(notebook, f"remote add one {tmp_path / 'one'}")
    told(notebook, f"remote add two {tmp_path / 'two'}")
    assert "has 2 remotes" in told(notebook, "push")
    assert "There is no remote" in told(notebook, "push three")


def test_p12_an_encrypted_store_pushes_only_when_told(people: Callable[..., Person], tmp_path: Path) -> None:
    eve = people("eve")
    eve.clew("config", "store.encrypt", "true").well()
    notebook = eve.opens("n.ipynb")
    notebook.run("note = 'Zacharias Quellenhain'")
    told(notebook, f"remote add lab {tmp_path / 'lab'}")
    assert "is encrypted, but pushed data is not" in told(notebook, "push")
    assert not list((tmp_path / "lab").rglob("bundles"))
    assert "Pushed" in told(notebook, "push --plain")
