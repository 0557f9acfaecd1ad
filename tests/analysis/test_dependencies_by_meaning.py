"""What a cell asks for, by what its names mean when it has run: under other names, handed on, in texts, in modules of the user's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from clew.analysis.bytecode import called, dotted, mentions, nested, steps_of
from clew.analysis.dependencies import Dependencies, dependencies_of

TIME, PROCESS, MACHINE = "the time", "its process ID", "the state of the machine"
RECORD = "data that Clew recorded"
TEMPORARY, ALL = "a new temporary file or folder", "environment variables"
RANDOM = "random"


def after(*cells: str) -> Dependencies:
    """What the last of these cells asks for, once they ran."""
    for library in ("dask", "pandas", "polars"):
        if any(f"import {library}" in cell for cell in cells):
            pytest.importorskip(library)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        code = compile(cell, "<cell>", "exec")
        exec(code, namespace)
    functions = [namespace[name] for name in code.co_names if hasattr(namespace.get(name), "__code__")]
    named = [one for one in functions if one.__module__ == "__main__"]
    return dependencies_of(
        [*nested(code), *(inner for one in named for inner in nested(one.__code__))], namespace
    )


def told(*cells: str) -> set[str]:
    found = after(*cells)
    return found.unrepeatable | found.environment_variables | ({RANDOM} if found.draws_unseeded else set())


@pytest.mark.parametrize(
    "cells",
    [
        ("import time", "time.strftime('%H:%M:%S')"),
        ("import time", "time.asctime()"),
        ("import time", "time.clock_gettime(0)"),
        ("import time", "time.ctime(None)"),
        ("import time as clock", "clock.strftime('%H')"),
        ("import email.utils", "email.utils.formatdate()"),
        ("import timeit", "timeit.default_timer()"),
        ("from time import time as t0", "t0()"),
        ("from time import time as t0\nx = t0()\ndel t0",),
        ("import time\ntick = time.time", "tick()"),
        ("import time", "eval('time.time()')"),
        ("import time", "exec('zz = time.time()')"),
        ("import time\ntext = 'time.time()'", "eval(text)"),
        ("import time", "list(map(time.ctime, [None]))"),
        ("import time, functools", "functools.partial(time.time)()"),
        ("import time, functools\nlater = functools.partial(time.time)", "later()"),
        ("import time", "getattr(time, 'ti' + 'me')()"),
        ("import time", "{'t': time.time}['t']()"),
        ("import time\ntable = {'t': time.time}", "table['t']()"),
        ("import time", "(lambda f: f())(time.time)"),
        ("import time\ndef f(clock=time.time):\n    return clock()", "f()"),
        ("import time\ndef make(f):\n    return lambda: f()\ng = make(time.time)", "g()"),
        ("import pandas as pd", "pd.Timestamp('now')"),
        ("import pandas as pd", "pd.to_datetime('now')"),
        ("import pandas as pd", "pd.Timestamp.now()"),
        ("import pandas as pd", "pd.date_range(end='now', periods=3)"),
        ("import numpy as np", "np.datetime64('now')"),
        ("from datetime import datetime\nnow = datetime.now", "now()"),
        (
            "from datetime import datetime",
            "list(map(datetime.fromtimestamp, [1])) and list(map(datetime.now, [None]))",
        ),
        (
            "import time\nfrom dataclasses import dataclass, field",
            "@dataclass\nclass D:\n    at: float = field(default_factory=time.time)",
        ),
        (
            "import time\nfrom dataclasses import dataclass, field\n@dataclass\nclass D:\n    at: float = field(default_factory=time.time)",
            "D()",
        ),
        (
            "import sqlite3\nc = sqlite3.connect(':memory:')",
            "c.execute(\"select datetime('now')\").fetchone()",
        ),
        (
            "import sqlite3\nc = sqlite3.connect(':memory:')\nq = 'SELECT current_timestamp'",
            "c.execute(q).fetchone()",
        ),
        ("import os", "os.times()"),
        ("import time", "__import__('time').strftime('%H')"),
        ("import sys, time", "sys.modules['time'].strftime('%H')"),
        ("import importlib, time", "importlib.import_module('time').time()"),
        ("def f():\n    import time\n    return time.strftime('%H')", "f()"),
    ],
)
def test_p06_the_time_is_asked_for_under_whatever_name(cells: tuple[str, ...]) -> None:
    assert TIME in told(*cells)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (("import multiprocessing as m", "m.current_process().pid"), {PROCESS}),
        (("from os import getpid as me", "me()"), {PROCESS}),
        (("open('/proc/uptime').read()",), {MACHINE}),
        (("import resource", "resource.getrusage(resource.RUSAGE_SELF)"), {MACHINE}),
        (("import shutil", "shutil.disk_usage('.')"), {MACHINE}),
        (("import tempfile", "tempfile.TemporaryDirectory().name"), {TEMPORARY}),
        (("import tempfile", "f = tempfile.mktemp()"), {TEMPORARY}),
        (("hash('abc')",), {"a hash that differs in each process"}),
        (("id(object())",), {"the memory address of an object"}),
        (("open('/dev/urandom', 'rb').read(2)",), {RANDOM}),
        (("import clew", "lambda: clew.session()"), {RECORD}),
        (("from clew import session as asked", "lambda of: of(asked)"), {RECORD}),
        (("import clew",), set()),
        (("import datetime\nd = datetime.datetime(2020, 1, 2)", "d.time()"), set()),
        (("import pandas as pd\nd = pd.Timestamp('2020-01-02')", "d.time()"), set()),
    ],
)
def test_p06_what_is_another_in_each_process_or_on_each_machine(
    cells: tuple[str, ...], words: set[str]
) -> None:
    assert told(*cells) == words


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (("from os import environ as E", "E.get('MY_A')"), {"MY_A"}),
        (("from os import getenv as ge", "ge('MY_A')"), {"MY_A"}),
        (("import os", "os.path.expandvars('$MY_A/x/${MY_B}')"), {"MY_A", "MY_B"}),
        (("import os", "get = os.environ.get"), set()),
        (("import os\nget = os.environ.get", "get('MY_A')"), {"MY_A"}),
        (("import os\nenv = os.environ", "env.get('MYV')"), {"MYV"}),
        (("import os\nenv = os.environ", "env['MYV'] = '1'"), set()),
        (("import os\nenv = os.environ", "'MYV' in env"), {"MYV"}),
        (("import os\nenv = os.environ", "sorted(env)"), {ALL}),
        (("import os\nheld = [os.environ]", "held[0].get('A')"), {ALL}),
        (("import os", "getattr(os, 'environ').get('A')"), {ALL}),
        (("import os", "list(map(os.getenv, ['A']))"), {ALL}),
    ],
)
def test_p03_environment_variables_are_read_under_whatever_name(
    cells: tuple[str, ...], names: set[str]
) -> None:
    assert told(*cells) == names


def test_p03_the_magic_that_shows_a_variable_reads_it() -> None:
    for typed, names in (("MY_A", {"MY_A"}), ("MY_A=1", set()), ("", {ALL})):
        source = f"get_ipython().run_line_magic('env', {typed!r})"
        found = dependencies_of([compile(source, "<cell>", "exec")], {})
        assert found.environment_variables | found.unrepeatable == names


@pytest.mark.parametrize(
    "cells",
    [
        ("import numpy as np\nSEED = None", "np.random.default_rng(SEED)"),
        ("import numpy as np", "np.random.default_rng(None)"),
        ("import numpy as np", "np.random.default_rng(seed=None)"),
        ("import numpy as np", "np.random.RandomState(None)"),
        ("import numpy as np", "np.random.seed(None)"),
        ("import random", "random.Random(None)"),
        ("import random", "random.seed(None); random.random()"),
        ("import numpy as np\nmk = np.random.default_rng", "mk().random()"),
        ("import numpy as np", "list(map(np.random.default_rng, [None]))"),
        ("import numpy as np\ndef fr(seed=None):\n    return np.random.default_rng(seed).random()", "fr()"),
        (
            "import numpy as np\ndef fr(seed=None):\n    return np.random.default_rng(seed).random()",
            "fr(None)",
        ),
        (
            "import numpy as np\ndef fr(seed=None):\n    return np.random.default_rng(seed).random()\ndef g(s=None):\n    return fr(seed=s)",
            "g(), fr(1)",
        ),
        (
            "import numpy as np\ndef fr(seed=None):\n    return np.random.default_rng(seed).random()\nother = fr",
            "other()",
        ),
        (
            "import numpy as np\ndef fr(seed=None):\n    return np.random.default_rng(seed).random()",
            "list(map(fr, [None]))",
        ),
        ("import random", "random.SystemRandom().random()"),
        ("import secrets", "secrets.randbelow(9)"),
        ("import secrets", "secrets.choice([1, 2])"),
        ("from uuid import uuid4 as new", "new()"),
        ("import numpy as np", "getattr(np.random, 'default_rng')()"),
        ("import sqlite3\nc = sqlite3.connect(':memory:')", "c.execute('select random()').fetchone()"),
        ("import polars as pl\nd = pl.DataFrame({'x': [1, 2, 3]})", "d.sample(2)"),
        (
            "import polars as pl\nd = pl.DataFrame({'x': [1, 2, 3]})",
            "d.select(pl.col('x').shuffle())",
        ),
        ("import dask.array as da", "da.random.random(3)"),
    ],
)
def test_p06_what_nobody_can_draw_again_is_seen(cells: tuple[str, ...]) -> None:
    assert told(*cells) == {RANDOM}


@pytest.mark.parametrize(
    "cells",
    [
        ("import time", "time.sleep(0)"),
        (
            "import time",
            "time.strftime('%H', time.gmtime(0)), time.localtime(5), time.ctime(1.5), time.asctime(time.gmtime(0))",
        ),
        ("import time", "t = time.time"),
        ("import time", "time.strptime('10', '%H'), time.tzname"),
        (
            "from datetime import datetime, time, date",
            "datetime(2020, 1, 1), time(3), date.fromisoformat('2020-01-01')",
        ),
        ("import pandas as pd",),
        (
            "import pandas as pd\nd = pd.DataFrame({'now': [1, 2], 'time': [1, 2]})",
            "d.sample(n=1, random_state=1), d['now'], d.time",
        ),
        ("import pandas as pd", "pd.to_datetime('2020-01-01').strftime('%Y')"),
        (
            "import numpy as np",
            "np.random.default_rng(3).random(), np.random.RandomState(seed=1), np.random.SeedSequence(entropy=4)",
        ),
        ("import numpy as np\nclass C:\n    SEED = 4", "np.random.default_rng(C.SEED)"),
        (
            "import numpy as np\ndef fr(seed=None):\n    return np.random.default_rng(seed).random()",
            "fr(1), fr(seed=2)",
        ),
        ("import numpy as np", "def fr(seed=None):\n    return np.random.default_rng(seed).random()"),
        ("import numpy as np\ndef fr(seed=7):\n    return np.random.default_rng(seed).random()", "fr()"),
        ("import numpy as np", "def f(rng: np.random.RandomState) -> np.random.RandomState:\n    return rng"),
        ("import random\nr = random.Random(1)", "r.random(), isinstance(r, random.Random)"),
        ("import random", "random.seed(5); random.sample(range(9), 2)"),
        ("import os", "os.path.join('a', 'b'), os.sep, os.cpu_count()"),
        ("import os", "os.environ['CLEW_TEST_SET'] = '1'"),
        ("import tempfile", "tempfile.gettempdir()"),
        ("hash(3)",),
        ("class P:\n    def __hash__(self):\n        return hash(('a', 1))", "len({P()})"),
        ("class P:\n    def __hash__(self):\n        return id(self)", "len({P(), P()})"),
        ("import numpy as np\nclass C:\n    seed = 4", "np.random.default_rng(getattr(C, 'seed', 0))"),
        ("id = 5", "id + 1"),
        ("rows = [('id', 1)]", "[id for id, _ in rows]"),
        ("import re, itertools", "re.compile('now'), getattr(re, 'compile'), list(itertools.repeat(1, 2))"),
        (
            "import sqlite3\nc = sqlite3.connect(':memory:')",
            "c.execute('select 1 as random, 2 as now').fetchone()",
        ),
        ("import dask.array as da", "da.ones(3, chunks=1).sum().compute()"),
        ("import dask.array as da", "da.random.default_rng(42).random(3).compute()"),
        ("text = 'select the right time'", "print(text)"),
    ],
)
def test_p06_ordinary_cells_ask_for_nothing(cells: tuple[str, ...]) -> None:
    assert told(*cells) <= {"HOME", "TZ", "TMPDIR", "TEMP", "TMP"}


def test_p03_what_a_magic_runs_asks_too(modules: Path) -> None:
    (modules / "timed_module.py").write_text("import time\ndef f():\n    return time.time()\n")
    import importlib

    namespace = {"timed_module": importlib.import_module("timed_module")}
    for body in ("import time\nx = time.strftime('%H')", "timed_module.f()"):
        source = f"get_ipython().run_cell_magic('time', '', {body!r})"
        assert dependencies_of([compile(source, "<cell>", "exec")], namespace).unrepeatable == {TIME}


def test_the_state_of_a_generator_is_asked_for() -> None:
    assert after("import random", "st = random.getstate()").generator_states == {"random"}
    assert after("from numpy.random import get_state", "get_state()").generator_states == {"numpy.random"}
    assert after("import random", "random.random()").generator_states == set()


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for modules of the user's own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if (tmp_path / f"{name.partition('.')[0]}.py").exists():
            del sys.modules[name]


MODULE = """
import time, os, uuid, random, functools
from time import time as _t
from os import environ as E
import numpy as np

STAMP = time.time()
MODE = E.get('MY_MODE', 'dev')

def wraps(f):
    @functools.wraps(f)
    def inner(*a):
        return f(*a)
    return inner

@wraps
def decorated():
    return time.time()

class Kept:
    @functools.cached_property
    def cached(self):
        return time.time()
    @property
    def level(self):
        return os.environ['MY_LEVEL']
    def __repr__(self):
        return time.strftime('%H')

table = {'a': lambda: time.time()}
part = functools.partial(time.time)
short = lambda: _t()

def new():
    return uuid.uuid4().hex

def drawn():
    return random.Random().random(), np.random.default_rng().random()

def through():
    return new()

def plain(x):
    time.sleep(0)
    return x + 1

def by_default(seed=None):
    return np.random.default_rng(seed)

if __name__ == '__main__':
    print(time.time())
"""


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("import {m}", {TIME, "MY_MODE"}),
        ("{m}.STAMP", {TIME}),
        ("{m}.MODE", {"MY_MODE"}),
        ("{m}.decorated()", {TIME}),
        ("{m}.table['a']()", {TIME}),
        ("{m}.part()", {TIME}),
        ("{m}.short()", {TIME}),
        ("{m}._t()", {TIME}),
        ("{m}.new()", {RANDOM}),
        ("{m}.through()", {RANDOM}),
        ("{m}.drawn()", {RANDOM}),
        ("{m}.by_default()", {RANDOM}),
        ("{m}.by_default(3)", set()),
        ("{m}.plain(1)", set()),
        ("kept.level", {"MY_LEVEL", TIME, "TZ"}),
        ("kept.cached", {TIME, "TZ"}),
        ("repr(kept)", {TIME, "TZ"}),
    ],
)
def test_p03_of_own_modules_counts_what_names_lead_to(
    cell: str, words: set[str], modules: Path, monkeypatch: Any
) -> None:
    (modules / "meant_module.py").write_text(MODULE)
    monkeypatch.setenv("MY_LEVEL", "1")
    first = "import meant_module as m\nkept = m.Kept()" if "kept" in cell else "import meant_module"
    assert told(first, cell.format(m="meant_module")) == words


def test_p03_what_an_imported_module_imports_asks_too(modules: Path) -> None:
    (modules / "outer_module.py").write_text(
        "from inner_module import LEVEL\ndef level():\n    return LEVEL\ndef other():\n    return 1\n"
    )
    (modules / "inner_module.py").write_text("import os\nLEVEL = os.environ.get('MY_LEVEL')\n")
    assert told("import outer_module") == {"MY_LEVEL"}
    assert told("import outer_module", "outer_module.level()") == {"MY_LEVEL"}
    assert told("import outer_module", "outer_module.other()") == set()
    assert told("from outer_module import level", "level()") == {"MY_LEVEL"}


@pytest.mark.parametrize(
    ("module", "name", "cell", "words"),
    [
        ("time", "time", "from time import time as _t", {TIME}),
        ("os", "getenv", "from os import getenv as _t", {"A"}),
        ("uuid", "uuid4", "from uuid import uuid4 as _t", {RANDOM}),
        ("os", "getpid", "from os import getpid as _t", {PROCESS}),
    ],
)
def test_p06_a_function_is_known_that_a_test_replaced_meanwhile(
    module: str, name: str, cell: str, words: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    used = "_t('A')" if name == "getenv" else "_t()"
    assert told(cell, used) == words
    with monkeypatch.context() as replaced:
        # Another one stands in its place, but who took the real one before has that.
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(cell, namespace)
        replaced.setattr(sys.modules[module], name, lambda *_: 1)
        monkeypatch.setitem(sys.modules, "came_meanwhile", ModuleType("came_meanwhile"))
        assert told(f"import {module}", f"{module}.{name}") <= words | {ALL}
        found = dependencies_of([compile(used, "<cell>", "exec")], namespace)
        assert (
            found.unrepeatable | found.environment_variables | ({RANDOM} if found.draws_unseeded else set())
            == words
        )
    assert told(cell, used) == words


def test_a_module_of_the_users_own_that_takes_the_place_of_another_is_known(modules: Path) -> None:
    (modules / "first_module.py").write_text("def f():\n    return 1\n")
    (modules / "second_module.py").write_text("import time as clock\ndef f():\n    return clock.time()\n")
    assert told("import first_module", "first_module.f()") == set()
    del sys.modules["first_module"]
    assert told("import second_module", "second_module.f()") == {TIME}


def test_an_edited_module_is_read_anew(modules: Path) -> None:
    path = modules / "edited_module.py"
    path.write_text("def f():\n    return 1\n")
    assert told("import edited_module", "edited_module.f()") == set()
    path.write_text("import time\ndef f():\n    return time.time()\n")
    assert told("import edited_module", "import importlib; importlib.reload(edited_module).f()") == {TIME}


def test_what_is_called_is_told_from_calls_among_its_arguments() -> None:
    def outer(a: str, b: str) -> None:
        open(os.path.join("d", "a"), errors="ignore")
        print(a, b)

    steps = steps_of(outer.__code__)
    calls = {one.path: called(steps, one.place) for one in mentions(steps)}
    opened, printed = calls["open",], calls["print",]
    assert opened is not None and printed is not None
    assert (len(opened.arguments), opened.keywords) == (2, ("errors",))
    assert [dotted(one) is not None for one in opened.arguments] == [False, False]
    assert [one[0].argval for one in printed.arguments] == ["a", "b"]
