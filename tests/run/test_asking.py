"""Cells that ask for the time, for variables of the environment, for numbers that nobody draws again, under whatever name: never restored wrongly,
and those beside them restored."""

from __future__ import annotations

import pytest
from run.desk import Desk, outcomes
from run.test_cases import ran, reasons

RESTORED, EXECUTED = "restored", "executed"
MODULE = """
import functools, os, time

MODE = os.environ.get("CLEW_CASE_MODE", "dev")

class Kept:
    @property
    def level(self):
        return os.getenv("CLEW_CASE_LEVEL")

short = lambda: time.time()

def plain(x):
    return x + 1
"""
CELLS = {
    "import time, os\nimport numpy as np\nfrom time import time as t0\nfrom os import getenv as ge": RESTORED,
    "t0() > 0": EXECUTED,
    "tick = time.time": RESTORED,
    "tick() > 0": EXECUTED,
    "eval('time.time()') > 0": EXECUTED,
    "time.sleep(0)\ntime.strftime('%Y', time.gmtime(0))": RESTORED,
    "SEED = None": RESTORED,
    "np.random.default_rng(SEED).random() < 1": EXECUTED,
    "def fr(seed=None):\n    return np.random.default_rng(seed).random()": RESTORED,
    "fr(1)": RESTORED,
    "fr() < 1": EXECUTED,
    "ge('CLEW_CASE_ASKED')": RESTORED,
    "%env CLEW_CASE_SHOWN": RESTORED,
    "get = os.environ.get": RESTORED,
    "get('CLEW_CASE_GOT')": RESTORED,
    "import asking_more as m": RESTORED,
    "m.MODE": RESTORED,
    "m.Kept().level": RESTORED,
    "m.short() > 0": EXECUTED,
    "m.plain(1)": RESTORED,
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("asking"))


def test_p03_what_a_cell_asks_for_counts_under_whatever_name(desk: Desk) -> None:
    (desk.folder / "asking_more.py").write_text(MODULE)
    desk.notebook("asked", *CELLS)
    before = {"CLEW_CASE_SHOWN": "1"}
    assert ran(desk, "asked", env=before) == [EXECUTED] * len(CELLS)
    assert ran(desk, "asked", env=before) == list(CELLS.values())
    names = ("CLEW_CASE_ASKED", "CLEW_CASE_GOT", "CLEW_CASE_LEVEL", "CLEW_CASE_MODE", "CLEW_CASE_SHOWN")
    after = dict.fromkeys(names, "2")
    told = reasons(desk, "asked", env=after)
    which = {cell: number for number, cell in enumerate(CELLS, 1)}
    for cell, name in (
        ("ge('CLEW_CASE_ASKED')", "CLEW_CASE_ASKED"),
        ("get('CLEW_CASE_GOT')", "CLEW_CASE_GOT"),
        ("%env CLEW_CASE_SHOWN", "CLEW_CASE_SHOWN"),
        ("m.MODE", "CLEW_CASE_MODE"),
        ("m.Kept().level", "CLEW_CASE_LEVEL"),
    ):
        assert f"environment variable {name}" in told[which[cell]]
    assert told[which["t0() > 0"]] == "it depends on the time"
    assert which["fr(1)"] not in told
    # What they show is what running all shows.
    assert ran(desk, "asked", env=after)[which["fr(1)"] - 1] == RESTORED


def test_p03_who_asks_for_the_state_of_a_generator_goes_on_from_it(desk: Desk) -> None:
    cells = [
        "import random",
        "random.seed(1)",
        "random.random()",
        "st = random.getstate()",
        "random.random()",
        "random.setstate(st)",
        "random.random() + 1",
    ]
    desk.notebook("state", *cells)
    assert ran(desk, "state") == [EXECUTED] * 7
    assert ran(desk, "state") == [RESTORED] * 7
    cells[1] = "random.seed(2)"
    desk.notebook("state", *cells)
    assert ran(desk, "state") == [RESTORED, *[EXECUTED] * 6]


def test_p03_who_reads_the_text_of_cells_finds_it_as_it_is(desk: Desk) -> None:
    cells = [
        "import inspect",
        "def f():\n    return 1",
        "n = 1",
        "In[2] + _i3 + _i",
        "inspect.getsource(f)",
        "f.__code__.co_firstlineno",
        "n + 1",
    ]
    desk.notebook("texts", *cells)
    assert ran(desk, "texts") == [EXECUTED] * 7
    read = [EXECUTED] * 3
    # Functions have their lines from the cell that made them.
    assert ran(desk, "texts") == [RESTORED, EXECUTED, RESTORED, *read, RESTORED]
    cells[1] = "# Said.\n" + cells[1]
    cells[2] = "n = 1  # the same"
    desk.notebook("texts", *cells)
    typed = desk.run("texts.ipynb", "out.ipynb", "--json")
    told = [cell["outcome"] for cell in typed.json["cells"]]
    assert told == [RESTORED, EXECUTED, EXECUTED, *read, RESTORED]
    shown = [cell["outputs"][0]["data"]["text/plain"] for cell in desk.read("out.ipynb")["cells"][3:6]]
    assert "".join(shown[0]) == repr(cells[1] + cells[2] * 2)
    assert ["".join(text) for text in shown[1:]] == [repr("def f():\n    return 1\n"), "2"]


def test_p03_the_zone_and_the_locale_count_for_who_goes_by_them(desk: Desk) -> None:
    cells = ["import datetime as dt", "dt.datetime.fromtimestamp(0)", "dt.datetime(2020, 1, 1)"]
    desk.notebook("zone", *cells)
    assert ran(desk, "zone", env={"TZ": "UTC"}) == [EXECUTED] * 3
    assert ran(desk, "zone", env={"TZ": "UTC"}) == [RESTORED] * 3
    assert ran(desk, "zone", env={"TZ": "Asia/Tokyo"}) == [RESTORED, EXECUTED, RESTORED]
    asking = [
        "dt.datetime(1970, 1, 1).timestamp()",
        "email.utils.formatdate(0, localtime=True)",
        "time.ctime(0)",
    ]
    desk.notebook("zones", "import datetime as dt, email.utils, time", *asking)
    assert ran(desk, "zones", env={"TZ": "UTC"}) == [EXECUTED] * 4
    assert ran(desk, "zones", env={"TZ": "Asia/Tokyo"}) == [RESTORED, *[EXECUTED] * 3]
    cells = ["import os, time", "os.environ['TZ'] = 'UTC'\ntime.tzset()", *cells]
    desk.notebook("zone", *cells)
    assert ran(desk, "zone", env={"TZ": "UTC"})[:2] == [EXECUTED] * 2
    cells[1] = "os.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()"
    desk.notebook("zone", *cells)
    # Whoever sets it says nothing of who goes by it.
    assert ran(desk, "zone", env={"TZ": "UTC"})[3] == EXECUTED


def test_p03_who_asks_for_what_failed_last_is_told(desk: Desk) -> None:
    cells = ["k = 1", "raise ValueError(k)", "import sys\nrepr(sys.last_value)", "sys.maxsize > k"]
    for value in (1, 2):
        cells[0] = f"k = {value}"
        desk.notebook("last", *cells, tags={1: ["raises-exception"]})
        assert desk.run("last.ipynb", "out.ipynb").exit == 0
        shown = desk.read("out.ipynb")["cells"]
        assert "".join(shown[2]["outputs"][0]["data"]["text/plain"]) == repr(f"ValueError({value})")
    assert desk.run("last.ipynb", "out.ipynb").exit == 0
    assert outcomes(desk.read("out.ipynb")) == [RESTORED, EXECUTED, EXECUTED, RESTORED]


def test_p03_a_macro_runs_the_text_of_another_cell(desk: Desk) -> None:
    cells = ["k = 1", "%macro again 1", "k = 5", "again", "k"]
    for value in (1, 2):
        cells[0] = f"k = {value}"
        desk.notebook("macro", *cells)
        told = ran(desk, "macro")
    assert told[2:] == [RESTORED, EXECUTED, EXECUTED]


def test_p03_the_search_path_counts_for_who_reads_it(desk: Desk) -> None:
    cells = ["import sys", "sys.path.insert(0, 'one')", "sys.path[0]", "n = 1"]
    desk.notebook("path", *cells)
    assert ran(desk, "path") == [EXECUTED] * 4
    desk.notebook("path", cells[0], "sys.path.insert(0, 'two')", *cells[2:])
    assert ran(desk, "path") == [RESTORED, EXECUTED, EXECUTED, RESTORED]
