"""What gives something else each time: tasks whose code names any of it are never cached.

Dotted names as the code spells them from a module on; `()` behind one: only if it is called with nothing, so without a seed.
"""

_DRAWS = (
    "betavariate choice choices expovariate gammavariate gauss getrandbits lognormvariate normalvariate paretovariate "
    "randbytes randint random randrange sample seed setstate shuffle triangular uniform vonmisesvariate weibullvariate "
    "SystemRandom"
)
_NUMPY_DRAWS = (
    "beta binomial bytes chisquare choice dirichlet exponential f gamma geometric gumbel hypergeometric laplace logistic "
    "lognormal logseries multinomial multivariate_normal negative_binomial noncentral_chisquare noncentral_f normal pareto "
    "permutation poisson power rand randint randn random random_integers random_sample ranf rayleigh sample seed set_state "
    "shuffle standard_cauchy standard_exponential standard_gamma standard_normal standard_t triangular uniform vonmises "
    "wald weibull zipf"
)
_CLOCKS = "time perf_counter monotonic process_time thread_time"
_NUMPY_MADE = "default_rng RandomState SeedSequence PCG64 PCG64DXSM MT19937 Philox SFC64"

UNREPEATABLE = frozenset(
    [f"random.{name}" for name in _DRAWS.split()]
    + ["random.Random()"]
    + [f"numpy.random.{name}" for name in _NUMPY_DRAWS.split()]
    + [f"numpy.random.{name}()" for name in _NUMPY_MADE.split()]
    + ["time.localtime()", "time.gmtime()", "time.ctime()", "time.asctime()", "timeit.default_timer"]
    + [f"time.{name}{unit}" for name in _CLOCKS.split() for unit in ("", "_ns")]
    + ["time.strftime", "time.clock_gettime", "os.times", "resource", "psutil", "tempfile"]
    + ["threading.get_ident", "threading.get_native_id", "os.getppid"]
    + ["pandas.Timestamp.now", "pandas.Timestamp.today", "pandas.Timestamp.utcnow"]
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
        "distributed",
        "dask.distributed",
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
        "requests",
        "httpx",
        "aiohttp",
        "urllib3",
        "boto3",
    ]
)
