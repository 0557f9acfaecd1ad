"""Values that are looked at, encoded and built again: equal, aliased as before, the original untouched."""

from __future__ import annotations

import gc
import random
import sys
from typing import Any

import pytest
from notebooks import Notebook

CASES: dict[str, tuple[str, list[str]]] = {
    # what it is: the cell that makes it, what must hold afterwards
    "none, bools, ellipsis and not implemented": (
        "x = [None, True, False, ..., NotImplemented]",
        ["x == [None, True, False, ..., NotImplemented]"],
    ),
    "ints of any size": (
        "x = [0, -1, 127, 128, -128, -129, 2**63, -(2**63), 2**64, -(2**200), 10**400]",
        ["x == [0, -1, 127, 128, -128, -129, 2**63, -(2**63), 2**64, -(2**200), 10**400]"],
    ),
    "floats with their signs": (
        "import math\nx = [0.0, -0.0, 1e308, float('inf'), -float('inf')]",
        ["[math.copysign(1, v) for v in x] == [1, -1, 1, 1, -1]", "x[2] == 1e308"],
    ),
    "nan is one object in two places": (
        "n = float('nan'); x = [n, n]",
        ["x[0] is x[1]", "x[0] is n", "n != n"],
    ),
    "complex": ("x = complex(1.5, -0.0)", ["str(x) == '(1.5-0j)'"]),
    "text of every width": (
        "x = ['', 'a', 'ä', '€', '𝄞', '\\ud800', 'x' * 1000, '€' * 1000]",
        ["x == ['', 'a', 'ä', '€', '𝄞', '\\ud800', 'x' * 1000, '€' * 1000]"],
    ),
    "a long text in two places": ("t = 'x' * 1000 + str(1); x = [t, t]", ["x[0] is x[1]"]),
    "bytes too long for the stream": (
        "x = [b'ab' * (17 << 20)]; v = memoryview(x[0])[1:5]; y = [x[0], b'cd' * (17 << 20)]",
        [
            "x[0] == b'ab' * (17 << 20)",
            "bytes(v) == b'baba'",
            "v.obj is x[0]",
            "y[0] is x[0]",
            "y[1][-2:] == b'cd'",
        ],
    ),
    "bytes and bytearrays": (
        "x = [b'', b'ab', b'x' * 100_000, bytearray(), bytearray(b'ab'), bytearray(200_000)]",
        ["x[2] == b'x' * 100_000", "x[4] == b'ab'", "len(x[5]) == 200_000", "type(x[3]) is bytearray"],
    ),
    "containers": (
        "x = {'a': [1, (2, 3)], 'b': {4, 5}, ('c', 1): frozenset([6]), 7: {'d': {}}}",
        ["x == {'a': [1, (2, 3)], 'b': {4, 5}, ('c', 1): frozenset([6]), 7: {'d': {}}}", "list(x)[0] == 'a'"],
    ),
    "slices and ranges": (
        "x = [slice(1, None, 2), range(3, 9, 2)]",
        ["x == [slice(1, None, 2), range(3, 9, 2)]"],
    ),
    "a is b": ("a = [1]; b = a; c = [1]", ["a is b", "a is not c"]),
    "an element in two lists": ("e = {}; a = [e]; b = [e]", ["a[0] is b[0]", "a[0] is e"]),
    "a list in itself": ("x = [1]; x.append(x)", ["x[1] is x", "len(x) == 2"]),
    "a dict in itself": ("x = {}; x['me'] = x", ["x['me'] is x"]),
    "a tuple in itself": ("x = ([],); x[0].append(x)", ["x[0][0] is x"]),
    "an instance in its own dict": (
        "class A: pass\nx = A(); x.me = x; x.all = {x: 1}",
        ["x.me is x", "x.all[x] == 1"],
    ),
    "sets of instances": (
        "class A: pass\na = A(); x = {a, (a, 1), frozenset([a])}",
        ["a in x", "(a, 1) in x", "len(x) == 3"],
    ),
    "functions": (
        "k = 2\ndef f(x: int, y=[1], *, z={'a': 1}) -> list:\n    'doc'\n    return [x * k, y, z]\nf.tag = [1]",
        [
            "f(3) == [6, [1], {'a': 1}]",
            "f.__doc__ == 'doc'",
            "f.tag == [1]",
            "f.__annotations__ == {'x': int, 'return': list}",
        ],
    ),
    "a mutable default that was filled": (
        "def f(x, seen=[]):\n    seen.append(x)\n    return seen\nf(1)",
        ["f(2) == [1, 2]"],
    ),
    "two closures over one variable": (
        "def make():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    return up, lambda: n\nup, now = make(); up()",
        ["up() == 2", "now() == 2"],
    ),
    "a closure that calls itself": (
        "def make():\n    def f(n): return n and n + f(n - 1)\n    return f\nf = make()",
        ["f(4) == 10"],
    ),
    "lambdas in containers": ("k = 3\nx = {'f': [lambda v: v + k]}", ["x['f'][0](1) == 4"]),
    "decorators": (
        "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def inner(*a): return f(f(*a))\n    return inner\n@twice\ndef inc(x): return x + 1",
        ["inc(1) == 3", "inc.__name__ == 'inc'", "inc.__wrapped__(1) == 2"],
    ),
    "partials": (
        "import functools\ndef f(a, b, c=1): return a, b, c\np = functools.partial(f, 1, c=[2]); p.tag = 3",
        ["p(5) == (1, 5, [2])", "p.func is f", "p.tag == 3"],
    ),
    "caches": (
        "import functools\n@functools.cache\ndef f(n): return [n]\n@functools.lru_cache(maxsize=3, typed=True)\ndef g(n): return n",
        ["f(3) == [3]", "g.cache_parameters() == {'maxsize': 3, 'typed': True}", "f.__wrapped__(2) == [2]"],
    ),
    "what a cache keeps": (
        "import functools\n@functools.cache\ndef f(n, *, k=0): made.append(n); return [n + k]\nmade = []; f(1); f(2); kept = f(3, k=1)",
        ["f(1) == [1]", "f(3, k=1) is kept", "made == [1, 2, 3]", "f.cache_info().currsize == 3"],
    ),
    "what a cache of bounded size keeps, in its order of use": (
        "import functools\n@functools.lru_cache(4)\ndef f(n, *, k=0): made.append(n); return [n + k]\n"
        "made = []; f(1); f(2); f(3); kept = f(3, k=1); f(1)",
        [
            "f(3, k=1) is kept",
            "f(1) == [1]",
            "made == [1, 2, 3, 3]",
            "f.cache_info().currsize == 4",
            "(f(9), f(3), f(2), made)[-1] == [1, 2, 3, 3, 9, 2]",
        ],
    ),
    "a cache that tells types apart": (
        "import functools\n@functools.lru_cache(maxsize=9, typed=True)\ndef f(*n, **k): made.append(n); return {}\n"
        "made = []; f(1); f(1.0); f((1, 2), 'a'); f(1, k=2); f(); f(int, k=2, j=3.0); f({0: 1}.get)",
        [
            "(f(1), f(1.0), f((1, 2), 'a'), f(1, k=2), f(), f(int, k=2, j=3.0)) and len(made) == 7",
            "f(1.0, k=2) == {} and len(made) == 8",
        ],
    ),
    "bound methods": (
        "class A:\n    def __init__(s): s.v = 1\n    def f(s): return s.v\na = A(); m = a.f; up = [].append",
        ["m() == 1", "m.__self__ is a", "m.__func__ is A.f"],
    ),
    "builtin functions and methods": (
        "import math\nx = [len, math.sin, str.upper, [1].append, int.from_bytes, object.__init__, dict.fromkeys]",
        [
            "x[0] is len",
            "x[1] is math.sin",
            "x[2]('a') == 'A'",
            "x[3](2) is None",
            "x[6]('ab') == {'a': None, 'b': None}",
        ],
    ),
    "modules and library classes": (
        "import sys, collections.abc\nx = [sys, int, collections.OrderedDict, collections.abc.Mapping, type(None), type(iter([]))]",
        ["x[0] is sys", "x[2] is collections.OrderedDict", "x[5] is type(iter([]))"],
    ),
    "generators of random numbers": (
        "import random\nr = random.Random(5); r.random(); g = random._inst",
        ["g is random._inst", "r.random() == 0.7417869892607294"],
    ),
    "loggers": ("import logging\nlog = logging.getLogger('a.b')", ["log is logging.getLogger('a.b')"]),
    "instances": (
        "class A: pass\na = A(); a.x = 1; a.y = [2]\nb = A()",
        ["type(a) is A", "vars(a) == {'x': 1, 'y': [2]}", "vars(b) == {}"],
    ),
    "an instance's dict in a name": (
        "class A: pass\na = A(); a.x = 1; d = vars(a)",
        ["vars(a) is d", "d == {'x': 1}"],
    ),
    "a property over an entry of the same name": (
        "class A:\n    @property\n    def x(self): return 'p'\na = A(); vars(a)['x'] = 1",
        ["a.x == 'p'", "vars(a) == {'x': 1}"],
    ),
    "slots": (
        "class A:\n    __slots__ = ('x', '__y', 'z')\n    def __init__(s): s.x = [1]; s.__y = 2\n    def y(s): return s.__y\nclass B(A):\n    __slots__ = ('x', '__dict__')\na = A(); b = B(); b.x = 3; A.x.__set__(b, 4); b.q = 5",
        [
            "a.x == [1]",
            "a.y() == 2",
            "not hasattr(a, 'z')",
            "b.x == 3",
            "A.x.__get__(b) == 4",
            "b.q == 5",
            "not hasattr(a, '__dict__')",
        ],
    ),
    "super and name mangling": (
        "class A:\n    def f(s): return 'A'\nclass B(A):\n    __k = 1\n    def f(s): return super().f() + str(s.__k)\nb = B()",
        ["b.f() == 'A1'"],
    ),
    "class attributes that count": (
        "class C:\n    count = 0; all = []\n    def __init__(s): C.count += 1; C.all.append(s)\na = C(); b = C()",
        ["C.count == 2", "C.all[0] is a", "type(b) is C"],
    ),
    "static and class methods, properties, descriptors": (
        "class D:\n    def __set_name__(s, o, n): s.n = n\n    def __get__(s, i, o=None): return s.n\nclass C:\n    d = D()\n    @staticmethod\n    def s(): return 's'\n    @classmethod\n    def c(cls): return cls\n    @property\n    def p(s): return 'p'\n    @p.setter\n    def p(s, v): s.v = v\nc = C()",
        ["c.s() == 's'", "c.c() is C", "c.p == 'p'", "c.d == 'd'", "setattr(c, 'p', 3) is None and c.v == 3"],
    ),
    "nested and local classes": (
        "class Outer:\n    class Inner:\n        def up(s): return Outer\ndef make():\n    class Local: x = 1\n    return Local\nL = make(); i = Outer.Inner(); l = L()",
        ["i.up() is Outer", "type(i) is Outer.Inner", "type(l) is L", "l.x == 1"],
    ),
    "a metaclass": (
        "made = []\nclass Meta(type):\n    def __init__(cls, *a): made.append(1)\n    def __call__(cls, *a): return super().__call__(*a)\nclass A(metaclass=Meta): pass\na = A()",
        ["type(A) is Meta", "made == [1]", "type(a) is A"],
    ),
    "hooks of subclasses do not run again": (
        "class A:\n    subs = []\n    def __init_subclass__(cls, *, kind, **k): A.subs.append(kind)\nclass B(A, kind=1): pass\nb = B()",
        ["A.subs == [1]", "type(b) is B"],
    ),
    "enums": (
        "import enum\nclass E(enum.Enum):\n    A = 1; B = [2]; C = 1\n    def low(s): return s.name.lower()\nclass F(enum.Flag):\n    X = 1; Y = 2\nx = [E.A, {E.B: 1}]; y = F.X | F.Y; z = F.X",
        [
            "x[0] is E.A",
            "E.C is E.A",
            "E(1) is E.A",
            "list(E) == [E.A, E.B]",
            "x[0].low() == 'a'",
            "x[1][E.B] == 1",
            "y == F.X | F.Y",
            "z in y",
        ],
    ),
    "dataclasses": (
        "import dataclasses\n@dataclasses.dataclass\nclass D:\n    a: int\n    b: list = dataclasses.field(default_factory=list)\n@dataclasses.dataclass(frozen=True, slots=True)\nclass S:\n    a: int = 3\nd = D(1); s = S()",
        [
            "d == D(1, [])",
            "d.b is not D(1).b",
            "[f.name for f in dataclasses.fields(d)] == ['a', 'b']",
            "s == S(3)",
            "dataclasses.replace(s, a=4).a == 4",
        ],
    ),
    "named tuples": (
        "import collections, typing\nP = collections.namedtuple('P', 'x y')\nclass N(typing.NamedTuple):\n    x: int\n    y: str = 'b'\np = P(1, [2]); n = N(3)",
        ["p.y == [2]", "p == P(1, [2])", "n.y == 'b'", "n._replace(x=4).x == 4"],
    ),
    "protocols, abstract and generic classes": (
        "import abc, typing\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(s): ...\nclass B(A):\n    def f(s): return 1\n@typing.runtime_checkable\nclass P(typing.Protocol):\n    def f(s) -> int: ...\nT = typing.TypeVar('T')\nclass G(typing.Generic[T]):\n    def g(s) -> T: ...\nb = B(); g = G[int](); alias = G[int]",
        [
            "isinstance(b, A)",
            "isinstance(b, P)",
            "not isinstance(3, P)",
            "alias.__origin__ is G",
            "b.f() == 1",
            "A.__abstractmethods__ == {'f'}",
        ],
    ),
    "subclasses of builtins with attributes": (
        "class D(dict):\n    def __getitem__(s, k): return 'lie'\n    def items(s): return []\nclass L(list):\n    def __iter__(s): return iter('lie')\nclass S(set): pass\nclass F(frozenset): pass\nclass T(tuple): pass\nclass I(int): pass\nclass R(str): pass\nclass X(float): pass\nclass Y(bytes): pass\nall = [D(a=1), L([1]), S([1]), F([1]), T([1]), I(7), R('r'), X(1.5), Y(b'y')]\nfor v in all: v.tag = all",
        [
            "dict.__getitem__(all[0], 'a') == 1",
            "all[1][0] == 1",
            "list.__len__(all[1]) == 1",
            "all[2] == {1}",
            "all[3] == {1}",
            "all[4] == (1,)",
            "all[5] == 7",
            "all[6] == 'r'",
            "all[7] == 1.5",
            "all[8] == b'y'",
            "[type(v).__name__ for v in all] == list('DLSFTIRXY')",
            "[v.tag is all for v in all] == [True] * 9",
        ],
    ),
    "a subclass of datetime with attributes": (
        "import datetime\nclass T(datetime.datetime): pass\nt = T(2020, 1, 2); t.tag = [1]",
        ["t == datetime.datetime(2020, 1, 2)", "t.tag == [1]", "type(t) is T"],
    ),
    "exceptions with cause and fields": (
        "class E(ValueError):\n    def __init__(s, a, b): super().__init__(a); s.b = b\ntry:\n    try: open('/nowhere')\n    except OSError as o: raise E('m', [1]) from o\nexcept E as e: x = e\nx.add_note('n')",
        [
            "type(x) is E",
            "x.args == ('m',)",
            "x.b == [1]",
            "x.__cause__.errno == 2",
            "x.__cause__.filename == '/nowhere'",
            "x.__notes__ == ['n']",
            "x.__traceback__ is not None",
        ],
    ),
    "a group that is the cause of one of its exceptions": (
        "x, z = ValueError('a'), KeyError('b')\ny = ExceptionGroup('g', [x, z])\nx.__cause__ = z.__context__ = y; x.own = [y]",
        [
            "x.__cause__ is y and z.__context__ is y",
            "y.exceptions == (x, z) and y.exceptions[0] is x",
            "x.own[0] is y and vars(x).keys() == {'own'}",
        ],
    ),
    "reducers with state, items and a dict": (
        "class R:\n    def __init__(s): s.a = []\n    def __reduce__(s): return (type(s), (), {'a': s.a})\nclass G:\n    def __init__(s): s.a = 1; s.l = 3\n    def __getstate__(s): return vars(s)\n    def __setstate__(s, d): vars(s).update(d)\nimport collections\nr = R(); r.a.append(r); g = G(); d = collections.defaultdict(list, a=[1]); o = collections.OrderedDict(b=1); q = collections.deque([1, 2], 3); c = collections.Counter('aab')",
        [
            "r.a[0] is r",
            "g.l == 3",
            "d == {'a': [1]} and d['z'] == []",
            "o == {'b': 1}",
            "q.maxlen == 3",
            "c['a'] == 2",
        ],
    ),
    "weak references": (
        "import weakref\nclass A: pass\na = A(); w = weakref.ref(a); gone = weakref.ref(A()); d = weakref.WeakValueDictionary(k=a); s = weakref.WeakSet([a])",
        ["w() is a", "gone() is None", "d['k'] is a", "a in s"],
    ),
    "proxies and views of dicts": (
        "import types\nd = {'a': [1]}; p = types.MappingProxyType(d); k, v, i = d.keys(), d.values(), d.items()",
        ["p['a'] is d['a']", "d.update(b=2) is None and list(k) == ['a', 'b'] and len(p) == 2"],
    ),
    "attributes of classes": (
        "import collections\nclass B:\n    x = [1]\nclass A(B):\n    y = B.x\n    def f(s): pass\na = vars(A); b = [vars(B)]; o = vars(collections.OrderedDict); i = vars(int); g = vars(A).get",
        [
            "a['y'] is B.x and b[0]['x'] is B.x",
            "list(a) == list(vars(A)) and a['f'] is A.f",
            "setattr(A, 'z', 3) is None and a['z'] == 3 and g('z') == 3",
            "o['popitem'] is collections.OrderedDict.popitem and i['bit_length'] is int.bit_length",
        ],
    ),
    "descriptors that classes may share": (
        "class A: pass\nd = vars(A)['__dict__']; w = [A.__dict__['__weakref__']]; a = A(); a.x = 1",
        ["d is vars(A)['__dict__'] and w[0] is vars(A)['__weakref__']", "d.__get__(a) == {'x': 1}"],
    ),
    "annotations that were not read yet": (
        "import abc, dataclasses, typing\nclass A(abc.ABC):\n    x: 'Later' = None\n    def f(s, a: int) -> 'Later': pass\n    class Inner:\n        y: int\n        def g(s, b: str): pass\n@dataclasses.dataclass\nclass D(A):\n    n: int = 3\n    def h(s, c: float): pass\nf = A.f; g = A.Inner.g; class_getter = getattr(A, '__annotate__', None)",
        [
            "A.__annotations__ == {'x': 'Later'} and A.Inner.__annotations__ == {'y': int}",
            "f.__annotations__ == {'a': int, 'return': 'Later'} and g.__annotations__ == {'b': str}",
            "D.h.__annotations__ == {'c': float} and D(n=4).n == 4",
            "class_getter is None or class_getter(1) == {'x': 'Later'}",
        ],
    ),
    "iterators where they stand": (
        "l = [1, 2, 3]; i = iter(l); next(i); r = iter(range(5)); next(r); e = enumerate('ab'); z = zip([1], [2])",
        [
            "list(i) == [2, 3]",
            "list(r) == [1, 2, 3, 4]",
            "list(e) == [(0, 'a'), (1, 'b')]",
            "list(z) == [(1, 2)]",
        ],
    ),
    "sentinels": (
        "import dataclasses, inspect\nS = object(); x = [S]; y = {'k': S}; m = dataclasses.MISSING; e = inspect.Parameter.empty",
        ["x[0] is y['k'] is S", "m is dataclasses.MISSING", "e is inspect.Parameter.empty"],
    ),
    "views of memory": (
        "b = bytearray(b'0123456789' * 10); m = memoryview(b); a = m[2:8]; s = m[::3]; r = m.toreadonly(); c = memoryview(bytes(range(24))).cast('B', (4, 6))",
        [
            "m.obj is b",
            "bytes(a) == b'234567'",
            "s[1] == ord('3')",
            "r.readonly",
            "c[1, 2] == 8",
            "b.__setitem__(2, 0) is None and a[0] == 0",
        ],
    ),
    "weak proxies and super objects": (
        "import weakref\nclass A:\n    x = 1\n    def s(s): return super()\na = A(); p = weakref.proxy(a); s = a.s()",
        ["p.x == 1", "s.__self__ is a", "s.__thisclass__ is A"],
    ),
    "code objects": (
        "c = compile('a + 1', '<x>', 'eval')",
        ["eval(c, {'a': 2}) == 3", "c.co_filename == '<x>'"],
    ),
    "generic aliases and unions": (
        "import typing\nx = [list[int], dict[str, list[int]], int | None, typing.Optional[int], typing.Callable[[int], str], typing.Any]",
        [
            "x[0] == list[int]",
            "x[2] == int | None",
            "x[4] == typing.Callable[[int], str]",
            "x[5] is typing.Any",
        ],
    ),
    "the namespace itself and streams": (
        "import sys\nx = [globals(), sys.stdout, sys.modules]",
        ["x[0] is globals()", "x[1] is sys.stdout", "x[2] is sys.modules"],
    ),
}


def held(notebook: Notebook) -> dict[str, Any]:
    """What a look must not change: who holds what, and how often the notebook's own are held.

    Not modules, nor what they hold: what else this process does, an import on another thread, holds these, too.
    """
    values = notebook.values
    shared = {
        id(value)
        for module in [*sys.modules.values()]
        for value in [module, *getattr(module, "__dict__", {}).values()]
    }
    referents = {name: sorted(map(id, gc.get_referents(value))) for name, value in values.items()}
    counts = {
        name: sys.getrefcount(value)
        for name, value in values.items()
        if type(value) is not int and id(value) not in shared
    }
    return {"referents": referents, "counts": counts, "random": random.getstate()}


if sys.version_info >= (3, 14):
    CASES["template strings"] = (
        "n = [1]\nx = t'a{n!r:>3}b'; y = x.interpolations[0]",
        [
            "x.strings == ('a', 'b') and x.values[0] is n and x.interpolations[0] is y",
            "(y.expression, y.format_spec, y.conversion) == ('n', '>3', 'r')",
        ],
    )
    CASES["fields with and without a doc"] = (
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    a: int = 1\n    b: int = dataclasses.field(default=2, doc='text')\nf = dataclasses.fields(A)",
        ["[(one.name, one.doc) for one in f] == [('a', None), ('b', 'text')] and 'doc=None' in repr(f[0])"],
    )
if sys.version_info >= (3, 15):
    CASES |= {
        "frozendicts": (
            "class F(frozendict): pass\nl = [1]; x = frozendict(a=l, b=2); y = {frozendict(a=1): 2}; z = F(a=1); z.k = x\n"
            "i = iter(x); k = x.keys(); v = x.values(); w = z.items()",
            [
                "type(x) is frozendict and x == frozendict(a=[1], b=2) and x['a'] is l",
                "y[frozendict(a=1)] == 2",
                "type(z) is F and z['a'] == 1 and z.k is x",
                "list(i) == ['a', 'b'] and list(k) == ['a', 'b'] and list(v) == [[1], 2] and list(w) == [('a', 1)]",
            ],
        ),
        "sentinels that a call makes": (
            "import dataclasses\nS = sentinel('S'); x = [S]; m = dataclasses.MISSING",
            ["x[0] is S and (repr(S), S.__module__) == ('S', '__main__')", "m is dataclasses.MISSING"],
        ),
    }


@pytest.mark.parametrize("new_kernel", [False, True], ids=["undo", "new kernel"])
@pytest.mark.parametrize(("cell", "checks"), CASES.values(), ids=CASES.keys())
def test_what_is_encoded_comes_back(cell: str, checks: list[str], new_kernel: bool) -> None:
    notebook = Notebook(cell)
    notebook.look()  # what a first look learns (imports of codecs) is no matter here
    before = held(notebook)
    stored = notebook.look()
    assert held(notebook) == before, "looking changed what it looked at"
    assert [word for found in stored for word in found.opaque] == []
    assert notebook.load(stored, new_kernel=new_kernel) == {}
    failed = [check for check in checks if not notebook.value(check)]
    assert failed == []


def test_an_instance_is_looked_at_without_making_its_dict() -> None:
    notebook = Notebook("class A:\n    def __init__(s): s.x = [1]\na = A()")
    notebook.look()
    a = notebook.value("a")
    assert not any(type(held) is dict for held in gc.get_referents(a))


def test_nothing_is_held_after_a_look() -> None:
    notebook = Notebook("class A: pass\nx = [A(), {}, (1, [])]\nimport weakref\nw = weakref.ref(x[0])")
    notebook.look()
    notebook.run("del x")
    gc.collect()
    assert notebook.value("w()") is None


def test_ten_thousand_levels_come_back() -> None:
    notebook = Notebook(
        "x = []\nfor _ in range(100_000): x = [x]\ny = {}\nfor _ in range(10_000): y = {'d': (y,)}"
    )
    stored = notebook.look()
    assert notebook.load(stored) == {}
    notebook.run("n = 0\nat = x\nwhile at: at = at[0]; n += 1")
    assert notebook.value("n") == 100_000


def test_instances_of_ten_thousand_levels_come_back() -> None:
    notebook = Notebook(
        "class N:\n    def __init__(s, n): s.next = n\nx = None\nfor _ in range(10_000): x = N(x)"
    )
    assert notebook.load(notebook.look()) == {}


def test_a_class_that_lives_is_changed_in_place() -> None:
    notebook = Notebook("class C:\n    count = 0\n    def f(s): return 1\n    def g(s): return 2\nc = C()")
    stored = notebook.look()
    kind, instance, kept = notebook.value("C"), notebook.value("c"), notebook.value("C.g")
    notebook.run("C.count = 5; C.extra = 1; C.f = lambda s: 3")
    assert notebook.load(stored) == {}
    assert notebook.value("C") is kind
    assert (kind.count, hasattr(kind, "extra"), instance.f()) == (0, False, 1)
    assert kind.g is kept
    assert isinstance(instance, kind)


def test_methods_of_a_class_changed_back_are_the_ones_that_bound_methods_have() -> None:
    notebook = Notebook("class C:\n    def f(s): return 1\nc = C(); m = c.f")
    stored = notebook.look()
    notebook.run("C.f = lambda s: 2; m = c.f")
    assert notebook.load(stored) == {}
    assert notebook.value("m.__func__ is C.f")
    assert notebook.value("m()") == 1


def test_a_dropped_field_is_noticed() -> None:
    notebook = Notebook(
        "class G:\n    def __init__(s): s.a, s.b = 1, 2\n    def __getstate__(s): return {'a': s.a}\ng = G()"
    )
    assert list(notebook.load(notebook.look("g"))) == ["g"]


def test_what_has_no_value_says_why() -> None:
    notebook = Notebook(
        "import threading\ng = (n for n in [1])\nl = threading.Lock()\nclass R:\n    def __reduce__(s): raise OSError('no')\nr = [R()]"
    )
    words = {found.roots[0]: found.opaque for found in notebook.look("g", "l", "r")}
    assert "generator" in words["g"][0]
    assert "lock" in words["l"][0]
    assert "OSError: no" in words["r"][0]
