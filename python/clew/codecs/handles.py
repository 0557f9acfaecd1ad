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
    "tempfile.TemporaryDirectory": "a directory that is removed with the object",
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
    "ssl.SSLContext": "a security context",
    "_ssl._SSLContext": "a security context",
    "select.epoll": "an open poll",
    "selectors.BaseSelector": "an open poll",
    "sqlite3.Connection": "a live connection",
    "sqlite3.Cursor": "a cursor of a live connection",
    "sqlite3.Blob": "part of a live connection",
    "_duckdb.DuckDBPyConnection": "a live connection",
    "_duckdb.DuckDBPyRelation": "a query of a live connection",
    "duckdb.DuckDBPyConnection": "a live connection",
    "duckdb.DuckDBPyRelation": "a query of a live connection",
    "duckdb.duckdb.DuckDBPyConnection": "a live connection",
    "duckdb.duckdb.DuckDBPyRelation": "a query of a live connection",
    "psycopg.Connection": "a live connection",
    "psycopg2.extensions.connection": "a live connection",
    "psycopg2.extensions.cursor": "a cursor of a live connection",
    "sqlalchemy.engine.base.Engine": "a pool of live connections",
    "sqlalchemy.engine.base.Connection": "a live connection",
    "sqlalchemy.orm.session.Session": "a live connection",
    "sqlalchemy.orm.util.AliasedClass": "an alias of a mapped class",
    "sqlalchemy.orm.util.AliasedInsp": "an alias of a mapped class",
    "sqlalchemy.orm.strategy_options._AbstractLoad": "an option of a query for mapped classes",
    "requests.sessions.Session": "a live connection",
    "http.client.HTTPConnection": "a live connection",
    "http.client.HTTPResponse": "a live connection",
    "urllib3.poolmanager.PoolManager": "a pool of live connections",
    "urllib3.response.HTTPResponse": "a live connection",
    "httpx.Client": "a live connection",
    "httpx.AsyncClient": "a live connection",
    "aiohttp.client.ClientSession": "a live connection",
    "paramiko.client.SSHClient": "a live connection",
    "botocore.client.BaseClient": "a live connection",
    "zmq.sugar.socket.Socket": "a socket",
    "zmq.sugar.context.Context": "a socket context",
    "_thread.lock": "a lock",
    "_thread.RLock": "a lock",
    "threading.Condition": "a lock",
    "threading.Semaphore": "a lock",
    "threading.Event": "an event that threads wait for",
    "threading.Barrier": "a barrier that threads wait at",
    "threading.Thread": "a thread",
    "_thread._ThreadHandle": "a thread",
    "_thread._local": "values of one thread",
    "_threading_local.local": "values of one thread",
    "queue.Queue": "a queue between threads",
    "_queue.SimpleQueue": "a queue between threads",
    "concurrent.futures._base.Executor": "a pool of workers",
    "concurrent.futures._base.Future": "a result to come",
    "joblib.parallel.Parallel": "a pool of workers",
    "multiprocessing.pool.Pool": "a pool of workers",
    "multiprocessing.process.BaseProcess": "a process",
    "multiprocessing.queues.Queue": "a queue between processes",
    "multiprocessing.queues.SimpleQueue": "a queue between processes",
    "multiprocessing.synchronize.SemLock": "a lock",
    "multiprocessing.connection._ConnectionBase": "a pipe",
    "multiprocessing.managers.BaseManager": "a process",
    "multiprocessing.managers.BaseProxy": "a stand-in for an object of another process",
    "multiprocessing.shared_memory.SharedMemory": "memory shared between processes",
    "subprocess.Popen": "a process",
    "asyncio.events.AbstractEventLoop": "an event loop",
    "asyncio.base_events.BaseEventLoop": "an event loop",
    "_asyncio.Task": "a task",
    "_asyncio.Future": "a result to come",
    "asyncio.tasks.Task": "a task",
    "asyncio.futures.Future": "a result to come",
    "asyncio.locks.Lock": "a lock",
    "asyncio.locks.Event": "an event that tasks wait for",
    "asyncio.locks.Condition": "a lock",
    "asyncio.locks.Semaphore": "a lock",
    "asyncio.queues.Queue": "a queue between tasks",
    "asyncio.streams.StreamReader": "a live connection",
    "asyncio.streams.StreamWriter": "a live connection",
    "_contextvars.Token": "a token of a running context",
    "_contextvars.Context": "a running context",
    "contextlib._GeneratorContextManager": "a suspended generator",
    "contextlib.ExitStack": "pending clean-ups",
    "contextlib.AsyncExitStack": "pending clean-ups",
    "weakref.finalize": "a pending clean-up",
    "builtins.PyCapsule": "a pointer of a library's",
    "ctypes._Pointer": "a pointer",
    "_ctypes._Pointer": "a pointer",
    "_ctypes.CFuncPtr": "a function of a loaded library",
    "ctypes.CDLL": "a loaded library",
    "_hashlib.HASH": "a running digest that can't be read",
    "_hashlib.HMAC": "a running digest that can't be read",
    "_blake2.blake2b": "a running digest that can't be read",
    "_blake2.blake2s": "a running digest that can't be read",
    "zlib.Compress": "a running compression",
    "zlib.Decompress": "a running compression",
    "_csv.reader": "a reader of an open file",
    "_csv.writer": "a writer to an open file",
    "select.poll": "an open poll",
    "logging.Handler": "a place where logs go",
    "distributed.client.as_completed": "results to come, on a cluster",
    "distributed.client.Client": "a client of a cluster",
    "distributed.client.Future": "a result to come, on a cluster",
    "distributed.deploy.cluster.Cluster": "a cluster",
    "distributed.actor.Actor": "an object on a cluster",
    "ray._raylet.ObjectRef": "a result on a cluster",
    "ray._raylet.ObjectRefGenerator": "results on a cluster",
    "ray.ObjectRef": "a result on a cluster",
    "ray.ObjectRefGenerator": "results on a cluster",
    "ray.actor.ActorHandle": "an object on a cluster",
    "ray.util.placement_group.PlacementGroup": "places on a cluster",
    "ray.remote_function.RemoteFunction": "a function on a cluster",
    "pyspark.sql.session.SparkSession": "a session of a cluster",
    "pyspark.sql.classic.column.Column": "part of a query on a cluster",
    "pyspark.sql.connect.column.Column": "part of a query on a cluster",
    "pyspark.sql.group.GroupedData": "a query on a cluster",
    "pyspark.sql.connect.group.GroupedData": "a query on a cluster",
    "pyspark.sql.connect.session.SparkSession": "a session of a cluster",
    "pyspark.sql.dataframe.DataFrame": "a query on a cluster",
    "pyspark.sql.classic.dataframe.DataFrame": "a query on a cluster",
    "pyspark.sql.connect.dataframe.DataFrame": "a query on a cluster",
    "pyspark.context.SparkContext": "a session of a cluster",
    "pyspark.core.context.SparkContext": "a session of a cluster",
    "pyspark.accumulators.Accumulator": "a value on a cluster",
    "pyspark.broadcast.Broadcast": "a value on a cluster",
    "pyspark.core.broadcast.Broadcast": "a value on a cluster",
    "pyspark.rdd.RDD": "a query on a cluster",
    "pyspark.core.rdd.RDD": "a query on a cluster",
    "py4j.java_gateway.JavaObject": "an object of a Java machine",
    "py4j.java_gateway.JavaGateway": "a connection to a Java machine",
    "parsl.dataflow.futures.AppFuture": "a result to come",
    "parsl.dataflow.dflow.DataFlowKernel": "a session of a cluster",
    "parsl.config.Config": "what a session of a cluster is made of",
    "ndcctools.taskvine.manager.Manager": "a session of a cluster",
    "ndcctools.taskvine.task.Task": "a task of a cluster",
    "ndcctools.taskvine.file.File": "a file of a cluster",
    "pyarrow.lib.NativeFile": "an open file",
    "pyarrow.lib.RecordBatchReader": "a stream read once",
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
    "ipywidgets.widgets.widget.Widget": "a widget that talks to the page",
    "comm.base_comm.BaseComm": "a channel to the page",
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
        "values of one thread",
        "an open file",
        "an open archive",
        "a reader of an open file",
        "a writer to an open file",
        "memory mapped from a file",
        "a running digest that can't be read",
        "a running compression",
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
