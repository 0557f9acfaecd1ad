"""What is told of calls into Java, with a Java that is none: which files, and what nobody can repeat. The engine itself is asked in `test_spark.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from clew import events, evidence
from clew.adapters import spark_calls

OF_SPARK = "/site-packages/pyspark/sql/readwriter.py"


class Frame:
    """What Java gives for a frame."""

    def __init__(self, *files: str) -> None:
        self.files = files

    def inputFiles(self) -> tuple[str, ...]:
        return self.files


class JavaMember:
    """A method of Java's, as py4j has it."""

    def __init__(self, name: str, found: Any) -> None:
        self.name, self.found = name, found

    def __call__(self, *args: Any) -> Any:
        return self.found


@pytest.fixture(autouse=True)
def java(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """py4j and Spark as far as the hook asks."""
    module = ModuleType("py4j.java_gateway")
    module.JavaMember = type("JavaMember", (JavaMember,), {"__call__": JavaMember.__call__})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "py4j.java_gateway", module)
    monkeypatch.setitem(sys.modules, "pyspark", ModuleType("pyspark"))
    monkeypatch.setattr(spark_calls, "_is_changed", False)
    monkeypatch.setattr(events, "TOLD_OTHERWISE", set())
    spark_calls._hook()
    yield
    evidence.stop()


def asked(name: str, *args: Any, found: Any = 1, of: str = OF_SPARK, is_run: bool = True) -> None:
    """Calls a method of Java's from a file of Spark's, in a run that is watched."""
    if is_run:
        evidence.begin()
    called = sys.modules["py4j.java_gateway"].JavaMember(name, found)  # type: ignore[attr-defined]
    exec(compile("called(*args)", of, "exec"), {"called": called, "args": args})


def told() -> tuple[set[str], set[str], list[str]]:
    """Names of what was read and written, and what else was asked for."""
    found = evidence.end()
    read, written = (
        {Path(file["path"]).name for file in found[f"files_{how}"]} for how in ("read", "written")
    )
    return read, written, found.get("unrepeatable", [])


def test_a_file_that_java_reads_counts_as_read(tmp_path: Path) -> None:
    path = tmp_path / "a b.csv"
    path.write_text("1")
    asked("csv", str(path), found=Frame(f"file://{tmp_path}/a%20b.csv"))
    assert told() == ({"a b.csv"}, set(), [])


@pytest.mark.parametrize("given", ["data", "data/*", "data/k=*/part*.csv"])
def test_folders_in_which_more_files_would_be_read_count_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    folder = tmp_path / "data" / "k=1"
    folder.mkdir(parents=True)
    (folder / "part-0.csv").write_text("1")
    monkeypatch.chdir(tmp_path)
    asked("load", given, found=Frame((folder / "part-0.csv").as_uri()))
    assert told() == ({"part-0.csv", "k=1", "data"}, set(), [])


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (("s3a://bucket/a.csv",), Frame("s3a://bucket/a.csv")),
        (("jdbc:h2:mem",), Frame()),
        ((), Frame("file:/etc/hostname")),
        (("a.csv",), Frame("file:/nowhere/at/all.csv")),
        ((3,), Frame("file:/etc/hostname")),
    ],
    ids=["a cloud", "no files", "a path that is an option", "a file that is not there", "an RDD"],
)
def test_what_does_not_come_from_files_of_this_machine_is_from_elsewhere(args: Any, found: Frame) -> None:
    asked("load", *args, found=found)
    assert told() == (set(), set(), [spark_calls.OUTSIDE])


def test_what_java_writes_counts_as_written(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-0.parquet").write_text("1")
    asked("parquet", str(tmp_path / "out"), found=None)
    assert told() == (set(), {"out", "part-0.parquet"}, [])


@pytest.mark.parametrize(
    ("name", "args", "word"),
    [
        ("sql", ("select * from t",), spark_calls.TABLES),
        ("filter", ("x in (select y from t)",), spark_calls.TABLES),
        ("jdbc", ("url", "t"), spark_calls.OUTSIDE),
        ("rand", (), spark_calls.TIME),
        ("expr", ("rand()",), spark_calls.TIME),
        ("add", ("current_date - x",), spark_calls.TIME),
        ("current_timestamp", (), spark_calls.TIME),
        ("rand", (7,), None),
        ("filter", ("x > 1",), None),
        ("select", ("current_price",), None),
    ],
)
def test_tables_other_places_and_what_is_new_each_time_are_told(
    name: str, args: Any, word: str | None
) -> None:
    asked(name, *args)
    assert told()[2] == ([word] if word else [])


def test_what_a_session_has_of_its_own_counts_for_every_later_cell() -> None:
    asked("createOrReplaceTempView", "t")
    assert told()[2] == [spark_calls.TABLES]
    asked("count")
    assert told()[2] == [spark_calls.TABLES]


def test_code_that_speaks_to_java_itself_may_have_it_do_anything() -> None:
    asked("currentTimeMillis", of="<a cell>")
    assert told()[2] == [spark_calls.OUTSIDE]


def test_what_a_thread_made_between_two_runs_counts_too() -> None:
    asked("createOrReplaceTempView", "t", is_run=False)
    asked("count")
    assert told()[2] == [spark_calls.TABLES]
