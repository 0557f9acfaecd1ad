"""A disk that is really full: the folder that is a remote, the store that takes in, the folder where what comes is put first."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cases.story import Notebook

from journeys.carrying import shares_key
from journeys.person import Person, told
from journeys.small_disk import SmallDisk, small_disk

MB = 1_000_000
FIRST = "import numpy as np\nrng = np.random.default_rng(1)\na = rng.integers(0, 2**63, 1_000_000)"
#: More than a portion of a push, and than what is left on the disk.
MORE = "b = rng.integers(0, 2**63, 10_000_000)"


@pytest.fixture
def notebook(ada: Person) -> Notebook:
    notebook = ada.opens("n.ipynb")
    notebook.run(FIRST)
    # Its run is pushed first: it must lie in the store by then.
    notebook.kernel.settle()
    return notebook


def bob_of(people: Callable[..., Person], ada: Person, home: Path) -> Person:
    """Another machine of hers."""
    bob = people("bob")
    shares_key(ada, bob)
    return bob


def sizes(files: dict[str, bytes]) -> int:
    return sum(map(len, files.values()))


def is_full(page: dict[str, Any], *words: str) -> None:
    """It says that a disk is full, which, and what to do."""
    error = page["error"]
    assert page["exit"] > 2 and "full" in error["message"] and "free some space" in error["hint"], page
    assert all(word in f"{error['message']} {error['hint']}" for word in words), page


def test_p01_a_push_into_a_full_folder_moves_no_head_and_the_next_goes_on(
    ada: Person, notebook: Notebook, tmp_path: Path
) -> None:
    with small_disk(ada, tmp_path / "stick", 60) as disk:
        place = disk.place / "lab"
        disk("remote", "add", "lab", str(place)).well()
        disk("push", "lab").well()
        heads = disk.files("lab/heads")
        before = sizes(disk.files("lab/bundles"))
        notebook.run(MORE)
        notebook.kernel.settle()
        page = disk.ask("push", "lab")
        is_full(page, str(place))
        assert "is not transferred again" in page["error"]["unchanged"], page
        assert disk.files("lab/heads") == heads
        assert "is intact" in disk("verify", "--read-data").well()
        # What is there can be had as before.
        took = disk("clone", str(place), str(tmp_path / "copy")).well()
        assert "2 runs" in took, took
        # What did not come to its end takes no room from others; what did is not sent again.
        assert disk.files("lab/.parts") == {}
        is_full(disk.ask("push", "lab"), str(place))
        whole = sizes(disk.files("lab/bundles")) - before
        disk.holds(200)
        rest = disk.ask("push", "lab")["histories"][0]
        assert rest["new_bytes"] <= 81 * MB - whole, (rest, whole)
        assert disk("push", "lab").well() == "lab already has all of n.ipynb.\n"
        disk("pull", "--store", str(tmp_path / "copy/.clew")).well()
        assert "is intact" in disk("verify", "--read-data", "--store", str(tmp_path / "copy/.clew")).well()


@pytest.mark.parametrize("what", ["store", "cache"])
def test_p01_a_pull_onto_a_full_disk_shows_nothing_and_the_next_goes_on(
    people: Callable[..., Person], ada: Person, notebook: Notebook, tmp_path: Path, what: str
) -> None:
    place = tmp_path / "lab"
    told(notebook, f"remote add lab {place}")
    told(notebook, "push lab")
    bob = people("bob")
    shares_key(ada, bob)
    with small_disk(bob, tmp_path / "small", 60) as disk:
        store = (disk.place if what == "store" else tmp_path) / "bobs"
        disk = beside(disk, bob, cache=disk.place if what == "cache" else tmp_path / "cache")
        disk("clone", str(place), str(store)).well()
        at = ["--store", str(store / ".clew")]
        notebook.run(MORE)
        told(notebook, "push lab")
        page = disk.ask("pull", *at)
        is_full(page, str(store) if what == "store" else "XDG_CACHE_HOME")
        # It can be looked at while it is full, and shows what it had.
        assert len(disk.ask("log", "--all", *at)["runs"]) == 2
        assert "is intact" in disk("verify", "--read-data", *at).well()
        disk.holds(300)
        assert "Pulled" in disk("pull", *at).well()
        assert len(disk.ask("log", "--all", *at)["runs"]) == 3
        assert "is intact" in disk("verify", "--read-data", *at).well()


def beside(disk: SmallDisk, person: Person, cache: Path) -> SmallDisk:
    """The same, for a person who keeps caches there."""
    person.folders["XDG_CACHE_HOME"] = str(cache)
    return disk.of(person)


@pytest.mark.parametrize("all_of_it", ["", "--all"], ids=["a state", "a history"])
def test_p01_an_import_into_a_full_store_shows_nothing_and_the_next_goes_on(
    people: Callable[..., Person], ada: Person, notebook: Notebook, tmp_path: Path, all_of_it: str
) -> None:
    told(notebook, f"export {tmp_path / 'small.clew'} {all_of_it}")
    notebook.run(MORE)
    told(notebook, f"export {tmp_path / 'large.clew'} {all_of_it}")
    bob = people("bob")
    shares_key(ada, bob)
    with small_disk(bob, tmp_path / "disk", 60) as disk:
        at = ["--store", str(disk.place / "store")]
        disk("import", str(tmp_path / "small.clew"), *at).well()
        before = disk.ask("log", "--all", *at)["runs"]
        page = disk.ask("import", str(tmp_path / "large.clew"), *at)
        is_full(page, str(disk.place))
        assert disk.ask("log", "--all", *at)["runs"] == before
        assert "is intact" in disk("verify", "--read-data", *at).well()
        disk.holds(300)
        disk("import", str(tmp_path / "large.clew"), *at).well()
        assert len(disk.ask("log", "--all", *at)["runs"]) > len(before)
        assert "is intact" in disk("verify", "--read-data", *at).well()


def test_an_export_onto_a_full_disk_leaves_no_half_file(
    ada: Person, notebook: Notebook, tmp_path: Path
) -> None:
    notebook.run(MORE)
    notebook.kernel.settle()
    with small_disk(ada, tmp_path / "stick", 60) as disk:
        left = disk.left()
        page = disk.ask("export", str(disk.place / "state.clew"))
        is_full(page, str(disk.place))
        assert disk.files("") == {} and disk.left() == left


def test_p07_what_ran_while_the_disk_was_full_is_recorded_once_there_is_room(
    ada: Person, tmp_path: Path
) -> None:
    with small_disk(ada, tmp_path / "disk", 20) as disk:
        inside = tmp_path / "python"
        inside.write_text(f'#!/bin/sh\nexec {shlex.join(disk.typed([sys.executable]))} "$@"\n')
        inside.chmod(0o755)
        ada.store = disk.place / "store"
        ada.folders["CLEW_HOME"] = str(ada.store)
        disk = disk.of(ada)
        notebook = ada.opens("full.ipynb", python=inside, arguments=["--HistoryManager.enabled=False"])
        notebook.run("import numpy as np\nkept = [1]")
        notebook.kernel.settle()
        assert not disk.ask("status")["warnings"]
        filled = disk.seen / "fill"
        with suppress(OSError), filled.open("wb", buffering=0) as file:
            while file.write(bytes(MB)) == MB:
                pass
        reply = notebook.kernel.run("made = np.arange(50_000) * 3\nkept.append(2)").raised()
        notebook.kernel.settle()
        assert "could not record this run" in reply.stderr
        # A terminal can't ask the kernel; it sees the disk.
        (warning,) = disk.ask("status")["warnings"]
        assert "the disk of the store is full" in warning
        assert "which is the limit, 0 B free" in disk("status").out
        assert any(not check["is_fine"] for check in disk.ask("doctor")["checks"] if check["what"] == "room")
        (check,) = (one for one in notebook.ask("doctor")["checks"] if one["what"] == "record")
        assert "could not be recorded" in check["found"] and "next run records" in check["hint"]
        notebook.kernel.run("total = int(made.sum())").raised()
        notebook.kernel.settle()
        filled.unlink()
        notebook.kernel.run("after = 1").raised()
        notebook.kernel.settle()
        assert not disk.ask("status")["warnings"]
        assert not any(check["what"] == "record" for check in notebook.ask("doctor")["checks"])
        assert "made = np.arange" in disk("extract", "total").well()
        notebook.kernel.kill()
        again = ada.opens("full.ipynb", python=inside, arguments=["--HistoryManager.enabled=False"])
        told(again, "resume")
        assert again.kernel.value("kept, total, after") == ([1, 2], 3_749_925_000, 1)
