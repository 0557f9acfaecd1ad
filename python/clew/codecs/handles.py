"""Types whose objects have no value: live connections, threads, locks, suspended code.

They are told by the qualified names of their classes and base classes, so that no library is imported, and before any
reducer is asked: some of them pickle without complaint and load dead.
"""

from __future__ import annotations

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
    "_duckdb.DuckDBPyConnection": "a live connection",
    "_duckdb.DuckDBPyRelation": "a query on a live connection",
    "duckdb.DuckDBPyConnection": "a live connection",
    "duckdb.DuckDBPyRelation": "a query on a live connection",
    "duckdb.duckdb.DuckDBPyConnection": "a live connection",
    "duckdb.duckdb.DuckDBPyRelation": "a query on a live connection",
    "psycopg.Connection": "a live connection",
    "psycopg2.extensions.connection": "a live connection",
    "psycopg2.extensions.cursor": "a cursor on a live connection",
    "sqlalchemy.engine.base.Engine": "a connection pool",
    "sqlalchemy.engine.base.Connection": "a live connection",
    "sqlalchemy.orm.session.Session": "a live connection",
    "sqlalchemy.orm.util.AliasedClass": "an alias of a mapped class",
    "sqlalchemy.orm.util.AliasedInsp": "an alias of a mapped class",
    "sqlalchemy.orm.strategy_options._AbstractLoad": "a loader option for mapped classes",
    "requests.sessions.Session": "a live connection",
    "http.client.HTTPConnection": "a live connection",
    "http.client.HTTPResponse": "a live connection",
    "urllib3.poolmanager.PoolManager": "a connection pool",
    "urllib3.response.HTTPResponse": "a live connection",
    "httpx.Client": "a live connection",
    "httpx.AsyncClient": "a live connection",
    "aiohttp.client.ClientSession": "a live connection",
    "paramiko.client.SSHClient": "a live connection",
    "botocore.client.BaseClient": "a live connection",
    "zmq.sugar.socket.Socket": "a socket",
    "zmq.sugar.context.Context": "a ZeroMQ context",
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
    "joblib.parallel.Parallel": "a worker pool",
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
    "distributed.client.as_completed": "pending results on a cluster",
    "distributed.client.Client": "a client of a cluster",
    "distributed.client.Future": "a pending result on a cluster",
    "distributed.deploy.cluster.Cluster": "a cluster",
    "distributed.actor.Actor": "an object on a cluster",
    "ray._raylet.ObjectRef": "a result on a cluster",
    "ray._raylet.ObjectRefGenerator": "results on a cluster",
    "ray.ObjectRef": "a result on a cluster",
    "ray.ObjectRefGenerator": "results on a cluster",
    "ray.actor.ActorHandle": "an object on a cluster",
    "ray.util.placement_group.PlacementGroup": "reserved resources on a cluster",
    "ray.remote_function.RemoteFunction": "a function on a cluster",
    "pyspark.sql.session.SparkSession": "a cluster session",
    "pyspark.sql.classic.column.Column": "part of a query on a cluster",
    "pyspark.sql.connect.column.Column": "part of a query on a cluster",
    "pyspark.sql.group.GroupedData": "a query on a cluster",
    "pyspark.sql.connect.group.GroupedData": "a query on a cluster",
    "pyspark.sql.connect.session.SparkSession": "a cluster session",
    "pyspark.sql.dataframe.DataFrame": "a query on a cluster",
    "pyspark.sql.classic.dataframe.DataFrame": "a query on a cluster",
    "pyspark.sql.connect.dataframe.DataFrame": "a query on a cluster",
    "pyspark.context.SparkContext": "a cluster session",
    "pyspark.core.context.SparkContext": "a cluster session",
    "pyspark.accumulators.Accumulator": "a value on a cluster",
    "pyspark.broadcast.Broadcast": "a value on a cluster",
    "pyspark.core.broadcast.Broadcast": "a value on a cluster",
    "pyspark.rdd.RDD": "a query on a cluster",
    "pyspark.core.rdd.RDD": "a query on a cluster",
    "py4j.java_gateway.JavaObject": "an object in a Java virtual machine",
    "py4j.java_gateway.JavaGateway": "a connection to a Java virtual machine",
    "parsl.dataflow.futures.AppFuture": "a pending result",
    "parsl.dataflow.dflow.DataFlowKernel": "a cluster session",
    "parsl.config.Config": "the configuration of a cluster session",
    "ndcctools.taskvine.manager.Manager": "a cluster session",
    "ndcctools.taskvine.task.Task": "a cluster task",
    "ndcctools.taskvine.file.File": "a cluster file",
    "pyarrow.lib.NativeFile": "an open file",
    "pyarrow.lib.RecordBatchReader": "a stream that can be read only once",
    "pyarrow._parquet.ParquetReader": "an open file",
    "pyarrow.parquet.core.ParquetFile": "an open file",
    "h5py._hl.base.HLObject": "part of an open file",
    "h5py.h5g.GroupID": "part of an open file",
    "netCDF4._netCDF4.Dataset": "an open file",
    "pandas.io.pytables.HDFStore": "an open file",
    "pandas.io.excel._base.ExcelWriter": "an open file",
    "pandas.io.excel._base.ExcelFile": "an open file",
    "pandas.io.parsers.readers.TextFileReader": "an open file",
    "IPython.core.interactiveshell.InteractiveShell": "the running shell",
    "ipykernel.kernelbase.Kernel": "the running kernel",
    "clew.fork.Fork": "a running kernel",
    "jupyter_client.manager.KernelManager": "a running kernel",
    "jupyter_client.client.KernelClient": "a connection to a kernel",
    "ipywidgets.widgets.widget.Widget": "a widget connected to the page",
    "comm.base_comm.BaseComm": "a communication channel to the page",
    "playwright.sync_api._generated.Browser": "a browser",
    "selenium.webdriver.remote.webdriver.WebDriver": "a browser",
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
