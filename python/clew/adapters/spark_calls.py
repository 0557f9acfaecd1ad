"""What a cell has Java do for Spark, as far as it decides whether the cell need not run again.

Spark's files are read by Java, where Python's audit hook sees nothing. Every call into Java goes through `JavaMember.__call__` of py4j; by
the names of these calls and the texts given to them it is told which files were read and written, and whether Spark was asked for what
nobody can hold against a record: tables, views, functions of its own, other databases, the time, random numbers.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache, wraps
from typing import Any
from urllib.parse import unquote

from clew import events, evidence

from .arrival import when_imported
from .spark_names import (
    ANEW,
    ANEW_BARE,
    ASKS,
    CHANGES,
    ELSEWHERE,
    FILES,
    SQL,
    anew_in_sql,
    asks_in_sql,
    reads,
)

#: Where code of Spark's own lies.
ITSELF = re.compile(r"[/\\\\](pyspark|py4j)[/\\\\]")
#: What of it connects to Java, which runs on this machine.
CONNECTS = tuple(
    path.replace("/", os.sep) for path in ("py4j/java_gateway.py", "py4j/clientserver.py", "pyspark/util.py")
)
#: How an address begins that is no plain path, and how one of a file of this machine does.
SCHEME = re.compile(r"[A-Za-z][\w+.-]*:")
PLAIN = re.compile(r"file:(//)?(?=/)")

TABLES = "tables, views or functions in Spark"
OUTSIDE = "data that Spark reads from elsewhere"
TIME = "values that Spark generates anew each time"

_is_changed = False
"""Whether a session has tables, views or functions by now that no cell can be held against."""
_is_own = False
"""Whether Clew itself asks."""


@cache
def watch() -> None:
    """Sees what is asked of Java from now on, as soon as somebody uses it."""
    global _is_changed
    # Who used it before may have made anything.
    _is_changed |= "pyspark.core.context" in sys.modules
    when_imported("py4j.java_gateway", _hook)
    when_imported("pyspark.core.context", _hook_launch)


def _hook() -> None:
    JavaMember: Any = sys.modules["py4j.java_gateway"].JavaMember
    before = JavaMember.__call__
    if hasattr(before, "__clew__"):
        return

    @wraps(before)
    def call(member: Any, *args: Any) -> Any:
        name = str(member.name)
        _know(name, args)
        try:
            found = before(member, *args)
        except BaseException:
            # What it failed on may be there the next time.
            evidence.asks(OUTSIDE)
            raise
        if not _is_own and evidence.is_watching() and "pyspark" in sys.modules:
            if not ITSELF.search(sys._getframe(1).f_code.co_filename):
                # Code that speaks to Java itself can have it do anything.
                evidence.asks(OUTSIDE)
            _note(name, args, found)
        return found

    call.__clew__ = "watched"  # type: ignore[attr-defined]
    JavaMember.__call__ = call
    events.TOLD_OTHERWISE.update(CONNECTS)


def _hook_launch() -> None:
    """To start Java is nothing that a cell does: it starts where there is none."""
    context: Any = sys.modules["pyspark.core.context"]
    before = context.launch_gateway
    if hasattr(before, "__clew__"):
        return

    @wraps(before)
    def launch(*args: Any, **options: Any) -> Any:
        with evidence.unwatched():
            return before(*args, **options)

    launch.__clew__ = "watched"  # type: ignore[attr-defined]
    context.launch_gateway = launch


def _know(name: str, args: tuple[Any, ...]) -> None:
    """Takes note of what changes what a session has of its own, whoever calls."""
    global _is_changed
    texts = (text for text in args if isinstance(text, str))
    _is_changed |= name in CHANGES or (name == "sql" and not all(map(reads, texts)))


def _note(name: str, args: tuple[Any, ...], found: Any) -> None:
    """Takes note of one call."""
    texts = [text for text in args if isinstance(text, str)]
    if _is_changed or name in ASKS or (name in SQL and any(map(asks_in_sql, texts))):
        evidence.asks(TABLES)
    is_anew = name in ANEW or (name in ANEW_BARE and not args)
    if is_anew or (name in SQL and any(map(anew_in_sql, texts))):
        evidence.asks(TIME)
    if name in ELSEWHERE:
        evidence.asks(OUTSIDE)
    elif name in FILES and not isinstance(found, str):
        _note_files(args, found)


def _note_files(args: tuple[Any, ...], found: Any) -> None:
    global _is_own
    _is_own = True
    try:
        with evidence.unwatched():
            given = [_plain(text) for text in _texts(args) if text]
            if not given:
                raise LookupError
            paths = _written(given) if found is None else _read(given, found)
        (evidence.wrote if found is None else evidence.read)(paths)
    except Exception:
        # Whatever it is: it is none of what is known.
        evidence.asks(OUTSIDE)
    finally:
        _is_own = False


def _texts(args: Iterable[Any]) -> Iterator[str]:
    """Paths among what was given: texts, and lists of Java's with texts."""
    for one in args:
        if isinstance(one, str):
            yield one
        elif not isinstance(one, bool):
            yield from str(one.mkString("\n")).split("\n")


def _plain(address: str) -> str:
    """The path of a file of this machine. Raises `LookupError` where it is none."""
    path = PLAIN.sub("", address, count=1)
    if SCHEME.match(path):
        raise LookupError(address)
    return os.path.abspath(unquote(path) if path != address else path)  # noqa: PTH100 (links are left as they are)


def _read(given: list[str], found: Any) -> list[str]:
    """Files of which a frame is made, and folders in which others would be of it, too: all below what was given."""
    files = [_plain(str(file)) for file in found.inputFiles()]
    if not files or not all(map(os.path.isfile, files)):
        raise LookupError
    tops = set(map(_top, given))
    folders = set[str]()
    for file in files:
        folder = file
        while folder not in tops:
            above = os.path.dirname(folder)  # noqa: PTH120
            if above == folder:
                raise LookupError
            folders.add(above)
            folder = above
    return [*files, *sorted(folders)]


def _top(path: str) -> str:
    """A path, or the folder above its first part that may mean several."""
    before = re.split(r"[*?\[{]", path)[0]
    return path if path == before else os.path.dirname(before)  # noqa: PTH120


def _written(given: list[str]) -> list[str]:
    """Folders that were written, with their files."""
    found = []
    for path in given:
        if not os.path.exists(path):  # noqa: PTH110
            raise LookupError(path)
        found.append(path)
        for folder, _, files in os.walk(path):
            found += [os.path.join(folder, file) for file in files]  # noqa: PTH118
    return found
