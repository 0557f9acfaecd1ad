"""A bundle comes to a machine with other packages, and its cells read files that lie elsewhere there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from cases.story import Notebook

from journeys.person import Person, told
from journeys.terminal import CLEW, Said

CELLS = [
    "import numpy as np\nimport pandas as pd\nfrom pathlib import Path",
    "n = int(Path('data/rows.txt').read_text())\na = np.arange(float(n))",
    "table = pd.DataFrame({'n': range(n)})\nplain = {'n': n}",
    "def half(x):\n    return x / 2",
]


class Environment:
    """A Python environment with the command in it, and nothing installed but what a test says."""

    def __init__(self, place: Path, person: Person) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
        self.command = place / "bin/clew"
        self.command.symlink_to(CLEW)
        self.packages = next(place.glob("lib/python*/site-packages"))
        self.folders = person.folders

    def install(self, name: str, version: str) -> None:
        (self.packages / f"{name}-{version}.dist-info").mkdir()
        described = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (self.packages / f"{name}-{version}.dist-info/METADATA").write_text(described)
        (self.packages / f"{name}.py").touch()

    def clew(self, *words: str) -> Said:
        ran = subprocess.run(
            [self.command, *words], capture_output=True, text=True, env=self.folders, check=False, timeout=120
        )
        return Said(ran.returncode, ran.stdout, ran.stderr)

    def ask(self, *words: str) -> Any:
        return json.loads(self.clew(*words, "--json").out)


@pytest.fixture
def notebook(ada: Person) -> Notebook:
    (ada.folder / "data").mkdir(parents=True)
    (ada.folder / "data/rows.txt").write_text("300")
    notebook = ada.opens("analysis.ipynb")
    notebook.run(*CELLS)
    return notebook


@pytest.fixture
def bob(people: Callable[..., Person]) -> Person:
    bob = people("bob")
    bob.folder = bob.home / "notebooks"
    bob.folder.mkdir()
    return bob


@pytest.fixture
def lean(bob: Person) -> Environment:
    """Bob's environment: numpy of another version, and no pandas."""
    environment = Environment(bob.home / "lean", bob)
    environment.install("numpy", "1.0.1")
    return environment


def touched(compared: dict[str, Any]) -> set[str]:
    return {root["key"] for root in compared["affects"]}


def test_what_is_missing_is_told_by_name_and_the_rest_comes(
    ada: Person, bob: Person, lean: Environment, notebook: Notebook
) -> None:
    told(notebook, "export state.clew")
    bundle = str(ada.folder / "state.clew")
    pandas, numpy = (metadata.version(name) for name in ("pandas", "numpy"))

    shown = lean.ask("import", bundle, "--preview")
    obstacles = {name["key"]: name["problem"] for name in shown["variables"]}
    assert obstacles["table"].startswith(f"it needs pandas {pandas}"), obstacles
    assert obstacles["table"].endswith("not installed here")
    assert obstacles["a"] is None and obstacles["plain"] is None
    assert f"numpy {numpy}" in shown["packages"] and f"pandas {pandas}" in shown["missing_packages"]
    assert f"numpy {numpy}" not in shown["missing_packages"]

    # The differences, each with what it touches.
    file = bob.folder / "requirements.txt"
    compared = lean.ask("doctor", "--for", bundle, "--requirements", str(file))
    assert compared["exit"] == 1
    differing = {one["what"]: one for one in compared["compared"] if not one["is_fine"]}
    assert {"pandas", "numpy"} <= differing.keys() <= {"pandas", "numpy", "pyarrow"}
    assert (differing["pandas"]["recorded"], differing["pandas"]["here"]) == (pandas, None)
    assert touched(differing["pandas"]) == {"table", "pd"}
    assert (differing["numpy"]["recorded"], differing["numpy"]["here"]) == (numpy, "1.0.1")
    assert "a" in touched(differing["numpy"]) and "plain" not in touched(differing["numpy"])
    required = file.read_text().splitlines()
    assert f"pandas=={pandas}" in required and f"numpy=={numpy}" in required
    assert lean.clew("doctor", "--for", bundle, "--requirements", str(file)).exit == 3, "over a file"
    # The rest comes, in a kernel that can't import pandas either.
    imported = lean.ask("import", bundle)
    assert imported["exit"] == 1 and imported["new_runs"] == 1
    key = next(found["key"] for found in ada.ask("trust")["keys"] if found["trust"] == "own")
    bob.clew("trust", "add", key, "--yes").well()
    mine = bob.opens("mine.ipynb")
    mine.run("import sys\nsys.modules['pandas'] = None")
    mine.kernel.clew(f"history {imported['id']}").raised()
    said = told(mine, "resume")
    assert "2 lost" in said and "table (" in said and "pandas" in said, said
    mine.run("assert a[299] == 299 and plain == {'n': 300} and half(3) == 1.5")


def test_files_that_cells_read_are_listed_and_go_along_if_asked(
    ada: Person, bob: Person, notebook: Notebook
) -> None:
    read = str(ada.folder / "data/rows.txt")
    assert "1 file that its cells read (3 B) stays out" in told(notebook, "export alone.clew")
    told(notebook, "export all.clew --all")
    listed = bob.ask("import", str(ada.folder / "all.clew"), "--preview")["files"]
    assert [(file["path"], file["size"], file["is_included"]) for file in listed] == [(read, 3, False)]
    assert listed[0]["here"] == "same"
    told(notebook, "export state.clew --with-files")
    bundle = str(ada.folder / "state.clew")
    assert str(ada.folder).encode() not in Path(bundle).read_bytes(), "a state tells no path"
    shown = bob.ask("import", bundle, "--preview")["files"]
    assert [(file["name"], file["path"], file["is_included"]) for file in shown] == [
        ("data/rows.txt", None, True)
    ]
    assert shown[0]["digest"] == listed[0]["digest"]

    # They are written below a folder that is named, and over nothing.
    place = bob.folder / "inputs"
    bob.clew("import", bundle, "--files", str(place))
    assert (place / "data/rows.txt").read_text() == "300"
    assert bob.ask("import", bundle, "--files", str(place))["files"][0]["why"] is None, "it is there as it is"
    (place / "data/rows.txt").write_text("mine")
    again = bob.ask("import", bundle, "--files", str(place))
    assert again["exit"] == 1 and again["files"][0]["why"] == "another file exists there, and stays"
    assert (place / "data/rows.txt").read_text() == "mine"
    # Nor through a link.
    other = bob.folder / "other"
    other.mkdir()
    (other / "data").symlink_to(bob.home)
    assert "a link" in bob.ask("import", bundle, "--files", str(other))["files"][0]["why"]
    assert not (bob.home / "rows.txt").exists()

    # What was written to since stays behind: nobody knows what the cell read.
    Path(read).write_text("400")
    assert bob.ask("import", str(ada.folder / "all.clew"), "--preview")["files"][0]["here"] == "other"
    (ada.folder / "data/odd:name.txt").write_text("1")
    (ada.folder / "data/.secret").write_text("2")
    notebook.run("odd = Path('data/odd:name.txt').read_text() + Path('data/.secret').read_text()")
    said = told(notebook, "export later.clew --with-files")
    assert "odd:name.txt: left out: its name cannot be written" in said
    assert ".secret: left out: its name, or a folder's, begins with a dot" in said
    assert f"{read}: left out: it changed since run" in said
    assert not bob.ask("import", str(ada.folder / "later.clew"), "--preview")["files"]
