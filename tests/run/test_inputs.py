"""Files and modules that count as inputs of a cell, however it comes by them: a change of each has what used it executed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import Desk, code_cells, outcomes

EXECUTED = "executed"


class Notebook:
    """One that was run, and is executed nowhere as long as nothing changes."""

    def __init__(self, desk: Desk, name: str, *cells: str) -> None:
        self.desk, self.name = desk, name
        self.folder = desk.folder / name
        self.folder.mkdir(exist_ok=True)
        desk.notebook(f"{name}/it", *cells)

    def record(self) -> None:
        """Runs it; afterwards nothing would run."""
        self.shown()
        assert self.reasons() == {}

    def shown(self) -> list[str]:
        """What each cell shows when all is run that has to be."""
        out = f"out-{self.name}.ipynb"
        typed = self.desk.run("it.ipynb", f"../{out}", cwd=self.folder)
        assert typed.exit == 0, typed
        cells = code_cells(self.desk.read(out))
        self.outcomes = outcomes(self.desk.read(out))
        return [
            "".join("".join(one.get("data", {}).get("text/plain", "")) for one in cell["outputs"])
            for cell in cells
        ]

    def reasons(self) -> dict[int, str]:
        """Why cells would run, by number from 1."""
        planned = self.desk.run("it.ipynb", "--plan", "--json", cwd=self.folder).json["cells"]
        return {cell["number"]: "; ".join(cell["why"]) for cell in planned if cell["outcome"] == EXECUTED}

    def changed(self, path: str, text: str | None, cells: set[int]) -> None:
        """Has a file be another, or gone, for a moment: exactly these cells would run because of it."""
        file = self.folder / path
        before = file.read_text() if file.exists() else None
        made = [parent for parent in file.parents if not parent.exists()]
        write(file, text)
        direct = {number for number, why in self.reasons().items() if file.name in why or "import" in why}
        write(file, before)
        for parent in made:
            parent.rmdir()
        assert direct == cells, (path, direct, cells)


def write(file: Path, text: str | None) -> None:
    if text is None:
        file.unlink()
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_p03_a_module_counts_wherever_it_is_imported_again(desk: Desk) -> None:
    notebook = Notebook(
        desk,
        "again",
        "import mymod, third",
        "import mymod\nmymod.g(1)",
        "from mymod import C\nC().v",
        "def local():\n    import mymod\n    return mymod.g(2)",
        "local()",
        "import third\nthird.v()",
        "1 + 1",
        "import importlib\nimportlib.import_module('mymod').g(3)",
    )
    write(notebook.folder / "mymod.py", "def g(x):\n    return x + 1\n\nclass C:\n    v = 7\n")
    write(notebook.folder / "other.py", "V = 5\n")
    write(notebook.folder / "third.py", "import other\n\ndef v():\n    return other.V\n")
    notebook.record()
    edited = "def g(x):\n    return x + 5000\n\nclass C:\n    v = 8\n"
    # Cells count by the modules that they use, and by those that these import.
    notebook.changed("mymod.py", edited, {1, 2, 3, 4, 5, 8})
    notebook.changed("other.py", "V = 6\n", {1, 6})
    write(notebook.folder / "mymod.py", edited)
    assert [notebook.shown()[at] for at in (1, 2, 4, 7)] == ["5001", "8", "5002", "5003"]
    assert notebook.outcomes[6] == "restored"
    assert notebook.reasons() == {}


def test_p03_code_that_is_read_as_data_counts(desk: Desk) -> None:
    notebook = Notebook(
        desk,
        "code",
        "%run prep.py",
        "exec(open('script.py').read())",
        "import runpy\nrunpy.run_path('path.py')['v']",
        "len(open('data.py').read())",
        "import os\nos.path.exists('flag.py')",
    )
    for name in ("prep", "script", "path", "data"):
        write(notebook.folder / f"{name}.py", "v = 1\n")
    notebook.record()
    notebook.changed("prep.py", "v = 22\n", {1})
    notebook.changed("script.py", "v = 22\n", {2})
    notebook.changed("path.py", "v = 22\n", {3})
    notebook.changed("data.py", "v = 22\n", {4})
    notebook.changed("flag.py", "v = 22\n", {5})


def test_p03_a_module_that_a_notebook_writes_and_imports_again(desk: Desk) -> None:
    cells = [
        "%%writefile mod.py\nV=1",
        "import mod\nmod.V",
        "%%writefile mod.py\nV=22",
        "import importlib\nimportlib.reload(mod).V",
    ]
    notebook = Notebook(desk, "written", *cells)
    assert [notebook.shown()[at] for at in (1, 3)] == ["1", "22"]
    notebook = Notebook(desk, "written", cells[0], "import mod\nmod.V*2", *cells[2:])
    assert [notebook.shown()[at] for at in (1, 3)] == ["2", "22"]


def test_p03_where_a_module_would_be_found_counts(desk: Desk) -> None:
    cells = [
        "import sys\nsys.path.insert(0, 'v1')",
        "import helper",
        "helper.f()",
        "sys.path.append('lib')",
        "import tool, consts",
        "(tool.f(), consts.V)",
        "try:\n    import extras\n    has = True\nexcept ImportError:\n    has = False\nhas",
        "import importlib.util\nimportlib.util.find_spec('bar') is not None",
        "import fallback\nfallback.FAST",
    ]
    notebook = Notebook(desk, "found", *cells)
    for version in "12":
        write(notebook.folder / f"v{version}/helper.py", f"def f():\n    return {version}\n")
    write(notebook.folder / "lib/tool.py", "def f():\n    return 1\n")
    write(notebook.folder / "consts.py", "V = 25\n")
    write(
        notebook.folder / "fallback.py",
        "try:\n    import quick\n    FAST = True\nexcept ImportError:\n    FAST = False\n",
    )
    notebook.record()
    notebook.changed("tool.py", "def f():\n    return 3\n", {5, 6})
    notebook.changed("consts/__init__.py", "V = 82\n", {5, 6})
    notebook.changed("quick.py", "", {9})
    notebook.changed("extras.py", "", {7})
    notebook.changed("bar.py", "", {8})
    notebook = Notebook(desk, "found", cells[0].replace("v1", "v2"), *cells[1:])
    write(notebook.folder / "extras.py", "")
    write(notebook.folder / "tool.py", "def f():\n    return 3\n")
    write(notebook.folder / "quick.py", "")
    assert [notebook.shown()[at] for at in (2, 5, 6, 8)] == ["2", "(3, 25)", "True", "True"]
    assert notebook.reasons() == {}


def test_p03_files_that_libraries_read_below_python_count(desk: Desk) -> None:
    pytest.importorskip("polars")
    pytest.importorskip("duckdb")
    cells = [
        "import duckdb, sqlite3, os\nimport polars as pl\nimport pandas as pd\nimport pyarrow.dataset as ds\nfrom pathlib import Path",
        "DATA = Path('joined'); D = 'joined'; n = 1",
        "duckdb.sql(\"select sum(x) from 'sql.csv'\").fetchall()",
        "duckdb.sql(\"select sum(x) from read_csv('globbed/*.csv')\").fetchall()",
        "pl.read_csv('globbed/*.csv')['x'].sum()",
        "pl.scan_csv('folder/').collect()['x'].sum()",
        "ds.dataset('folder', format='csv').to_table()['x'].to_pylist()",
        "sqlite3.connect('file:q.db?mode=ro', uri=True).execute('select 1').fetchall()",
        "pl.read_csv(DATA / 'a.csv')['x'].sum()",
        "pl.read_csv(D + '/b.csv')['x'].sum()",
        "pl.read_csv(os.path.join(D, 'c.csv'))['x'].sum()",
        "pl.read_csv(f'joined/d{n}.csv')['x'].sum()",
        "def load():\n    return pl.read_csv(DATA / 'e.csv')['x'].sum()",
        "load()",
        "p = DATA / 'x.txt'\np.read_text() if p.exists() else None",
        "os.path.exists(os.path.join('joined', 'y.txt'))",
        "lazy = pl.scan_csv('lazy.csv')",
        "more = lazy.select(pl.col('x').sum())",
        "more.collect().item()",
        "table = ds.dataset('table.csv', format='csv')",
        "table.to_table()['x'].to_pylist()",
    ]
    notebook = Notebook(desk, "native", *cells)
    files = ["sql", "globbed/a", "folder/a", *(f"joined/{name}" for name in ("a", "b", "c", "d1", "e"))]
    for name in [*files, "lazy", "table"]:
        write(notebook.folder / f"{name}.csv", "x\n1\n2\n")
    import sqlite3

    with sqlite3.connect(notebook.folder / "q.db") as database:
        database.execute("create table t (x)")
    notebook.record()
    text = "x\n10\n20\n"
    for path, users in {
        "sql.csv": {3},
        "globbed/a.csv": {4, 5},
        "folder/a.csv": {6, 7},
        "joined/a.csv": {9},
        "joined/b.csv": {10},
        "joined/c.csv": {11},
        "joined/d1.csv": {12},
        "joined/e.csv": {13, 14},
        "joined/x.txt": {15},
        "joined/y.txt": {16},
        "lazy.csv": {17, 18, 19},
        "table.csv": {20, 21},
    }.items():
        notebook.changed(path, text, users)
    for folder, users in {"globbed": {4, 5}, "folder": {6, 7}}.items():
        write(notebook.folder / folder / "new.csv", text)
        assert notebook.reasons().keys() == users
        write(notebook.folder / folder / "new.csv", None)
    write(notebook.folder / "lazy.csv", text)
    write(notebook.folder / "table.csv", text)
    shown = notebook.shown()
    assert [shown[at] for at in (18, 20)] == ["30", "[10, 20]"]


def test_p03_own_modules_and_formulas_that_reach_for_names(desk: Desk) -> None:
    pytest.importorskip("patsy")
    cells = [
        "x = 2",
        "import look",
        "look.peek('x')",
        "look.at_main()",
        "look.plain()",
        "def sq(v):\n    return v * 2",
        "import numpy as np\nfrom patsy import dmatrix\nfloat(dmatrix('sq(a) - 1', {'a': np.array([3.0])})[0, 0])",
        "'nothing'",
    ]
    notebook = Notebook(desk, "reaching", *cells)
    write(
        notebook.folder / "look.py",
        "import inspect\nimport __main__\n\ndef peek(n):\n    return inspect.currentframe().f_back.f_globals[n]\n\n"
        "def at_main():\n    return __main__.x\n\ndef plain():\n    return 1\n",
    )
    notebook.record()
    cells[0], cells[5] = "x = 3", cells[5].replace("2", "9")
    notebook = Notebook(desk, "reaching", *cells)
    shown = notebook.shown()
    assert [shown[at] for at in (2, 3, 6)] == ["3", "3", "27.0"]
    assert [notebook.outcomes[at] for at in (4, 7)] == ["restored"] * 2
