"""Members that cannot be stored are gaps in what holds them: the rest is stored, restored and shared, and the report names the gap."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from cases.desk import Desk
from cases.story import Notebook

FRAME = """
import threading
import pandas as pd
df = pd.DataFrame({'a': [1, 2, 3]})
"""


class Holder(NamedTuple):
    """A value `h` that holds `df` and, at `path`, an object that cannot be stored."""

    cell: str
    path: str
    df: str
    """How `df` is reached from it, if it is."""
    probe: str = "True"
    """What must hold of the rest in any kernel."""


HOLDERS = {
    "a lock in a dict": Holder("h = {'df': df, 'lock': threading.Lock()}", "h['lock']", "h['df']"),
    "a lock in a list of an instance": Holder(
        "class Job: pass\nh = Job()\nh.df, h.locks, h.n = df, [1, threading.Lock()], 5",
        "h.locks[1]",
        "h.df",
        "h.n == 5 and h.locks[0] == 1",
    ),
    "a session in an attribute": Holder(
        "import requests\nclass Client: pass\nh = Client()\nh.session, h.cache = requests.Session(), {'df': df}",
        "h.session",
        "h.cache['df']",
    ),
    "a generator in a list": Holder("h = [df, (n for n in range(5)), 'x']", "h[1]", "h[0]", "h[2] == 'x'"),
    "an open file in a dict": Holder(
        "h = {'df': df, 'file': open('/dev/null')}", "h['file']", "h['df']", "list(h) == ['df', 'file']"
    ),
    "a connection in a tuple": Holder(
        "import sqlite3\nh = (df, sqlite3.connect(':memory:'), 7)", "h[1]", "h[0]", "h[2] == 7"
    ),
    "a default of a lambda": Holder(
        "h = lambda x, lock=threading.Lock(), data=df: x + 1",
        "h.__defaults__[0]",
        "h.__defaults__[1]",
        "h(1) == 2",
    ),
    "a closure": Holder(
        "def make(data, lock):\n    def inner(x):\n        return (x, data, lock)[0]\n    return inner\nh = make(df, threading.Lock())",
        "h.__closure__[1].cell_contents",
        "h.__closure__[0].cell_contents",
        "h(3) == 3",
    ),
    "a bound method of a connection": Holder(
        "import sqlite3\nh = {'run': sqlite3.connect(':memory:').execute, 'df': df}", "h['run']", "h['df']"
    ),
    "a partial of such a method": Holder(
        "import functools, sqlite3\nh = [functools.partial(sqlite3.connect(':memory:').execute, 'select 1'), df]",
        "h[0]",
        "h[1]",
    ),
    "a key of a dict": Holder(
        "h = {threading.Lock(): 1, 'df': df}", "h", "h['df']", "sorted(map(str, h.values()))[0]"
    ),
    "a member of a frame's column": Holder(
        "h = {'df': df, 'odd': pd.DataFrame({'o': [('x', threading.Lock()), 2]})}",
        "h['odd']",
        "h['df']",
        "h['odd']['o'][0][0] == 'x' and h['odd']['o'][1] == 2",
    ),
    "an attribute of a class": Holder(
        "class Pool:\n    lock = threading.Lock()\n    size = 3\nh = [Pool(), df]",
        "Pool.lock",
        "h[1]",
        "type(h[0]).size == 3",
    ),
    "a simple namespace": Holder(
        "import types\nh = types.SimpleNamespace(df=df, lock=threading.Lock(), n=2)",
        "h.lock",
        "h.df",
        "h.n == 2",
    ),
    "a deque": Holder(
        "from collections import deque\nh = deque([df, threading.Lock()])", "h", "h[0]", "len(h) == 2"
    ),
    "a default dict": Holder(
        "from collections import defaultdict\nh = defaultdict(list, df=df, lock=threading.Lock())",
        "h",
        "h['df']",
        "h['new'] == []",
    ),
    "an exception": Holder(
        "h = ValueError('bad', threading.Lock(), df)", "h", "h.args[2]", "h.args[0] == 'bad'"
    ),
    "a cached property": Holder(
        "import functools\nclass Lazy:\n    @functools.cached_property\n    def lock(self): return threading.Lock()\nh = Lazy()\nh.lock\nh.df = df",
        "h.lock",
        "h.df",
    ),
    "slots": Holder(
        "class Slim:\n    __slots__ = ('df', 'lock')\nh = Slim()\nh.df, h.lock = df, threading.Lock()",
        "h.lock",
        "h.df",
    ),
    "a named tuple": Holder(
        "from collections import namedtuple\nPair = namedtuple('Pair', 'df lock')\nh = Pair(df, threading.Lock())",
        "h",
        "h.df",
    ),
}


def is_missing(path: str) -> str:
    """An expression that tells whether a member is a stand-in."""
    return f"type({path}).__name__ == 'MissingObject'"


@pytest.mark.parametrize("name", HOLDERS)
def test_a_member_that_cannot_be_stored_takes_nothing_with_it(desk: Desk, name: str) -> None:
    walk(desk, name)


def walk(desk: Desk, name: str) -> None:
    """Goes back and forth where the member lives: the live object is in its place."""
    holder, notebook = HOLDERS[name], desk.cleared()
    notebook.run(FRAME, holder.cell)
    before = notebook.read(*members(holder))
    notebook.run("df['a'] = 4")
    changed = notebook.read(*members(holder))
    for line, expected in (("undo", before), ("redo", changed), ("undo", before)):
        report = notebook.move(line)
        assert {report.word("df"), report.word("h")} <= {"restored", "unchanged"}, report.data
        assert notebook.read(*members(holder)) == expected
    desk.leave(name, before)


@pytest.mark.parametrize("name", HOLDERS)
def test_in_a_new_kernel_a_member_that_cannot_be_stored_is_missing_and_all_else_is_there(
    desk: Desk, name: str
) -> None:
    holder = HOLDERS[name]
    again, report = desk.find(name, lambda: walk(desk, name))
    assert report.word("df") == "restored", report.data
    assert report.word("h") == "not_identical" or "Pool" in holder.cell, report.data
    if "Pool" not in holder.cell:
        assert f"`{holder.path}" in report.why("h") and "is missing" in report.why("h"), report.why("h")
    assert again.read(*members(holder)) == ["[1, 2, 3]", "True", "True"]


def members(holder: Holder) -> tuple[str, ...]:
    return "df['a'].tolist()", f"{holder.df} is df", f"bool({holder.probe})"


def test_what_shares_nothing_with_the_gap_is_exact(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(FRAME, "view = df['a'].array\nh = {'df': df, 'lock': threading.Lock()}\nother = [df]")
    notebook.kill()
    report = kernels().move("resume")
    assert report.word("other") == report.word("df") == "restored"
    assert report.word("h") == "not_identical"


def test_a_stand_in_says_what_is_missing_when_it_is_used(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(FRAME, "h = {'df': df, 'lock': threading.Lock()}")
    notebook.kill()
    again = kernels()
    again.move("resume")
    for use in ("h['lock'].acquire()", "with h['lock']: pass", "h['lock']()"):
        reply = again.kernel.run(use)
        assert reply.ename == "MissingObjectError"
        assert "h['lock'] is missing: Clew could not store it (thread.lock: a lock)" in reply.evalue
    assert again.read("h['lock']") == ["<missing: thread.lock: a lock>"]
    # It goes along with its holder from here on.
    again.run("h['n'] = 1")
    assert again.move("undo").word("h") == "restored"
    assert again.read("sorted(h)") == ["['df', 'lock']"]


def test_the_lock_of_both_states_is_one(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(
        FRAME, "lock = threading.Lock()\nh = {'df': df, 'lock': lock}", "lock.acquire()\ndf['a'] = 4"
    )
    identity = notebook.identities(["lock"])
    assert notebook.move("undo").word("lock") in ("unchanged", "restored")
    assert notebook.read("h['lock'] is lock", "df['a'].tolist()") == ["True", "[1, 2, 3]"]
    assert notebook.identities(["lock"]) == identity


def test_a_live_object_that_only_its_holder_had_comes_back_with_it(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(FRAME, "h = {'df': df, 'g': (n for n in range(3))}\nfirst = next(h['g'])")
    notebook.move("undo")
    assert "h" not in notebook.names()
    assert notebook.read("__import__('gc').collect() >= 0") == ["True"]
    notebook.move("redo")
    assert notebook.read("next(h['g'])", "h['df'] is df") == ["1", "True"]


def test_what_a_cell_let_go_of_is_missing(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(FRAME, "h = {'df': df, 'g': (n for n in range(3))}", "del h")
    report = notebook.move("undo")
    assert report.word("h") == "not_identical"
    assert report.why("h").startswith("`h['g']` is missing: ")
    assert "a suspended generator" in report.why("h")
    assert notebook.read("h['df'] is df", is_missing("h['g']")) == ["True", "True"]


NAMESPACES = {
    "attrs": "import attrs\n@attrs.define\nclass At:\n    x: int = 1\nh = At(2)",
    "attrs with a converter": "import attrs\n@attrs.define\nclass At:\n    x: int = attrs.field(default=1, converter=int)\nh = At(2)",
    "a dataclass": "import dataclasses\n@dataclasses.dataclass\nclass At:\n    x: int = 1\nh = At(2)",
    "a function over a copy": "import types\ndef plus(n): return n + one\none = 1\nh = types.FunctionType(plus.__code__, dict(globals()))",
    "a function that exec made": "one = 1\nspace = {}\nexec('def plus(n): return n + one', dict(globals()), space)\nh = space.pop('plus')\ndel space",
    "a named tuple": "from collections import namedtuple\nAt = namedtuple('At', 'x')\nh = At(2)",
}


@pytest.mark.few(2)
@pytest.mark.parametrize("cell", NAMESPACES.values(), ids=NAMESPACES.keys())
def test_a_copy_of_the_namespace_does_not_hold_the_session_together(
    kernels: Callable[..., Notebook], cell: str
) -> None:
    notebook = kernels()
    notebook.run(FRAME, "import sqlite3\nrows = [1, 2]\ncon = sqlite3.connect(':memory:')", cell)
    identity = notebook.identities(["con", "rows", "h"])
    notebook.run("df['b'] = 3")
    report = notebook.move("undo")
    assert report.word("df") == "restored", report.data
    assert notebook.read("list(df)", "con.execute('select 7').fetchone()[0]") == ["['a']", "7"]
    assert notebook.identities(["con", "rows", "h"]) == identity
    revision = notebook.at()
    notebook.kill()
    again = kernels()
    report = again.move(f"resume {revision}")
    assert report.word("df") == report.word("rows") == "restored", report.data
    assert report.word("con") == "lost"
    assert report.word("h") == "restored", report.data
    assert again.read("df['a'].tolist()", "rows") == ["[1, 2, 3]", "[1, 2]"]
    if "At" in cell:
        assert again.read("At(5).x", "At(x=5) == At(5)", "h == At(2)") == ["5", "True", "True"]
    else:
        assert again.read("h(1)") == ["2"]


def test_a_dict_that_is_a_copy_of_the_namespace_is_stored_but_for_the_gaps(
    kernels: Callable[..., Notebook],
) -> None:
    notebook = kernels()
    notebook.run(
        FRAME, "import sqlite3\nrows = [1, 2]\ncon = sqlite3.connect(':memory:')\nh = dict(globals())"
    )
    notebook.kill()
    again = kernels()
    report = again.move("resume")
    assert report.word("df") == report.word("rows") == "restored", report.data
    assert report.word("con") == "lost" and report.word("h") == "not_identical"
    assert "`h['con']` is missing" in report.why("h")
    assert again.read("h['df'] is df", "h['rows'] is rows", "rows") == ["True", "True", "[1, 2]"]


READ_ONLY = {
    "a connection": ("import sqlite3\nx = sqlite3.connect(':memory:')", "repr(x)"),
    "a lock": ("import threading\nx = threading.Lock()", "repr(x)"),
    "a queue": ("import queue\nx = queue.Queue()", "x.qsize()"),
    "a generator": ("x = (n for n in range(3))", "repr(x)"),
    "a query": ("import sqlite3\nx = sqlite3.connect(':memory:')", "x.execute('select 1').fetchall()"),
    "a holder": ("import threading\nx = {'lock': threading.Lock(), 'n': 1}", "repr(x)"),
}


@pytest.mark.parametrize(("given", "read"), READ_ONLY.values(), ids=READ_ONLY.keys())
def test_a_cell_that_reads_a_live_object_does_not_change_it(
    kernels: Callable[..., Notebook], given: str, read: str
) -> None:
    notebook = kernels()
    notebook.run(given)
    made = notebook.at()
    notebook.run(f"y = {read}")
    shown = notebook.ask("show")
    changed = {root for root in map(str, shown.get("changed", []))}
    assert not any("'x'" in root or root == "x" for root in changed), shown
    assert "~x" not in notebook.say("log"), notebook.say("log")
    assert made != notebook.at()


EQUAL = {
    "an imputer": "from sklearn.impute import SimpleImputer\nx = SimpleImputer()",
    "a search over parameters": "from sklearn.linear_model import Ridge\nfrom sklearn.model_selection import GridSearchCV\nx = GridSearchCV(Ridge(), {'alpha': [1, 2]})",
    "NumPy's NaN in a dict": "from numpy import nan\nx = {'missing': nan}",
    "a static method of a library": "from matplotlib.axis import Axis\nx = Axis._format_with_dict",
    "a class method of a library": "import pandas as pd\nx = pd.DataFrame.from_dict",
    "bars with labels": "import pandas as pd\nx = pd.Series([1.0, 2.0], ['a', 'b']).plot(kind='bar', yerr=[0.1, 0.2])",
    "a rotation": "from scipy.spatial.transform import Rotation\nx = Rotation.from_euler('z', [[90], [45]], degrees=True)",
}


@pytest.mark.parametrize("name", EQUAL)
def test_what_is_equal_in_a_new_kernel_is_not_said_to_differ(desk: Desk, name: str) -> None:
    def make_all() -> None:
        for one, cell in EQUAL.items():
            desk.cleared().run(cell)
            desk.leave(one, [])

    _, report = desk.find(name, make_all)
    assert report.word("x") == "restored", report.why("x")
