"""Histories of a store are named, renamed, chosen in a terminal and deleted."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import Kernel, Typed

from journeys.person import Person
from journeys.terminal import Terminal

Kernels = Callable[..., Kernel]

LARGE = "values = list(range(100_000, 150_000))"


def recorded(kernels: Kernels, notebook: Path, *sources: str) -> str:
    """Runs cells in a notebook, and ends its kernel; the id of its history."""
    notebook.parent.mkdir(parents=True, exist_ok=True)
    kernel = kernels(notebook=notebook, cwd=notebook.parent)
    for source in sources or ["x = 1"]:
        kernel.run(source).raised()
    found = str(kernel.terminal("status", "--json").json["history_id"])
    kernel.close()
    return found


def typed(kernel: Kernel, hint: str) -> Typed:
    """Types the command that a hint names in backticks."""
    words = re.findall(r"`clew ([^`]*)`", hint)
    assert words, hint
    return kernel.terminal(*shlex.split(words[0]))


def typed_in_json(kernel: Kernel, hint: str) -> Any:
    """The answer in JSON to the command that a hint names in backticks."""
    words = re.findall(r"`clew ([^`]*)`", hint)
    assert words, hint
    return kernel.terminal(*shlex.split(words[-1]), "--json").json


def ids(kernel: Kernel) -> set[str]:
    return {entry["id"] for entry in kernel.terminal("list", "--json").json["histories"]}


def test_a_history_is_renamed_from_anywhere_and_keeps_its_notebook(kernels: Kernels, tmp_path: Path) -> None:
    notebook = tmp_path / "flights.ipynb"
    before = recorded(kernels, notebook)
    kernel = kernels(notebook=notebook, cwd=tmp_path)
    said = kernel.terminal("history", "rename", "flights", "delays")
    assert (said.exit, said.out) == (0, "flights.ipynb is now called delays.\n")
    # The kernel that records into it sees the name, too.
    assert "delays" in kernel.clew("history").text
    kernel.clew("history rename delays 'late flights'").raised()
    assert kernel.terminal("log", "--history", "late flights", "--json").json["history"] == "late flights"
    kernel.close()
    kernel = kernels(notebook=notebook, cwd=tmp_path)
    status = kernel.terminal("status", "--json").json
    assert (status["history_id"], status["history"]) == (before, "late flights")


def test_a_name_that_another_history_has_is_refused(kernels: Kernels, tmp_path: Path) -> None:
    recorded(kernels, tmp_path / "a" / "flights.ipynb")
    recorded(kernels, tmp_path / "b" / "ships.ipynb")
    kernel = kernels(load=False)
    refused = kernel.terminal("history", "rename", "ships", "flights")
    assert refused.exit != 0 and "There is already a history `flights`" in refused.err
    assert kernel.terminal("history", "rename", "ships", " ").exit != 0
    unknown = kernel.terminal("history", "rename", "shipz", "boats")
    assert "There is no history `shipz`" in unknown.err and "did you mean `ships.ipynb`?" in unknown.err


def test_a_history_is_deleted_once_it_is_confirmed_and_its_space_is_freed(
    kernels: Kernels, tmp_path: Path
) -> None:
    flights = recorded(kernels, tmp_path / "a" / "flights.ipynb", LARGE)
    ships = recorded(kernels, tmp_path / "b" / "ships.ipynb", "shared = 'of the ships'")
    kernel = kernels(load=False)
    packs = kernel.home / "clew" / "packs"

    def size() -> int:
        return sum(file.stat().st_size for file in packs.glob("*.pack"))

    before = size()
    asked = kernel.terminal("history", "delete", "flights")
    assert asked.exit != 0 and "Would delete flights.ipynb" in asked.out and "2 runs" in asked.out, asked
    assert re.search(r"\d kB|\d MB", asked.out) and ids(kernel) == {flights, ships}
    done = typed(kernel, asked.out)
    assert done.exit == 0 and "Deleted flights.ipynb" in done.out, done
    assert ids(kernel) == {ships} and size() < before / 2
    assert kernel.terminal("verify").exit == 0
    # What was seen of it is not missed.
    doctor = kernel.terminal("doctor").out
    assert "ok history ends: everything seen before still exists (1 session of yours)" in doctor, doctor
    assert "There is no history `flights`" in kernel.terminal("history", "delete", "flights", "--yes").err
    # Its notebook begins anew.
    assert recorded(kernels, tmp_path / "a" / "flights.ipynb") not in {flights, ships}


def test_a_history_in_which_a_kernel_records_is_not_deleted(kernels: Kernels, tmp_path: Path) -> None:
    kernel = kernels(notebook=tmp_path / "flights.ipynb", cwd=tmp_path)
    kernel.run("x = 1").raised()
    refused = kernel.terminal("history", "delete", "flights", "--yes").err
    assert f"A kernel records in flights.ipynb: process {kernel.pid}" in refused
    assert "A kernel records in flights.ipynb" in kernel.clew("history delete flights --yes").stderr
    kernel.run("y = 2").raised()
    other = recorded(kernels, tmp_path / "b" / "ships.ipynb")
    assert "Deleted ships.ipynb" in kernel.clew("history delete ships --yes").text
    assert other not in ids(kernel)
    kernel.run("z = 3").raised()
    assert "z = 3" in kernel.clew("log").text


def test_a_deletion_that_was_killed_half_way_leaves_no_history_and_gc_clears_up(
    kernels: Kernels, tmp_path: Path
) -> None:
    flights = recorded(kernels, tmp_path / "flights.ipynb", LARGE)
    kernel = kernels(load=False)
    histories = kernel.home / "clew" / "histories"
    (histories / flights).rename(histories / f"{flights}.deleted")
    assert ids(kernel) == set() and kernel.terminal("gc").exit == 0
    assert list(histories.iterdir()) == []


def test_a_terminal_speaks_of_the_notebook_in_its_folder(kernels: Kernels, tmp_path: Path) -> None:
    flights = recorded(kernels, tmp_path / "a" / "flights.ipynb")
    ships = recorded(kernels, tmp_path / "b" / "ships.ipynb")

    def at(folder: str) -> Kernel:
        return kernels(load=False, cwd=tmp_path / folder)

    def meant(folder: str) -> str:
        return str(at(folder).terminal("status", "--json").json["history_id"])

    assert (meant("a"), meant("b")) == (flights, ships)
    (tmp_path / "a" / "data").mkdir()
    assert at("a").terminal("log").out.startswith("@"), "one notebook is plain"
    log = at("c").terminal("log")
    assert log.out.startswith("ships.ipynb, the notebook used last."), log
    assert typed(at("c"), log.out).exit == 0


def test_with_several_notebooks_in_a_folder_answers_name_one_and_changes_are_refused(
    kernels: Kernels, tmp_path: Path
) -> None:
    flights = recorded(kernels, tmp_path / "flights.ipynb")
    recorded(kernels, tmp_path / "ships.ipynb")
    kernel = kernels(load=False, cwd=tmp_path)
    log = kernel.terminal("log")
    first = "ships.ipynb, the notebook used last here. Others: flights.ipynb; `clew log --history flights.ipynb` chooses one."
    assert log.out.splitlines()[0] == first
    assert kernel.terminal("status", "--history", "flights.ipynb", "--json").json["history_id"] == flights
    refused = kernel.terminal("tag", "good")
    assert refused.exit != 0 and "Several notebooks are recorded here: " in refused.err, refused
    assert typed(kernel, refused.err).exit == 0


def test_with_several_notebooks_in_a_folder_all_commands_are_about_the_one_that_is_live(
    kernels: Kernels, tmp_path: Path
) -> None:
    flights = kernels(notebook=tmp_path / "flights.ipynb")
    flights.run("x = 1").raised()
    flights.run("x = 2").raised()
    recorded(kernels, tmp_path / "ships.ipynb", "x = 3")
    kernel = kernels(load=False, cwd=tmp_path)
    first = "flights.ipynb, the notebook with a live kernel here. Others: ships.ipynb; `clew {} --history ships.ipynb` chooses one."
    assert kernel.terminal("log").out.splitlines()[0] == first.format("log")
    undone = kernel.terminal("undo")
    assert undone.out.splitlines()[0] == first.format("undo") and "Undid" in undone.out, undone
    assert flights.value("x") == 1
    assert "outcomes" in kernel.terminal("redo", "--json").json
    assert flights.value("x") == 2
    # Of two live ones none is guessed; what only looks takes the one used last.
    ships = kernels(notebook=tmp_path / "ships.ipynb")
    ships.run("y = 4").raised()
    refused = kernel.terminal("undo")
    assert refused.exit == 2 and "Several notebooks are live: " in refused.err, refused
    assert kernel.terminal("log").out.startswith("ships.ipynb, the notebook used last here."), "the last"


def test_a_hint_is_about_the_history_that_was_named_or_chosen(kernels: Kernels, tmp_path: Path) -> None:
    first = recorded(kernels, tmp_path / "my first.ipynb", "only_here = 1")
    recorded(kernels, tmp_path / "ships.ipynb", *(f"x = {number}" for number in range(4)))
    kernel = kernels(load=False, cwd=tmp_path)

    def history(told: Typed) -> str:
        return str(typed_in_json(kernel, told.err or told.out)["history_id"])

    named = ["--history", "my first.ipynb"]
    assert history(kernel.terminal("show", "99", *named)) == first
    assert history(kernel.terminal("--history=my first.ipynb", "diff", "99")) == first
    told = kernel.terminal("annotate", "only_her", *named)
    assert "only_here" in typed(kernel, told.err).out, told
    told = kernel.terminal("log", "--store", str(tmp_path / "home/clew"), "-n", "1")
    assert f"`clew log -n 0 --store {tmp_path}/home/clew --history ships.ipynb`" in told.out, told
    # What was chosen among several is chosen again, though another was used since.
    told = kernel.terminal("log", "-n", "1")
    recorded(kernels, tmp_path / "my first.ipynb")
    assert history(kernel.terminal("log", "-n", "1")) == first
    assert typed_in_json(kernel, told.out.splitlines()[-1])["history"] == "ships.ipynb"
    # The kernel of a notebook that was named says it, too.
    live = kernels(notebook=tmp_path / "my first.ipynb", cwd=tmp_path)
    refused = live.terminal("switch", "99", *named)
    assert "`clew log --all --history 'my first.ipynb'`" in refused.err, refused
    # A notebook moves itself alone: the terminal moves another.
    moves = live.clew("branch --history ships.ipynb").text
    assert "`clew branch NAME --history ships.ipynb` in a terminal creates one" in moves, moves


def test_names_with_spaces_are_quoted_in_hints(kernels: Kernels, tmp_path: Path) -> None:
    notebook = tmp_path / "my first.ipynb"
    notebook.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    recorded(kernels, notebook, "only_here = 1")
    kernel = kernels(load=False, cwd=tmp_path)
    planned = kernel.terminal("package", "my first.ipynb", "--dry-run")
    assert "`clew package 'my first.ipynb'`" in planned.out, planned
    written = typed(kernel, planned.out)
    assert written.exit == 0 and typed(kernel, written.out).exit == 0
    again = kernel.terminal("package", "my first.ipynb")
    assert again.exit != 0 and typed(kernel, again.err).exit == 0, again


def test_notebooks_of_one_name_are_named_by_their_paths(kernels: Kernels, tmp_path: Path) -> None:
    one = recorded(kernels, tmp_path / "a" / "flights.ipynb")
    two = recorded(kernels, tmp_path / "b" / "flights.ipynb")
    above = kernels(load=False, cwd=tmp_path)
    log = above.terminal("log")
    path = str(tmp_path / "a" / "flights.ipynb")
    assert f"`clew log --history {path}`" in log.out.splitlines()[0], log
    assert above.terminal("status", "--history", path, "--json").json["history_id"] == one
    # In its folder the file's name is enough.
    here = kernels(load=False, cwd=tmp_path / "b")
    assert here.terminal("status", "--history", "flights.ipynb", "--json").json["history_id"] == two
    asked = above.terminal("history", "delete", path)
    assert path in asked.out and typed(above, asked.out).exit == 0
    assert ids(above) == {two}


def test_the_own_history_is_no_other_and_keeps_the_place(kernels: Kernels, tmp_path: Path) -> None:
    kernel = kernels(notebook=tmp_path / "flights.ipynb", cwd=tmp_path)
    kernel.run("x = 1").raised()
    kernel.run("x = 2").raised()
    own = kernel.terminal("status", "--json").json["history_id"]
    for name in ["flights.ipynb", own[:12]]:
        assert "flights.ipynb" in kernel.clew(f"history {name}").raised().text
    kernel.clew("undo").raised()
    assert kernel.value("x") == 1
    assert next(run["run"] for run in kernel.terminal("log", "--json", "--all").json["runs"]) == "3"


def test_variables_are_counted_apart_from_what_is_none(kernels: Kernels, tmp_path: Path) -> None:
    kernel = kernels(notebook=tmp_path / "flights.ipynb", cwd=tmp_path)
    kernel.run("import random\nrandom.seed(1)\nx = 1").raised()
    kernel.run("x").raised()
    told = kernel.clew("vars").raised().text
    counted = re.search(r"`%clew vars --all` lists (\d+) more", told)
    shown, everything = (
        kernel.terminal("vars", *words, "--json").json["variables"] for words in ([], ["--all"])
    )
    assert counted is not None, told
    assert int(counted[1]) == len(everything) - len(shown) > 0


def test_a_new_store_of_a_project_says_where_the_histories_are_and_how_to_copy_them(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = ada.opens("flights.ipynb")
    notebook.run("x = [1, 2]", "x.append(3)")
    notebook.kernel.clew("status").raised()
    notebook.kernel.close()
    monkeypatch.chdir(ada.home)
    ada.clew = Terminal({name: value for name, value in ada.folders.items() if name != "CLEW_HOME"})
    made = ada.clew("init", str(ada.folder)).well()
    assert "flights.ipynb (3 runs)" in made and str(ada.store) in made
    for command in re.findall(r"`clew ([^`]+)`", made.partition("flights.ipynb")[2]):
        assert ada.clew(*shlex.split(command)).exit == 0, command
    log = ada.clew("--store", str(ada.folder / ".clew"), "log", "--history", "flights.ipynb").well()
    assert "x.append(3)" in log
    assert "flights.ipynb" not in ada.clew("init", str(ada.folder)).well(), "it is there now"
