"""What a run may have touched, as the hooks tell it."""

from __future__ import annotations

import ast
import datetime
import decimal
import functools
import math
import operator
import platform
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clew._engine import codes_within
from clew.analysis.bytecode import nested
from clew.analysis.names import behind_magics, mentioned, read_and_written, uses
from clew.analysis.nondeterminism import looks_up
from clew.codecs import numpy
from clew.shell.environment import Surroundings
from clew.shell.watch import Seen, Watch, watch_for

Cells = Callable[..., Seen]


@pytest.fixture(params=["static", "monitoring"] if sys.version_info >= (3, 12) else ["static"])
def cells(request: pytest.FixtureRequest) -> Iterator[Cells]:
    """Runs cells in a namespace of their own, watched; gives what was seen of the last."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    watch = Watch(namespace) if request.param == "static" else watch_for(namespace)

    def run(*sources: str) -> Seen:
        for source in sources:
            code = compile(source, "<cell>", "exec")
            watch.begin()
            watch.note(code)
            exec(code, namespace)
            seen = watch.end()
            seen.touched()
        return seen

    run.watch = watch  # type: ignore[attr-defined]
    yield run
    watch.close()


def touched(seen: Seen) -> set[str]:
    names = seen.touched()
    assert names is not None
    return set(names)


def test_names_of_the_cell_and_of_what_it_defines(cells: Cells) -> None:
    assert touched(cells("x = 1; y = x\ndef f(): return z")) >= {"x", "y", "f", "z"}


@pytest.mark.parametrize(
    "define",
    [
        "def f(): secret.append(1)",
        "f = lambda: secret.append(1)",
        "import functools\ndef g(n): secret.append(n)\nf = functools.partial(g, 1)",
        "def g(): secret.append(1)\nf = [[{'k': g}]][0][0]['k']",
        "def wrap(h):\n    def inner(): return h()\n    return inner\n@wrap\ndef f(): secret.append(1)",
        "class C:\n    def __call__(self): secret.append(1)\nf = C()",
        "class B:\n    @property\n    def p(self): secret.append(1)\nclass C(B): pass\ndef f(): C().p",
        "class C:\n    def m(self): secret.append(1)\nf = C().m",
        "def g():\n    yield\n    secret.append(1)\nf = lambda: list(g())",
        "import functools\n@functools.cache\ndef f(): secret.append(1)",
    ],
)
def test_functions_that_run_count_wherever_they_hide(cells: Cells, define: str) -> None:
    cells("secret = []", define)
    assert "secret" in touched(cells("f()"))


def test_functions_in_containers_count(cells: Cells) -> None:
    cells("secret = []\ndef g(): secret.append(1)", "table = {'a': [g]}\ndel g")
    assert "secret" in touched(cells("table['a'][0]()"))


class Holder:
    """Holds something in its own attributes, or in those that all of its kind have."""

    shared: object = None

    def __init__(self, held: object) -> None:
        self.held = held


@pytest.mark.parametrize(
    ("hide", "is_found"),
    [
        (lambda f: f, True),
        (lambda f: [{"k": (f, {1: {f}})}], True),
        (Holder, True),
        (lambda f: Holder(Holder([f])), True),
        (lambda f: functools.partial(f, 1), True),
        (lambda f: lambda: f, True),
        (lambda f: types.MethodType(f, 1), True),
        (lambda f: type("Notebook", (), {"__module__": "__main__", "go": f}), True),
        (lambda f: type("Library", (), {"__module__": "somewhere", "go": f}), True),
        (lambda f: type("Library", (), {"__module__": "somewhere", "go": [{"k": property(f)}]})(), True),
        (lambda f: type("Library", (), {"__module__": "somewhere", "go": len}), False),
        (lambda f: type("Meta", (type,), {"__module__": "json", "go": f})("C", (), {}), True),
        (lambda f: np.array([1, f], dtype=object), True),
        (lambda f: np.array([[[1, "a"], ["b", f]]], dtype=object)[:, ::-1, ::-1], True),
        (lambda f: np.broadcast_to(np.array(f, dtype=object), (9, 9)), True),
        (lambda f: np.array(["a"] * 3000 + [f] + [2.5] * 3000, dtype=object), True),
        (lambda f: np.array([f, 1, f, 1], dtype=object)[1::2], False),
        (
            lambda f: np.array(
                [datetime.date.min, None, np.zeros(2), decimal.Decimal(1)] * 3000, dtype=object
            ),
            False,
        ),
        (lambda f: np.array([(1, 2)], dtype=[("O", "i4"), ("b", "f8")]), False),
        (lambda f: [str(n) for n in range(2000)] + [f], True),
        (lambda f: {n: [f] for n in range(2000)}, True),
        (lambda f: pd.Series([f]), True),
        (lambda f: pd.DataFrame({"n": [1], "f": [Holder(f)]}), True),
        (lambda f: weakref.ref(f), True),
        (lambda f: np.array([weakref.ref(f)], dtype=object), True),
        (lambda f: [1, 2.0, "text", None, range(3), b"", math], False),
    ],
)
def test_functions_are_found_where_the_collector_sees_them(
    hide: Callable[[object], object], is_found: bool
) -> None:
    namespace: dict[str, Any] = {}
    exec("def f():\n    pass", namespace)
    codes, others, is_complete, _ = codes_within([hide(namespace["f"])], namespace, {})
    assert set(codes) == ({namespace["f"].__code__} if is_found else set())
    assert not any(map(looks_up, others))
    assert is_complete


def test_what_may_look_names_up_is_found_where_the_collector_sees_it() -> None:
    namespace: dict[str, Any] = {}
    frame = pd.DataFrame({"a": [1]})
    called = operator.methodcaller("query", "a > 0")
    held = [{"k": (eval, called)}, Holder(frame.query), functools.partial(len, namespace)]
    _, others, is_complete, _ = codes_within(held, namespace, {})
    assert is_complete
    # From Python 3.14 on, a function refers to the one that creates its annotations.
    others = [one for one in others if getattr(one, "__name__", "") != "__annotate__"]
    assert {id(one) for one in others} == {
        id(eval),
        id(called),
        id(pd.DataFrame.query),
        id(len),
        id(namespace),
    }


@pytest.mark.parametrize(
    ("many", "is_seen"),
    [
        ([[n] for n in range(900)], True),
        (list(range(100_000)), True),
        (dict.fromkeys(range(100_000), "text"), True),
        ([[[n]] for n in range(9000)], False),
        (np.fromiter(([[n]] for n in range(9000)), dtype=object), False),
        (np.array([(1, [])], dtype=[("a", "i4"), ("b", "O")]), False),
    ],
)
def test_a_search_that_would_take_long_says_that_it_did_not_see_all(many: object, is_seen: bool) -> None:
    chain: list[object] = []
    for _ in range(6000):
        chain = [chain]
    assert codes_within([chain], {}, {})[2] is False
    assert codes_within([many], {}, {})[2] is is_seen


def test_texts_that_were_packed_are_not_looked_through_again() -> None:
    namespace: dict[str, Any] = {}
    exec("def f():\n    pass", namespace)
    array = np.array([[f"text {n}" for n in range(1000)]] * 2, dtype=object).T
    assert isinstance(numpy.texts_or_items(array.reshape(-1, order="F")), tuple)
    assert codes_within([array], namespace, numpy.packed) == ([], [], True, [])
    array[7, 1] = namespace["f"]
    assert codes_within([array], namespace, numpy.packed)[0] == [namespace["f"].__code__]


def test_what_does_not_run_is_not_touched(cells: Cells) -> None:
    cells("secret = []\ndef f(): secret.append(1)\ny = 1")
    assert "secret" not in touched(cells("y += 1"))


def test_what_began_within_a_statement_may_have_touched_all(cells: Cells) -> None:
    watch: Watch = cells.watch  # type: ignore[attr-defined]
    watch.begin()
    watch.note(compile("for _ in range(1):\n    ask()\n    out = base * 2", "<cell>", "exec"))
    watch.end()
    watch.begin(is_within=True)
    watch.note(compile("y = 1", "<cell>", "exec"))
    seen = watch.end()
    assert seen.touched() is None
    evidence = seen.evidence()
    assert {"base", "ask"} <= set(evidence["reads"])
    assert {"out", "y"} <= set(evidence["writes"])
    # The next one knows nothing of it.
    assert "out" not in touched(cells("z = 1"))


def test_a_generator_made_earlier_counts_when_it_goes_on(cells: Cells) -> None:
    cells("secret = []\ndef g():\n    while True:\n        secret.append(1)\n        yield")
    cells("it = g(); next(it)")
    assert "secret" in touched(cells("next(it)"))


def test_a_function_made_by_exec_or_brought_back_counts(cells: Cells) -> None:
    cells("secret = []", "exec('def f(): secret.append(1)')")
    assert "secret" in touched(cells("f()"))
    assert "secret" in touched(cells("f()"))


@pytest.mark.parametrize(
    "escape",
    [
        "globals()['x'] = 1",
        "eval('f')",
        "from math import *",
        "import __main__",
        "getattr(f, 'x', None)",
        "_",
        "_3",
        "Out",
        "def g(): return vars()\n",
        "get_ipython().run_line_magic('time', 'x')",
        "df.query('a > @x')",
    ],
)
def test_code_that_reaches_any_name_may_have_touched_all(cells: Cells, escape: str) -> None:
    cells("class Any:\n    def __getattr__(self, _): return lambda *_: {}\ndf = f = Any(); Out = _3 = _ = 1")
    cells("def get_ipython(): return df")
    assert cells(escape).touched() is None


def test_an_escape_in_a_function_that_runs_counts(cells: Cells) -> None:
    cells("x = 1\ndef f(): globals()['x'] = 2", "y = 1")
    assert cells("f()").touched() is None
    assert touched(cells("y = 2")) == {"y"}


def test_a_loop_over_underscore_is_no_escape(cells: Cells) -> None:
    assert touched(cells("for _ in range(2): x = 1")) == {"_", "range", "x"}


def test_names_inside_strings_count(cells: Cells) -> None:
    assert touched(cells("t = 'a > @threshold'; u = ('select * from', ('frame',))")) >= {"threshold", "frame"}
    assert touched(cells("x = 1; f'{x} of total'")) >= {"total", "x"}


def test_docstrings_speak_to_people() -> None:
    def told(source: str) -> frozenset[str]:
        names = [mentioned(code) for code in nested(compile(source, "<cell>", "exec"))]
        return frozenset[str]().union(*(one for one in names if one is not None))

    assert "rows" not in told("def f():\n    'How many rows.'\n    return 'x', 1")
    # What a text says that is there twice, or stands first elsewhere, counts.
    assert "rows" in told("def f():\n    'rows'\n    return len('rows')")
    assert "rows" in told("f = lambda: 'rows'") and "rows" in told("def f(): return len('rows')")
    assert "rows" in told("[look('rows') for _ in t]") and "rows" in told("list(look('rows') for _ in t)")
    assert "rows" in told("def f():\n    'A tuple.'\n    return ('rows', 'b')")


def test_very_long_strings_may_name_anything() -> None:
    assert mentioned(compile(f"x = {'a' * 2_000_000!r}", "", "exec")) is None


def test_a_thread_of_the_notebook_may_touch_everything(cells: Cells) -> None:
    cells(
        "import threading, time\ngo, begun = True, threading.Event()\ndef loop():\n    begun.set()\n    while go: time.sleep(0.005)"
    )
    cells("thread = threading.Thread(target=loop); thread.start(); begun.wait()")
    assert cells("x = 1").touched() is None
    cells("go = False; thread.join()")
    assert touched(cells("x = 2")) == {"x"}


def test_threads_of_libraries_touch_nothing(cells: Cells) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert touched(cells("x = 1")) == {"x"}
    finally:
        stop.set()
        thread.join()


def test_evidence_tells_reads_and_writes_and_modules(cells: Cells) -> None:
    cells("a = [1]; b = 2")
    sys.modules.pop("this", None)
    seen = cells("c = a\ndel b\nimport sched as s\ndef f():\n    global d\n    d = a\nf()")
    evidence = seen.evidence()
    assert set(evidence["reads"]) == {"a", "b"}  # `f` was bound before it was called
    assert set(evidence["writes"]) == {"b", "c", "d", "f", "s"}
    assert evidence["touched_all"] is False


USES = {
    # source: (read before it was bound, certainly bound anew)
    "x = 1; y = x": ("", "x y"),
    "x += 1": ("x", "x"),
    "x.a = y[0] = z": ("x y z", ""),
    "del x": ("x", ""),
    "for i in data:\n    t = i\n    u = t + v": ("data v", ""),
    "if a: x = 1\ny = x": ("a x", "y"),
    "if a:\n    x = 1\nelse:\n    x = 2\ny = x": ("a x", "y"),
    "while a:\n    n = n + 1\n    if n: break\nelse:\n    e = 1\nz = n": ("a n", "z"),
    "try:\n    x = 1\nexcept E:\n    x = 2\ny = x": ("E x", "y"),
    "with a as b:\n    d = b\ny = d": ("a d", "b y"),
    "import p.q, r as s\nfrom t import u": ("", "p s u"),
    "x = 1\ny = [x + k for i in data]": ("data k", "x y"),
    "(n := a) and (m := b)": ("a b", "n"),
    "match v:\n    case [p, q]: r = p": ("v", ""),
    "def f(): return k": ("", "f"),
    "def f(): return k\ny = f()": ("k", "f y"),
    "@d\ndef f(): return k": ("d k", "f"),
    "class C:\n    q = w\n    r = q\n    def m(self): return k": ("w", "C"),
}


@pytest.mark.parametrize("source", USES)
def test_a_cell_reads_what_it_did_not_bind_before(source: str) -> None:
    statements = [compile(ast.Module([node], []), "<cell>", "exec") for node in ast.parse(source).body]
    found = uses(statements)
    found.call([])
    assert (" ".join(sorted(found.reads - {"__name__"})), " ".join(sorted(found.binds))) == USES[source]


def test_the_last_statement_of_a_failed_cell_may_have_bound_nothing() -> None:
    statements = [compile(source, "<cell>", "exec") for source in ("x = 1", "y = 1 / 0")]
    assert uses(statements, is_whole=False).binds == {"x"}


def test_what_a_function_reads_counts_when_it_may_have_run(cells: Cells) -> None:
    cells("k = 1\ndef g(): return k\ndef f(): return g()", "once = lambda: k")
    assert cells("def h(): return f()").evidence()["reads"] == []
    assert set(cells("y = h()").evidence()["reads"]) == {"f", "g", "h", "k"}
    assert set(cells("k = 2\nz = f()").evidence()["reads"]) == {"f", "g", "k"}
    assert cells("def late(): return nowhere + len('')").evidence()["later"] == ["nowhere"]


def test_magics_that_run_a_cell_as_it_stands_hide_nothing(cells: Cells) -> None:
    cells(
        "def get_ipython(): return Shell()",
        "class Shell:\n    def __getattr__(self, _): return lambda *_: None",
    )
    cells("k = 1\ndef f(): return k")
    timed = cells("get_ipython().run_cell_magic('time', '', 'x = 1\\ny = f() + x\\n')")
    evidence = timed.evidence()
    assert evidence["touched_all"] is True
    assert set(evidence["reads"]) >= {"f"} and "x" not in evidence["reads"]
    for source, is_known in [
        ("get_ipython().run_line_magic('matplotlib', 'inline')", True),
        ("get_ipython().run_cell_magic('bash', '', 'ls')", True),
        ("get_ipython().run_cell_magic('of_nobody', '', 'ls')", False),
        ("get_ipython().run_cell_magic('time', '', 'exec(s)')", False),
        ("get_ipython().run_line_magic('timeit', 'f(x)')", True),
        ("get_ipython().run_line_magic('timeit', '-n1 -r 10 -q -x')", True),
        ("get_ipython().run_cell_magic('timeit', '-n 1 y = f(x)', 'g(y)')", True),
        ("get_ipython().run_cell_magic('timeit', '', 'g(y)')", True),
        ("get_ipython().run_line_magic('timeit', '-o -n1')", True),
        ("get_ipython().run_line_magic('timeit', '-v t f(x)')", False),
        ("get_ipython().run_line_magic('timeit', 'exec(s)')", False),
    ]:
        assert behind_is_known(source) is is_known, source


def behind_is_known(source: str) -> bool:
    plain, run = behind_magics([compile(source, "<cell>", "exec")])
    return all(mentioned(code) is not None for code in [*plain, *run])


def test_what_is_read_and_then_taken_away_counts(cells: Cells) -> None:
    cells("tmp = [1]")
    assert cells("y = tmp\ndel tmp").evidence()["reads"] == ["tmp"]


def test_seeding_is_told_by_generator(cells: Cells) -> None:
    cells(
        "import random, numpy as np\nfrom random import seed\nclass R:\n    def seed(self, n): pass\nr = R()"
    )
    for source, generators in [
        ("random.seed(1)", ["random"]),
        ("np.random.seed(1); random.random()", ["numpy.random"]),
        ("seed(2)", ["random"]),
        ("r.seed(2); random.random()", []),
    ]:
        assert cells(source).evidence()["seeded"] == generators, source
    cells("def both(): random.seed(1); np.random.seed(1)")
    assert cells("both()").evidence()["seeded"] == ["numpy.random", "random"]


def test_what_nobody_can_draw_again_is_told(cells: Cells) -> None:
    cells("import os, random, secrets, uuid\nimport numpy as np\nfrom numpy.random import default_rng")
    for source, is_told in [
        ("x = np.random.default_rng().random(3)", True),
        ("x = default_rng()", True),
        ("random.seed()", True),
        ("x = uuid.uuid4().hex", True),
        ("x = secrets.token_hex(8)", True),
        ("x = list(map(random.SystemRandom().choice, ['ab']))", True),
        ("x = os.urandom(4)", True),
        ("from uuid import uuid4", False),
        ("x = np.random.default_rng(1).random()", False),
        ("x = default_rng(seed=len('ab'))", False),
        ("random.seed(1); x = random.random()", False),
    ]:
        assert ("os.urandom" in cells(source).evidence().get("random", {})) is is_told, source
    cells("def drawn(n):\n    return [np.random.RandomState() for _ in range(n)]")
    assert "os.urandom" in cells("x = drawn(2)").evidence()["random"]
    assert "os.urandom" not in cells("y = x").evidence().get("random", {})


def test_evidence_tells_variables_and_modules_that_came(monkeypatch: pytest.MonkeyPatch) -> None:
    around = Surroundings()
    around.begin()
    monkeypatch.setenv("CLEW_TEST_VARIABLE", "1")
    sys.modules.pop("clew_test_module", None)
    sys.modules["clew_test_module"] = module = type(sys)("clew_test_module")
    module.__version__ = "1.2"  # type: ignore[attr-defined]
    try:
        found = around.end().described()
    finally:
        del sys.modules["clew_test_module"]
    assert found["environment"] == ["CLEW_TEST_VARIABLE"]
    assert found["modules"] == [{"name": "clew_test_module", "version": "1.2"}]
    assert found["interpreter"]["version"] == platform.python_version()
    pytest_found = [module for module in found["found"] if module["name"] == "pytest"]
    assert pytest_found == [{"name": "pytest", "version": pytest.__version__, "distribution": "pytest"}]
    around.begin()
    again = around.end().described()
    assert not again["found"], "told twice"
    assert again["interpreter"] == found["interpreter"], "the engine takes the first that is recorded"
    assert found["peak_memory"] > 1_000_000


def test_many_names_are_read_past_the_reach_of_one_byte() -> None:
    source = "\n".join(f"name{n} = other{n}" for n in range(400))
    reads, writes = read_and_written(compile(source, "", "exec"))
    assert reads == {f"other{n}" for n in range(400)}
    assert writes == {f"name{n}" for n in range(400)}


def test_watching_lets_go_of_code_nobody_has_any_more(cells: Cells) -> None:
    for _ in range(50):
        cells("def f(): return 1\nf()")
    cells("f = None", "x = 1", "x = 2")
    assert len(cells.watch._known) < 20  # type: ignore[attr-defined]


HOT = """
counter = 0
def step(n):
    return n + len(SIZES) + abs(-1)
SIZES = [1]
def loop(n=300_000):
    total = 0
    for i in range(n):
        total += step(i)
    return total
"""


def test_hot_loops_run_at_full_speed(cells: Cells) -> None:
    """Nothing is traced, and each function fires once for each kind of event, however often it is called."""
    cells(HOT)
    watch, fired = cells.watch, []  # type: ignore[attr-defined]
    if hasattr(watch, "_tool"):
        monitoring = sys.monitoring
        for event in (monitoring.events.PY_START, monitoring.events.PY_RESUME, monitoring.events.JUMP):
            before = monitoring.register_callback(watch._tool, event, None)

            def counting(*told: Any, before: Any = before) -> Any:
                fired.append(told)
                return before(*told)

            monitoring.register_callback(watch._tool, event, counting)
    for _ in range(2):
        del fired[:]
        watch.begin()
        watch.namespace["loop"](1000)
        assert len(fired) == (3 if hasattr(watch, "_tool") else 0)
        assert sys.gettrace() is None and sys.getprofile() is None


def test_imports_are_timed_and_nothing_else(cells: Cells) -> None:
    took = cells("import wave, colorsys").evidence()["importing"]
    assert took > 0
    assert cells("from wave import open as again").evidence()["importing"] > 0
    for other in ("x = [n for n in range(100)]", "x = __import__('wave')", "import wave; wave.open"):
        expected = "import wave" in other
        assert (cells(other).evidence()["importing"] > 0) == expected, other
    assert cells("import wave; sum([1])").evidence()["importing"] == 0, "what else runs can't be told apart"
