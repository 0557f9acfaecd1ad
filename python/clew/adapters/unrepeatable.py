"""Functions whose results differ each time. A task whose code names one of them is never cached.

Dotted names as code spells them, beginning with a module. With `()` at its end, a name counts only if the call has no arguments, so no
seed.
"""

from __future__ import annotations

from clew.codecs.libraries import union

_DRAWS = (
    "betavariate choice choices expovariate gammavariate gauss getrandbits lognormvariate normalvariate paretovariate "
    "randbytes randint random randrange sample seed setstate shuffle triangular uniform vonmisesvariate weibullvariate "
    "SystemRandom"
)
_CLOCKS = "time perf_counter monotonic process_time thread_time"

UNREPEATABLE = frozenset(
    [f"random.{name}" for name in _DRAWS.split()]
    + ["random.Random()"]
    + list(union("unrepeatable"))
    + ["time.localtime()", "time.gmtime()", "time.ctime()", "time.asctime()", "timeit.default_timer"]
    + [f"time.{name}{unit}" for name in _CLOCKS.split() for unit in ("", "_ns")]
    + ["time.strftime", "time.clock_gettime", "os.times", "resource", "tempfile"]
    + ["threading.get_ident", "threading.get_native_id", "os.getppid"]
    + ["builtins.eval", "builtins.exec", "builtins.globals", "builtins.__import__", "importlib.import_module"]
    + ["sys._getframe", "sys.modules", "inspect", "gc"]
    + ["datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today"]
    + [
        "os.urandom",
        "os.getpid",
        "os.getenv",
        "os.getenvb",
        "os.environ",
        "os.environb",
        "os.path.expandvars",
        "os.getcwd",
        "os.listdir",
        "os.scandir",
        "os.walk",
    ]
    + [
        "secrets",
        "uuid.uuid1",
        "uuid.uuid4",
        "builtins.input",
        "socket",
        "ssl",
        "subprocess",
        "os.system",
        "os.popen",
    ]
    + [
        "urllib.request",
        "http.client",
        "ftplib",
        "smtplib",
    ]
)
