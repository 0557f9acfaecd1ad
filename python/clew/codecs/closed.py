"""Handles of the standard library that have ended: closed files, archives and connections, finished threads and processes.

They have a value, because nothing outside the session depends on them any more: what they still return is plain data. A live handle raises
`NoValue`, with the description from `handles`. Only modules that the session has imported are used.
"""

from __future__ import annotations

import _thread
import concurrent.futures.thread
import contextlib
import contextvars
import gc
import importlib
import io
import os
import queue
import socket
import subprocess
import sys
import threading
import types
import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from clew.reference_counts import HELD_ONCE, counts

from ..roots import finalizers
from . import RELOADED, Codec, NoValue, Parts, iterators
from .handles import word

BUFFERED = {kind.__name__: kind for kind in (io.BufferedReader, io.BufferedWriter, io.BufferedRandom)}


def alive(value: Any) -> NoValue:
    """Returns the error for a handle that is still in use."""
    return NoValue(word(type(value)) or f"{type(value).__qualname__}: an open file")


# --- objects that are their attributes ------------------------------------------------------------------------


def by_attributes(
    kind: type, is_over: Callable[[Any], bool], machinery: Callable[[], dict[str, Any]], *more: str
) -> Codec:
    """Returns the codec for a class whose ended objects consist of their attributes. `machinery` are the attributes that only a live object
    needs, with their values in an ended one. `more` are attributes that an ended object does not need at all."""
    left_out = {*machinery(), *more}
    make: Any = kind.__new__

    def encode(value: Any) -> Parts:
        if not is_over(value):
            raise alive(value)
        own = object.__getattribute__(value, "__dict__")
        return Parts((), {name: part for name, part in own.items() if name not in left_out})

    def decode(_: tuple[Any, ...]) -> Any:
        made = make(kind)
        object.__getattribute__(made, "__dict__").update(machinery())
        return made

    def fill(value: Any, state: dict[str, Any]) -> None:
        object.__getattribute__(value, "__dict__").update(state)

    return Codec(f"closed.{kind.__name__}", encode, decode, fill, native=False)


def _is_thread_over(thread: Any) -> bool:
    return thread._started.is_set() and not thread.is_alive()


def _of_thread() -> dict[str, Any]:
    started = threading.Event()
    started.set()
    common = {
        "_started": started,
        "_stderr": sys.stderr,
        "_invoke_excepthook": threading._make_invoke_excepthook(),  # type: ignore[attr-defined]
    }
    if not hasattr(_thread, "_make_thread_handle"):
        return common | {"_tstate_lock": None, "_is_stopped": True}
    handle = _thread._make_thread_handle(_thread.get_ident())
    handle._set_done()
    # The first is called the second since Python 3.15; 3.14 added the third.
    machinery = {"_handle": handle, "_os_thread_handle": handle, "_context": contextvars.Context()}
    return common | {name: part for name, part in machinery.items() if name in _thread_attributes()}


@lru_cache(maxsize=1)
def _thread_attributes() -> frozenset[str]:
    # With a name, no number of a thread is used up.
    return frozenset(vars(threading.Thread(name="ended")))


def _of_executor() -> dict[str, Any]:
    return {
        "_work_queue": queue.SimpleQueue(),
        "_idle_semaphore": threading.Semaphore(0),
        "_threads": set(),
        "_shutdown_lock": threading.Lock(),
        "_shutdown": True,
    }


def _is_executor_over(executor: Any) -> bool:
    return executor._shutdown and not any(thread.is_alive() for thread in executor._threads)


def _is_process_over(process: Any) -> bool:
    streams = (process.stdin, process.stdout, process.stderr)
    return process.returncode is not None and all(one is None or one.closed for one in streams)


def _zip_member() -> dict[str, Any]:
    zipfile = sys.modules["zipfile"]
    shared = zipfile._SharedFile(io.BytesIO(), 0, lambda file: None, threading.RLock(), lambda: False)
    shared._file = None
    return {
        "_fileobj": shared,
        "_close_fileobj": False,
        "_decompressor": None,
        "_decrypter": None,
        "__IOBase_closed": True,
    }


def _gzip_machinery() -> dict[str, Any]:
    buffer = io.BufferedReader(io.BytesIO())
    buffer.close()
    return {"fileobj": None, "myfileobj": None, "_buffer": buffer}


def _of_library(name: str) -> dict[type, Codec]:
    """Returns the codecs for the classes of an imported module."""
    module: Any = sys.modules[name]
    if name == "zipfile":
        return {
            module.ZipFile: by_attributes(
                module.ZipFile,
                lambda one: one.fp is None,
                lambda: {"fp": None, "_lock": threading.RLock()},
            ),
            module.ZipExtFile: by_attributes(module.ZipExtFile, lambda one: one.closed, _zip_member),
        }
    if name == "gzip":
        return {
            module.GzipFile: by_attributes(
                module.GzipFile, lambda one: one.closed, _gzip_machinery, "compress"
            )
        }
    if name in ("bz2", "lzma"):
        kind = module.BZ2File if name == "bz2" else module.LZMAFile
        made = {"_fp": None, "_closefp": False}
        unused = ("_compressor", "_decompressor", "_buffer")
        return {kind: by_attributes(kind, lambda one: one.closed, lambda: dict(made), *unused)}
    if name == "tarfile":
        return {
            module.TarFile: by_attributes(module.TarFile, lambda one: one.closed, lambda: {"closed": True})
        }
    if name == "sqlite3":
        return {module.Connection: CONNECTION, module.Cursor: CURSOR}
    return {module.Reader: READER, module.Writer: WRITER}


# --- files ----------------------------------------------------------------------------------------------------

_OURS = HELD_ONCE + 2
"""The reference count of a file below another one that no other object holds: the upper file, a variable, and the list that is counted."""

Raw = tuple[str, dict[str, Any]]
"""The mode and the attributes of a closed raw file, including its name."""


def _encode_raw(value: io.FileIO) -> Raw:
    if not value.closed or not value.closefd:
        raise alive(value)
    return value.mode, {name: part for name, part in vars(value).items() if name != "__IOBase_closed"}


def _open_raw(raw: Raw, content: bytes = b"") -> io.FileIO:
    """Opens a file in memory that replaces the closed one until it is closed, too."""
    number = os.memfd_create("closed") if hasattr(os, "memfd_create") else os.open(os.devnull, os.O_RDWR)
    os.write(number, content)
    os.lseek(number, 0, os.SEEK_SET)
    return io.FileIO(number, raw[0])


def _decode_raw(raw: Raw) -> io.FileIO:
    made = _open_raw(raw)
    made.close()
    vars(made).update(raw[1])
    return made


def _encode_buffered(value: Any, others: int = 0) -> tuple[Raw, dict[str, Any]]:
    """Returns the parts of a closed file, whose raw file only it and so many others may hold."""
    if not value.closed:
        raise alive(value)
    raw = value.raw
    if type(raw) is not io.FileIO or counts([raw])[0] > _OURS + others:
        raise NoValue(f"io.{type(value).__name__}: its underlying file is also used elsewhere")
    return _encode_raw(raw), dict(vars(value))


def _end_buffered(made: Any, parts: tuple[Raw, dict[str, Any]]) -> Any:
    made.close()
    vars(made.raw).update(parts[0][1])
    vars(made).update(parts[1])
    return made


def _buffered(kind: Any) -> Codec:
    return Codec(
        f"closed.{kind.__name__}",
        _encode_buffered,
        lambda parts: _end_buffered(kind(_open_raw(parts[0])), parts),
        native=False,
    )


def _encode_text(value: Any) -> tuple[Any, ...]:
    try:
        buffer, is_over = value.buffer, value.closed
    except ValueError as error:
        raise NoValue("io.TextIOWrapper: its buffer was detached") from error
    if not is_over:
        raise alive(value)
    # The raw writer of a GzipFile refers back to it.
    own = type(getattr(buffer, "_buffer", None)) is io.BufferedWriter
    if counts([buffer])[0] > _OURS + own:
        raise NoValue("io.TextIOWrapper: its underlying buffer is also used elsewhere")
    newlines = value.newlines
    said = (newlines,) if isinstance(newlines, str) else newlines or ()
    how = (value.encoding, value.errors, value.line_buffering, value.write_through)
    return (*_encode_below(buffer), how, said, dict(vars(value)))


def _encode_below(buffer: Any) -> tuple[str, Any]:
    """Returns the kind of a text file's buffer, and its parts."""
    kind = type(buffer)
    if BUFFERED.get(kind.__name__) is kind:
        # A text file refers to the raw file, too.
        return kind.__name__, _encode_buffered(buffer, 1)
    codec = _known().get(kind)
    if kind.__name__ not in _PACKED or codec is None:
        raise NoValue(f"io.TextIOWrapper: its underlying buffer is a {kind.__qualname__}")
    return kind.__name__, codec.encode(buffer).state  # type: ignore[attr-defined]


def _decode_text(parts: tuple[Any, ...]) -> io.TextIOWrapper:
    return _reopened(io.TextIOWrapper.__new__(io.TextIOWrapper), parts, 0, lambda text: None)


def _reopened(
    text: io.TextIOWrapper, parts: tuple[Any, ...], lines: int, use: Callable[[Any], None]
) -> io.TextIOWrapper:
    """Creates a closed text file: opens it over memory with this many empty lines, uses it, reads it to its end and closes it."""
    kind, below, (encoding, errors, line_buffering, write_through), newlines, own = parts
    content = (newlines[0] if newlines else "\n") * lines + "".join(newlines)
    data = content.encode(encoding, errors) if content else b""
    buffer = BUFFERED[kind](_open_raw(below[0], data)) if kind in BUFFERED else _PACKED[kind](data)
    newline = "" if newlines else "\n"
    text.__init__(buffer, encoding, errors, newline, line_buffering, write_through)  # type: ignore[misc]
    use(text)
    if newlines:
        text.read()
    text.close()
    if kind in BUFFERED:
        _end_buffered(buffer, below)
    else:
        codec = _known()[type(buffer)]
        made = codec.decode(())
        vars(buffer).clear()
        vars(buffer).update(vars(made))
        codec.fill(buffer, below)  # type: ignore[misc]
    vars(text).clear()
    vars(text).update(own)
    return text


def _pack_zip(data: bytes) -> Any:
    zipfile, memory = importlib.import_module("zipfile"), io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("it", data)
    return zipfile.ZipFile(memory).open("it")


def _pack(name: str, kind: str) -> Callable[[bytes], Any]:
    def packed(data: bytes) -> Any:
        module = importlib.import_module(name)
        return getattr(module, kind)(io.BytesIO(module.compress(data)))

    return packed


#: Functions that open a non-empty compressed file, by the kind of the file.
_PACKED: dict[str, Callable[[bytes], Any]] = {
    "GzipFile": lambda data: importlib.import_module("gzip").open(
        io.BytesIO(importlib.import_module("gzip").compress(data))
    ),
    "BZ2File": _pack("bz2", "BZ2File"),
    "LZMAFile": _pack("lzma", "LZMAFile"),
    "ZipExtFile": _pack_zip,
}


# --- tables in files ------------------------------------------------------------------------------------------

_DIALECT = (
    "delimiter",
    "doublequote",
    "escapechar",
    "lineterminator",
    "quotechar",
    "quoting",
    "skipinitialspace",
    "strict",
)


def _dialect(value: Any) -> tuple[Any, ...]:
    return tuple(getattr(value.dialect, name) for name in _DIALECT)


def _encode_reader(value: Any) -> tuple[Any, ...]:
    held = [one for one in gc.get_referents(value) if type(one) is io.TextIOWrapper]
    if len(held) != 1 or not held[0].closed:
        raise alive(value)
    return held[0], _dialect(value), value.line_num


def _decode_reader(parts: tuple[Any, ...]) -> Any:
    text, dialect, lines = parts
    made = []

    def read(file: Any) -> None:
        made.append(importlib.import_module("csv").reader(file, **dict(zip(_DIALECT, dialect, strict=True))))
        for _ in range(lines):
            next(made[0])

    _reopened(text, _encode_text(text), lines, read)
    return made[0]


def _encode_writer(value: Any) -> tuple[Any, ...]:
    held = [one for one in gc.get_referents(value) if type(one) is types.BuiltinMethodType]
    target = held[0].__self__ if len(held) == 1 and held[0].__name__ == "write" else None
    if not (type(target) is io.StringIO or (type(target) is io.TextIOWrapper and target.closed)):
        raise alive(value)
    return target, _dialect(value)


def _decode_writer(parts: tuple[Any, ...]) -> Any:
    return importlib.import_module("csv").writer(parts[0], **dict(zip(_DIALECT, parts[1], strict=True)))


# --- databases ------------------------------------------------------------------------------------------------

_MOST_ROWS = 100_000


def _is_closed_connection(value: Any) -> bool:
    try:
        value.total_changes  # noqa: B018 (raises where it is closed)
    except Exception as error:
        return "closed database" in str(error)
    return False


def _encode_connection(value: Any) -> Parts:
    if not _is_closed_connection(value):
        raise alive(value)
    return Parts((), (value.row_factory, value.text_factory))


def _decode_connection(_: tuple[Any, ...]) -> Any:
    made = importlib.import_module("sqlite3").connect(":memory:")
    made.close()
    return made


def _fill_connection(value: Any, state: Any) -> None:
    value.row_factory, value.text_factory = state


def _encode_cursor(value: Any) -> tuple[Any, ...]:
    if not _is_closed_connection(value.connection) or value.rowcount > _MOST_ROWS:
        raise alive(value)
    columns = None if value.description is None else tuple(column[0] for column in value.description)
    return value.connection, columns, value.rowcount, value.lastrowid, value.arraysize, value.row_factory


def _decode_cursor(parts: tuple[Any, ...]) -> Any:
    connection, columns, rows, last, size, factory = parts
    kept = connection.row_factory, connection.text_factory
    connection.__init__(":memory:")
    made = connection.cursor()
    if last is not None:
        made.execute("create table a (b integer primary key)")
        if last:
            made.execute("insert into a values (?)", (last,))
    if columns is not None:
        quoted = (column.replace('"', '""') for column in columns)
        made.execute("select " + ", ".join(f'1 as "{column}"' for column in quoted)).fetchall()
    elif rows >= 0:
        connection.execute("create table c (d)")
        connection.executemany("insert into c values (?)", ((1,) for _ in range(rows)))
        # `executemany` does not set `lastrowid`.
        made.executemany("update c set d = ?", [(2,)])
    connection.close()
    connection.row_factory, connection.text_factory = kept
    made.arraysize, made.row_factory = size, factory
    return made


# --- the list -------------------------------------------------------------------------------------------------


def _encode_socket(value: socket.socket) -> tuple[Any, ...]:
    if value.fileno() != -1:
        raise alive(value)
    return int(value.family), int(value.type), value.proto, value.gettimeout()


def _decode_socket(parts: tuple[Any, ...]) -> socket.socket:
    made = socket.socket(*parts[:3])
    made.settimeout(parts[3])
    made.close()
    return made


def _of_future() -> dict[str, Any]:
    return {"_condition": threading.Condition(), "_waiters": [], "_done_callbacks": []}


def _encode_finalizer(value: Any) -> tuple[Any, ...]:
    """The function that it calls, and the object, are state of the process: `clew.roots.finalizers`."""
    if not finalizers.has_value(value):
        raise alive(value)
    return ()


def _decode_finalizer(_: tuple[Any, ...]) -> Any:
    return object.__new__(weakref.finalize)


_OF_KERNEL: dict[type, Codec] = {
    io.FileIO: Codec("closed.FileIO", _encode_raw, _decode_raw, native=False),
    **{kind: _buffered(kind) for kind in BUFFERED.values()},
    io.TextIOWrapper: Codec("closed.TextIOWrapper", _encode_text, _decode_text, native=False),
    **iterators.CODECS,
    socket.socket: Codec("closed.socket", _encode_socket, _decode_socket, native=False),
    weakref.finalize: Codec("closed.finalize", _encode_finalizer, _decode_finalizer, native=False),
    threading.Thread: by_attributes(
        threading.Thread, _is_thread_over, _of_thread, "_tstate_lock", "_is_stopped"
    ),
    concurrent.futures.Future: by_attributes(concurrent.futures.Future, lambda one: one.done(), _of_future),
    concurrent.futures.thread.ThreadPoolExecutor: by_attributes(
        concurrent.futures.thread.ThreadPoolExecutor, _is_executor_over, _of_executor
    ),
    subprocess.Popen: by_attributes(
        subprocess.Popen,
        _is_process_over,
        lambda: {"_waitpid_lock": threading.Lock(), "_child_created": False},
    ),
}
# The stored name is that of the factory function, so the classes are not stored.
READER = Codec("closed.reader", _encode_reader, _decode_reader, native=False, kind=object)
WRITER = Codec("closed.writer", _encode_writer, _decode_writer, native=False, kind=object)
CONNECTION = Codec(
    "closed.Connection", _encode_connection, _decode_connection, _fill_connection, native=False
)
CURSOR = Codec("closed.Cursor", _encode_cursor, _decode_cursor, native=False)


def _known() -> dict[type, Codec]:
    return _known_of(tuple(name for name in RELOADED if name in sys.modules))


@lru_cache(maxsize=1)
def _known_of(libraries: tuple[str, ...]) -> dict[type, Codec]:
    found = dict(_OF_KERNEL)
    for name in libraries:
        with contextlib.suppress(AttributeError):  # partly imported
            found.update(_of_library(name))
    return found


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for ended handles of exactly this type."""
    return _known().get(kind)


def __getattr__(name: str) -> Any:
    """Computes `CODECS` and `NAMED` at each access, because they grow with the session's imports."""
    if name == "CODECS":
        return _known()
    if name == "NAMED":
        for library in RELOADED:
            importlib.import_module(library)
        return {codec.name.partition(".")[2]: codec for codec in _known().values()}
    raise AttributeError(name)
