"""Somebody saves a file while the cell that read it still runs: what it read then is no result of what the file holds now."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from desk import Desk, code_cells, outcomes
from harness import wait_for

WAITING = """
import time
from pathlib import Path
Path('started').touch()
while not Path('edited').exists():
    time.sleep(0.01)
"""

#: How a cell reads the file, by name: text of its kind.
WAYS = {
    "open": "found = open('d.csv').read()",
    "joined": "found = open('d' + '.csv').read()",
    "pandas": "import pandas as pd\nfound = pd.read_csv('d.csv').to_csv(index=False)",
    "polars": "import polars as pl\nname = 'd' + '.csv'\nfound = pl.read_csv(name).write_csv()",
    "polars named": "import polars as pl\nfound = pl.read_csv('d.csv').write_csv()",
    "replaced": "found = open('d.csv').read()",
    "module": "import held_here\nfound = held_here.get()",
    "constant": "import held_here\nfound = held_here.TEXT",
}


def edit(folder: Path, text: str, *, is_replaced: bool) -> None:
    """Writes the file and the module; a file that is put in its place is older than the run."""
    (folder / "held_here.py").write_text(f"TEXT = {text!r}\ndef get():\n    return {text!r}\n")
    if not is_replaced:
        (folder / "d.csv").write_text(text)
        return
    (folder / "other.csv").replace(folder / "d.csv")


@pytest.mark.few(3)
@pytest.mark.parametrize("way", WAYS)
def test_p03_a_file_that_is_edited_while_the_cell_that_read_it_runs_is_read_again(
    desk: Desk, way: str
) -> None:
    for name in ("started", "edited"):
        (desk.folder / name).unlink(missing_ok=True)
    (desk.folder / "other.csv").write_text("a\n22\n")
    edit(desk.folder, "a\n1\n", is_replaced=False)
    desk.notebook("meanwhile", WAYS[way] + WAITING, "shown = found.split()[1]\nshown")

    def save() -> None:
        wait_for(lambda: (desk.folder / "started").exists(), "it did not begin", 60)
        edit(desk.folder, "a\n22\n", is_replaced=way == "replaced")
        (desk.folder / "edited").touch()

    saving = threading.Thread(target=save)
    saving.start()
    first = desk.run("meanwhile.ipynb", "meanwhile-out.ipynb")
    saving.join()
    assert first.exit == 0, first
    for expected in ("executed", "restored"):
        second = desk.run("meanwhile.ipynb", "meanwhile-out.ipynb")
        out = desk.read("meanwhile-out.ipynb")
        shown = "".join(code_cells(out)[1]["outputs"][0]["data"]["text/plain"])
        assert (second.exit, shown, outcomes(out)[0]) == (0, "'22'", expected), second


def test_p03_what_the_cell_itself_writes_and_reads_is_restored(desk: Desk) -> None:
    cells = (
        "import polars as pl\nfrom pathlib import Path\nimport time",
        "Path('a.csv').write_text('a\\n1\\n')\na = Path('a.csv').read_text()",
        "pl.DataFrame({'a': [1]}).write_csv('b.csv')\nb = pl.read_csv('b.csv').height",
        "pl.DataFrame({'a': [1]}).write_csv('c.csv')\nc = open('c.csv').read()",
        "d = open('c.csv').read() + Path('a.csv').read_text()",
    )
    desk.notebook("own-files", *cells)
    assert desk.run("own-files.ipynb", "own-files-out.ipynb").exit == 0
    second = desk.run("own-files.ipynb", "own-files-out.ipynb", "--explain")
    assert outcomes(desk.read("own-files-out.ipynb"))[1:] == ["restored"] * 4, second


@pytest.mark.parametrize("listing", ["pkgutil.iter_modules(['plugs'])", "pkgutil.walk_packages(['plugs'])"])
def test_p03_modules_that_are_found_by_their_folder_count(desk: Desk, listing: str) -> None:
    shutil.rmtree(desk.folder / "plugs", ignore_errors=True)
    (desk.folder / "plugs").mkdir()
    (desk.folder / "plugs" / "a.py").write_text("")
    (desk.folder / "mypkgutil.py").write_text(
        "import os\ndef names():\n    return sorted(os.listdir('plugs'))\n"
    )
    desk.notebook(
        "plugs",
        "import pkgutil, mypkgutil",
        f"sorted(one.name for one in {listing})",
        "[name for name in mypkgutil.names() if name.endswith('.py')]",
    )
    for names in (["a"], ["a", "b"]):
        (desk.folder / "plugs" / f"{names[-1]}.py").write_text("")
        assert desk.run("plugs.ipynb", "plugs-out.ipynb").exit == 0
        cells = code_cells(desk.read("plugs-out.ipynb"))[1:]
        shown = ["".join(cell["outputs"][0]["data"]["text/plain"]) for cell in cells]
        assert shown == [str(names), str([f"{name}.py" for name in names])]


@pytest.mark.parametrize(
    "cell", ["helping.load()", "%run helping.py", "import loading_here\ndel loading_here"]
)
def test_p03_what_own_code_imports_within_a_package_is_there_though_its_cell_was_restored(
    desk: Desk, cell: str
) -> None:
    (desk.folder / "helping.py").write_text(
        "def load():\n    import xml.dom.minidom\nif __name__ == '__main__':\n    load()\n"
    )
    (desk.folder / "loading_here.py").write_text("import xml.dom.minidom\n")
    for k in (1, 2):
        desk.notebook(
            "helping", "import xml, helping", cell, f"k = {k}", "xml.dom.minidom.Node.ELEMENT_NODE, k"
        )
        typed = desk.run("helping.ipynb", "helping-out.ipynb")
        assert typed.exit == 0, typed
        out = desk.read("helping-out.ipynb")
        assert "".join(code_cells(out)[3]["outputs"][0]["data"]["text/plain"]) == f"(1, {k})"
