"""Objects that no store can hold: kept alive, parked, replayed with consent or reported; the user's files never touched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cases.story import Notebook


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The user's files; nothing may change in them that no cell changed."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "data.txt").write_text("line 1\nline 2\nline 3\n")
    yield folder


def digest(folder: Path) -> dict[str, str]:
    """The content of every file, by name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


HANDLES = {
    "a generator": "h = (n for n in range(5))",
    "an open file": "h = open({folder!r} + '/data.txt')",
    "a file open for writing": "h = open({folder!r} + '/out.txt', 'w')\nh.write('kept')\nh.flush()",
    "a socket": "import socket\nh = socket.socket()",
    "an SQLite connection": "import sqlite3\nh = sqlite3.connect({folder!r} + '/d.sqlite')",
    "a lock": "import threading\nh = threading.Lock()",
    "a thread": "import threading\nevent = threading.Event()\nh = threading.Thread(target=event.wait, daemon=True)\nh.start()",
    "an executor": "from concurrent.futures import ThreadPoolExecutor\nh = ThreadPoolExecutor(1)",
    "a coroutine's task": "import asyncio\nh = asyncio.ensure_future(asyncio.sleep(100))",
    "thread-local data": "import threading\nh = threading.local()\nh.x = 1",
    "a process": "import subprocess\nh = subprocess.Popen(['sleep', '30'])",
}


@pytest.mark.parametrize("cell", HANDLES.values(), ids=HANDLES.keys())
def test_undo_then_redo_keeps_a_live_handle_alive(notebook: Notebook, folder: Path, cell: str) -> None:
    notebook.run("x = [1]")
    notebook.run(cell.format(folder=str(folder)))
    files = digest(folder)
    identity = notebook.identities(["h"])
    report = notebook.move("undo")
    assert "h" not in notebook.names()
    assert report.word("h") == "removed"
    assert "h" in notebook.say("status"), "what is parked is listed"
    report = notebook.move("redo")
    assert report.word("h") == "unchanged"
    assert notebook.identities(["h"]) == identity
    assert digest(folder) == files


@pytest.mark.parametrize("cell", HANDLES.values(), ids=HANDLES.keys())
def test_an_untouched_handle_is_kept_when_something_else_is_undone(
    notebook: Notebook, folder: Path, cell: str
) -> None:
    notebook.run(cell.format(folder=str(folder)) + "\nx = [1]")
    identity = notebook.identities(["h"])
    notebook.run("x.append(2)")
    report = notebook.move("undo")
    assert notebook.read("x") == ["[1]"]
    assert report.word("h") == "unchanged"
    assert report.word("x") == "restored"
    assert notebook.identities(["h"]) == identity


def test_a_generator_that_was_advanced_stays_and_is_not_verified(notebook: Notebook) -> None:
    notebook.run(
        """
        g = (n for n in range(5))
        x = [1]
        """,
        """
        first = next(g)
        x.append(2)
        """,
    )
    identity = notebook.identities(["g"])
    report = notebook.move("undo")
    assert report.word("g") == "unchanged" and "g" in report.unverified
    assert report.why("g").startswith("unverified")
    assert notebook.identities(["g"]) == identity
    assert notebook.read("x") == ["[1]"]


def test_a_connection_that_was_used_stays_and_the_database_is_untouched(
    notebook: Notebook, folder: Path
) -> None:
    notebook.run(
        f"import sqlite3\nc = sqlite3.connect({str(folder / 'd.sqlite')!r})\n_ = c.execute('create table t (n)')\nc.commit()",
        """
        _ = c.execute('insert into t values (1)')
        c.commit()
        n = 1
        """,
    )
    files = digest(folder)
    report = notebook.move("undo")
    assert report.word("c") == "unchanged" and "c" in report.unverified
    assert report.why("c").startswith("unverified")
    assert report.word("n") == "removed"
    assert digest(folder) == files
    assert notebook.read("c.execute('select count(*) from t').fetchone()") == ["(1,)"]


def test_an_open_file_in_a_list_does_not_take_other_names_with_it(notebook: Notebook, folder: Path) -> None:
    notebook.run(f"f = open({str(folder / 'data.txt')!r})\nbox = [f, 1]\nother = [1]")
    notebook.run("other.append(2)")
    identity = notebook.identities(["f", "box"])
    report = notebook.move("undo")
    assert report.word("f") == report.word("box") == "unchanged"
    assert notebook.identities(["f", "box"]) == identity
    assert notebook.read("other", "box[0] is f", "f.readline()") == ["[1]", "True", repr("line 1\n")]


def test_a_new_kernel_says_which_handles_are_lost(kernels: Callable[..., Notebook], folder: Path) -> None:
    first = kernels()
    first.run(
        f"import sqlite3\nconn = sqlite3.connect({str(folder / 'd.sqlite')!r})\ng = (n for n in range(5))\nx = [1]\nout = open({str(folder / 'out.txt')!r}, 'w')\n_ = out.write('precious')\nout.flush()"
    )
    files = digest(folder)
    first.kill()
    second = kernels()
    report = second.move("resume")
    assert {name: report.word(name) for name in ["conn", "g", "out", "x"]} == {
        "conn": "lost",
        "g": "lost",
        "out": "lost",
        "x": "restored",
    }
    assert "sqlite3.Connection" in report.why("conn")
    assert not {"conn", "g", "out"} & second.names()
    assert digest(folder) == files
    assert (folder / "out.txt").read_text() == "precious"


def test_the_line_a_mover_prints_names_what_is_lost(kernels: Callable[..., Notebook], folder: Path) -> None:
    first = kernels()
    first.run(
        "import sqlite3",
        """
        conn = sqlite3.connect(':memory:')
        x = 1
        """,
    )
    first.kill()
    said = kernels().say("resume")
    assert "1 lost: conn (sqlite3.Connection" in said, said


def test_replay_with_consent_makes_a_lost_generator_anew(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run(
        "start = 3",
        """
        g = iter(lambda: start, 4)
        squares = (n * n for n in range(start))
        """,
    )
    first.kill()
    second = kernels()
    report = second.move("resume --rerun")
    assert report.word("squares") in {"rerun", "not_identical", "lost"}
    if report.word("squares") != "lost":
        assert second.read("list(squares)") == ["[0, 1, 4]"]


def test_replay_is_never_done_unasked(kernels: Callable[..., Notebook], folder: Path) -> None:
    first = kernels()
    first.run(
        f"log = open({str(folder / 'log.txt')!r}, 'a')\n_ = log.write('once')\nlog.flush()\ngen = (n for n in [1])"
    )
    first.kill()
    kernels().move("resume")
    assert (folder / "log.txt").read_text() == "once"


def test_parked_objects_come_back_as_they_were(notebook: Notebook, folder: Path) -> None:
    notebook.run(
        "x = 1",
        """
        import sqlite3
        c = sqlite3.connect(':memory:')
        _ = c.execute('create table t (n)')
        """,
        "y = 2",
    )
    notebook.move("undo 2")
    assert "c" not in notebook.names()
    notebook.move("redo")
    notebook.move("redo")
    assert notebook.read("c.execute('select count(*) from t').fetchone()", "y") == ["(0,)", "2"]


def test_what_was_made_anew_can_be_made_anew_again(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run("import sqlite3\nconn = sqlite3.connect(':memory:')", "x = 1")
    for value in (1, 2, 3):
        notebook.kill()
        notebook = kernels()
        assert "`--rerun` reruns its cell" in notebook.move("resume").why("conn")
        # A cell that misses it changes nothing about that.
        assert notebook.kernel.run("conn.execute('select 1')").ename == "NameError"
        assert notebook.move("resume --rerun").word("conn") == "rerun"
        assert notebook.read("conn.execute('select 7').fetchone()[0]", "x") == ["7", str(value)]
        notebook.run(f"x = {value + 1}")


def test_a_cell_that_made_several_lost_values_runs_once(
    kernels: Callable[..., Notebook], folder: Path
) -> None:
    log = folder / "log.txt"
    first = kernels()
    first.run(
        f"with open({str(log)!r}, 'a') as file:\n    _ = file.write('once\\n')\n"
        "import sqlite3\ncon, squares, other = sqlite3.connect(':memory:'), (n * n for n in [2]), (n for n in [3])"
    )
    first.kill()
    second = kernels()
    second.move("resume")
    assert log.read_text() == "once\n"
    report = second.move("resume --rerun")
    assert [report.word(name) for name in ("con", "squares", "other")] == ["rerun"] * 3, report.data
    assert log.read_text() == "once\n" * 2
    assert second.read("next(squares)", "next(other)") == ["4", "3"]


def test_a_cell_that_runs_again_finds_what_cells_before_it_made_anew(
    kernels: Callable[..., Notebook],
) -> None:
    first = kernels()
    # The names are in the order that the cells are not.
    first.run(
        "import sqlite3, threading\nz = sqlite3.connect(':memory:')\nn = 3",
        "y = z.cursor()",
        "x = (row for row in y.execute('select 6 union select 7'))\nlock = threading.Lock()",
        "w = (lock.locked() for _ in range(n))",
        "alone = sqlite3.connect(':memory:')",
        "of_alone = alone.cursor()",
        "del alone",
    )
    first.kill()
    second = kernels()
    report = second.move("resume --rerun")
    words = {name: report.word(name) for name in ("z", "y", "x", "lock", "w")}
    assert set(words.values()) == {"rerun"}, {name: report.why(name) for name in words}
    assert second.read("y.connection is z, list(x), next(w)") == ["(True, [(6,), (7,)], False)"]
    # What is gone by now is not made for it.
    assert report.word("of_alone") == "lost" and "NameError" in report.why("of_alone")


def test_a_cell_that_runs_again_calls_functions_that_read_variables(
    kernels: Callable[..., Notebook],
) -> None:
    first = kernels()
    first.run(
        "import sqlite3\nplace, rows, gone = ':memory:', [4, 5], 'select 6'",
        "def opened():\n    found = sqlite3.connect(place)\n    rows.append(7)\n    return found, found.execute(gone)",
        "conn, cursor = opened()",
        "rows = [8]\ndel gone",
    )
    first.kill()
    second = kernels()
    report = second.move("resume --rerun")
    assert {report.word(name) for name in ("conn", "cursor")} == {"rerun"}, report.why("conn")
    # The function changed a copy, and what it found is not left behind.
    assert second.read("cursor.fetchall(), rows, place") == ["([(6,)], [8], ':memory:')"]
    assert "gone" not in second.names()


def test_a_cell_that_raises_when_it_runs_again_runs_once(
    kernels: Callable[..., Notebook], folder: Path
) -> None:
    log = folder / "log.txt"
    first = kernels()
    first.run(
        f"import pathlib\npath = pathlib.Path({str(log)!r})",
        "_ = path.write_text((path.read_text() if path.exists() else '') + 'once\\n')\n"
        "assert path.read_text() == 'once\\n'\nsquares, other = (n * n for n in [2]), (n for n in [3])",
    )
    first.kill()
    second = kernels()
    report = second.move("resume --rerun")
    assert [report.word(name) for name in ("squares", "other")] == ["lost"] * 2, report.data
    assert "AssertionError" in report.why("squares") and "AssertionError" in report.why("other")
    assert log.read_text() == "once\n" * 2
