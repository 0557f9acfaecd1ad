"""Classes of the notebook: instances keep their class, counters their count, old instances their old class."""

from __future__ import annotations

import pytest

from cases.desk import Desk
from cases.story import Case, Notebook

COUNTED = "class C:\n    count = 0\n    made = []\n    def __init__(self):\n        C.count += 1\n        C.made.append(self)\nfirst = C()"

CASES = [
    Case(
        "A class redefined while old instances live",
        "class P:\n    def tell(self):\n        return 'old'\np = P()",
        "class P:\n    def tell(self):\n        return 'new'",
        ["isinstance(p, P)", "p.tell()", "P().tell()", "type(p) is P"],
        {"P": "loaded|kept"},
        kept=["p"],
    ),
    Case(
        "Class attributes counted up",
        COUNTED,
        "second = C()",
        ["C.count", "len(C.made)", "C.made[0] is first", "isinstance(first, C)", "'second' in globals()"],
        {"second": "removed", "first": "loaded|kept", "C": "loaded|kept"},
        kept=["C"],
    ),
    Case(
        "A class attribute bound by hand",
        "class Settings:\n    depth = 1\n    names = ['a']\ns = Settings()",
        "Settings.depth = 2; Settings.names.append('b'); Settings.extra = True",
        ["s.depth", "s.names", "hasattr(s, 'extra')", "isinstance(s, Settings)"],
        {"Settings": "loaded|kept"},
        kept=["Settings", "s"],
    ),
    Case(
        "A method replaced on the class",
        "class Dog:\n    def speak(self):\n        return 'woof'\nrex = Dog()",
        "Dog.speak = lambda self: 'meow'",
        ["rex.speak()", "isinstance(rex, Dog)"],
        {"Dog": "loaded|kept"},
        kept=["Dog", "rex"],
    ),
    Case(
        "A method put on an instance",
        "class Dog:\n    def speak(self):\n        return 'woof'\nrex = Dog()",
        "import types\nrex.speak = types.MethodType(lambda self: 'quack', rex)",
        ["rex.speak()", "rex.speak.__self__ is rex", "'speak' in vars(rex)"],
        {"rex": "loaded", "types": "removed"},
        kept=["Dog"],
    ),
    Case(
        "A dataclass edited, frozen ones and field defaults",
        "from dataclasses import dataclass, field, fields\n@dataclass\nclass Item:\n    name: str\n    tags: list = field(default_factory=list)\n"
        "@dataclass(frozen=True, slots=True)\nclass Fixed:\n    n: int\nitem = Item('a', ['x'])\nfixed = Fixed(3)",
        "item.tags.append('y'); fixed = Fixed(4)",
        [
            "item",
            "fixed",
            "isinstance(fixed, Fixed)",
            "[f.name for f in fields(Item)]",
            "item == Item('a', ['x'])",
        ],
        {"item": "loaded", "fixed": "loaded"},
        kept=["Item", "Fixed"],
    ),
    Case(
        "Named tuples of both kinds",
        "from collections import namedtuple\nfrom typing import NamedTuple\nPoint = namedtuple('Point', 'x y')\nclass Seg(NamedTuple):\n    a: Point\n    n: int = 1\np = Point(1, [2])\ns = Seg(p)",
        "p.y.append(3); s = s._replace(n=2)",
        ["p", "s", "isinstance(p, Point)", "s.a is p", "Seg._fields"],
        {"p": "loaded", "s": "loaded"},
        kept=["Point", "Seg"],
    ),
    Case(
        "Enum members stay singletons",
        "from enum import Enum, Flag, auto\nclass Colour(Enum):\n    RED = auto()\n    BLUE = auto()\nclass Right(Flag):\n    R = auto()\n    W = auto()\npick = [Colour.RED]\nrights = {Right.R | Right.W: 1}",
        "pick.append(Colour.BLUE)",
        ["pick", "pick[0] is Colour.RED", "Colour(1) is Colour.RED", "rights[Right.R | Right.W]"],
        {"pick": "loaded"},
        kept=["Colour", "Right", "rights"],
    ),
    Case(
        "Protocols and abstract classes",
        "from abc import ABC, abstractmethod\nfrom typing import Protocol, runtime_checkable\n@runtime_checkable\nclass Speaks(Protocol):\n    def speak(self) -> str: ...\n"
        "class Animal(ABC):\n    @abstractmethod\n    def speak(self): ...\nclass Cat(Animal):\n    def speak(self):\n        return 'miau'\ncat = Cat()",
        "cat.name = 'Tom'",
        [
            "vars(cat)",
            "isinstance(cat, Animal)",
            "isinstance(cat, Speaks)",
            "Animal.__abstractmethods__",
            "issubclass(Cat, Animal)",
        ],
        {"cat": "loaded"},
        kept=["Animal", "Cat", "Speaks"],
    ),
    Case(
        "A metaclass that keeps a register",
        "class Meta(type):\n    known = {}\n    def __new__(m, name, bases, space):\n        made = super().__new__(m, name, bases, space)\n        m.known[name] = made\n        return made\n"
        "class A(metaclass=Meta):\n    pass\na = A()",
        "class B(A):\n    pass\nb = B()",
        ["sorted(Meta.known)", "isinstance(a, A)", "type(A) is Meta", "Meta.known['A'] is A"],
        {"B": "removed", "b": "removed", "Meta": "loaded|kept", "A": "loaded|kept", "a": "loaded|kept"},
        kept=["Meta", "A"],
    ),
    Case(
        "`__init_subclass__` and `__set_name__` run once",
        "log = []\nclass Field:\n    def __set_name__(self, owner, name):\n        self.name = name\n        log.append(name)\nclass Base:\n    def __init_subclass__(cls, **k):\n        super().__init_subclass__(**k)\n        log.append(cls.__name__)\n"
        "class One(Base):\n    f = Field()\none = One()",
        "class Two(Base):\n    g = Field()",
        [
            "log",
            "One.f.name",
            "isinstance(one, Base)",
            "[c.__name__ for c in Base.__subclasses__() if c.__name__ == 'One']",
        ],
        {"Two": "removed", "log": "loaded", "Base": "loaded|kept"},
        kept=["One", "Base"],
    ),
    Case(
        "`__slots__`, with and without a dict, set and unset",
        "class S:\n    __slots__ = ('a', 'b')\nclass T(S):\n    __slots__ = ('c', '__dict__')\ns = S()\ns.a = [1]\nt = T()\nt.a = s.a\nt.c = 3\nt.free = 4",
        "s.b = 2; t.a.append(9); del t.c; t.free = 5",
        ["s.a", "hasattr(s, 'b')", "t.a is s.a", "hasattr(t, 'c')", "vars(t)"],
        {"s": "loaded", "t": "loaded"},
        kept=["S", "T"],
    ),
    Case(
        "Descriptors with state of their own",
        "class Typed:\n    def __init__(self):\n        self.values = {}\n    def __get__(self, obj, kind=None):\n        return self if obj is None else self.values.get(obj.key)\n    def __set__(self, obj, value):\n        self.values[obj.key] = value\n"
        "class Row:\n    cell = Typed()\n    def __init__(self, key):\n        self.key = key\nrow = Row('a')\nrow.cell = 1",
        "row.cell = 2",
        ["row.cell", "Row.cell.values", "isinstance(row, Row)"],
        {"Row": "loaded|kept", "row": "loaded|kept"},
        kept=["Row", "Typed"],
    ),
    Case(
        "Subclasses of dict, list, set, str and int",
        "class D(dict):\n    def __missing__(self, key):\n        return 'none'\nclass L(list):\n    pass\nclass S(set):\n    pass\nclass Word(str):\n    pass\nclass Num(int):\n    pass\n"
        "d = D(a=1)\nd.note = 'n'\nl = L([1])\nl.owner = d\ns = S({1})\nw = Word('hi')\nw.lang = 'en'\nn = Num(7)\nn.unit = 'kg'",
        "d['b'] = 2; d.note = 'm'; l.append(2); s.add(2); w.lang = 'de'; n.unit = 'g'",
        ["(d, d.note, d['zz'])", "(l, l.owner is d)", "(s, type(s) is S)", "(w, w.lang)", "(n + 1, n.unit)"],
        dict.fromkeys("dlswn", "loaded"),
        kept=["D", "L", "S", "Word", "Num"],
    ),
    Case(
        "A dict subclass whose methods lie is read raw",
        "class Liar(dict):\n    def items(self):\n        return [('lie', 1)]\n    def __iter__(self):\n        return iter(['lie'])\n    def __len__(self):\n        return 99\nliar = Liar(a=1)",
        "dict.__setitem__(liar, 'b', 2)",
        ["dict.__repr__(liar)", "liar.items()"],
        {"liar": "loaded"},
        kept=["Liar"],
    ),
    Case(
        "A subclass of ndarray with attributes",
        "import numpy as np\nclass Info(np.ndarray):\n    def __array_finalize__(self, obj):\n        self.unit = getattr(obj, 'unit', None)\nx = np.arange(3.0).view(Info)\nx.unit = 'm'",
        "x[0] = 9; x.unit = 'km'",
        ["x.tolist()", "x.unit", "type(x) is Info"],
        {"x": "loaded"},
        kept=["Info"],
    ),
    Case(
        "Subclasses of datetime, Decimal and Path with attributes",
        "from datetime import datetime\nfrom decimal import Decimal\nfrom pathlib import PurePosixPath\nclass Day(datetime):\n    pass\nclass Money(Decimal):\n    pass\nd = Day(2026, 1, 2)\nd.mood = 'good'\nm = Money('1.50')\nm.code = 'EUR'\np = PurePosixPath('a/b')",
        "d.mood = 'bad'; m.code = 'USD'; p = p / 'c'",
        ["(d, d.mood)", "(m, m.code)", "p", "type(d) is Day", "type(m) is Money"],
        {"d": "loaded", "m": "loaded", "p": "loaded"},
        kept=["Day", "Money"],
    ),
    Case(
        "An exception with attributes, cause and notes",
        "class Broken(Exception):\n    def __init__(self, code, detail):\n        super().__init__(code)\n        self.detail = detail\ndef fail():\n    try:\n        1 / 0\n    except ZeroDivisionError as zero:\n        raise Broken(7, ['x']) from zero\n"
        "try:\n    fail()\nexcept Broken as error:\n    kept_error = error",
        "kept_error.detail.append('y'); kept_error.add_note('late')",
        [
            "kept_error.args",
            "kept_error.detail",
            "repr(kept_error.__cause__)",
            "getattr(kept_error, '__notes__', None)",
            "isinstance(kept_error, Broken)",
        ],
        {"kept_error": "loaded|differs"},
        kept=["Broken", "fail"],
    ),
    Case(
        "An instance of a class that is not bound to any name",
        "def make():\n    class Hidden:\n        level = 1\n        def up(self):\n            type(self).level += 1\n            return self\n    return Hidden()\nh = make()\nk = type(h)()",
        "h.up(); h.mark = 1",
        ["h.level", "k.level", "type(h) is type(k)", "hasattr(h, 'mark')"],
        {"h": "loaded|kept", "k": "loaded|kept"},
        kept=["make"],
        again={"h": "loaded|kept", "k": "loaded|kept"},
    ),
    Case(
        "A class made by `type()` and a class in a dict",
        "Made = type('Made', (), {'x': 1})\nkinds = {'made': Made}\nm = Made()",
        "Made.x = 2; m.y = 3",
        ["m.x", "vars(m)", "kinds['made'] is Made", "isinstance(m, kinds['made'])"],
        {"m": "loaded", "Made": "loaded|kept", "kinds": "loaded|kept"},
        kept=["Made"],
    ),
    Case(
        "Generic classes and `__class__` assigned",
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def __init__(self, x: T):\n        self.x = x\nclass Other(Box[int]):\n    pass\nb = Box[int](1)",
        "b.__class__ = Other; b.x = 2",
        ["b.x", "type(b).__name__", "isinstance(b, Box)"],
        {"b": "loaded"},
        kept=["Box", "Other", "T"],
    ),
    Case(
        "`__eq__` that lies and `__eq__` that raises",
        "class Yes:\n    def __init__(self, n):\n        self.n = n\n    def __eq__(self, other):\n        return True\nclass Bad(Yes):\n    def __eq__(self, other):\n        raise RuntimeError('no')\n    __hash__ = None\ny = Yes(1)\nb = Bad(1)",
        "y.n = 2; b.n = 2",
        ["y.n", "b.n"],
        {"y": "loaded", "b": "loaded"},
        kept=["Yes", "Bad"],
    ),
    Case(
        "Weak references find the object that came back",
        "import weakref\nclass Node:\n    pass\nn = Node()\nn.x = 1\nref = weakref.ref(n)\nby = weakref.WeakValueDictionary(n=n)",
        "n.x = 2",
        ["n.x", "ref() is n", "by['n'] is n"],
        {"n": "loaded", "ref": "loaded", "by": "loaded"},
        kept=["Node"],
    ),
    Case(
        "`__getattr__`, `__setattr__` and `__repr__` with side effects are not called",
        "log = []\nclass Nosy:\n    def __getattr__(self, name):\n        log.append(name)\n        raise AttributeError(name)\n    def __repr__(self):\n        log.append('repr')\n        return 'Nosy'\n    def __hash__(self):\n        log.append('hash')\n        return 1\nnosy = Nosy()\nlog.clear()",
        "vars(nosy)['x'] = 1",
        ["log", "vars(nosy)"],
        {"nosy": "loaded"},
        kept=["Nosy", "log"],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_back_and_forth(desk: Desk, case: Case) -> None:
    desk.play(case)


@pytest.mark.parametrize("case", [case for case in CASES if case.fresh], ids=lambda case: case.name)
def test_found_again(desk: Desk, case: Case) -> None:
    desk.find_again(case)


def test_an_instance_loaded_back_is_an_instance_of_the_live_class(notebook: Notebook) -> None:
    notebook.run("class C:\n    count = 0\nc = C()\nc.x = 1", "C.count = 5", "c.x = 2")
    identity = notebook.identities(["C"])
    notebook.move("undo")
    assert notebook.read("c.x", "C.count", "type(c) is C") == ["1", "5", "True"]
    assert notebook.identities(["C"]) == identity
    notebook.run("class C:\n    count = 100")
    assert notebook.read("isinstance(c, C)") == ["False"]
    notebook.move("undo")
    assert notebook.read("isinstance(c, C)", "C.count") == ["True", "5"]
