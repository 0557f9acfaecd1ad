"""Spark itself: sessions, frames and what else hangs on them in a new kernel, and cells of Spark's in batches."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cases.story import Notebook
from harness import SOURCES, Kernel
from journeys.java import java_home
from run.desk import Desk, code_cells, outcomes

from bench import environments

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SESSION = """
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.master("local[2]").appName("one").config("spark.ui.enabled", "false").getOrCreate()
spark.conf.set("spark.sql.shuffle.partitions", "3")
"""
FRAMES = """
planned = spark.range(10).withColumn("x", F.col("id") * 2)
cached = spark.range(10).withColumn("x", F.col("id") * 2).withColumn("text", F.concat(F.lit("é"), F.col("id"))).cache()
rows = cached.collect()
marked = spark.range(5).cache()
local = spark.range(6, 0, -1, 3).localCheckpoint()
nothing = spark.range(0).cache()
none = nothing.count()
"""
SHARED = """
context = spark.sparkContext
shared, counter = context.broadcast([1, 2]), context.accumulator(0)
context.parallelize([1, 2, 3]).foreach(lambda x: counter.add(x))
held = {"shared": shared, "n": 1}
counted = counter.value
"""
OTHERS = """
column, grouped, conf, lines = F.col("x"), planned.groupBy("x"), context.getConf(), context.parallelize([1]).map(str)
row, schema = cached.first(), cached.schema
total = cached.agg(F.sum("x")).first()[0]
both = [cached, spark]
"""
#: What its cells make again.
LOST = {"planned", "marked", "shared", "counter", "held", "column", "grouped", "lines"}


@pytest.fixture(autouse=True)
def java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java_home()))
    monkeypatch.setenv("PYSPARK_PYTHON", str(environments.python(None)))


@pytest.fixture
def notebook(kernels: Callable[..., Kernel], tmp_path: Path) -> Callable[..., Notebook]:
    """Starts kernels of one notebook."""

    def started(**settings: str) -> Notebook:
        options: dict[str, Any] = {"cwd": tmp_path, "notebook": tmp_path / "notebook.ipynb"}
        return Notebook(kernels(**options, paths=[environments.spark()], env=settings))

    return started


def test_p03_sessions_and_rows_that_were_kept_come_back_and_start_java_when_they_are_used(
    notebook: Callable[..., Notebook],
) -> None:
    first = notebook()
    first.run(SESSION, FRAMES, SHARED, OTHERS)
    rows, schema = first.read("cached.collect()", "cached.schema, local.schema")
    first.kill()

    new = notebook()
    report = new.move("resume")
    lost = {name: report.why(name) for name, word in report.names.items() if word == "lost"}
    assert set(lost) == LOST, [(name, lost.get(name)) for name in set(lost) ^ LOST]
    assert (
        "that is not computed" in lost["planned"] and "has not computed and cached yet" in lost["marked"]
    ), lost
    assert "a value on a cluster" in lost["counter"], lost
    assert not LOST & new.names()
    # Nobody waits for Java who does not need it.
    asleep = "type(spark).__name__, type(cached).__name__, spark is both[1], cached is both[0]"
    assert new.read(asleep) == ["('SleepingSession', 'SleepingFrame', True, True)"]
    assert new.read("counted, total, row.x, len(rows), none") == ["(6, 90, 0, 10, 0)"]
    assert new.read(
        "'py4j.java_gateway' in __import__('sys').modules and context.__class__.__mro__[1]._gateway"
    ) == ["None"]

    # Functions of Spark's find the session, too.
    assert new.read("F.col('x') is not None and type(spark).__name__") == ["'SparkSession'"]
    assert new.read("cached.collect()", "cached.schema, local.schema") == [rows, schema]
    assert new.read(
        "cached.collect() == rows, local.collect() == [(n,) for n in range(6, 0, -1)], nothing.collect()"
    ) == ["(True, True, [])"]
    assert new.read(
        "spark.sparkContext is context, spark.conf.get('spark.sql.shuffle.partitions'), conf.get('spark.app.name')"
    ) == ["(True, '3', 'one')"]
    assert new.read(
        "SparkSession.builder.getOrCreate() is spark, SparkSession.getActiveSession() is spark"
    ) == ["(True, True)"]
    assert new.read("cached.rdd.getNumPartitions(), local.rdd.glom().map(len).collect()") == [
        "(2, [2, 2, 2])"
    ]
    # What they are is what they were.
    again = notebook()
    new.run("after = cached.count()")
    new.kill()
    report = again.move("resume")
    assert again.read("cached.collect() == rows, after") == ["(True, 10)"]
    again.run(FRAMES)
    assert again.read("planned.count(), marked.count(), cached.agg(F.sum('x')).first()[0]") == ["(10, 5, 90)"]


def test_undo_gives_back_the_very_session_and_frame_that_live(notebook: Callable[..., Notebook]) -> None:
    living = notebook()
    living.run(SESSION + "cached = spark.range(4).cache()\nn = cached.count()")
    before = living.identities(["spark", "cached"])
    living.move("undo")
    assert not {"spark", "cached"} & living.names()
    living.move("redo")
    assert living.identities(["spark", "cached"]) == before
    living.run("spark.conf.set('spark.sql.shuffle.partitions', '7')")
    living.move("undo")
    assert living.read("spark.conf.get('spark.sql.shuffle.partitions'), cached.count()") == ["('3', 4)"]
    assert living.identities(["spark"])["spark"] == before["spark"]


def test_rows_beyond_the_setting_are_not_kept_and_credentials_never(
    notebook: Callable[..., Notebook],
) -> None:
    secret = "wJalrXUtnFEMIK7MDENG" + "bPxRfiCYq3"
    first = notebook(CLEW_TASKS_FETCH_MB="1")
    first.run(
        SESSION.replace(
            ".getOrCreate",
            f'.config("spark.hadoop.fs.s3a.secret.key", "{secret}").config("spark.my.url", "https://me:{secret}@h").getOrCreate',
        )
    )
    first.run(
        "large = spark.range(400_000).select(F.sha2(F.col('id').cast('string'), 256).alias('x')).cache()\nn = large.count()\n"
        "checked = large.localCheckpoint()\nlarge.unpersist()\nsmall = spark.range(3).cache()\nm = small.count()"
    )
    said = first.say("vars")
    assert "MB in total (`tasks.fetch_mb`)" in said, said
    first.kill()
    new = notebook()
    report = new.move("resume")
    assert {name for name, word in report.names.items() if word == "lost"} == {"large", "checked"}
    said = new.run("found = [row.id for row in small.collect()]").stderr
    assert (
        "without settings that look like credentials (spark.hadoop.fs.s3a.secret.key, spark.my.url)" in said
    ), said
    assert new.read("found") == ["[0, 1, 2]"]
    assert new.read("spark.conf.get('spark.my.url', 'none')") == ["'none'"]


FUNCTIONS = """
def plain(x): return x + 1
def helper(x): return plain(x) * 2
scale = 3
twice, nested = F.udf(plain, "long"), F.udf(helper, "long")
@F.udf("long")
def scaled(x): return x * scale
"""


def called(name: str) -> str:
    return f"[row[0] for row in spark.range(3).select({name}('id')).collect()]"


def test_functions_that_queries_call_come_back_and_a_frozen_variable_is_said(
    notebook: Callable[..., Notebook],
) -> None:
    first = notebook()
    first.run(SESSION, FUNCTIONS, f"first = {called('twice')}", f"second = {called('nested')}")
    # A query that calls one does not change it.
    words = first.move("undo").names
    assert {words[name] for name in ("plain", "twice", "nested", "scaled")} == {"unchanged"}, words
    first.move("redo")
    # Spark has pickled `scale` by now, and goes on with the old value.
    first.run(f"third = {called('scaled')}", "scale = 5", f"fourth = {called('scaled')}")
    assert first.read("first, second, third == fourth") == ["([1, 2, 3], [2, 4, 6], True)"]
    first.kill()
    new = notebook()
    report = new.move("resume")
    assert {report.word(name) for name in ("plain", "helper", "twice", "nested")} == {"restored"}, (
        report.names
    )
    assert report.word("scaled") == "not_identical" and "_judf_placeholder" in report.why("scaled")
    assert new.read(called("twice"), called("nested")) == ["[1, 2, 3]", "[2, 4, 6]"]
    assert new.read("plain(1), twice.func is plain, scale") == ["(2, True, 5)"]
    new.run(called("scaled"), fails="MissingObjectError")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ran(desk: Desk, *cells: str) -> tuple[list[str], list[list[str]], str]:
    """Runs cells as a notebook: what became of each and why, and what the last one shows."""
    desk.notebook("a", *cells)
    # What is installed for a person is no module of his own.
    installed = desk.home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    if not installed.exists():
        installed.parent.mkdir(parents=True)
        installed.symlink_to(environments.spark())
    paths = os.pathsep.join(map(str, [*SOURCES, installed]))
    done = desk.run("a.ipynb", "out.ipynb", env={"PYTHONPATH": paths, "PYTHONUSERBASE": str(desk.home)})
    assert done.exit == 0, done
    found = desk.read("out.ipynb")
    [shown] = [
        output["data"]["text/plain"] for output in code_cells(found)[-1]["outputs"] if "data" in output
    ]
    whys = [cell["metadata"]["clew"].get("why", []) for cell in code_cells(found)]
    return outcomes(found), whys, "".join(shown)


def test_a_batch_runs_again_what_a_changed_file_reaches_and_what_nobody_can_know(desk: Desk) -> None:
    (desk.folder / "a.csv").write_text("x\n1\n2\n")
    cells = [
        SESSION,
        "def name(): return 'a' + '.csv'",
        "total = spark.read.csv(name(), header=True, inferSchema=True).agg(F.sum('x')).first()[0]",
        "cached = spark.range(10).withColumn('x', F.col('id') * 2).cache()\nn = cached.count()",
        "most = cached.agg(F.max('x')).first()[0]",
        "total, most, n",
    ]
    outcome, why, shown = ran(desk, *cells)
    assert (outcome, shown) == (["executed"] * 6, "(3, 18, 10)"), why
    outcome, why, shown = ran(desk, *cells)
    assert (outcome, shown) == (["restored"] * 6, "(3, 18, 10)"), why
    # The path stands in no text of the cell.
    (desk.folder / "a.csv").write_text("x\n1\n5\n")
    outcome, why, shown = ran(desk, *cells)
    assert (outcome[2:], shown) == (["executed", "restored", "restored", "executed"], "(6, 18, 10)"), why
    # A cell that reads rows that were kept.
    cells[4] = cells[4].replace("max", "min")
    outcome, why, shown = ran(desk, *cells)
    assert (outcome, shown) == (["restored"] * 4 + ["executed"] * 2, "(6, 0, 10)"), why
    # A setting of the session reaches its readers.
    cells[0] += "spark.conf.set('spark.sql.ansi.enabled', 'false')"
    outcome, why, shown = ran(desk, *cells)
    assert (outcome[0], outcome[2], outcome[3], shown) == (*["executed"] * 3, "(6, 0, 10)"), why


def test_views_and_plans_are_made_in_each_batch_and_it_is_said_why(desk: Desk) -> None:
    (desk.folder / "a.csv").write_text("x\n1\n2\n")
    cells = [
        SESSION,
        "frame = spark.read.csv('a.csv', header=True, inferSchema=True)",
        "frame.createOrReplaceTempView('t')",
        "n = spark.sql('select sum(x) from t').first()[0]\nn",
    ]
    assert ran(desk, *cells)[2] == "3"
    outcome, why, shown = ran(desk, *cells)
    assert (outcome, shown) == (["restored"] + ["executed"] * 3, "3"), why
    assert (
        why[1] == ["`frame` cannot be stored"]
        and "it depends on tables, views or functions in Spark" in why[3]
    ), why
    (desk.folder / "a.csv").write_text("x\n1\n7\n")
    assert ran(desk, *cells)[2] == "8"
    cells[1] += ".filter('x > 1')"
    assert ran(desk, *cells)[2] == "7"


def test_a_batch_takes_functions_that_queries_call_as_recorded(desk: Desk) -> None:
    cells = [
        SESSION,
        "def plain(x): return x + 1",
        "twice = F.udf(plain, 'long')",
        "rows = [row[0] for row in spark.range(3).select(twice('id')).collect()]",
        "rows",
    ]
    assert ran(desk, *cells)[2] == "[1, 2, 3]"
    outcome, why, shown = ran(desk, *cells)
    assert (outcome, shown) == (["restored"] * 5, "[1, 2, 3]"), why
    cells[1] = cells[1].replace("+ 1", "+ 2")
    outcome, why, shown = ran(desk, *cells)
    assert (outcome, shown) == (["restored"] + ["executed"] * 4, "[2, 3, 4]"), why
