"""Frames of Spark whose rows were computed and cached (`cache()`, `persist()`, `checkpoint()`): their rows are stored as Parquet.

A frame that is only planned is never computed for this. A restored frame reads the files at its first use: one file for each partition that
the frame had, so that rows keep their order and partitions.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from functools import cache, reduce
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from pyspark.sql.classic.dataframe import DataFrame
from pyspark.sql.types import StructType

from clew import evidence
from clew.adapters import handle_reach
from clew.codecs import NoValue

from .spark_rows import WORD, answered, is_checkpointed, size_cached, size_checkpointed, written
from .spark_sessions import asks, wake_session

#: Seconds per minute for writing the files of all frames.
WRITING = 20.0
_writing = handle_reach.Patience(WRITING, 60.0)
#: With more partitions, planning takes longer than reading the rows.
MOST_PARTS = 256


class Rows(NamedTuple):
    """The stored parts of a frame."""

    session: Any
    #: The types of its columns, in Spark's JSON format.
    schema: str
    #: The Parquet files of its partitions, in order.
    parts: tuple[bytes, ...]


_kept: WeakKeyDictionary[Any, Rows] = WeakKeyDictionary()
#: Frames whose rows cannot change any more: with a checkpoint, or restored ones that read the stored files.
_fixed: WeakKeyDictionary[Any, None] = WeakKeyDictionary()
#: Why the rows of a frame are not requested again.
_refused: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


class SleepingFrame(DataFrame):  # type: ignore[misc]
    """A restored frame before its first use."""

    def __getattribute__(self, name: str) -> Any:
        if not asks(name):
            return object.__getattribute__(self, name)
        wake_frame(self)
        return getattr(self, name)


def wake_frame(frame: Any) -> None:
    """Turns a sleeping frame into one that reads its files."""
    if type(frame) is not SleepingFrame:
        return
    session, schema, parts = _kept[frame]
    wake_session(session)
    with evidence.unwatched():
        made = _read(session, StructType.fromJson(json.loads(schema)), parts)
    frame.__dict__.update(made.__dict__)
    frame.__class__ = DataFrame


def encode_frame(frame: Any) -> tuple[Any, ...]:
    """Returns the stored parts of a frame."""
    is_fixed = frame in _fixed or (not frame.is_cached and is_checkpointed(frame))
    if is_fixed:
        _fixed[frame] = None
    elif not frame.is_cached:
        raise NoValue(f"{WORD} that is not computed: rerun the cell that created it")
    if frame not in _kept:
        if frame in _refused:
            raise NoValue(_refused[frame])
        _kept[frame] = _take(frame)
    return tuple(_kept[frame])


def decode_frame(rows: tuple[Any, ...]) -> Any:
    """Returns a frame that reads its rows at its first use."""
    frame = object.__new__(SleepingFrame)
    _kept[frame], _fixed[frame] = Rows(*rows), None
    return frame


def _take(frame: Any) -> Rows:
    """Lets Spark write a frame's rows as Parquet, and reads the files."""
    master = frame._sc.master if frame._sc._jsc is not None else ""
    if not master.startswith("local"):
        raise NoValue(
            f"{WORD} of other machines ({master or 'it was stopped'}): rerun the cell that created it"
        )
    size = answered(lambda: size_cached(frame) if frame.is_cached else size_checkpointed(frame))
    if size is None:
        raise NoValue(f"{WORD} that Spark has not computed and cached yet: rerun the cell that created it")
    left = handle_reach.most_fetched - sum(sum(map(len, rows.parts)) for rows in _kept.values())
    if size > left:
        raise NoValue(
            f"{WORD} of {handle_reach.megabytes(size)}; Clew stores at most {handle_reach.megabytes(handle_reach.most_fetched)} in total (`tasks.fetch_mb`)"
        )
    if _writing.left() < WRITING / 10:
        raise NoValue(f"{WORD}; Clew retries at the next check, because storing other results took too long")
    with tempfile.TemporaryDirectory(prefix="clew-spark-") as folder, _writing.used() as seconds:
        path = Path(folder, "rows")
        why = written(frame, path, seconds)
        if why is not None:
            _refused[frame] = f"{WORD} {why}"
            raise NoValue(_refused[frame])
        files = sorted(path.glob("part-*"))
        if len(files) > MOST_PARTS:
            _refused[frame] = f"{WORD} in {len(files)} parts; Clew stores at most {MOST_PARTS}: `coalesce` it"
            raise NoValue(_refused[frame])
        return Rows(frame._session, frame.schema.json(), tuple(file.read_bytes() for file in files))


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Returns the folder for the files of restored frames. It lasts as long as this process."""
    return tempfile.TemporaryDirectory(prefix="clew-spark-")


def _read(session: Any, schema: Any, parts: tuple[bytes, ...]) -> Any:
    """Creates a frame from files, with the exact types that the rows had: Spark treats every column of a file as nullable."""
    frames = []
    for part in parts:
        path = Path(_folder().name, f"{hashlib.blake2b(part, digest_size=16).hexdigest()}.parquet")
        if not path.exists():
            path.write_bytes(part)
        frames.append(session.read.schema(schema).parquet(path.as_uri()))
    if not frames:
        return session.createDataFrame([], schema)
    made = reduce(lambda one, other: one.union(other), frames)
    if made.schema == schema:
        return made
    java = session._jsparkSession
    types = java.parseDataType(schema.json())
    return DataFrame(java.internalCreateDataFrame(made._jdf.queryExecution().toRdd(), types, False), session)
