"""Files among what is installed: what the notebook's code has read there is an input, what a library reads of its own is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from desk import Desk

EXECUTED = "executed"

FIRST = """import importlib.resources, json, os, pkgutil
from pathlib import Path
import duckdb, pandas as pd, polars as pl
import mine, stored
SITE = os.path.dirname(stored.__file__)"""

#: Ways to read `data.csv` of the package `stored`, each with the letter that stands in it.
READING = (
    "open(os.path.join(SITE, 'data.csv')).read()",
    "Path(stored.__file__).with_name('data.csv').read_text()",
    "pd.read_csv(Path(stored.__file__).parent / 'data.csv').values.tolist()",
    "pl.read_csv(Path(stored.__file__).parent / ('da' + 'ta.csv')).rows()",
    "duckdb.sql(f\"select * from '{SITE}/data.csv'\").fetchall()",
    "pkgutil.get_data('stored', 'data.csv')",
    "importlib.resources.files('stored').joinpath('data.csv').read_text()",
    "mine.read(SITE)",
    "[open(one).read() for one in sorted(Path(SITE).glob('*.csv'))][0]",
)


def prepare(desk: Desk, name: str, *cells: str) -> tuple[Path, dict[str, str]]:
    """A folder with a notebook `it`, a package among what is installed, and the environment in which it is found."""
    folder = desk.folder / name
    site = folder / "deps" / "site-packages" / "stored"
    site.mkdir(parents=True)
    (site / "data.csv").write_text("n\n1\n")
    (site / "__init__.py").write_text(
        "from pathlib import Path\ndef load():\n    return Path(__file__).with_name('data.csv').read_text()\n"
    )
    # In no distribution: a module that was copied there, and a part of a package that has several.
    (site.parent / "copied.py").write_text("VALUE = 1\n")
    (site.parent / "shared" / "part").mkdir(parents=True)
    (site.parent / "shared" / "part" / "__init__.py").write_text("VALUE = 1\n")
    folder.joinpath("within.py").write_text(
        "import duckdb, stored\nfrom pathlib import Path\n"
        'READ = duckdb.sql(f"select * from \'{Path(stored.__file__).parent}/da" + "ta.csv\'").fetchall()\n'
    )
    folder.joinpath("mine.py").write_text("def read(site):\n    return open(site + '/data.csv').read()\n")
    desk.notebook(f"{name}/it", FIRST, *cells)
    return folder, {"PYTHONPATH": str(site.parent)}


def reasons(desk: Desk, folder: Path, variables: dict[str, str]) -> dict[int, str]:
    """Why cells would run, by number from 0, without the first."""
    typed = desk.run("it.ipynb", "../out.ipynb", "--plan", "--json", cwd=folder, env=variables)
    assert typed.exit == 0, typed
    planned: list[dict[str, Any]] = typed.json["cells"]
    return {one["number"] - 2: "; ".join(one["why"]) for one in planned if one["outcome"] == EXECUTED}


def run(desk: Desk, folder: Path, variables: dict[str, str]) -> None:
    typed = desk.run("it.ipynb", "../out.ipynb", cwd=folder, env=variables)
    assert typed.exit == 0, typed


@pytest.mark.parametrize("observer", ["on", "off"])
def test_p03_what_a_cell_reads_among_what_is_installed_counts(desk: Desk, observer: str) -> None:
    folder, variables = prepare(desk, observer, *READING, "n = 1")
    variables |= {"CLEW_OBSERVER": "off"} if observer == "off" else {}
    run(desk, folder, variables)
    before = reasons(desk, folder, variables)
    assert observer == "off" or before == {}
    folder.joinpath("deps", "site-packages", "stored", "data.csv").write_text("n\n2\n")
    assert sorted(reasons(desk, folder, variables)) == list(range(len(READING)))


def test_what_a_library_reads_of_its_own_does_not_count(desk: Desk) -> None:
    folder, variables = prepare(
        desk, "own", "stored.load()", "pd.Timestamp('2026-01-01', tz='Europe/Berlin')", "n = 1"
    )
    run(desk, folder, variables)
    folder.joinpath("deps", "site-packages", "stored", "data.csv").write_text("n\n2\n")
    assert reasons(desk, folder, variables) == {}


def test_p03_what_is_looked_for_in_vain_and_left_among_what_is_installed_counts(desk: Desk) -> None:
    folder, variables = prepare(
        desk,
        "absent",
        "try:\n    found = open(SITE + '/new.csv').read()\nexcept FileNotFoundError:\n    found = None",
        "Path(SITE, 'made.txt').write_text('x')",
        "sorted(one for one in os.listdir(SITE) if one.endswith('.csv'))",
        "n = 1",
    )
    run(desk, folder, variables)
    run(desk, folder, variables)
    assert reasons(desk, folder, variables) == {}
    site = folder / "deps" / "site-packages" / "stored"
    (site / "made.txt").unlink()
    assert sorted(reasons(desk, folder, variables)) == [1, 2]
    run(desk, folder, variables)
    assert reasons(desk, folder, variables) == {}
    (site / "new.csv").write_text("n\n3\n")
    assert sorted(reasons(desk, folder, variables)) == [0, 2]


def test_p03_modules_among_what_is_installed_that_no_distribution_lists_count_by_their_files(
    desk: Desk,
) -> None:
    folder, variables = prepare(
        desk,
        "unlisted",
        "import copied\ncopied.VALUE",
        "import shared.part\nshared.part.VALUE",
        "from shared import part as p",
        "p.VALUE",
    )
    run(desk, folder, variables)
    assert reasons(desk, folder, variables) == {}
    site = folder / "deps" / "site-packages"
    (site / "copied.py").write_text("VALUE = 22\n")
    assert set(reasons(desk, folder, variables)) == {0}
    run(desk, folder, variables)
    (site / "shared" / "part" / "__init__.py").write_text("VALUE = 22\n")
    assert {1, 2, 3} <= reasons(desk, folder, variables).keys()
    run(desk, folder, variables)
    assert reasons(desk, folder, variables) == {}


def test_p03_what_an_own_module_reads_below_python_while_it_is_imported_counts(desk: Desk) -> None:
    folder, variables = prepare(desk, "importing", "import within", "within.READ", "n = 1")
    run(desk, folder, variables)
    assert reasons(desk, folder, variables) == {}
    folder.joinpath("deps", "site-packages", "stored", "data.csv").write_text("n\n2\n")
    assert {0, 1} <= reasons(desk, folder, variables).keys()


def test_p03_a_model_that_native_code_reads_counts(desk: Desk) -> None:
    folder, variables = prepare(
        desk, "model", "import glob", "duckdb.read_csv(glob.glob('*.p' + 'th')[0]).fetchall()", "n = 1"
    )
    folder.joinpath("model.pth").write_text("n\n1\n")
    run(desk, folder, variables)
    assert reasons(desk, folder, variables) == {}
    folder.joinpath("model.pth").write_text("n\n2\n")
    assert set(reasons(desk, folder, variables)) == {1}
