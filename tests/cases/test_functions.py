"""Functions: what they read, what they close over, what they remember."""

from __future__ import annotations

from cases.story import Case, Notebook
from cases.tables import test_back_and_forth, test_found_again  # noqa: F401 -- the tests over CASES

CASES = [
    Case(
        "Annotations that were read, of a function that comes back",
        """
        import functools, inspect
        cfg = {'k': 1}
        def f(a: int, opts=cfg) -> str:
            return 'x'
        def annotated():
            return functools.wraps(f)(lambda *a: 0).__annotations__
        shown = str(inspect.signature(f))
        """,
        "cfg['k'] = 2",
        ["f.__defaults__", "f.__annotations__", "annotated()", "callable(getattr(f, '__annotate__', len))"],
        {"cfg": "restored", "f": "restored"},
    ),
    Case(
        "What creates the annotations of a function is replaced",
        """
        def f(a: int) -> str:
            return 'x'
        seen = dict(f.__annotations__)
        """,
        "f.__annotate__ = None; f.__annotations__ = {'a': str}",
        [
            "f.__annotations__",
            "callable(getattr(f, '__annotate__', None)) == hasattr(lambda: 0, '__annotate__')",
        ],
        {"f": "restored"},
    ),
    Case(
        "What creates the annotations of a function, among its attributes",
        """
        def made(format):
            return {'a': int}
        def f(a): ...
        f.__annotate__ = made
        f.tag = [1]
        """,
        "f.tag.append(2); f.last = 3",
        ["f.tag", "getattr(f, 'last', None)", "f.__annotate__ is made"],
        {"f": "restored", "made": "restored|unchanged"},
    ),
    Case(
        "The same beside annotations",
        """
        def made(format):
            return {'a': int}
        def f(a: int): ...
        f.__annotations__
        vars(f).update(__annotate__=made, tag=[1])
        """,
        "f.tag.append(2); f.last = 3",
        ["f.tag", "getattr(f, 'last', None)", "vars(f)['__annotate__'] is made", "f.__annotations__"],
        {"f": "restored", "made": "restored|unchanged"},
    ),
    Case(
        "A function that reads a global which changes later",
        """
        rate = 2
        def price(amount):
            return amount * rate
        """,
        "rate = 3",
        ["price(10)", "price.__globals__ is globals()"],
        {"rate": "restored"},
        kept=["price"],
    ),
    Case(
        "A function defined anew",
        """
        def greet():
            'Says hello.'
            return 'hello'
        """,
        """
        def greet(name='you'):
            return 'bye ' + name
        """,
        [
            "greet()",
            "greet.__doc__",
            "greet.__defaults__",
            "greet.__globals__ is globals()",
            "greet.__module__",
        ],
        {"greet": "restored"},
    ),
    Case(
        "Two closures over one variable",
        """
        def counter():
            n = 0
            def bump():
                nonlocal n
                n += 1
                return n
            def peek():
                return n
            return bump, peek
        bump, peek = counter()
        other, _ = counter()
        """,
        "bump(); bump()",
        ["peek()", "bump.__closure__[0] is peek.__closure__[0]"],
        {"bump": "restored", "peek": "restored"},
        kept=["other", "counter"],
        probe=("(bump(), bump(), peek())", "(1, 2, 2)"),
    ),
    Case(
        "Mutable default arguments",
        """
        def remember(x, seen=[]):
            seen.append(x)
            return list(seen)
        remember(1)
        """,
        "remember(2)",
        ["remember.__defaults__"],
        {"remember": "restored"},
        probe=("remember(9)", "[1, 9]"),
    ),
    Case(
        "Keyword defaults and function attributes",
        """
        def f(*, box={'n': 1}):
            return box['n']
        f.calls = 0
        """,
        """
        f.calls += 1
        f.__kwdefaults__['box']['n'] = 5
        """,
        ["f()", "f.calls", "f.__kwdefaults__"],
        {"f": "restored"},
    ),
    Case(
        "A decorator that counts calls",
        """
        import functools
        calls = []
        def counted(f):
            @functools.wraps(f)
            def inner(*args):
                calls.append(args)
                return f(*args)
            return inner
        @counted
        def double(x):
            return 2 * x
        double(1)
        """,
        "double(4)",
        ["calls", "double.__name__", "double.__wrapped__(3)"],
        {"calls": "restored"},
        kept=["double", "counted"],
        probe=("(double(2), calls)", "(4, [(1,), (2,)])"),
    ),
    Case(
        "Partials and lambdas in containers",
        """
        import functools
        base = [10]
        steps = {'add': functools.partial(lambda b, x: b[0] + x, base), 'twice': lambda x: 2 * x}
        """,
        """
        base[0] = 20
        steps['neg'] = lambda x: -x
        """,
        ["{name: step(1) for name, step in steps.items()}", "steps['add'].args[0] is base"],
        {"base": "restored", "steps": "restored"},
    ),
    Case(
        "Bound methods know their object",
        """
        class Bag:
            def __init__(self):
                self.items = []
            def put(self, x):
                self.items.append(x)
                return self.items
        bag = Bag()
        put = bag.put
        append = bag.items.append
        """,
        "put(1)",
        ["bag.items", "put.__self__ is bag", "append.__self__ is bag.items"],
        {"bag": "restored", "put": "restored", "append": "restored"},
        kept=["Bag"],
        probe=("(append(7), put(8))[1]", "[7, 8]"),
    ),
    Case(
        "Properties with a setter",
        """
        class Room:
            def __init__(self):
                self._c = 20
            @property
            def heat(self):
                return self._c
            @heat.setter
            def heat(self, c):
                self._c = c
        room = Room()
        """,
        "room.heat = 30",
        ["room.heat", "isinstance(room, Room)"],
        {"room": "restored"},
        kept=["Room"],
    ),
    Case(
        "`functools.cache` forgets rather than lies",
        """
        import functools
        factor = 2
        @functools.cache
        def slow(n):
            return n * factor
        slow(1)
        """,
        """
        factor = 3
        slow.cache_clear(); slow(1); slow(2)
        """,
        ["factor", "slow(1)", "slow.__wrapped__.__name__"],
        {"factor": "restored", "slow": "restored|not_identical|unchanged"},
    ),
    Case(
        "A `cached_property` of an instance",
        """
        import functools
        class Sum:
            def __init__(self, xs):
                self.xs = xs
            @functools.cached_property
            def total(self):
                return sum(self.xs)
        s = Sum([1, 2])
        s.total
        """,
        "s.xs.append(10); del s.total; s.total",
        ["s.xs", "s.total"],
        {"s": "restored"},
        kept=["Sum"],
    ),
    Case(
        "Values captured at definition are loaded, not made anew",
        """
        import time
        import uuid
        def stamped(made=uuid.uuid4().hex, at=time.time_ns()):
            return made, at
        """,
        """
        def stamped(made=uuid.uuid4().hex, at=time.time_ns()):
            return at, made
        """,
        ["stamped()"],
        {"stamped": "restored"},
    ),
    Case(
        "Functions that call each other",
        """
        def even(n):
            return n == 0 or odd(n - 1)
        def odd(n):
            return n != 0 and even(n - 1)
        """,
        """
        def odd(n):
            return 'replaced'
        """,
        ["even(3)", "odd(3)"],
        {"odd": "restored"},
        kept=["even"],
    ),
    Case(
        "A recursive closure",
        """
        def make():
            def fact(n):
                return 1 if n < 2 else n * fact(n - 1)
            return fact
        fact = make()
        """,
        "fact.note = 'seen'",
        ["fact(5)", "vars(fact)", "fact.__closure__[0].cell_contents is fact"],
        {"fact": "restored"},
        kept=["make"],
    ),
    Case(
        "An empty closure cell, filled by the change",
        """
        def make():
            def get():
                return later
            def put(x):
                nonlocal later
                later = x
            if False:
                later = 0
            return get, put
        get, put = make()
        """,
        "put(5)",
        ["get.__closure__[0] is put.__closure__[0]", "repr(get.__closure__[0]).split(': ')[1][:3]"],
        {"get": "restored", "put": "restored"},
    ),
    Case(
        "A generator function and an async one",
        """
        def count(n=2):
            yield from range(n)
        async def fetch():
            return 1
        """,
        """
        def count(n=3):
            yield from range(n)
        async def fetch():
            return 2
        """,
        ["list(count())", "fetch.__code__.co_consts", "__import__('inspect').iscoroutinefunction(fetch)"],
        {"count": "restored", "fetch": "restored"},
    ),
    Case(
        "`singledispatch` with a type registered later",
        """
        import functools
        @functools.singledispatch
        def show(x):
            return 'any'
        @show.register
        def _show_int(x: int):
            return 'int'
        """,
        """
        @show.register
        def _show_str(x: str):
            return 'str'
        """,
        ["show(1)", "show('a')", "show(1.0)"],
        {
            "show": "restored|unchanged|not_identical",
            "_show_int": "restored|unchanged",
            "_show_str": "removed",
        },
        fresh=False,
    ),
    Case(
        "Annotations, positional-only parameters and a docstring changed in place",
        """
        def f(a: int, /, b: 'str' = 'x') -> list:
            'Doc.'
            return [a, b]
        """,
        "f.__doc__ = 'Other'; f.__annotations__['a'] = float; f.__defaults__ = ('y',)",
        ["f(1)", "f.__doc__", "f.__annotations__", "str(__import__('inspect').signature(f))"],
        {"f": "restored"},
    ),
    Case(
        "Callables from the standard library",
        """
        import operator
        import itertools
        get = operator.itemgetter(1, 2)
        attr = operator.attrgetter('real')
        call = operator.methodcaller('upper')
        """,
        "get = operator.itemgetter(0); attr = operator.attrgetter('imag'); call = operator.methodcaller('lower')",
        ["get([5, 6, 7])", "attr(3 + 4j)", "call('aB')"],
        {"get": "restored", "attr": "restored", "call": "restored"},
    ),
    Case(
        "Iterators half-way through",
        """
        import itertools
        numbers = iter([1, 2, 3, 4])
        next(numbers)
        pairs = enumerate('abc')
        next(pairs)
        ticks = itertools.count(5)
        """,
        "next(numbers); next(pairs); next(ticks); next(ticks)",
        ["numbers.__reduce__()[1:]", "pairs.__reduce__()[1][1]", "ticks"],
        {"numbers": "restored", "pairs": "restored", "ticks": "restored"},
        probe=("(next(numbers), next(pairs), next(ticks))", "(2, (1, 'b'), 5)"),
    ),
]


def test_a_function_that_came_back_reads_and_writes_the_live_globals(notebook: Notebook) -> None:
    notebook.run(
        """
        total = 1
        def add(n):
            global total
            total += n
            return total
        """,
        """
        def add(n):
            return 'other'
        """,
    )
    notebook.move("undo")
    notebook.run("""
        total = 100
        seen = add(5)
        """)
    assert notebook.read("seen", "total") == ["105", "105"]
    assert notebook.read(
        "add.__globals__ is get_ipython().user_ns", "add.__globals__ is __import__('__main__').__dict__"
    ) == [
        "True",
        "True",
    ]
