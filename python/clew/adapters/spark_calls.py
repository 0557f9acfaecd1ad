"""Watches which calls a cell makes to Spark's Java side, to decide whether the cell's run can be reused.

Java reads Spark's files, so Python's audit hook does not see them. Every call into Java goes through `JavaMember.__call__` of py4j. From
the names of these calls and their text arguments, this module determines which files were read and written. It also detects dependencies
that cannot be compared with a record: tables, views, functions defined in Spark, other databases, the time, random numbers.
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

#: Matches Spark's own source files.
ITSELF = re.compile(r"[/\\\\](pyspark|py4j)[/\\\\]")
#: Those of them that connect to Java, which runs on this machine.
CONNECTS = tuple(
    path.replace("/", os.sep) for path in ("py4j/java_gateway.py", "py4j/clientserver.py", "pyspark/util.py")
)
#: The beginning of an address that is not a plain path, and of the address of a local file.
SCHEME = re.compile(r"[A-Za-z][\w+.-]*:")
PLAIN = re.compile(r"file:(//)?(?=/)")

TABLES = "tables, views or functions in Spark"
OUTSIDE = "data that Spark reads from elsewhere"
TIME = "values that Spark generates anew each time"

_is_changed = False
"""Whether a session has tables, views or functions that cannot be compared with a record."""
_is_own = False
"""Whether the current calls are Clew's own."""


@cache
def watch() -> None:
    """Starts watching calls to Java, as soon as Spark is imported."""
    global _is_changed
    # If Spark was imported before, the user may have created tables or views already.
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
            # The call may succeed next time: its failure depends on something outside.
            evidence.asks(OUTSIDE)
            raise
        if not _is_own and evidence.is_watching() and "pyspark" in sys.modules:
            if not ITSELF.search(sys._getframe(1).f_code.co_filename):
                # Code outside Spark that calls Java directly can do anything there.
                evidence.asks(OUTSIDE)
            _note(name, args, found)
        return found

    call.__clew__ = "watched"  # type: ignore[attr-defined]
    JavaMember.__call__ = call
    events.TOLD_OTHERWISE.update(CONNECTS)


def _hook_launch() -> None:
    """Hides the start of Java from the evidence: it starts whenever it does not run, so it is no effect of a cell."""
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
    """Notes calls that change a session's tables, views or functions, in any code."""
    global _is_changed
    texts = (text for text in args if isinstance(text, str))
    _is_changed |= name in CHANGES or (name == "sql" and not all(map(reads, texts)))


def _note(name: str, args: tuple[Any, ...], found: Any) -> None:
    """Records one call as evidence."""
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
        # The paths could not be determined, so it counts as outside data.
        evidence.asks(OUTSIDE)
    finally:
        _is_own = False


def _texts(args: Iterable[Any]) -> Iterator[str]:
    """Yields the paths among the arguments: texts, and Java lists of texts."""
    for one in args:
        if isinstance(one, str):
            yield one
        elif not isinstance(one, bool):
            yield from str(one.mkString("\n")).split("\n")


def _plain(address: str) -> str:
    """Returns the path of a local file. Raises `LookupError` for other addresses."""
    path = PLAIN.sub("", address, count=1)
    if SCHEME.match(path):
        raise LookupError(address)
    return os.path.abspath(unquote(path) if path != address else path)  # noqa: PTH100 (links are left as they are)


def _read(given: list[str], found: Any) -> list[str]:
    """Returns the files that a frame is made from, and all folders below the given paths in which a new file would belong to it, too."""
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
    """Returns the path, or the folder above its first part that contains a wildcard."""
    before = re.split(r"[*?\[{]", path)[0]
    return path if path == before else os.path.dirname(before)  # noqa: PTH120


def _written(given: list[str]) -> list[str]:
    """Returns the folders that were written, with their files."""
    found = []
    for path in given:
        if not os.path.exists(path):  # noqa: PTH110
            raise LookupError(path)
        found.append(path)
        for folder, _, files in os.walk(path):
            found += [os.path.join(folder, file) for file in files]  # noqa: PTH118
    return found
