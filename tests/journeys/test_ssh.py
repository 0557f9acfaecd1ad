"""A history goes to another machine by the system's ssh, and from there to a third, whatever happens to the connection."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import wait_for

from journeys.carrying import shares_key
from journeys.far import Far, size_of
from journeys.person import Person, told
from journeys.terminal import Terminal

#: Numbers that take as much room sent as they do here.
CELLS = [
    "import numpy as np\nrng = np.random.default_rng(1)",
    "a = rng.integers(0, 2**63, 9_000_000)\nview = a[10:20]",
    "b = rng.integers(0, 2**63, 2_000_000)",
]
HERE = "int(a.sum() % 1000), int(b.sum() % 1000), view.base is a, len(a)"
MB = 1_000_000


@pytest.fixture
def far(tmp_path: Path) -> Far:
    return Far(tmp_path / "far")


@pytest.fixture
def on_net(people: Callable[..., Person], far: Far, tmp_path: Path) -> Callable[[str], Person]:
    """Brings people who reach the far machine."""

    def bring(name: str) -> Person:
        person = people(name)
        person.folder = tmp_path / f"{name}s"
        person.clew = Terminal(person.folders, {"PATH": far.path})
        return person

    return bring


def comes_to(process: subprocess.Popen[str], moved: Callable[[], int], most: int) -> None:
    """Waits until so many bytes are there, while it runs."""
    wait_for(lambda: moved() > most or process.poll() is not None, "nothing moved")
    assert process.poll() is None, process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, json.loads(out), err


@pytest.mark.long
def test_p01_a_history_goes_over_ssh_whatever_happens_to_the_connection(
    on_net: Callable[[str], Person], far: Far
) -> None:
    ada = on_net("ada")
    notebook = ada.opens("analysis.ipynb")
    notebook.run(*CELLS)
    expected = notebook.kernel.value(HERE)
    said = ada.clew("remote", "add", "far", far.url).well()
    assert "several machines can push" in said

    # The connection is killed in the middle, and the push goes on over another one.
    before = len(far.calls())
    pushing = ada.clew.begin("push", "far", "--json")
    comes_to(pushing, far.arrived, 20 * MB)
    far.cuts()
    code, page, err = ended(pushing)
    assert (code, err) == (0, ""), page
    assert len(far.calls()) == before + 2, "it was not in the middle"
    assert page["histories"][0]["new_bytes"] > 88 * MB
    assert ada.clew("push", "far").well() == "far already has all of analysis.ipynb.\n"

    # The network goes away and stays away: it is said, no head moved, and the next push sends the rest alone.
    heads = {path: path.read_bytes() for path in (far.shelf / "heads").iterdir()}
    notebook.run("c = rng.integers(0, 2**63, 20_000_000)")
    notebook.kernel.settle()
    pushing = ada.clew.begin("push", "far", "--json")
    comes_to(pushing, lambda: acknowledged(ada), 0)
    far.goes_away()
    code, page, _ = ended(pushing)
    assert code > 2 and "No route to host" in page["error"]["message"], page
    assert "is not transferred again" in page["error"]["unchanged"], page
    assert {path: path.read_bytes() for path in (far.shelf / "heads").iterdir()} == heads
    far.comes_back()
    # A push that is killed itself loses no more than that.
    sent = acknowledged(ada)
    pushing = ada.clew.begin("push", "far", "--json")
    comes_to(pushing, lambda: acknowledged(ada), sent)
    pushing.kill()
    pushing.communicate()
    sent = acknowledged(ada)
    rest = ada.ask("push", "far")["histories"][0]
    assert sent > 20 * MB and rest["new_bytes"] < 161 * MB - sent, "what was sent is sent again"
    assert acknowledged(ada) == 0
    assert ada.clew("push", "far").well() == "far already has all of analysis.ipynb.\n"

    # A clone is cut, too; what it makes is whole or nothing.
    bob = on_net("bob")
    shares_key(ada, bob)
    project = bob.folder / "flights"
    bob.folder.mkdir()
    before = len(far.calls())
    cloning = bob.clew.begin("clone", far.url, str(project), "--json")
    comes_to(cloning, lambda: fetched(bob), 20 * MB)
    far.cuts()
    code, page, err = ended(cloning)
    assert (code, err) == (0, ""), page
    assert len(far.calls()) >= before + 2, "it was not in the middle"
    bob.folder, bob.store = project, project / ".clew"
    assert "is intact" in bob.clew("verify", "--read-data", "--store", str(bob.store)).well()
    history = bob.ask("list", "--store", str(bob.store))["histories"][0]["id"]
    mine = bob.opens("mine.ipynb")
    mine.kernel.clew(f"history {history}").raised()
    told(mine, "resume")
    assert mine.kernel.value(HERE) == expected

    # And a change goes back by the notebook's own words.
    mine.run("b = b[:3] * 0")
    mine.kernel.run(f"import os; os.environ['PATH'] = {far.path!r}").raised()
    assert "Pushed" in told(mine, "push")
    assert "Pulled" in ada.clew("pull", "far").well()
    runs = ada.ask("log", "--all", "-n", "0")["runs"]
    assert "b = b[:3] * 0" in {run["source"] for run in runs}


def acknowledged(person: Person) -> int:
    """Bytes of bundles of which the far side said that it has them, and which no head names yet."""
    noted = (person.home / ".cache/clew/remotes").rglob("*.begun")
    lines = [line for path in noted for line in path.read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.count(" ") == 1)


def fetched(person: Person) -> int:
    """Bytes that a clone has fetched so far."""
    return size_of(person.home / ".cache/clew/remotes")
