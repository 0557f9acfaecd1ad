"""The cached rows of a frame in Spark (`cache()`, `checkpoint()`): whether they are complete, their size, and writing them as Parquet."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import uuid4

from clew.codecs import NoValue

WORD = "pyspark.sql.DataFrame: a query on a cluster"


def is_checkpointed(frame: Any) -> bool:
    plan = answered(lambda: frame._jdf.queryExecution().analyzed())
    is_of_rows = answered(lambda: plan.getClass().getSimpleName()) == "LogicalRDD"
    return is_of_rows and bool(answered(lambda: plan.rdd().isCheckpointed()))


def size_cached(frame: Any) -> int | None:
    """Returns the size of a cached frame's rows in bytes; `None` if they are incomplete, so that writing them would compute them."""
    found = frame._session._jsparkSession.sharedState().cacheManager().lookupCachedData(frame._jdf)
    if not found.isDefined():
        return None
    relation = found.get().cachedRepresentation()
    is_loaded = relation.cacheBuilder().isCachedColumnBuffersLoaded()
    return int(relation.computeStats().sizeInBytes()) if is_loaded else None


def size_checkpointed(frame: Any) -> int:
    """Returns the size in bytes of the rows behind a checkpoint, in a folder or in the session."""
    rows = frame._jdf.queryExecution().analyzed().rdd()
    file = rows.getCheckpointFile()
    if file.isDefined():
        return _size(Path(url2pathname(urlsplit(file.get()).path)))
    stored = [one for one in frame._sc._jsc.sc().getRDDStorageInfo() if one.id() == rows.id()]
    return sum(int(one.memSize()) + int(one.diskSize()) for one in stored)


def _size(folder: Path) -> int:
    """Returns the total size of the files in a folder in bytes. Files may be written or renamed meanwhile."""
    sizes = 0
    for path, _, files in os.walk(folder):
        for file in files:
            try:
                sizes += os.stat(os.path.join(path, file)).st_size  # noqa: PTH116, PTH118
            except OSError:
                continue  # renamed meanwhile
    return sizes


def answered(question: Callable[[], Any]) -> Any:
    try:
        return question()
    except Exception as error:
        raise NoValue(
            f"{WORD} whose Java process has ended, or whose version Clew does not support"
        ) from error


def written(frame: Any, path: Path, seconds: float) -> str | None:
    """Writes the rows as Parquet within `seconds`. Returns the reason if that failed."""
    group, failed = f"clew-{uuid4()}", list[str]()

    def write() -> None:
        try:
            frame._sc.setJobGroup(group, "Clew stores the rows of a DataFrame", interruptOnCancel=True)
            frame.write.option("maxRecordsPerFile", 0).parquet(path.as_uri())
        except Exception as error:
            failed.append(f"that could not be written as Parquet ({type(error).__name__})")

    writer = Thread(target=write, daemon=True, name=group)
    writer.start()
    writer.join(seconds)
    if writer.is_alive():
        frame._sc.cancelJobGroup(group)
        writer.join(1.0)
        return f"that could not be written within {seconds:.0f} s"
    if failed:
        return failed[0]
    return None if (path / "_SUCCESS").exists() else "whose rows were written elsewhere"
