"""A colleague looks at a store without running code: a copied folder, another home, another key, poisoned values."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from journeys.person import Person, told
from journeys.terminal import files_of

CELLS = [
    "import numpy as np\nimport pandas as pd\nfrom pathlib import Path",
    "a = np.arange(6.0)\nwindow = a[2:]\nplain = {'x': [1, 2]}\ntable = pd.DataFrame({'n': [1, 2, 3]})",
    """
    class Trap:
        def __init__(self, path):
            self.path = path
        def __reduce__(self):
            return open, (self.path, 'w')
        def __repr__(self):
            Path(self.path).write_text('looked at by repr')
            return 'Trap'
        def __getattr__(self, name):
            if not name.startswith('__'):
                Path(self.path).write_text(f'looked at by {name}')
            raise AttributeError(name)
    trap = Trap('sprung')
    """,
    "Path('made').write_text('by a cell')\nn = 3",
    "def half(x):\n    return x / 2\nhalves = [half(x) for x in plain['x']]",
    "stream = (x for x in range(3))",
    "table = table.assign(square=table.n ** 2)",
]

LOOKS = [
    ["list"],
    ["log"],
    ["log", "--all", "--graph"],
    ["log", "-v", "table"],
    *[["show", str(run)] for run in range(1, 9)],
    ["vars"],
    ["vars", "4"],
    ["diff"],
    ["diff", "1", "@"],
    ["diff", "--code", "3", "@"],
    ["diff", "--output", "--deep", "2", "@"],
    ["annotate", "table"],
    ["annotate", "trap"],
    ["extract", "halves"],
    ["extract", "trap"],
    ["stale"],
    ["op", "log"],
    ["branch"],
    ["tag"],
    ["trust"],
    ["gc", "--dry-run"],
    ["verify"],
    ["verify", "--read-data"],
    ["status"],
]


@pytest.fixture
def bob(people: Callable[..., Person], tmp_path: Path) -> Person:
    """Has a copy of the store that Ada worked in, and nothing else: her notebook's folder lies elsewhere by now."""
    ada = people("ada")
    notebook = ada.opens("analysis.ipynb")
    notebook.run(*CELLS)
    notebook.kill()
    assert "is intact" in ada.clew("verify").well()
    shutil.copytree(ada.store, tmp_path / "shared")
    shutil.rmtree(ada.home)
    for file in ["made", "sprung"]:
        (ada.folder / file).unlink(missing_ok=True)
    return people("bob", store=tmp_path / "shared")


def test_p10_looking_tells_everything_executes_nothing_and_writes_nothing(bob: Person) -> None:
    store = files_of(bob.store)
    said = {" ".join(words): bob.clew(*words) for words in LOOKS}
    assert {line: one for line, one in said.items() if (one.exit, one.err) != (0, "")} == {}
    assert {line for line, one in said.items() if bob.clew.ask(*line.split())["exit"] != 0} == set()

    def reads(line: str, *parts: str) -> None:
        assert [part for part in parts if part not in said[line].out] == [], said[line].out

    reads("list", "analysis.ipynb")
    reads("log", "+trap", "class Trap:", "~table")
    reads("show 4", "def __reduce__", "+trap", "recorded under a key that you have not trusted")
    reads("vars", "DataFrame 3 × 2", "[0.0, 1.0, 2.0", "Trap", "a suspended generator")
    reads("vars 4", "DataFrame 3 × 1")
    reads("diff", "~table", "table.assign")
    reads("verify --read-data", "is intact")
    reads("status", "The last session ended at run 8")

    assert files_of(bob.store) == store, "looking wrote into the store"
    assert files_of(bob.home) == {}, "looking made a key, an index or settings"
    assert files_of(bob.folder) == {}, "looking ran something of Ada's"


def test_p11_what_needs_her_code_is_refused_and_what_is_data_comes(bob: Person) -> None:
    notebook = bob.opens("analysis.ipynb")
    report = notebook.move("resume")
    assert report.data["exit"] == 1
    words = report.names
    data = ["a", "window", "plain", "table", "n", "halves"]
    assert {name: words[name] for name in data} == dict.fromkeys(data, "restored")
    assert notebook.read("a.tolist()", "plain", "table.square.sum()", "window.base is a") == [
        "[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]",
        "{'x': [1, 2]}",
        "np.int64(14)",
        "True",
    ]
    code = ["Trap", "trap", "half", "stream"]
    assert {name: words[name] for name in code} == dict.fromkeys(code, "lost")
    assert "untrusted: its history is signed by a key you have not trusted" in report.why("trap")
    assert not set(code) & notebook.names()
    assert files_of(bob.folder) == {}, "a value of hers was unpickled"


def test_p11_not_even_consent_runs_a_strangers_cells(bob: Person) -> None:
    notebook = bob.opens("analysis.ipynb")
    said = told(notebook, "resume --rerun")
    assert said.startswith("Resumed at 8 in ") and "untrusted" in said and "rerun" not in said
    assert "stream" not in notebook.names()
    for revision in ["7", "4", "2"]:
        assert "rerun" not in told(notebook, f"switch {revision} --rerun")
    assert files_of(bob.folder) == {}


def test_his_own_work_beside_hers_is_his(bob: Person) -> None:
    notebook = bob.opens("analysis.ipynb")
    told(notebook, "resume")
    notebook.run("def twice(x):\n    return 2 * x", "mine = [twice(x) for x in plain['x']]")
    told(notebook, "undo 2")
    told(notebook, "redo 2")
    assert notebook.read("mine, twice(21)") == ["([2, 4], 42)"], "what he recorded himself is trusted"
    shown = told(notebook, "show @")
    assert "not trusted" not in shown and "not trusted" in told(notebook, "show 8")


def test_damage_on_the_way_is_said_and_costs_only_what_it_hit(bob: Person) -> None:
    pack = max(bob.store.rglob("*.pack"), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 0x40
    pack.write_bytes(data)

    said = bob.clew("verify", "--read-data")
    # What shares a frame with the byte is hit with it.
    assert said.exit == 4 and re.search(r"is corrupted in \d+ place", said.out), said
    assert "All other states can still be restored. Nothing was changed." in said.out
    hit = {name for finding in bob.ask("verify", "--read-data")["findings"] for name in finding["affects"]}
    assert "+trap" in bob.clew("log").out, "the log is whole"

    report = bob.opens("analysis.ipynb").move("resume")
    lost = {name for name, word in report.names.items() if word == "lost"}
    assert lost <= hit | {"Trap", "trap", "half", "stream"}, f"{hit} were hit"
    assert len(report.names) - len(lost) >= 5, "the rest came"
