"""Types whose objects have no value: live connections, threads, locks, suspended code.

They are told by the qualified names of their classes and base classes, so that no library is imported, and before any
reducer is asked: some of them pickle without complaint and load dead.
"""

from __future__ import annotations

from clew.codecs import libraries

WORDS: dict[str, str] = {
    "builtins.generator": "a suspended generator",
    "builtins.coroutine": "a suspended coroutine",
    "builtins.async_generator": "a suspended generator",
    "builtins.async_generator_asend": "a suspended generator",
    "builtins.coroutine_wrapper": "a suspended coroutine",
    "builtins.frame": "a frame of running code",
    "_io.FileIO": "an open file",
    "_io.TextIOWrapper": "an open file",
    "_io.BufferedReader": "an open file",
    "_io.BufferedWriter": "an open file",
    "_io.BufferedRandom": "an open file",
    "_io.BufferedRWPair": "an open file",
    "tempfile._TemporaryFileWrapper": "an open file",
    "tempfile.SpooledTemporaryFile": "an open file",
    "tempfile.TemporaryDirectory": "a temporary directory",
    "zipfile.ZipFile": "an open archive",
    "tarfile.TarFile": "an open archive",
    "gzip.GzipFile": "an open file",
    "bz2.BZ2File": "an open file",
    "lzma.LZMAFile": "an open file",
    "os.ScandirIterator": "an open directory",
    "posix.ScandirIterator": "an open directory",
    "mmap.mmap": "memory mapped from a file",
    "socket.socket": "a socket",
    "_socket.socket": "a socket",
    "ssl.SSLContext": "a TLS context",
    "_ssl._SSLContext": "a TLS context",
    "select.epoll": "an open I/O selector",
    "selectors.BaseSelector": "an open I/O selector",
    "sqlite3.Connection": "a live connection",
    "sqlite3.Cursor": "a cursor on a live connection",
    "sqlite3.Blob": "part of a live connection",
    "http.client.HTTPConnection": "a live connection",
    "http.client.HTTPResponse": "a live connection",
    "_thread.lock": "a lock",
    "_thread.RLock": "a lock",
    "threading.Condition": "a lock",
    "threading.Semaphore": "a lock",
    "threading.Event": "a thread event",
    "threading.Barrier": "a thread barrier",
    "threading.Thread": "a thread",
    "_thread._ThreadHandle": "a thread",
    "_thread._local": "thread-local values",
    "_threading_local.local": "thread-local values",
    "queue.Queue": "a queue between threads",
    "_queue.SimpleQueue": "a queue between threads",
    "concurrent.futures._base.Executor": "a worker pool",
    "concurrent.futures._base.Future": "a pending result",
    "multiprocessing.pool.Pool": "a worker pool",
    "multiprocessing.process.BaseProcess": "a process",
    "multiprocessing.queues.Queue": "a queue between processes",
    "multiprocessing.queues.SimpleQueue": "a queue between processes",
    "multiprocessing.synchronize.SemLock": "a lock",
    "multiprocessing.connection._ConnectionBase": "a pipe",
    "multiprocessing.managers.BaseManager": "a process",
    "multiprocessing.managers.BaseProxy": "a proxy for an object in another process",
    "multiprocessing.shared_memory.SharedMemory": "memory shared between processes",
    "subprocess.Popen": "a process",
    "asyncio.events.AbstractEventLoop": "an event loop",
    "asyncio.base_events.BaseEventLoop": "an event loop",
    "_asyncio.Task": "a task",
    "_asyncio.Future": "a pending result",
    "asyncio.tasks.Task": "a task",
    "asyncio.futures.Future": "a pending result",
    "asyncio.locks.Lock": "a lock",
    "asyncio.locks.Event": "an asyncio event",
    "asyncio.locks.Condition": "a lock",
    "asyncio.locks.Semaphore": "a lock",
    "asyncio.queues.Queue": "a queue between tasks",
    "asyncio.streams.StreamReader": "a live connection",
    "asyncio.streams.StreamWriter": "a live connection",
    "_contextvars.Token": "a token of a context variable",
    "_contextvars.Context": "a running context",
    "contextlib._GeneratorContextManager": "a suspended generator",
    "contextlib.ExitStack": "pending cleanup callbacks",
    "contextlib.AsyncExitStack": "pending cleanup callbacks",
    "weakref.finalize": "a pending finalizer",
    "builtins.PyCapsule": "a pointer held by a library",
    "ctypes._Pointer": "a pointer",
    "_ctypes._Pointer": "a pointer",
    "_ctypes.CFuncPtr": "a function in a loaded library",
    "ctypes.CDLL": "a loaded library",
    "_hashlib.HASH": "a hash object whose state cannot be read",
    "_hashlib.HMAC": "a hash object whose state cannot be read",
    "_blake2.blake2b": "a hash object whose state cannot be read",
    "_blake2.blake2s": "a hash object whose state cannot be read",
    "zlib.Compress": "a compression in progress",
    "zlib.Decompress": "a compression in progress",
    "_csv.reader": "a reader of an open file",
    "_csv.writer": "a writer to an open file",
    "select.poll": "an open I/O selector",
    "logging.Handler": "a log handler",
    "clew.fork.Fork": "a running kernel",
    **{
        name: words
        for one in libraries.ALL
        for words, names in one.no_value.items()
        for name in names.split()
    },
}
"""Qualified name of a class and the words for its objects and those of its subclasses; a codec for the very class goes first."""

STOPPED_HERE = frozenset({"_io.StringIO", "_io.BytesIO", "logging.NullHandler"})
"""Classes that have a value although a base class of theirs has none."""


def word(kind: type) -> str | None:
    """Why objects of this type have no value, as `module.Class: words`; `None` if they may have one."""
    for part in kind.__mro__:
        name = f"{part.__module__}.{part.__qualname__}"
        if name in STOPPED_HERE:
            return None
        if name in WORDS:
            return f"{_shown(kind)}: {WORDS[name]}"
    return None


#: Words for what holds something of this process that cells leave there. The others lead to what is elsewhere, or to nothing: a module of the
#: user's that keeps a lock, a pool or a connection keeps as good a one where it is imported anew.
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
    """Whether objects of this type have no value, and nothing that cells could leave in them."""
    said = word(kind)
    return said is not None and said.partition(": ")[2] not in _HOLDING


def _shown(kind: type) -> str:
    module = kind.__module__.removeprefix("_")
    if module == "builtins":
        return kind.__qualname__
    return f"{module}.{kind.__qualname__}"
