"""What the analysis tells of cells: tables of cells and their effects, without a kernel. Nothing of a cell is run."""

from __future__ import annotations

import builtins
import datetime
import doctest
import json
import os
import random
import secrets
import sys
import tempfile
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clew.analysis
from clew.analysis import Callees, Effects, effects
from clew.analysis.bytecode import nested

#: What names mean in the cells here.
NAMESPACE = {
    "__name__": "__main__",
    "np": np,
    "pd": pd,
    "os": os,
    "random": random,
    "time": time,
    "sys": sys,
    "datetime": datetime.datetime,
    "clock": time.perf_counter,
    "tempfile": tempfile,
    "secrets": secrets,
    "values": [1, 2, 3],
    "table": {"a": 1},
    "frame": pd.DataFrame({"a": [1]}),
    "text": "now",
}


def of(source: str, **more: Any) -> Effects:
    return effects(source, NAMESPACE | more)


def defined(source: str) -> dict[str, Any]:
    """A namespace in which a cell was executed."""
    namespace = dict(NAMESPACE)
    exec(source, namespace)
    return namespace


#: Cells, what they read before they bind it, and what they certainly bind anew; names of built-in functions count as read.
VARIABLES = [
    # Assignments.
    ("x = 1", "", "x"),
    ("x = y", "y", "x"),
    ("x = x", "x", "x"),
    ("x = 1\ny = x", "", "x y"),
    ("a = b = c", "c", "a b"),
    ("a, (b, *c) = d", "d", "a b c"),
    ("x: int = y", "y int", "x"),
    ("x: int", "int", ""),
    # Augmented ones read what they bind.
    ("x += 1", "x", "x"),
    ("x = 1\nx += y", "y", "x"),
    ("x[0] += y", "x y", ""),
    ("x.a += y", "x y", ""),
    # What is deleted was read and is bound no more.
    ("del x", "x", ""),
    ("x = 1\ndel x", "", ""),
    ("x = 1\ndel x\ny = x", "x", "y"),
    ("del x.a, x[0]", "x", ""),
    # Attributes and elements are set on what is read.
    ("x.a = y", "x y", ""),
    ("x[k] = y", "x k y", ""),
    ("x.a.b[0].c = 1", "x", ""),
    ("x[1:2] = y", "x y", ""),
    # Another name for the same object.
    ("y = x\ny.append(1)", "x", "y"),
    ("y = x.a\ny[0] = 1", "x", "y"),
    # Branches and loops.
    ("if a:\n    x = 1", "a", ""),
    ("if a:\n    x = 1\ny = x", "a x", "y"),
    ("for i in y:\n    x = i", "y", ""),
    ("for i in y:\n    pass\nprint(i)", "y i print", ""),
    ("while a:\n    x = 1", "a", ""),
    ("x = a and b", "a b", "x"),
    ("try:\n    x = a\nexcept E:\n    y = b", "a E b", ""),
    ("try:\n    x = a\nfinally:\n    y = b", "a b", "x y"),
    ("assert a, b\nx = 1", "a b", "x"),
    # `with`.
    ("with a as b:\n    c = b", "a", "b"),
    ("with a as b, b.c as d:\n    pass", "a", "b"),
    # Comprehensions have names of their own.
    ("x = [y for y in z]", "z", "x"),
    ("x = [y + w for y in z if v]", "z w v", "x"),
    ("x = {k: v for k, v in z}\ny = k", "z k", "x y"),
    ("x = (y for y in z)", "z", "x"),
    ("x = [[b for b in a] for a in c]", "c", "x"),
    ("x = 1\ny = [x for _ in z]", "z", "x y"),
    # Expressions that bind.
    ("print((x := y))", "print y", "x"),
    ("[(x := y) for y in z]", "z", ""),
    ("if (x := y):\n    z = x", "y", "x"),
    # Functions read later what they name.
    ("def f():\n    return x", "", "f"),
    ("def f(a=b):\n    return a", "b", "f"),
    ("def f() -> a: ...", "a", "f"),
    ("f = lambda: x", "", "f"),
    ("def f():\n    return x\ny = f()", "x", "f y"),
    ("x = 1\ndef f():\n    return x\ny = f()", "", "x f y"),
    ("g(lambda: x)", "g x", ""),
    ("@d\ndef f():\n    return x", "d x", "f"),
    ("def f():\n    def g():\n        return x\n    return g\nh = f()", "x", "f h"),
    # `global` and `nonlocal`.
    ("def f():\n    global x\n    x = y", "", "f"),
    ("def f():\n    global x\n    x = y\nf()", "y", "f"),
    ("def f():\n    a = 1\n    def g():\n        nonlocal a\n        a = b\n    g()\nf()", "b", "f"),
    # The body of a class runs at once; what it binds is the class's.
    ("class A:\n    a = x", "x __name__", "A"),
    ("class A:\n    a = 1\n    b = a", "__name__", "A"),
    ("class A:\n    def m(self):\n        return x", "__name__", "A"),
    ("class A(B, k=c):\n    pass", "B c __name__", "A"),
    ("@d\nclass A:\n    pass", "d __name__", "A"),
    # Pattern matching.
    ("match a:\n    case [b, *c]:\n        d = b", "a", ""),
    ("match a:\n    case {'k': v, **rest}:\n        pass", "a", ""),
    ("match a:\n    case P(x=1) | Q.r:\n        pass", "a P Q", ""),
    # Imports.
    ("import a.b", "", "a"),
    ("import a.b as c", "", "c"),
    ("from a import b, c as d", "", "b d"),
    # Asynchronous code.
    ("async def f():\n    await x", "", "f"),
    ("async def f():\n    async for a in b: pass\nf()", "b", "f"),
]


@pytest.mark.parametrize(("source", "reads", "binds"), VARIABLES)
def test_variables(source: str, reads: str, binds: str) -> None:
    found = effects(source, {})
    own = {"__name__", "__annotate__", "__annotations__", "__conditional_annotations__"}
    # From Python 3.14 on nothing evaluates an annotation before somebody asks for it.
    lazy = {"int"} if sys.version_info >= (3, 14) and ": int" in source else set()
    assert found.reads - own == set(reads.split()) - own - lazy
    assert found.binds - own == set(binds.split())
    assert found.binds <= found.writes


@pytest.mark.parametrize(
    ("source", "later"),
    [
        ("def f():\n    return x + y", "x y"),
        ("class A:\n    def m(self):\n        return x", ""),
        ("f = lambda: x", "x"),
        ("def f():\n    x = 1\n    return x", ""),
        ("def f():\n    return [x for x in y]", "y"),
        ("def f(a=x):\n    return a", ""),
    ],
)
def test_functions_read_later(source: str, later: str) -> None:
    assert effects(source, {}).later - {"__name__"} >= set(later.split())


@pytest.mark.parametrize(
    ("source", "writes"),
    [
        ("if a: x = 1", "x"),
        ("del x", "x"),
        ("def f():\n    global x\n    x = 1", "f"),
        ("for i, (j, k) in a: pass", "i j k"),
        ("try: a\nexcept E as e: b", "e"),
        ("with a as (b, c): pass", "b c"),
        ("import a.b.c, d as e", "a e"),
        ("x.a = x[0] = 1", ""),
    ],
)
def test_what_may_be_bound(source: str, writes: str) -> None:
    assert effects(source, {}).writes >= set(writes.split())


def test_functions_of_the_notebook_are_followed() -> None:
    namespace = defined(
        "limit = 3\ndef inner():\n    global last\n    last = limit\ndef outer():\n    return inner()"
    )
    found = effects("x = outer()", namespace)
    assert {"outer", "inner", "limit"} <= found.reads and "last" in found.writes and found.binds == {"x"}
    namespace = defined("class A:\n    limit = 1\n    def m(self):\n        return limit")
    assert "limit" in effects("x = A().m()", namespace).reads
    namespace = defined("limit = 3\ndef outer():\n    return limit")
    found = effects("x = outer", namespace)
    assert "limit" in found.reads, "whoever gets the function may call it"


def test_callees_are_found_as_the_caller_knows() -> None:
    code = compile("y = hidden", "<function>", "exec")
    asked: list[Any] = []

    def find(loads: Any, writes: Any, codes: Any) -> Callees:
        asked.append((set(loads), set(writes)))
        return Callees([code], frozenset(("Annotated",)), looks_up_variables=True)

    found = effects("x = call()", NAMESPACE, find_callees=find)
    assert asked == [({"call"}, {"x"})]
    assert {"call", "hidden", "Annotated"} <= found.reads and found.called == [code] and "y" in found.writes
    assert found.dependencies.looks_up_variables and not found.are_reads_known


def test_a_cell_that_failed_may_not_have_bound_its_last_names() -> None:
    assert effects("x = 1\ny = f()", {}, is_whole=False).binds == {"x"}
    assert effects("x = 1\ny = f()", {}).binds == {"x", "y"}


def test_variables_that_were_seen_to_be_read_are_read() -> None:
    assert {"a", "b"} <= effects("x = a", {}, read={"b"}).reads


#: Cells of which it cannot be told what they read.
@pytest.mark.parametrize(
    ("source", "is_known"),
    [
        ("x = y.z + f(1)", True),
        ("exec(source)", False),
        ("eval('a + b')", False),
        ("x = globals()['a']", False),
        ("from a import *", True),
        ("getattr(x, 'a')", True),
        ("getattr(x, name())", False),
        ("frame.query('a > limit')", True),
        ("frame.query(f'a > {n}')", False),
        ("import sys\nsys._getframe()", False),
        ("import __main__", False),
        ("get_ipython().run_line_magic('unheard_of', 'x')", False),
        ("get_ipython().run_line_magic('matplotlib', 'inline')", True),
        ("get_ipython().system('ls {folder}')", True),
        ("vars(x)", True),
    ],
)
def test_whether_all_reads_are_known(source: str, is_known: bool) -> None:
    assert of(source).are_reads_known is is_known


def test_names_in_texts_are_read() -> None:
    assert "limit" in of("frame.query('a > limit')", limit=1).reads
    assert "folder" in of("get_ipython().system('ls {folder}')").reads
    assert "folder" in of("get_ipython().run_line_magic('cd', '$folder')").reads
    assert "scale" in of("f = smf.ols('y ~ scale(x)', frame)", smf=None, scale=1).reads


def test_code_that_magics_run_is_followed() -> None:
    found = of("get_ipython().run_cell_magic('time', '', 'y = x\\n')")
    assert {"x", "get_ipython"} <= found.reads and "y" in found.writes
    found = of("get_ipython().run_line_magic('timeit', '-n 3 f(x)')")
    assert {"f", "x"} <= found.reads


#: Cells, and what they depend on, in words.
WORDS = [
    ("t = time.time()", "the time"),
    ("t = datetime.now()", "the time"),
    ("t = clock()", "the time"),
    ("t = pd.Timestamp('now')", "the time"),
    ("x = input()", "keyboard input"),
    ("n = os.getpid()", "its process ID"),
    ("n = hash('a')", "a hash that differs in each process"),
    ("n = id(values)", "the memory address of an object"),
    ("f = tempfile.mkdtemp()", "a new temporary file or folder"),
    ("x = dict(os.environ)", "environment variables"),
    ("x = open('/proc/meminfo').read()", "the state of the machine"),
    ("eval('time.time()')", "the time"),
    ("import importlib\nt = importlib.import_module('time').time()", "the time"),
    ("getattr(time, 'time')()", "the time"),
    ("import inspect\ninspect.getsource(f)", "the text of cells"),
    ("import sys\nsys.last_value", "the last exception"),
    ("x = values.copy()", ""),
    ("t = datetime(2020, 1, 1)", ""),
    ("t = time.strftime('%Y', when)", ""),
    ("x: time.time = 1", ""),
    ("from datetime import timezone\nzone = timezone.utc", ""),
]


@pytest.mark.parametrize(("source", "word"), WORDS)
def test_what_is_another_each_time(source: str, word: str) -> None:
    assert of(source).dependencies.unrepeatable == ({word} if word else set())


def test_a_name_that_stands_alone_is_no_attribute() -> None:
    assert of("zone = timezone.utc", timezone=datetime.timezone).dependencies.environment_variables == set()
    assert of("zone = time.timezone").dependencies.environment_variables == {"TZ"}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("x = os.environ['A']", "A"),
        ("x = os.environ.get('A', 'B')", "A"),
        ("x = os.getenv('A')", "A"),
        ("get = os.environ.get\nx = get('A')", "A"),
        ("x = 'A' in os.environ", "A"),
        ("os.environ['A'] = '1'", ""),
        ("x = os.path.expandvars('$A/${B}')", "A B"),
        ("x = os.path.expanduser('~/a')", "HOME"),
        ("get_ipython().run_line_magic('env', 'A')", "A"),
    ],
)
def test_environment_variables(source: str, names: str) -> None:
    assert of(source, get=os.environ.get).dependencies.environment_variables == set(names.split())


@pytest.mark.parametrize(
    ("source", "is_drawn"),
    [
        ("rng = np.random.default_rng()", True),
        ("rng = np.random.default_rng(None)", True),
        ("rng = np.random.default_rng(1)", False),
        ("rng = np.random.default_rng(seed=len(values))", False),
        ("random.seed()", True),
        ("random.seed(1)", False),
        ("import uuid\nx = uuid.uuid4()", True),
        ("x = os.urandom(3)", True),
        ("x = secrets.choice(values)", True),
        ("x = random.random()", False),
        ("make = np.random.default_rng\nrng = make()", True),
        ("def f(seed=None):\n    return np.random.default_rng(seed)\nf()", True),
        ("def f(seed=None):\n    return np.random.default_rng(seed)\nf(3)", False),
    ],
)
def test_random_numbers_that_cannot_be_drawn_again(source: str, is_drawn: bool) -> None:
    assert of(source, make=np.random.default_rng).dependencies.draws_unseeded is is_drawn


def test_files_that_code_looks_for() -> None:
    found = of("if os.path.exists('ready.txt'): x = 1").dependencies
    assert "ready.txt" in found.paths_checked
    assert of("x = os.path.getmtime('a.csv')").dependencies.file_properties
    assert of("x = os.getcwd()").dependencies.uses_directory and not of("x = 1").dependencies.uses_directory


def test_states_of_generators() -> None:
    assert of("s = random.getstate()").dependencies.generator_states == {"random"}
    assert of("s = np.random.get_state()").dependencies.generator_states == {"numpy.random"}


#: Cells, and what they set in libraries.
PATCHES = [
    ("pd.DataFrame.shout = f", "pandas.DataFrame.shout"),
    ("np.answer = 42", "numpy.answer = 42"),
    ("setattr(np, 'answer', x)", "numpy.answer"),
    ("del np.answer", "numpy.answer"),
    ("json.dumps = f", "json.dumps"),
    ("sys.argv[1:] = []", "sys.argv"),
    ("sys.argv.append('-v')", "sys.argv"),
    ("sys.stdout.flush = f", "sys.flush"),
    ("sys.settrace(f)", "sys.settrace"),
    ("get_ipython().run_line_magic('precision', '3')", "%precision = 3"),
    ("get_ipython().run_line_magic('load_ext', 'autoreload')", "%load_ext autoreload = "),
    ("patcher.__enter__()", "contextlib.__enter__"),
    ("vars(np)['answer'] = 1", "numpy.__dict__"),
    ("sys.modules['json'].answer = 1", "json.answer"),
    ("x = np.answer", ""),
    ("frame.columns = ['b']", ""),
    ("values.append(4)", ""),
    ("sys.path.append('lib')", ""),
    ("os.environ['A'] = '1'", ""),
]


@pytest.mark.parametrize(("source", "name"), PATCHES)
def test_what_is_set_in_libraries(source: str, name: str) -> None:
    found = of(source, json=json, f=None)
    assert (name in found.patches) if name else not found.patches, found.patches


def test_what_functions_set_on_their_arguments() -> None:
    namespace = defined("def f(module):\n    g(module)\ndef g(given):\n    given.answer = 1")
    assert effects("f(np)", namespace).patches == ["numpy.answer"]
    assert effects("f(frame)", namespace).patches == []


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """A module of the user's own that answers every attribute, patches a library and reads the notebook's variables."""
    (tmp_path / "own_helpers.py").write_text(
        "import time, json\n"
        "def stamp():\n    return time.time()\n"
        "def plain(x):\n    return x + 1\n"
        "def patch():\n    json.answer = 1\n"
        "def back():\n    import __main__\n    return __main__.__dict__\n"
        "def __getattr__(name):\n    return stamp\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_helpers  # type: ignore[import-not-found]

    yield own_helpers
    del sys.modules["own_helpers"]


@pytest.mark.parametrize(
    ("source", "words", "patches", "reaches_back"),
    [
        ("x = own.plain(1)", set(), [], False),
        ("x = own.stamp()", {"the time"}, [], False),
        ("own.patch()", set(), ["json.answer"], False),
        ("x = own.back()", set(), [], True),
    ],
)
def test_code_of_own_modules_is_followed(
    own_module: types.ModuleType, source: str, words: set[str], patches: list[str], reaches_back: bool
) -> None:
    found = of(source, own=own_module)
    assert found.dependencies.unrepeatable == words
    assert found.reaches_back is reaches_back
    assert {one.partition(" = ")[0] for one in found.patches} == set(patches)


def test_a_module_that_answers_every_attribute_is_read_as_what_it_may_answer(
    own_module: types.ModuleType,
) -> None:
    found = of("x = own.anything()", own=own_module)
    assert (
        any(one.code.co_name == "__getattr__" for one in found.own)
        or found.dependencies.unrepeatable == set()
    )
    assert "own" in found.reads and found.are_reads_known


def test_nothing_runs_and_nothing_is_imported() -> None:
    class Trap:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared")

        __hash__ = None  # type: ignore[assignment]

    before = set(sys.modules)
    found = of("x = trap.a.b(trap == trap)\nimport xml.dom.expatbuilder as y\nraise SystemExit", trap=Trap())
    assert found.reads == {"trap", "SystemExit"} and set(sys.modules) == before


def test_compiled_statements_and_text_are_the_same() -> None:
    source = "x = y\nfor i in x: pass"
    codes = [compile(line, "<cell>", "exec") for line in source.splitlines()]
    assert effects(codes, {}).reads == effects(source, {}).reads == {"y"}
    assert effects(codes[0], {}).binds == {"x"}
    assert len(effects(source, {}).codes) == sum(len(list(nested(code))) for code in codes)
    with pytest.raises(SyntaxError):
        effects("x = ", {})


def test_the_example_of_the_package_is_true() -> None:
    try:
        assert doctest.testmod(clew.analysis, globs={"effects": effects}) == (0, 2)
    finally:
        # It shows values as an interpreter does, and leaves the last one as a built-in name.
        vars(builtins).pop("_", None)
