"""Spark's sessions and what hangs on them: told by name in a new kernel, made again by their cells where that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cases.story import Notebook
from harness import Kernel
from journeys.java import java_home

from bench import environments

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SESSION = """
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.master("local[1]").appName("one").config("spark.ui.enabled", "false").getOrCreate()
"""
FRAMES = """
frame = spark.range(10).withColumn("x", F.col("id") * 2)
cached = frame.cache()
"""
SHARED = """
context = spark.sparkContext
shared, counter = context.broadcast([1, 2]), context.accumulator(0)
context.parallelize([1, 2, 3]).foreach(lambda x: counter.add(x))
held = {"shared": shared, "n": 1}
counted = counter.value
"""
OTHERS = """
column, grouped, conf, rows = F.col("x"), frame.groupBy("x"), context.getConf(), context.parallelize([1]).map(str)
row, schema = cached.first(), frame.schema
total = cached.agg(F.sum("x")).first()[0]
"""
HANDLES = {
    "spark",
    "frame",
    "cached",
    "context",
    "shared",
    "counter",
    "held",
    "column",
    "grouped",
    "conf",
    "rows",
}


def test_p03_sessions_frames_and_shared_values_never_come_back_dead(
    kernels: Callable[..., Kernel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java_home()))
    monkeypatch.setenv("PYSPARK_PYTHON", str(environments.python(None)))
    options = {"cwd": tmp_path, "notebook": tmp_path / "notebook.ipynb", "paths": [environments.spark()]}
    first = Notebook(kernels(**options))
    first.run(SESSION, FRAMES, SHARED, OTHERS)
    first.kill()
    new = Notebook(kernels(**options))
    report = new.move("resume")
    lost = {name: report.why(name) for name, word in report.names.items() if word == "lost"}
    assert set(lost) == HANDLES, report.names
    # They all lead to their session and are brought back together or not at all.
    assert "a query on a cluster" in lost["cached"] and "a value on a cluster" in lost["counter"], lost
    assert new.read("counted, total, row.x, schema.names") == ["(6, 90, 0, ['id', 'x'])"]
    assert not HANDLES & new.names()
    # The cells that made them make them again.
    new.run(SESSION, FRAMES)
    assert new.read("frame.count(), cached.agg(F.sum('x')).first()[0]") == ["(10, 90)"]
