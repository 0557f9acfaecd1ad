"""What a run touches outside is seen, cheaply, and nothing is seen between runs."""

from __future__ import annotations

import ast
import importlib
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from clew import events, evidence, files, installation
from clew.analysis.paths import named_files
from clew.events import SYSTEM


def names(files):
    return {os.path.basename(file["path"]) for file in files}


def test_files_processes_sockets_and_random_numbers(tmp_path):
    (tmp_path / "in.csv").write_text("a")
    evidence.begin()
    (tmp_path / "in.csv").read_text()
    (tmp_path / "out.csv").write_text("bcd")
    (tmp_path / "out.csv").rename(tmp_path / "moved.csv")
    subprocess.run([sys.executable, "-c", ""], check=True)
    with socket.socket() as connection:
        connection.settimeout(0.01)
        connection.connect_ex(("127.0.0.1", 9))
    random.random()
    seen = evidence.end()
    assert "in.csv" in names(seen["files_read"])
    assert {"out.csv", "moved.csv"} <= names(seen["files_written"])
    moved = next(file for file in seen["files_written"] if file["path"].endswith("moved.csv"))
    assert moved["size"] == 3 and moved["modified"] > 0
    assert next(file for file in seen["files_written"] if file["path"].endswith("out.csv"))["size"] is None
    assert seen["sockets"] == ["127.0.0.1:9"] and sys.executable in seen["processes"]
    before, after = seen["random"]["random"]
    assert before != after


def test_nothing_is_seen_between_runs(tmp_path):
    (tmp_path / "a").write_text("a")
    assert evidence.end() == {}
    evidence.begin()
    evidence.stop()
    assert evidence.end() == {}


@pytest.mark.skipif(sys.platform != "linux", reason="Other systems have no such files")
def test_when_the_system_made_a_file_up_is_not_when_it_was_written(tmp_path):
    written = tmp_path / "a"
    written.write_text("a")
    evidence.begin()
    written.read_text()
    seen = evidence.take()
    # As one that counts where a library has `uname` started.
    seen.read[SYSTEM[1], None] = None
    # Both came to be after the run, as far as their times say.
    seen.started = seen.ended = 0
    told = {file["path"]: file["modified"] for file in seen.described()["files_read"]}
    assert [told[path] == files.EDITED for path in (SYSTEM[1], str(written))] == [False, True]


def test_modules_and_devices_are_no_files():
    evidence.begin()
    with open(os.devnull, "w"), open(os.__file__):
        pass
    seen = evidence.end()
    assert not seen["files_written"] and names(seen["files_read"]) == {"os.py"}, "read as data"


def test_what_importing_reads_is_told_from_what_a_cell_reads(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("here = 3")
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    inside, beside = tmp_path / "env/share/zone.tab", tmp_path / "env/data.csv"
    inside.parent.mkdir(parents=True)
    inside.write_text("a")
    beside.write_text("b")
    installation._environment.cache_clear()
    evidence.begin()
    import mine  # type: ignore[import-not-found]

    os.listdir(tmp_path / "data")
    (inside.read_text(), beside.read_text())
    seen = {file["path"]: file.get("of_environment", False) for file in evidence.end()["files_read"]}
    installation._environment.cache_clear()
    assert mine.here == 3
    assert str(tmp_path) not in seen and str(tmp_path / "data") in seen, "importing lists folders, too"
    assert not seen[str(inside)] and not seen[str(beside)], "no library reads it as its own"


STARTING = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''], check=True)\n"
#: Modules of a library and of the user's own, and whether the program that they start is the cell's.
IMPORTED = {
    "env/lib/fonts": (STARTING, False),
    "uses_fonts": ("import fonts", False),
    "mine": (STARTING, True),
    "env/lib/asking": ("import asked; asked.now()", True),
    "asked": (f"def now():\n    {STARTING.replace(chr(10), chr(10) + '    ')}", False),
    "env/lib/quiet": ("def now():\n    import subprocess; subprocess.run(['true'], check=True)", False),
    "env/lib/shells": ("import os; os.system('true')", False),
}


@pytest.mark.parametrize("path", IMPORTED)
def test_a_program_that_importing_a_library_starts_is_none_of_the_cells(tmp_path, monkeypatch, path):
    for name, (code, _) in IMPORTED.items():
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    name = Path(path).name
    for folder in (tmp_path, tmp_path / "env/lib"):
        monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    for cached in (installation._environment, installation._libraries):
        cached.cache_clear()
    evidence.begin()
    module = importlib.import_module(name)
    seen = [bool(evidence.end()["processes"])]
    if hasattr(module, "now"):
        evidence.begin()
        module.now()
        seen.append(bool(evidence.end()["processes"]))
    for cached in (installation._environment, installation._libraries):
        cached.cache_clear()
    for other in IMPORTED:
        sys.modules.pop(Path(other).name, None)
    # What a library's function starts that a cell calls is the cell's.
    assert seen == [IMPORTED[path][1], True][: len(seen)]


def test_files_are_hashed_that_are_neither_small_nor_large_nor_hidden_nor_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "HASHED", range(1 << 10, 4 << 10))
    monkeypatch.setattr(files, "HASHED_TOGETHER", 5 << 10)
    sizes = {"small": 1023, "fits": 1024, ".hidden": 1024, "whole": 4095, "large": 4096, "beyond": 1024}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"x" * size)
    evidence.begin()
    for name in sizes:
        (tmp_path / name).read_bytes()
    with pytest.raises(FileNotFoundError):
        (tmp_path / "gone").read_bytes()
    seen = {Path(file["path"]).name: file["digest"] for file in evidence.end()["files_read"]}
    assert {name for name, digest in seen.items() if digest} == {"fits", "whole"}
    assert seen["fits"] != seen["whole"] and len(seen["fits"]) == 64 and seen["gone"] is None


def test_what_goes_wrong_in_the_hook_stays_there():
    evidence.begin()
    sys.audit("open", object(), "w", 0)
    sys.audit("os.rename")
    assert evidence.end()["files_written"] == []


def test_files_that_strings_name_count_and_their_time_tells_whether_they_were_written(tmp_path):
    old, new = tmp_path / "old.parquet", tmp_path / "new.parquet"
    old.write_text("a")
    os.utime(old, ns=(1, 1))
    evidence.begin()
    new.write_text("b")
    seen = evidence.take()
    seen.read.clear()
    seen.written.clear()
    found = seen.described(named_files([str(old), new, 3, "no.such.file", "a\0b.c", "text"]).files)
    assert names(found["files_read"]) == {"old.parquet"}
    assert names(found["files_written"]) == {"new.parquet"}


@pytest.mark.parametrize(
    ("cell", "drawn"),
    [
        ("import numpy", False),
        ("import pandas", False),
        ("import numpy; numpy.random.random()", True),
        # As many as the generator makes at once: it stands at the same place again.
        ("import numpy; numpy.random.random(312)", True),
        ("import numpy; numpy.random.seed(3)", True),
    ],
)
def test_a_generator_that_comes_with_an_import_was_not_drawn_from(cell, drawn):
    asked = f"from clew import evidence; evidence.begin(); exec({cell!r}); print(evidence.end())"
    ran = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    seen = ast.literal_eval(ran.stdout)
    assert ("numpy.random" in seen["random"], seen["undrawn"]) == (drawn, [] if drawn else ["numpy.random"])


def test_paths_are_told_as_they_were_given_and_folders_by_what_was_listed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("a")
    evidence.begin()
    Path("in.csv").read_text()
    (tmp_path / "in.csv").read_text()
    os.listdir()
    Path("made").mkdir()
    seen = evidence.end()
    found = {(Path(file["path"]).name, file.get("given")): file for file in seen["files_read"]}
    assert ("in.csv", "in.csv") in found and ("in.csv", None) in found
    folder = found[tmp_path.name, "."]
    # As it was found: what the run itself made came later.
    assert folder["digest"] == files.listed(str(tmp_path), {"made"})
    assert seen["files_written"][0]["given"] == "made" and seen["files_written"][0]["digest"] is None
    (tmp_path / "new").write_text("")
    assert folder["digest"] != files.listed(str(tmp_path))


def test_compiled_code_that_importing_keeps_is_no_output(tmp_path):
    (tmp_path / "own_module.py").write_text("x = 1")
    watched = (
        "import sys; sys.dont_write_bytecode = False; sys.path.insert(0, sys.argv[1])\n"
        "from clew import evidence\n"
        "evidence.begin()\n"
        "import own_module\n"
        "print(evidence.end()['files_written'])\n"
    )
    command = [sys.executable, "-c", watched, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n" and list((tmp_path / "__pycache__").iterdir())


def test_what_a_library_asks_of_the_machine_is_known_by_files(monkeypatch):
    from joblib.externals.loky.backend import context

    monkeypatch.setattr(context, "physical_cores_cache", None)
    with evidence.noted() as seen:
        context._count_physical_cores()
    assert not seen.processes and {path for path, _ in seen.read} >= set(events.CORES)
    with evidence.noted() as seen:
        subprocess.run(["lscpu"], capture_output=True, check=False)
    assert set(seen.processes) == {"lscpu"}
