"""Types whose objects have no value: live connections, threads, locks, suspended code.

They are recognized by the qualified names of their classes and base classes, so that no library is imported, and before any reducer is
called: some of them can be pickled without an error, but are dead after loading.
"""

from __future__ import annotations

from clew.codecs import libraries

_OF_PYTHON = {
    "a suspended generator": "builtins.generator builtins.async_generator builtins.async_generator_asend contextlib._GeneratorContextManager",
    "a suspended coroutine": "builtins.coroutine builtins.coroutine_wrapper",
    "a frame of running code": "builtins.frame",
    "an open file": "_io.FileIO _io.TextIOWrapper _io.BufferedReader _io.BufferedWriter _io.BufferedRandom _io.BufferedRWPair "
    "tempfile._TemporaryFileWrapper tempfile.SpooledTemporaryFile gzip.GzipFile bz2.BZ2File lzma.LZMAFile",
    "a temporary directory": "tempfile.TemporaryDirectory",
    "an open archive": "zipfile.ZipFile tarfile.TarFile",
    "an open directory": "os.ScandirIterator posix.ScandirIterator",
    "memory mapped from a file": "mmap.mmap",
    "a socket": "socket.socket _socket.socket",
    "a TLS context": "ssl.SSLContext _ssl._SSLContext",
    "an open I/O selector": "select.epoll selectors.BaseSelector select.poll",
    "a live connection": "sqlite3.Connection http.client.HTTPConnection http.client.HTTPResponse asyncio.streams.StreamReader "
    "asyncio.streams.StreamWriter",
    "a cursor on a live connection": "sqlite3.Cursor",
    "part of a live connection": "sqlite3.Blob",
    "a lock": "_thread.lock _thread.RLock threading.Condition threading.Semaphore multiprocessing.synchronize.SemLock "
    "asyncio.locks.Lock asyncio.locks.Condition asyncio.locks.Semaphore",
    "a thread event": "threading.Event",
    "a thread barrier": "threading.Barrier",
    "a thread": "threading.Thread _thread._ThreadHandle",
    "thread-local values": "_thread._local _threading_local.local",
    "a queue between threads": "queue.Queue _queue.SimpleQueue",
    "a worker pool": "concurrent.futures._base.Executor multiprocessing.pool.Pool",
    "a pending result": "concurrent.futures._base.Future _asyncio.Future asyncio.futures.Future",
    "a process": "multiprocessing.process.BaseProcess multiprocessing.managers.BaseManager subprocess.Popen",
    "a queue between processes": "multiprocessing.queues.Queue multiprocessing.queues.SimpleQueue",
    "a pipe": "multiprocessing.connection._ConnectionBase",
    "a proxy for an object in another process": "multiprocessing.managers.BaseProxy",
    "memory shared between processes": "multiprocessing.shared_memory.SharedMemory",
    "an event loop": "asyncio.events.AbstractEventLoop asyncio.base_events.BaseEventLoop",
    "a task": "_asyncio.Task asyncio.tasks.Task",
    "an asyncio event": "asyncio.locks.Event",
    "a queue between tasks": "asyncio.queues.Queue",
    "a token of a context variable": "_contextvars.Token",
    "a running context": "_contextvars.Context",
    "pending cleanup callbacks": "contextlib.ExitStack contextlib.AsyncExitStack",
    "a pending finalizer": "weakref.finalize",
    "a pointer held by a library": "builtins.PyCapsule",
    "a pointer": "ctypes._Pointer _ctypes._Pointer",
    "a function in a loaded library": "_ctypes.CFuncPtr",
    "a loaded library": "ctypes.CDLL",
    "a hash object whose state cannot be read": "_hashlib.HASH _hashlib.HMAC _blake2.blake2b _blake2.blake2s",
    "a compression in progress": "zlib.Compress zlib.Decompress",
    "a reader of an open file": "_csv.reader",
    "a writer to an open file": "_csv.writer",
    "a log handler": "logging.Handler",
    "a running kernel": "clew.fork.Fork",
}
WORDS: dict[str, str] = {
    name: words
    for no_value in (_OF_PYTHON, *(one.no_value for one in libraries.ALL))
    for words, names in no_value.items()
    for name in names.split()
}
"""From the qualified name of a class to the description of its objects and those of subclasses. A codec for exactly the class takes
precedence."""

STOPPED_HERE = frozenset({"_io.StringIO", "_io.BytesIO", "logging.NullHandler"})
"""Classes that have a value although one of their base classes has none."""


def word(kind: type) -> str | None:
    """Returns why objects of this type have no value, as `module.Class: words`; `None` if they may have one."""
    for part in kind.__mro__:
        name = f"{part.__module__}.{part.__qualname__}"
        if name in STOPPED_HERE:
            return None
        if name in WORDS:
            return f"{_shown(kind)}: {WORDS[name]}"
    return None


#: Descriptions of objects that may contain data left by cells. The others refer to something outside, or contain nothing: if a module of
#: the user is imported again, the new lock, pool or connection in it works as well.
_HOLDING = frozenset(
    (
        "a suspended generator",
        "a suspended coroutine",
        "a queue between threads",
        "thread-local values",
        "an open file",
        "an open archive",
        "a reader of an open file",
        "a writer to an open file",
        "memory mapped from a file",
        "a hash object whose state cannot be read",
        "a compression in progress",
    )
)


def holds_nothing(kind: type) -> bool:
    """Returns whether objects of this type have no value, and contain nothing that cells could leave there."""
    said = word(kind)
    return said is not None and said.partition(": ")[2] not in _HOLDING


def _shown(kind: type) -> str:
    module = kind.__module__.removeprefix("_")
    if module == "builtins":
        return kind.__qualname__
    return f"{module}.{kind.__qualname__}"
