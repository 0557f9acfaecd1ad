"""Files that a library holds open from an earlier cell count as inputs of the cells that read them, though no call names them then."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from run.desk import Desk
from run.test_draws import EXECUTED, RESTORED, ran

pytest.importorskip("h5py", reason="It has no wheel for this Python")

#: What it holds is not part of what it is: pickled, it tells the path, and opens it again.
LIBRARY = """
import io, os, sqlite3, threading
import h5py
class Held:
    def __init__(self, path):
        self.path = path
        self._of_thread = threading.local()
        self._of_thread.held = self.open()
    def __reduce__(self):
        return type(self), (self.path,)
    held = property(lambda self: self._of_thread.held)
class Text(Held):
    def open(self):
        return open(self.path)
    def read(self):
        self.held.seek(0)
        return self.held.read()
class Descriptor(Held):
    def open(self):
        return os.open(self.path, os.O_RDONLY)
    def read(self):
        return os.pread(self.held, 100, 0).decode()
class Table(Held):
    def open(self):
        return sqlite3.connect(self.path, isolation_level=None)
    def read(self):
        return self.held.execute("select sum(n) from t").fetchone()[0]
    def count(self):
        self.held.execute("insert into t values (1)")
        return self.read()
class Array(Held):
    def open(self):
        return h5py.File(self.path)
    def read(self):
        return self.held["x"][:].tolist()
"""


def text(path: Path, number: int) -> None:
    path.write_text(f"{number}\n")


def table(path: Path, number: int) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("create table if not exists t (n)")
        connection.execute("delete from t")
        connection.execute("insert into t values (?)", (number,))
    connection.close()


def array(path: Path, number: int) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["x"] = [number]


HELD = {"Text": text, "Descriptor": text, "Table": table, "Array": array}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.library("holding", LIBRARY)
    return desk


@pytest.mark.parametrize("name", HELD)
def test_p03_what_is_read_from_a_file_that_is_held_open_is_an_input(desk: Desk, name: str) -> None:
    write, path = HELD[name], desk.folder / "data"
    write(path, 1)
    cells = ("import holding", f"held = holding.{name}('data')", "held.read()", "n = 1\nn")
    _, before = ran(desk, "it", *cells)
    assert ran(desk, "it", *cells) == ([RESTORED] * 4, before)
    write(path, 2)
    became, after = ran(desk, "it", *cells)
    assert became == [RESTORED, EXECUTED, EXECUTED, RESTORED]
    assert after[2] == before[2].replace("1", "2")


def test_p03_a_database_that_a_cell_reads_and_changes_is_changed_by_each_run(desk: Desk) -> None:
    table(desk.folder / "data", 1)
    cells = ("import holding", "held = holding.Table('data')", "held.count()")
    assert [ran(desk, "it", *cells)[1][2] for _ in range(3)] == ["2", "3", "4"]
