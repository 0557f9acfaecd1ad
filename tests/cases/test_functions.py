"""Functions: what they read, what they close over, what they remember."""

from __future__ import annotations

import pytest

from cases.desk import Desk
from cases.story import Case, Notebook

CASES = [
    Case(
        "A function that reads a global which changes later",
        "rate = 2\ndef price(amount):\n    return amount * rate",
        "rate = 3",
        ["price(10)", "price.__globals__ is globals()"],
        {"rate": "loaded"},
        kept=["price"],
    ),
    Case(
        "A function defined anew",
        "def greet():\n    'Says hello.'\n    return 'hello'",
        "def greet(name='you'):\n    return 'bye ' + name",
        [
            "greet()",
            "greet.__doc__",
            "greet.__defaults__",
            "greet.__globals__ is globals()",
            "greet.__module__",
        ],
        {"greet": "loaded"},
    ),
    Case(
        "Two closures over one variable",
        "def counter():\n    n = 0\n    def bump():\n        nonlocal n\n        n += 1\n        return n\n    def peek():\n        return n\n"
        "    return bump, peek\nbump, peek = counter()\nother, _ = counter()",
        "bump(); bump()",
        ["peek()", "bump.__closure__[0] is peek.__closure__[0]"],
        {"bump": "loaded", "peek": "loaded"},
        kept=["other", "counter"],
        probe=("(bump(), bump(), peek())", "(1, 2, 2)"),
    ),
    Case(
        "Mutable default arguments",
        "def remember(x, seen=[]):\n    seen.append(x)\n    return list(seen)\nremember(1)",
        "remember(2)",
        ["remember.__defaults__"],
        {"remember": "loaded"},
        probe=("remember(9)", "[1, 9]"),
    ),
    Case(
        "Keyword defaults and function attributes",
        "def f(*, box={'n': 1}):\n    return box['n']\nf.calls = 0",
        "f.calls += 1\nf.__kwdefaults__['box']['n'] = 5",
        ["f()", "f.calls", "f.__kwdefaults__"],
        {"f": "loaded"},
    ),
    Case(
        "A decorator that counts calls",
        "import functools\ncalls = []\ndef counted(f):\n    @functools.wraps(f)\n    def inner(*args):\n        calls.append(args)\n        return f(*args)\n    return inner\n"
        "@counted\ndef double(x):\n    return 2 * x\ndouble(1)",
        "double(4)",
        ["calls", "double.__name__", "double.__wrapped__(3)"],
        {"calls": "loaded"},
        kept=["double", "counted"],
        probe=("(double(2), calls)", "(4, [(1,), (2,)])"),
    ),
    Case(
        "Partials and lambdas in containers",
        "import functools\nbase = [10]\nsteps = {'add': functools.partial(lambda b, x: b[0] + x, base), 'twice': lambda x: 2 * x}",
        "base[0] = 20\nsteps['neg'] = lambda x: -x",
        ["{name: step(1) for name, step in steps.items()}", "steps['add'].args[0] is base"],
        {"base": "loaded", "steps": "loaded"},
    ),
    Case(
        "Bound methods know their object",
        "class Bag:\n    def __init__(self):\n        self.items = []\n    def put(self, x):\n        self.items.append(x)\n        return self.items\nbag = Bag()\nput = bag.put\nappend = bag.items.append",
        "put(1)",
        ["bag.items", "put.__self__ is bag", "append.__self__ is bag.items"],
        {"bag": "loaded", "put": "loaded", "append": "loaded"},
        kept=["Bag"],
        probe=("(append(7), put(8))[1]", "[7, 8]"),
    ),
    Case(
        "Properties with a setter",
        "class Room:\n    def __init__(self):\n        self._c = 20\n    @property\n    def heat(self):\n        return self._c\n    @heat.setter\n    def heat(self, c):\n        self._c = c\nroom = Room()",
        "room.heat = 30",
        ["room.heat", "isinstance(room, Room)"],
        {"room": "loaded"},
        kept=["Room"],
    ),
    Case(
        "`functools.cache` forgets rather than lies",
        "import functools\nfactor = 2\n@functools.cache\ndef slow(n):\n    return n * factor\nslow(1)",
        "factor = 3\nslow.cache_clear(); slow(1); slow(2)",
        ["factor", "slow(1)", "slow.__wrapped__.__name__"],
        {"factor": "loaded", "slow": "loaded|differs|kept"},
    ),
    Case(
        "A `cached_property` of an instance",
        "import functools\nclass Sum:\n    def __init__(self, xs):\n        self.xs = xs\n    @functools.cached_property\n    def total(self):\n        return sum(self.xs)\ns = Sum([1, 2])\ns.total",
        "s.xs.append(10); del s.total; s.total",
        ["s.xs", "s.total"],
        {"s": "loaded"},
        kept=["Sum"],
    ),
    Case(
        "Values captured at definition are loaded, not made anew",
        "import time\nimport uuid\ndef stamped(made=uuid.uuid4().hex, at=time.time_ns()):\n    return made, at",
        "def stamped(made=uuid.uuid4().hex, at=time.time_ns()):\n    return at, made",
        ["stamped()"],
        {"stamped": "loaded"},
    ),
    Case(
        "Functions that call each other",
        "def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n != 0 and even(n - 1)",
        "def odd(n):\n    return 'replaced'",
        ["even(3)", "odd(3)"],
        {"odd": "loaded"},
        kept=["even"],
    ),
    Case(
        "A recursive closure",
        "def make():\n    def fact(n):\n        return 1 if n < 2 else n * fact(n - 1)\n    return fact\nfact = make()",
        "fact.note = 'seen'",
        ["fact(5)", "vars(fact)", "fact.__closure__[0].cell_contents is fact"],
        {"fact": "loaded"},
        kept=["make"],
    ),
    Case(
        "An empty closure cell, filled by the change",
        "def make():\n    def get():\n        return later\n    def put(x):\n        nonlocal later\n        later = x\n    if False:\n        later = 0\n    return get, put\nget, put = make()",
        "put(5)",
        ["get.__closure__[0] is put.__closure__[0]", "repr(get.__closure__[0]).split(': ')[1][:3]"],
        {"get": "loaded", "put": "loaded"},
    ),
    Case(
        "A generator function and an async one",
        "def count(n=2):\n    yield from range(n)\nasync def fetch():\n    return 1",
        "def count(n=3):\n    yield from range(n)\nasync def fetch():\n    return 2",
        ["list(count())", "fetch.__code__.co_consts", "__import__('inspect').iscoroutinefunction(fetch)"],
        {"count": "loaded", "fetch": "loaded"},
    ),
    Case(
        "`singledispatch` with a type registered later",
        "import functools\n@functools.singledispatch\ndef show(x):\n    return 'any'\n@show.register\ndef _show_int(x: int):\n    return 'int'",
        "@show.register\ndef _show_str(x: str):\n    return 'str'",
        ["show(1)", "show('a')", "show(1.0)"],
        {"show": "loaded|kept|differs", "_show_str": "removed"},
        fresh=False,
    ),
    Case(
        "Annotations, positional-only parameters and a docstring changed in place",
        "def f(a: int, /, b: 'str' = 'x') -> list:\n    'Doc.'\n    return [a, b]",
        "f.__doc__ = 'Other'; f.__annotations__['a'] = float; f.__defaults__ = ('y',)",
        ["f(1)", "f.__doc__", "f.__annotations__", "str(__import__('inspect').signature(f))"],
        {"f": "loaded"},
    ),
    Case(
        "Callables from the standard library",
        "import operator\nimport itertools\nget = operator.itemgetter(1, 2)\nattr = operator.attrgetter('real')\ncall = operator.methodcaller('upper')",
        "get = operator.itemgetter(0); attr = operator.attrgetter('imag'); call = operator.methodcaller('lower')",
        ["get([5, 6, 7])", "attr(3 + 4j)", "call('aB')"],
        {"get": "loaded", "attr": "loaded", "call": "loaded"},
    ),
    Case(
        "Iterators half-way through",
        "import itertools\nnumbers = iter([1, 2, 3, 4])\nnext(numbers)\npairs = enumerate('abc')\nnext(pairs)\nticks = itertools.count(5)",
        "next(numbers); next(pairs); next(ticks); next(ticks)",
        ["numbers.__reduce__()[1:]", "pairs.__reduce__()[1][1]", "ticks"],
        {"numbers": "loaded", "pairs": "loaded", "ticks": "loaded"},
        probe=("(next(numbers), next(pairs), next(ticks))", "(2, (1, 'b'), 5)"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_back_and_forth(desk: Desk, case: Case) -> None:
    desk.play(case)


@pytest.mark.parametrize("case", [case for case in CASES if case.fresh], ids=lambda case: case.name)
def test_found_again(desk: Desk, case: Case) -> None:
    desk.find_again(case)


def test_a_function_that_came_back_reads_and_writes_the_live_globals(notebook: Notebook) -> None:
    notebook.run(
        "total = 1\ndef add(n):\n    global total\n    total += n\n    return total",
        "def add(n):\n    return 'other'",
    )
    notebook.move("undo")
    notebook.run("total = 100\nseen = add(5)")
    assert notebook.read("seen", "total") == ["105", "105"]
    assert notebook.read(
        "add.__globals__ is get_ipython().user_ns", "add.__globals__ is __import__('__main__').__dict__"
    ) == [
        "True",
        "True",
    ]
