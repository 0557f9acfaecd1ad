"""What changes a fingerprint, and what does not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from notebooks import Notebook

MUTATIONS: dict[str, tuple[str, str]] = {
    # what changes: the cell before, the cell that changes `x`
    "an item": ("x = [1, 2]", "x[0] = 3"),
    "an item's type": ("x = [1]", "x[0] = True"),
    "an int to a float": ("x = [1]", "x[0] = 1.0"),
    "the sign of zero": ("x = [0.0]", "x[0] = -0.0"),
    "text to bytes": ("x = ['a']", "x[0] = b'a'"),
    "the order of a dict": ("x = {'a': 1, 'b': 2}", "x['a'] = x.pop('a')"),
    "a member of a set": ("x = {1, 2}", "x.add(3)"),
    "deep inside": ("x = {'a': [({'b': [1]},)]}", "x['a'][0][0]['b'].append(2)"),
    "aliasing": ("a = [1]; x = [a, a]", "x[1] = [1]"),
    "an attribute": ("class A: pass\nx = A(); x.a = 1", "x.a = 2"),
    "an attribute's name": ("class A: pass\nx = A(); x.a = 1", "del x.a; x.b = 1"),
    "a slot": ("class A: __slots__ = ('a', 'b')\nx = A(); x.a = 1", "x.a = 2"),
    "a slot's name": ("class A: __slots__ = ('a', 'b')\nx = A(); x.a = 1", "del x.a; x.b = 1"),
    "an attribute of a subclass of dict": ("class D(dict): pass\nx = D(a=1); x.t = 1", "x.t = 2"),
    "the dict of a subclass that lies": (
        "class D(dict):\n    def items(s): return []\n    def __iter__(s): return iter([])\nx = D(a=1)",
        "dict.__setitem__(x, 'a', 2)",
    ),
    "the class": ("class A: pass\nclass B: pass\nx = A()", "x.__class__ = B"),
    "a default": ("def x(a=[1]): pass", "x.__defaults__[0].append(2)"),
    "a closure": (
        "def m():\n    n = 0\n    def f():\n        nonlocal n; n += 1\n    return f\nx = m()",
        "x()",
    ),
    "code": ("def x(): return 1", "def y(): return 2\nx.__code__ = y.__code__"),
    "an attribute of a function": ("def x(): pass", "x.tag = 1"),
    "random numbers": ("import random\nx = random.Random(1)", "x.random()"),
    "an iterator": ("x = iter([1, 2])", "next(x)"),
    "a deque": ("import collections\nx = collections.deque([1, 2])", "x.rotate()"),
    "text in memory": ("import io\nx = io.StringIO('abc')", "x.read(1)"),
    "an exception's cause": ("x = ValueError()", "x.__cause__ = KeyError()"),
    "an exception's note": ("x = ValueError()", "x.add_note('n')"),
    "bytes of a bytearray": ("x = bytearray(100_000)", "x[50_000] = 1"),
    "a field that pickle drops": (
        "class G:\n    def __getstate__(s): return {}\nx = G(); x.a = 1",
        "x.a = 2",
    ),
    "an attribute beside a datetime": (
        "import datetime\nclass T(datetime.date): pass\nx = T(2020, 1, 1); x.a = 1",
        "x.a = 2",
    ),
    "a partial": ("import functools\nx = functools.partial(print, [1])", "x.args[0].append(2)"),
    "what a cache knows": ("import functools\n@functools.cache\ndef x(n): return n\nx(1)", "x(2)"),
    "what a bounded cache knows": (
        "import functools\nk = 1\n@functools.lru_cache(3)\ndef x(n): return k\nx(1)",
        "x.cache_clear(); k = 2; x(1)",
    ),
    "nothing but a weak reference's life": (
        "import weakref\nclass A: pass\na = A(); x = [weakref.ref(a)]",
        "del a",
    ),
}

READS: dict[str, tuple[str, str]] = {
    "an instance's dict": ("class A: pass\nx = A(); x.a = 1", "vars(x)"),
    # From Python 3.14 on, this creates them (docs/guide/limits.md).
    **(
        {}
        if sys.version_info >= (3, 14)
        else {"annotations": ("def x(a: int) -> str: pass", "x.__annotations__")}
    ),
    "annotations once more": ("def x(a: int) -> str: pass\nx.__annotations__", "x.__annotations__"),
    "a call": ("def x(a): return a", "[x(n) for n in range(100)]"),
    "code of a function": ("def x(a): return a", "x.__code__.co_code, x.__code__.co_consts"),
    "a hash of a text": ("x = ['a' * 100]", "hash(x[0])"),
    "a text as utf-8": ("x = ['ä' * 100]", "x[0].encode()"),
    "pickling": ("class A: pass\nx = A(); x.a = [1]", "import pickle, copy; copy.deepcopy(x)"),
    "a class": (
        "class x:\n    @property\n    def p(s): return 1\n    def f(s): return 2",
        "x().f(), x().p, x.__annotations__, x.__doc__, x.__mro__",
    ),
    "another name": ("x = [1]", "y = len(x)"),
    "a run of the collector": ("x = [[], {}]", "import gc; gc.collect()"),
}


@pytest.mark.parametrize(("cell", "mutation"), MUTATIONS.values(), ids=MUTATIONS.keys())
def test_a_change_changes_the_fingerprint(cell: str, mutation: str) -> None:
    notebook = Notebook(cell)
    before = notebook.fingerprint("x")
    notebook.run(mutation)
    assert notebook.fingerprint("x") != before


@pytest.mark.parametrize(("cell", "read"), READS.values(), ids=READS.keys())
def test_a_read_changes_no_fingerprint(cell: str, read: str) -> None:
    notebook = Notebook(cell)
    notebook.look()
    before = notebook.fingerprint("x")
    notebook.run(read)
    assert notebook.fingerprint("x") == before


def test_a_deep_copy_has_the_same_fingerprint() -> None:
    notebook = Notebook(
        "import copy\nclass A: pass\na = A(); a.l = [1, {'k': (2, 'text' * 100)}, {3, 4}]; a.me = a\nb = a"
    )
    before = notebook.fingerprint("a")
    notebook.run("a = b = copy.deepcopy(a)")
    assert notebook.fingerprint("a") == before


def test_sets_hash_alike_in_any_order() -> None:
    notebook = Notebook("x = {f'k{n}' for n in range(100)}")
    before = notebook.fingerprint("x")
    notebook.run("x = {f'k{n}' for n in reversed(range(100))}")
    assert notebook.fingerprint("x") == before


def test_shared_constants_join_nothing() -> None:
    cell = "import sys, math, enum\nname = sys.intern('name'); t = (1, 'a'); far = 'x' * 1000\nclass E(enum.Enum): A = 1\n"
    cell += "for n in range(200): globals()[f'v{n}'] = [name, t, far, None, 5, math.nan, int, E.A, len, sys]\ndel n"
    notebook = Notebook(cell)
    groups = [group for group in notebook.groups() if group[0].startswith("v")]
    assert len(groups) == 200


def test_shared_objects_join() -> None:
    notebook = Notebook("s = object(); a = [s]; b = {1: s}; c = [1]; n = float('nan'); d = [n]; e = [n]")
    assert notebook.groups() == [["a", "b", "s"], ["c"], ["d", "e", "n"]]


def test_two_names_on_one_object_belong_together_but_not_on_a_small_one() -> None:
    notebook = Notebook("a = b = [1]; c = d = 5; e = f = 'x y' * 100; g = h = None; i = j = 10**20")
    assert notebook.groups() == [["a", "b"], ["c"], ["d"], ["e", "f"], ["g"], ["h"], ["i", "j"]]


def test_bound_methods_and_instances_join_their_object_and_not_their_class() -> None:
    notebook = Notebook("class A:\n    def f(s): pass\na = A(); b = A(); m = a.f; g = A.f")
    assert notebook.groups() == [["A"], ["a", "m"], ["b"], ["g"]]


def test_a_million_small_objects(capsys: pytest.CaptureFixture[str]) -> None:
    notebook = Notebook(
        "class P:\n    def __init__(s, n): s.x, s.y = n, str(n)\nx = [P(n) for n in range(250_000)]\ny = [{'a': n} for n in range(125_000)]"
    )
    started = time.process_time()
    nodes = sum(found.nodes for found in notebook.look())
    took = time.process_time() - started
    with capsys.disabled():
        print(f"\n{nodes} objects looked at in {took * 1e3:.0f} ms, {took / nodes * 1e9:.0f} ns each")
    assert nodes >= 1_000_000


def test_p03_names_that_a_getter_makes_are_read_while_they_are_there() -> None:
    """The name of a method wrapper is made anew for who asks; freed memory is filled (PYTHONMALLOC=debug)."""
    looks = "from notebooks import Notebook; print(Notebook('x = [].__len__').fingerprint('x'))"
    said = [
        subprocess.run(
            [sys.executable, "-c", looks],
            cwd=Path(__file__).parent,
            env={**os.environ, "PYTHONMALLOC": allocator},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for allocator in ("pymalloc", "debug")
    ]
    assert said[0] == said[1]
