"""Environment variables that a library asks for once and keeps: cells count that use it later and ask for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from desk import Desk

EXECUTED = "executed"

FIRST = "import os, tempfile\nimport duckdb, pandas as pd\nimport asking, keeping"

#: Pairs of cells: the first one has a library ask, the second one uses what it kept.
ASKING = (
    "duckdb.sql('select 1').fetchall()",
    "tempfile.gettempdir()",
    "keeping.mode()",
    "def through():\n    return keeping.later()\nthrough()",
    "asking.through()",
)
USING = (
    "duckdb.sql(\"select current_setting('TimeZone')\").fetchall()",
    "os.path.join(tempfile.gettempdir(), 'x')",
    "keeping.mode() + '!'",
    "keeping.LATER[0] + '!'",
    "asking.KEPT[0] + '!'",
)
ANOTHER = "n = 1\npd.Series([n]).sum()"


def prepare(desk: Desk, name: str, *cells: str) -> Path:
    """A folder with a notebook `it`, and a library among what is installed."""
    folder = desk.folder / name
    site = folder / "deps" / "site-packages"
    site.mkdir(parents=True)
    (folder / "there").mkdir()
    (site / "keeping.py").write_text(
        "import functools, os\nLATER = []\n"
        "@functools.cache\ndef mode():\n    return os.environ.get('KEEPING_MODE', 'none')\n"
        "def plainly(name):\n    return os.environ.get(name, 'none')\n"
        "def all_of(start):\n    return {k: v for k, v in os.environ.items() if k.startswith(start)}\n"
        "def later():\n    LATER.append(os.getenv('KEEPING_LATER', 'none'))\n    return LATER[0]\n"
    )
    # One library asks for another, which keeps what it was told.
    (site / "asking.py").write_text(
        "import keeping\nKEPT = []\ndef through():\n    KEPT.append(keeping.plainly('KEEPING_ASKED'))\n    return KEPT[0]\n"
    )
    desk.notebook(f"{name}/it", FIRST, *cells)
    return folder


def variables(folder: Path, **more: str) -> dict[str, str]:
    return {"PYTHONPATH": str(folder / "deps" / "site-packages"), "TZ": "UTC", **more}


def reasons(desk: Desk, folder: Path, **more: str) -> dict[int, str]:
    """Why cells would run, by number from 0, without the first."""
    typed = desk.run(
        "it.ipynb", "../out.ipynb", "--plan", "--json", cwd=folder, env=variables(folder, **more)
    )
    assert typed.exit == 0, typed
    planned: list[dict[str, Any]] = typed.json["cells"]
    return {one["number"] - 2: "; ".join(one["why"]) for one in planned if one["outcome"] == EXECUTED}


def run(desk: Desk, folder: Path, **more: str) -> list[str]:
    """What each cell showed, without the first."""
    typed = desk.run("it.ipynb", "../out.ipynb", cwd=folder, env=variables(folder, **more))
    assert typed.exit == 0, typed
    cells = desk.read("out.ipynb")["cells"][1:]
    return ["".join("".join(one["data"]["text/plain"]) for one in cell["outputs"]) for cell in cells]


def test_p03_what_a_library_keeps_of_the_environment_counts_for_who_uses_it_later(desk: Desk) -> None:
    folder = prepare(desk, "kept", *ASKING, *USING, ANOTHER)
    run(desk, folder)
    assert reasons(desk, folder) == {}
    for changed, pair in (
        ({"TZ": "Asia/Tokyo"}, 0),
        ({"TMPDIR": str(folder / "there")}, 1),
        ({"KEEPING_MODE": "2"}, 2),
        ({"KEEPING_LATER": "2"}, 3),
        ({"KEEPING_ASKED": "2"}, 4),
    ):
        planned = reasons(desk, folder, **changed)
        assert {pair, pair + len(ASKING)} <= planned.keys() and len(ASKING) * 2 not in planned, (
            changed,
            planned,
        )
        assert next(iter(changed)) in planned[pair + len(ASKING)], planned
    everything = {
        "TZ": "Asia/Tokyo",
        "TMPDIR": str(folder / "there"),
        "KEEPING_MODE": "2",
        "KEEPING_LATER": "2",
        "KEEPING_ASKED": "2",
    }
    shown = run(desk, folder, **everything)
    assert "Asia/Tokyo" in shown[5] and str(folder / "there") in shown[6], shown
    assert shown[7:10] == ["'2!'"] * 3, shown
    assert reasons(desk, folder, **everything) == {}
    # What was recorded before is there for who has that environment.
    assert reasons(desk, folder) == {}


def test_p03_who_asks_first_is_taken_away_or_another(desk: Desk) -> None:
    folder = prepare(desk, "first", ASKING[0], "n = 1", USING[0], ANOTHER)
    run(desk, folder)
    # Nobody asks before it any more, so it would be told what there is now.
    desk.notebook("first/it", FIRST, "n = 1", USING[0], ANOTHER)
    assert reasons(desk, folder) == {}
    assert 1 in reasons(desk, folder, TZ="Asia/Tokyo")
    # A cell that asks before has the library keep what it finds.
    desk.notebook(
        "first/it", FIRST, "os.environ['TZ'] = 'Asia/Tokyo'", ASKING[0], "os.environ['TZ'] = 'UTC'", USING[0]
    )
    assert "Asia/Tokyo" in run(desk, folder)[3]
    assert reasons(desk, folder) == {}
    desk.notebook(
        "first/it", FIRST, "os.environ['TZ'] = 'Europe/Oslo'", ASKING[0], "os.environ['TZ'] = 'UTC'", USING[0]
    )
    assert "Europe/Oslo" in run(desk, folder)[3]


def test_p03_a_cell_counts_that_asks_itself_for_what_a_library_kept(desk: Desk) -> None:
    folder = prepare(
        desk,
        "both",
        "x = keeping.mode()",
        "os.environ['KEEPING_MODE'] = 'set'",
        "os.environ['KEEPING_MODE'] + keeping.mode()",
    )
    assert run(desk, folder, KEEPING_MODE="a")[2] == "'seta'"
    assert reasons(desk, folder, KEEPING_MODE="a") == {}
    assert run(desk, folder, KEEPING_MODE="b")[2] == "'setb'"


@pytest.mark.parametrize("many", [0, 60])
def test_p03_a_library_that_goes_over_all_variables(desk: Desk, many: int) -> None:
    folder = prepare(desk, f"all{many}", "keeping.all_of('KEEPING_')", "'2'")
    more = {f"FILLING_{number}": "1" for number in range(many)}
    assert run(desk, folder, KEEPING_MODE="a", **more)[0] == "{'KEEPING_MODE': 'a'}"
    again = reasons(desk, folder, KEEPING_MODE="a", **more)
    assert not any(" CLEW" in why or "PYDEVD" in why for why in again.values()), again
    assert 0 in reasons(desk, folder, KEEPING_MODE="b", **more)
    if many:
        assert again == {0: "it depends on environment variables"}, again
