"""Settings of the process, attributes set in libraries, and what nothing puts back: each is restored by every move, or said.

A row changes something, and reads it by other means than Clew. Undo must bring the first reading back, redo the second, and a new
kernel that resumes there the second again; where that cannot be, the report has a line about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from harness import Kernel

from cases.story import Notebook, plain


@dataclass(frozen=True)
class Row:
    """One change of the process."""

    name: str
    given: str
    change: str
    read: str
    #: What the reports of moves across the change say, where it is not put back.
    said: str = ""
    #: What the report says in a new kernel, where only the kernel that set it could put it back.
    lost: str = ""


ROWS = [
    Row("gc", "import gc", "gc.disable(); gc.set_threshold(5)", "gc.isenabled(), gc.get_threshold()[0]"),
    Row("gc callbacks", "import gc\ndef seen(*_): pass", "gc.callbacks.append(seen)", "seen in gc.callbacks"),
    Row(
        "integer digits and the switch interval",
        "import sys",
        "sys.set_int_max_str_digits(5000); sys.setswitchinterval(0.01)",
        "sys.get_int_max_str_digits(), sys.getswitchinterval()",
    ),
    Row("sys.argv", "import sys", "sys.argv[:] = ['tool', '--fast']", "len(sys.argv), sys.argv[-1] == '--fast'"),
    Row(
        "threading.stack_size",
        "import threading",
        "threading.stack_size(1 << 20)",
        # Who asks sets it back.
        "(lambda size: (size, threading.stack_size(size))[0])(threading.stack_size())",
    ),
    Row(
        "contexts of new threads",
        "import decimal",
        "decimal.DefaultContext.prec = 7",
        "decimal.DefaultContext.prec, decimal.Context().prec",
    ),
    Row("tracemalloc", "import tracemalloc", "tracemalloc.start(3)", "tracemalloc.is_tracing()"),
    Row(
        "polynomials",
        "import numpy as np",
        "np.polynomial.set_default_printstyle('ascii')",
        "str(np.polynomial.Polynomial([1, 2]))",
    ),
    Row(
        "what makes log records",
        "import logging\ndef made(*given, **named): return logging.LogRecord(*given, **named)",
        "logging.setLogRecordFactory(made)",
        "logging.getLogRecordFactory().__name__",
    ),
    Row(
        "what makes loggers",
        "import logging\nclass Mine(logging.Logger): pass",
        "logging.setLoggerClass(Mine)",
        "logging.getLoggerClass().__name__",
    ),
    Row("socket timeout", "import socket", "socket.setdefaulttimeout(3)", "socket.getdefaulttimeout()"),
    Row(
        "umask",
        "import os",
        "os.umask(0o77)",
        "open('/proc/self/status').read().split('Umask:')[1].split()[0]",
    ),
    Row("os.nice", "import os", "os.nice(1)", "os.getpriority(os.PRIO_PROCESS, 0)", said="os.nice", lost=""),
    Row(
        "resource limits",
        "import resource",
        "resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))"
        " if resource.getrlimit(resource.RLIMIT_CORE)[0] else"
        " resource.setrlimit(resource.RLIMIT_STACK, (4096 * 1024, resource.getrlimit(resource.RLIMIT_STACK)[1]))",
        "resource.getrlimit(resource.RLIMIT_CORE)[0], resource.getrlimit(resource.RLIMIT_STACK)[0]",
    ),
    Row(
        "signal handlers",
        "import signal\ndef on_signal(*_): pass",
        "_ = signal.signal(signal.SIGUSR1, on_signal)",
        "signal.getsignal(signal.SIGUSR1) is on_signal",
    ),
    Row(
        "signal handlers in one cell",
        "",
        "import signal\n_ = signal.signal(signal.SIGURG, signal.SIG_IGN)",
        "__import__('signal').getsignal(23).name",
    ),
    Row(
        "ignored signals",
        "import signal",
        "_ = signal.signal(signal.SIGUSR2, signal.SIG_IGN)",
        "signal.getsignal(signal.SIGUSR2).name",
    ),
    Row(
        "the time zone",
        "import os, time\nos.environ['TZ'] = 'UTC'; time.tzset()",
        "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()",
        "time.tzname, time.localtime(0).tm_hour",
    ),
    Row(
        "faulthandler",
        "import faulthandler, sys\nfaulthandler.disable()",
        "faulthandler.enable(file=sys.__stderr__)",
        "faulthandler.is_enabled()",
    ),
    Row(
        "logging levels",
        "import logging\nmine = logging.getLogger('mine')",
        "mine.setLevel(50); logging.disable(20); logging.addLevelName(33, 'LOUD'); mine.propagate = False",
        "mine.level, logging.root.manager.disable, logging.getLevelName(33), mine.propagate",
    ),
    Row(
        "loggers",
        "import logging\nlogging.getLogger('above.it.below')",
        "logging.getLogger('above.it'); logging.getLogger('above'); logging.getLogger('beside')",
        "sorted((name, type(one).__name__) for name, one in logging.root.manager.loggerDict.items()"
        " if name.startswith(('above', 'beside'))),"
        " logging.getLogger('above.it.below').parent.name",
    ),
    Row(
        "logging.basicConfig",
        "import logging",
        "logging.basicConfig(level=10, format='%(message)s')",
        "logging.root.level, [(type(h).__name__, h.formatter._fmt) for h in logging.root.handlers]",
    ),
    Row(
        "logging handlers of an own class",
        """
        import logging
        class Kept(logging.Handler):
            def emit(self, record): pass
        theirs = logging.getLogger('theirs')
        """,
        "theirs.addHandler(Kept())",
        "[type(h).__name__ for h in logging.getLogger('theirs').handlers]",
        lost="logging handlers",
    ),
    Row("captured warnings", "import logging, warnings", "logging.captureWarnings(True)", "warnings.showwarning.__module__"),
    Row("warnings filters", "import warnings", "warnings.simplefilter('error', FutureWarning)", "warnings.filters[0][:3:2]"),
    Row("the locale", "import locale", "_ = locale.setlocale(locale.LC_NUMERIC, 'C.UTF-8')", "locale.setlocale(locale.LC_NUMERIC)"),
    Row("decimals", "import decimal", "decimal.getcontext().prec = 5", "decimal.Decimal(1) / 3"),
    Row("the recursion limit", "import sys", "sys.setrecursionlimit(4321)", "sys.getrecursionlimit()"),
    Row("numpy errors", "import numpy as np", "_ = np.seterr(divide='raise')", "np.geterr()['divide']"),
    Row(
        "numpy's error callback",
        "import numpy as np\ndef on_error(*_): pass",
        "_ = np.seterrcall(on_error)",
        "np.geterrcall() is on_error",
    ),
    Row("numpy printing", "import numpy as np", "np.set_printoptions(precision=2)", "np.get_printoptions()['precision']"),
    Row("pandas options", "import pandas as pd", "pd.options.display.max_rows = 7", "pd.options.display.max_rows"),
    Row("sklearn in one cell", "", "import sklearn\nsklearn.set_config(assume_finite=True)", "__import__('sklearn').get_config()['assume_finite']"),
    Row("sklearn", "import sklearn", "sklearn.set_config(transform_output='pandas')", "sklearn.get_config()['transform_output']"),
    Row(
        "matplotlib's fallback",
        "import matplotlib",
        "matplotlib.use('svg')",
        "matplotlib.rcParams['backend_fallback']",
    ),
    Row(
        "matplotlib's colormaps",
        "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt, matplotlib.colors as colors",
        "matplotlib.colormaps.register(colors.ListedColormap(['r', 'b'], name='flag2'))",
        "'flag2' in matplotlib.colormaps",
    ),
    Row(
        "plt.ioff", "import matplotlib.pyplot as plt\n_ = plt.ion()", "_ = plt.ioff()", "plt.isinteractive()"
    ),
    Row(
        "pandas dtypes",
        """
        import pandas as pd
        class Miles(pd.api.extensions.ExtensionDtype):
            name, type = "miles", float
            @classmethod
            def construct_array_type(cls): return pd.arrays.NumpyExtensionArray
        """,
        "_ = pd.api.extensions.register_extension_dtype(Miles)",
        "pd.core.dtypes.base._registry.find('miles') is not None",
    ),
    Row(
        "pandas accessors",
        "import pandas as pd",
        """
        @pd.api.extensions.register_dataframe_accessor('geo')
        class Geo:
            def __init__(self, frame): self.frame = frame
            def rows(self): return len(self.frame)
        """,
        "hasattr(pd.DataFrame, 'geo')",
    ),
    Row(
        "copyreg",
        "import copyreg\nclass Odd: pass\ndef reduced(one): return (Odd, ())",
        "copyreg.pickle(Odd, reduced)",
        "Odd in copyreg.dispatch_table",
    ),
    Row("mimetypes", "import mimetypes\nmimetypes.init()", "mimetypes.add_type('x/odd', '.odd')", "mimetypes.guess_type('a.odd')[0]", said="mimetypes.add_type"),
    Row(
        "sys.meta_path",
        """
        import sys
        class Finder:
            @classmethod
            def find_spec(cls, name, path=None, target=None): return None
        """,
        "sys.meta_path.insert(0, Finder)",
        "sys.meta_path[0] is Finder",
    ),
    Row(
        "modules made by hand",
        "import sys, types",
        "sys.modules['by_hand'] = types.ModuleType('by_hand')",
        "'by_hand' in sys.modules",
        lost="sys.modules",
    ),
    Row("names that are no text", "everything = globals()", "everything[1] = 'odd'", "globals().get(1)"),
    Row("%precision", "pi = 3.14159265", "%precision 3", "get_ipython().display_formatter.formatters['text/plain'](pi)"),
    Row("%xmode", "ip = get_ipython()", "%xmode Minimal", "ip.InteractiveTB.mode"),
    Row("%alias", "ip = get_ipython()", "%alias hello echo hello", "getattr(ip.find_line_magic('hello'), 'cmd', None)"),
    Row("%alias_magic", "ip = get_ipython()", "%alias_magic tt timeit", "ip.find_line_magic('tt') is not None"),
    Row(
        "magics of the notebook",
        "from IPython.core.magic import register_line_magic",
        "@register_line_magic\ndef shout(line): return line.upper()",
        "get_ipython().run_line_magic('shout', 'a') if get_ipython().find_line_magic('shout') else None",
    ),
    Row(
        "event callbacks",
        "hits = []\ndef hit(*_): pass",
        "get_ipython().events.register('pre_execute', hit)",
        "hit in get_ipython().events.callbacks['pre_execute']",
    ),
    Row(
        "AST transformers",
        """
        import ast
        class Same(ast.NodeTransformer): pass
        """,
        "get_ipython().ast_transformers.append(Same())",
        "[type(t).__name__ for t in get_ipython().ast_transformers]",
    ),
    Row("exit taken by the user", "", "globals()['exit'] = 1", "type(exit).__name__"),
    Row("np.mean", "import numpy as np\nmean = np.mean", "np.mean = lambda *_, **__: 42", "np.mean([1.0]), mean([1.0])", lost="lost: mean"),
    Row("math.tau", "import math", "math.tau = 6", "math.tau"),
    Row("a deleted attribute", "import math", "del math.nan", "hasattr(math, 'nan')"),
    Row("built-ins", "import builtins", "builtins.shouted = str.upper; builtins.ascii = len", "ascii('ab'), hasattr(builtins, 'shouted')"),
    Row(
        "methods of DataFrame",
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})",
        "pd.DataFrame.head = lambda self, n=1: 'mine'; pd.DataFrame.fresh = lambda self: 7",
        "str(df.head())[:4], hasattr(df, 'fresh')",
    ),
    Row(
        "a wrapper with the name of what it wraps",
        "import functools, statistics\nplain_mean = statistics.mean",
        """
        @functools.wraps(statistics.mean)
        def mean(*values): return ['wrapped', plain_mean(*values)]
        statistics.mean = mean
        """,
        "statistics.mean([1]), plain_mean([1])",
    ),
    Row("setattr", "import statistics", "setattr(statistics, 'median', max)", "statistics.median([1, 5, 2])"),
    Row(
        "a patch inside a function",
        "import textwrap\ndef patch():\n    textwrap.dedent = str.upper",
        "patch()",
        "textwrap.dedent('a')",
    ),
    Row(
        "an attribute of a library's function",
        "import textwrap",
        "textwrap.wrap.limit = 9",
        "getattr(textwrap.wrap, 'limit', None)",
    ),
    Row("threading.excepthook", "import threading", "threading.excepthook = lambda *_: None", "threading.excepthook.__module__"),
    Row("register of an abstract class", "import collections.abc as abc\nclass Bag: pass", "_ = abc.Sized.register(Bag)", "issubclass(Bag, abc.Sized)", said="register"),
    Row("codecs", "import codecs", "codecs.register(lambda name: None)", "1", said="codecs.register"),
    Row("gc.freeze", "import gc", "gc.freeze()", "gc.get_freeze_count() > 0", said="gc.freeze"),
]  # fmt: skip


@dataclass(frozen=True)
class Played:
    """What a row read on either side, and what was said of it."""

    before: str
    after: str
    undone: str
    redone: str
    said: str
    revision: str


def reading(notebook: Notebook, row: Row) -> str:
    """What is read of a row; an exception is a reading, too, so that one row does not keep the others from being tried."""
    try:
        return notebook.read(row.read)[0]
    except AssertionError as error:
        return str(error)


def played(notebook: Notebook, row: Row) -> Played:
    notebook.run(plain(row.given) or "None")
    before = reading(notebook, row)
    notebook.run(row.change)
    after = reading(notebook, row)
    revision = notebook.at()
    said = notebook.say("undo")
    undone = reading(notebook, row)
    said += notebook.say("redo")
    redone = reading(notebook, row)
    notebook.say("undo")
    return Played(before, after, undone, redone, said, revision)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Every row in one kernel, then each state it left in one more."""
    home = tmp_path_factory.mktemp("settings")
    notebook = Notebook(Kernel(home=home / "home", notebook=home / "notebook.ipynb"))
    found: dict[str, Any] = {row.name: played(notebook, row) for row in ROWS}
    notebook.kill()
    yield {"home": home, "rows": found}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_cell_sets_in_the_process_is_put_back_or_said(row: Row, session: dict[str, Any]) -> None:
    found: Played = session["rows"][row.name]
    if row.said:
        is_back = found.undone == found.before and found.redone == found.after
        assert (is_back and found.before != found.after) or row.said in found.said, found
        return
    assert found.before != found.after, "The change can't be read"
    assert (found.undone, found.redone) == (found.before, found.after), found.said


def test_a_new_kernel_has_the_settings_of_the_state_or_says_what_it_lacks(session: dict[str, Any]) -> None:
    home, wrong = session["home"], {}
    notebook = Notebook(Kernel(home=home / "home", notebook=home / "notebook.ipynb"))
    for row in ROWS:
        found: Played = session["rows"][row.name]
        said = notebook.say(f"switch {found.revision}")
        now = reading(notebook, row)
        if now != found.after and not any(text and text in said for text in (row.said, row.lost)):
            wrong[row.name] = (found.after, now, said)
    notebook.kernel.end()
    assert not wrong
