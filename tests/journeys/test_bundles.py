"""A state, and a history, go to a colleague in one file: what arrives, what stays behind, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cases.story import Notebook
from harness import Kernel

from journeys.person import Person, told

SECRET = "sk-proj-" + "Ab3" * 16
CELLS = [
    "import sqlite3\nimport numpy as np\nimport pandas as pd\nfrom pathlib import Path",
    "a = np.arange(300_000.0)\nd = {'k': a}\nwindow = a[5:10]",
    "table = pd.DataFrame({'n': range(500), 's': [f's{i}' for i in range(500)]})",
    f"token = {SECRET!r}\nconnection = sqlite3.connect(':memory:')",
    """
    class Point:
        def __init__(self, x):
            self.x = x
    points = [Point(1), Point(2)]
    def half(x):
        return x / 2
    """,
    "Path('made').write_text('by a cell')\ntable['double'] = table.n * 2",
]
SAME = """
import numpy, pandas
assert list(points[1].__dict__.items()) == [('x', 2)] and type(points[0]) is Point
assert d['k'] is a and window.base is a and (a == numpy.arange(300_000.0)).all()
assert table.double.sum() == 249500 and table.s[499] == 's499'
half(3)
"""


@pytest.fixture
def ada(people: Callable[..., Person]) -> Person:
    return people("ada")


@pytest.fixture
def bob(people: Callable[..., Person]) -> Person:
    bob = people("bob")
    bob.folder = bob.home / "notebooks"
    bob.folder.mkdir()
    return bob


@pytest.fixture
def notebook(ada: Person) -> Notebook:
    notebook = ada.opens("analysis.ipynb")
    notebook.run(*CELLS)
    return notebook


def key_of(person: Person) -> str:
    found = person.ask("trust")["keys"]
    return str(next(key["key"] for key in found if key["trust"] == "own"))


def goes_on(person: Person, history: str) -> Notebook:
    """A new notebook of the person's in that history, resumed."""
    notebook = person.opens("mine.ipynb")
    notebook.kernel.clew(f"history {history}").raised()
    return notebook


def test_a_state_arrives_with_all_that_can_be_sent(ada: Person, bob: Person, notebook: Notebook) -> None:
    said = told(notebook, "export state.clew")
    assert "connection: left out: sqlite3.Connection" in said
    assert "token: left out" in said
    bundle = ada.folder / "state.clew"
    preview = bob.clew("import", str(bundle), "--preview")
    assert (preview.exit, "which you have not trusted" in preview.out) == (1, True)
    assert not bob.store.exists(), "looking made a store"
    shown = bob.ask("import", str(bundle), "--preview")
    obstacles = {name["key"]: name["problem"] for name in shown["variables"]}
    assert obstacles["a"] is None and obstacles["table"] is None
    assert obstacles["half"].startswith("untrusted")
    imported = bob.ask("import", str(bundle))
    assert (imported["new_runs"], imported["is_known"], imported["runs"]) == (1, False, 1)
    bob.clew("trust", "add", key_of(ada), "--yes").well()
    mine = goes_on(bob, imported["id"])
    assert "Resumed" in told(mine, "resume")
    mine.run(SAME)
    assert not (bob.folder / "made").exists(), "a cell ran"
    assert mine.kernel.run("connection").ename == mine.kernel.run("token").ename == "NameError"


def test_a_state_has_no_cell_no_output_and_no_path_of_the_machine(ada: Person, notebook: Notebook) -> None:
    told(notebook, "export state.clew")
    state = (ada.folder / "state.clew").read_bytes()
    told(notebook, "export all.clew --all")
    everything = (ada.folder / "all.clew").read_bytes()
    for told_by_cells in ("by a cell", str(ada.folder), str(ada.home)):
        assert told_by_cells.encode() not in state
    assert b"by a cell" in everything, "the search finds what is there"


def test_p12_a_planted_secret_is_in_no_bundle(ada: Person, bob: Person, notebook: Notebook) -> None:
    told(notebook, "exclude table")
    notebook.run("table = table.assign(hidden='Swordfish' * 2)", "shown = 'Swordfish' + 'Trout'\nshown")
    told(notebook, "export state.clew")
    told(notebook, "export all.clew --all")
    for file in ("state.clew", "all.clew"):
        # What lies in a bundle may be compressed: the import writes it out again, and is searched too.
        assert bob.clew("import", str(ada.folder / file)).exit == 1
        for raw in [(ada.folder / file).read_bytes(), *(path.read_bytes() for path in files(bob.store))]:
            assert SECRET.encode() not in raw
            assert b"SwordfishSwordfish" not in raw
    shown = bob.ask("vars", "--history", "analysis.ipynb")
    assert "'SwordfishTrout'" in json.dumps(shown), "the search is of what came"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_whole_history_comes_with_its_runs_and_seals(ada: Person, bob: Person, notebook: Notebook) -> None:
    said = told(notebook, "export all.clew --all")
    assert "7 runs, with cells, outputs and values" in said
    imported = bob.ask("import", str(ada.folder / "all.clew"))
    assert (imported["new_runs"], imported["trust"]) == (7, "untrusted")
    bob.clew("trust", "add", key_of(ada), "--yes").well()
    assert bob.ask("import", str(ada.folder / "all.clew"), "--preview")["trust"] == "trusted"
    assert "is intact" in bob.clew("verify", "--read-data").well()
    log = bob.ask("log", "-n", "0")
    assert [run["run"] for run in log["runs"]] == ["7", "6", "5", "4", "3", "2", "1"]
    assert not any(run["is_untrusted"] for run in log["runs"])
    mine = goes_on(bob, imported["id"])
    told(mine, "resume 6")
    assert mine.kernel.run("list(table)").text == "['n', 's']"
    told(mine, "switch 7")
    mine.run(SAME)
    # What Bob does comes back to Ada beside what she did meanwhile.
    mine.run("points.append(Point(3))")
    notebook.run("points.pop()")
    told(mine, f"export {bob.folder / 'back.clew'} --all")
    back = ada.ask("import", str(bob.folder / "back.clew"))
    assert (back["is_known"], back["conflicts"]) == (True, 0)
    sources = [run["source"] for run in ada.ask("log", "--all", "-n", "0")["runs"]]
    assert "points.append(Point(3))" in sources and "points.pop()" in sources
    assert "is intact" in ada.clew("verify", "--read-data").well()


def test_a_number_means_the_recorded_run_where_a_state_of_the_same_number_came_too(
    ada: Person, people: Callable[..., Person], notebook: Notebook
) -> None:
    told(notebook, "export state.clew --at 4")
    told(notebook, "export all.clew --all")
    for name, order in (("bob", ["state.clew", "all.clew"]), ("eve", ["all.clew", "state.clew"])):
        person = people(name)
        # What comes a second time changes nothing.
        for file in [*order, *order]:
            person.ask("import", str(ada.folder / file))
        shown = person.ask("show", "4", "--history", "analysis.ipynb")
        assert "table = pd.DataFrame" in shown["source"], order


def test_only_some_names_and_only_so_many_bytes(ada: Person, notebook: Notebook) -> None:
    data = ada.ask("export", str(ada.folder / "some.clew"), "--names", "points,half")
    assert sorted(
        root["key"] for value in data["values"] for root in value["roots"] if root["kind"] == "name"
    ) == [
        "half",
        "points",
    ]
    small = ada.ask("export", str(ada.folder / "small.clew"), "--max-size", "500kB")
    left = {root["key"] for value in small["values"] if value["why"] for root in value["roots"]}
    assert {"a", "d", "window"} <= left and "table" not in left
    assert (ada.folder / "small.clew").stat().st_size == small["bytes"] <= 500_000
    assert ada.clew("export", str(ada.folder / "no.clew"), "--names", "nothing").exit == 2
    assert not (ada.folder / "no.clew").exists()


def test_what_is_no_bundle_or_was_changed_is_refused_and_nothing_comes(
    ada: Person, bob: Person, notebook: Notebook
) -> None:
    told(notebook, "export state.clew")
    whole = (ada.folder / "state.clew").read_bytes()
    spoiled = {
        "cut": whole[: len(whole) // 2],
        "changed": whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:],
        "notes": b"no bundle",
        "empty": b"",
    }
    for name, raw in spoiled.items():
        (bob.folder / name).write_bytes(raw)
        said = bob.clew("import", str(bob.folder / name))
        assert (said.exit, said.out) == (2 if name in ("notes", "empty") else 3, ""), said
        assert "Nothing was changed" in said.err and "Next:" in said.err
        assert (
            bob.ask("list")["error"]["message"]
            if not bob.store.exists()
            else not bob.ask("list")["histories"]
        )
    assert bob.clew("import", str(bob.folder / "missing")).exit == 2


def test_an_encrypted_store_exports_only_when_told(people: Callable[..., Person]) -> None:
    eve = people("eve")
    eve.clew("config", "store.encrypt", "true").well()
    eve.opens("n.ipynb").run("x = [1, 2, 3]")
    refused = eve.clew("export", str(eve.folder / "x.clew"))
    assert (refused.exit, refused.out) == (3, "")
    assert "is encrypted, but a bundle is not" in refused.err and "--plain" in refused.err
    assert not (eve.folder / "x.clew").exists()
    eve.clew("export", str(eve.folder / "x.clew"), "--plain").well()
    assert "contains n.ipynb, 1 run" in eve.clew("import", str(eve.folder / "x.clew"), "--preview").well()


def test_a_state_that_is_imported_where_its_history_is_takes_nothing_from_the_notebook(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    """Neither its name, nor where its session was left, nor what undo goes back to."""
    path = tmp_path / "notebook.ipynb"
    kernel = kernels(notebook=path)
    for cell in ("x = 1", "y = 2", "z = 3"):
        kernel.run(cell).raised()
    kernel.clew("export state.clew").raised()
    before = json.loads(kernel.clew("status --json").stdout)["history_id"]
    imported = kernel.terminal("import", str(kernel.cwd / "state.clew"))
    assert imported.exit == 0, imported.err
    listed = kernel.terminal("list", "--json").json["histories"]
    assert [(one["id"], one["notebook"]) for one in listed] == [(before, str(path))]
    kernel.close()
    kernel = kernels(notebook=path)
    assert json.loads(kernel.clew("status --json").stdout)["history_id"] == before
    resumed = json.loads(kernel.clew("resume --json").stdout)
    assert (resumed["at"], resumed["other_kernels"]) == ("4", [])
    kernel.clew("undo").raised()
    assert kernel.value("(x, y, 'z' in globals())") == (1, 2, False)
    # What the answer to the import names goes to the state that was imported.
    typed = re.search(r"`%clew (resume [0-9a-f]+)`", imported.out)
    assert typed, imported.out
    kernel.clew(typed[1]).raised()
    assert kernel.value("(x, y, z)") == (1, 2, 3)


def test_nothing_is_written_over_a_notebook(kernel: Kernel) -> None:
    kernel.run("x = 1").raised()
    notebook = kernel.cwd / "trips.ipynb"
    text = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    notebook.write_text(text)
    for words in (["log", "--html"], ["export"], ["package", str(notebook), "-o"]):
        for force in ([], ["--force"]):
            refused = kernel.terminal(*words, str(notebook), *force)
            assert refused.exit == 3 and "is a notebook, and Clew never overwrites one" in refused.err, (
                refused
            )
            assert "--force" not in refused.err.partition("Next:")[2], refused.err
    assert notebook.read_text() == text
