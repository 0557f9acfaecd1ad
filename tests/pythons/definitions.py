"""A session of definitions of every kind, in cells as people write them, and what to ask of each."""

from __future__ import annotations

#: Cells, in order.
CELLS = [
    "import functools, contextlib, dataclasses, enum, typing, datetime, random, abc, collections, types, weakref",
    "rate = 2\ndef price(amount, by=3, *, plus=(1, 2), **more) -> float:\n    '''What it costs.\n\n"
    "        In all.\n    '''\n    return amount * by * rate + sum(plus)\nprice.note = ['kept']",
    "class Annotated:\n    size: int\n    def grown(self, by: int) -> str:\n        return 'x' * by\n    class Inner:\n"
    "        def of(self, n: float): ...\ndef outer():\n    def inner(n: int) -> list:\n        return [n]\n    return inner\ninner = outer()",
    "one, two, three = lambda x: x + 1, lambda x: x + 2, lambda x, y=5: (x + 3) * y",
    "adders = [lambda x, n=n: x + n for n in range(3)]\nlate = [lambda: n for n in range(3)]",
    "def counter():\n    n = 0\n    def bump():\n        nonlocal n\n        n += 1\n        return n\n"
    "    def peek():\n        return [n for _ in range(2)]\n    return bump, peek\nbump, peek = counter()\nbump(); bump()",
    "@functools.wraps(price)\ndef wrapped(*args):\n    return price(*args) + 1",
    "def logged(f):\n    @functools.wraps(f)\n    def inner(*args, **kwargs):\n        return ('called', f(*args, **kwargs))\n"
    "    return inner\n@logged\ndef shout(text):\n    return text.upper()",
    "@functools.lru_cache(maxsize=8)\ndef fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(12)",
    "@contextlib.contextmanager\ndef opened(name):\n    try:\n        yield name * 2\n    finally:\n        pass",
    "def squares(upto):\n    for i in range(upto):\n        yield i * i\nasync def later(x):\n    return {y: x for y in range(2)}\n"
    "async def many():\n    yield 1",
    "class Animal:\n    kinds = ['cat']\n    count = 0\n    def __init__(self, name):\n        self.name = name\n"
    "    def tell(self):\n        return f'{self.name} ({type(self).__name__})'\n    @property\n    def upper(self):\n"
    "        return self.name.upper()\n    @upper.setter\n    def upper(self, value):\n        self.name = value.lower()\n"
    "    @staticmethod\n    def plain(x):\n        return x * 2\n    @classmethod\n    def make(cls, name):\n        return cls(name)\n"
    "class Dog(Animal):\n    __slots__ = ('age',)\n    def __init__(self, name, age):\n        super().__init__(name)\n"
    "        self.age = age\n    def tell(self):\n        return super().tell() + f' {self.age}'\nrex = Dog('rex', 4)\n"
    "tell = rex.tell",
    "Animal.count = 7\nAnimal.kinds.append('dog')\nAnimal.shout = lambda self: self.name + '!'",
    "@dataclasses.dataclass\nclass Point:\n    x: int\n    y: float = 0.5\n    tags: list = dataclasses.field(default_factory=list)\n"
    "    def far(self):\n        return self.x + self.y\npoint = Point(3, tags=['a'])",
    "@dataclasses.dataclass(frozen=True, order=True)\nclass Key:\n    a: int\n    b: str = 'b'\nkey = Key(1)",
    "class Seg(typing.NamedTuple):\n    start: int\n    end: int = 9\n    def length(self):\n        return self.end - self.start\n"
    "seg = Seg(4)\nPair = collections.namedtuple('Pair', 'left right')\npair = Pair(1, 2)",
    "class Colour(enum.Enum):\n    RED = 1\n    BLUE = 2\n    def nice(self):\n        return self.name.title()\nred = Colour.RED\n"
    "class Bits(enum.Flag):\n    A = enum.auto()\n    B = enum.auto()\nboth = Bits.A | Bits.B",
    "class Meta(type):\n    def __new__(mcls, name, bases, space, **kw):\n        made = super().__new__(mcls, name, bases, space)\n"
    "        made.registered = True\n        return made\n    def twice(cls):\n        return cls.__name__ * 2\n"
    "class Made(metaclass=Meta):\n    pass\nmade = Made()",
    "class Shape(abc.ABC):\n    @abc.abstractmethod\n    def area(self): ...\nclass Square(Shape):\n    def __init__(self, a): self.a = a\n"
    "    def area(self): return self.a ** 2\nsquare = Square(3)",
    "def walk(depth):\n    return depth if depth == 0 else walk(depth - 1) + 1",
    "scope = {}\nexec('def hidden(x):\\n    return x + 40', scope)\nhidden = scope.pop('hidden')\ndel scope",
    "half = functools.partial(price, by=0.5)\nhalf_lambda = functools.partial(one)",
    "words = {'b', 'a'}\nwhen = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)\nrng = random.Random(5)\nrng.random()",
    "%%time\ndef timed(x):\n    return x * 11",
    "def maker(kind):\n    class Local:\n        def who(self):\n            return kind\n    return Local\nLocal = maker('k')\nlocal = Local()",
    "def dispatch(x):\n    match x:\n        case [a, *_]:\n            return ('list', a)\n        case {'k': v}:\n            return ('dict', v)\n"
    "    try:\n        return 1 / x\n    except (TypeError, ZeroDivisionError) as error:\n        return type(error).__name__",
    "from __future__ import annotations\nimport numpy as np, pandas as pd\ngrid = np.arange(20000.0).reshape(100, 200)\n"
    "corner = grid[:2]\ntable = pd.DataFrame({'n': [1, 2], 's': ['a', None], 'd': pd.to_datetime(['2026-01-01', None])})\n"
    "gen = np.random.default_rng(3)",
    "def hinted(x: Later) -> Later:\n    return x",
    "rate = 5",
]

#: What to ask of each name, and the answer.
ANSWERS: dict[str, tuple[str, object]] = {
    "price": (
        "price(10), price.note, price.__annotations__, price.__doc__[:14], price.__globals__ is globals()",
        (153, ["kept"], {"return": float}, "What it costs.", True),
    ),
    "one": ("one(1), two(1), three(1), three(1, 2)", (2, 3, 20, 8)),
    "adders": ("[f(10) for f in adders], [f() for f in late]", ([10, 11, 12], [2, 2, 2])),
    "bump": ("peek(), bump.__closure__[0] is peek.__closure__[0], bump(), peek()", ([2, 2], True, 3, [3, 3])),
    "counter": ("counter()[0]()", 1),
    "wrapped": ("wrapped(10), wrapped.__name__, wrapped.__wrapped__ is price", (154, "price", True)),
    "shout": ("shout('a'), shout.__name__", (("called", "A"), "shout")),
    "fib": ("fib.cache_info().currsize, fib(12)", (8, 144)),
    "opened": ("(lambda c: (c.__enter__(), c.__exit__(None, None, None)))(opened('x'))", ("xx", False)),
    "squares": ("list(squares(4))", [0, 1, 4, 9]),
    "later": (
        "__import__('inspect').iscoroutinefunction(later), __import__('inspect').isasyncgenfunction(many)",
        (True, True),
    ),
    "rex": (
        "rex.tell(), rex.upper, Dog.plain(2), Dog.make.__func__ is Animal.make.__func__, isinstance(rex, Animal), rex.age, tell()",
        ("rex (Dog) 4", "REX", 4, True, True, 4, "rex (Dog) 4"),
    ),
    "Animal": (
        "Animal.count, Animal.kinds, rex.shout(), Animal('x').tell()",
        (7, ["cat", "dog"], "rex!", "x (Animal)"),
    ),
    "point": (
        "repr(point), point.far(), point == Point(3, tags=['a']), Point(1).tags, dataclasses.replace(point, x=9).x",
        ("Point(x=3, y=0.5, tags=['a'])", 3.5, True, [], 9),
    ),
    "key": ("key < Key(2), hash(key) == hash(Key(1)), {key: 1}[Key(1)]", (True, True, 1)),
    "seg": ("tuple(seg), seg.length(), Seg(1, 2).end, Seg._fields", ((4, 9), 5, 2, ("start", "end"))),
    "pair": ("pair.left, Pair(3, 4)._asdict()", (1, {"left": 3, "right": 4})),
    "red": (
        "red is Colour.RED, red.nice(), Colour(2).name, list(Colour)[0] is red",
        (True, "Red", "BLUE", True),
    ),
    "both": ("both == Bits.A | Bits.B, Bits.A in both, both.value", (True, True, 3)),
    "made": (
        "Made.twice(), Made.registered, type(Made) is Meta, isinstance(made, Made)",
        ("MadeMade", True, True, True),
    ),
    "square": (
        "square.area(), isinstance(square, Shape), Shape.__abstractmethods__ == {'area'}",
        (9, True, True),
    ),
    "walk": ("walk(4)", 4),
    "hidden": ("hidden(2)", 42),
    "half": ("half(10), half_lambda(1)", (28, 2)),
    "words": (
        "sorted(words), when.isoformat(), rng.random()",
        (["a", "b"], "2026-01-02T00:00:00+00:00", 0.7417869892607294),
    ),
    "timed": ("timed(2)", 22),
    "local": ("local.who(), isinstance(local, Local)", ("k", True)),
    "grid": (
        "float(grid.sum()), corner.base is grid.base or corner.base is grid, table.n.tolist(), table.s.isna().tolist(), "
        "str(table.d[0]), float(gen.random())",
        (199990000.0, True, [1, 2], [False, True], "2026-01-01 00:00:00", 0.08564916714362436),
    ),
    "hinted": ("hinted(2), hinted.__annotations__", (2, {"x": "Later", "return": "Later"})),
    "Annotated": (
        "Annotated().grown(2), Annotated.grown.__annotations__, Annotated.__annotations__, Annotated.Inner.of.__annotations__",
        ("xx", {"by": int, "return": str}, {"size": int}, {"n": float}),
    ),
    "inner": ("inner(2), inner.__annotations__", ([2], {"n": int, "return": list})),
    "dispatch": (
        "dispatch([1, 2]), dispatch({'k': 3}), dispatch(0), dispatch('x')",
        (("list", 1), ("dict", 3), "ZeroDivisionError", "TypeError"),
    ),
}
