"""Classes of the notebook: instances keep their class, counters their count, old instances their old class."""

from __future__ import annotations

import sys

from cases.story import Case, Notebook
from cases.tables import test_back_and_forth, test_found_again  # noqa: F401 -- the tests over CASES

COUNTED = "class C:\n    count = 0\n    made = []\n    def __init__(self):\n        C.count += 1\n        C.made.append(self)\nfirst = C()"

LATER = Case(
    "Bounds and constraints of type parameters that nobody read yet",
    """
    log, X = [], int
    def f[T: log.append('evaluated')](a): return a
    class B[T: X, *Ts]:
        n = 0
    class N[T: (X, bytes), U: list[T]]:
        def of[V: X](self, v: V) -> T: ...
    def bounds():
        first, constrained = B.__type_params__[0], N.__type_params__[0]
        return first.__bound__, constrained.__constraints__, N.of.__type_params__[0].__bound__, N.__type_params__[1].__bound__
    """,
    "B.n = 1",
    ["B.n", "log", "f(3), B[int]"],
    {},
    probe=(
        "(globals().update(X=str), bounds(), list(log), f.__type_params__[0].__bound__, log)[1:]",
        "((<class 'str'>, (<class 'str'>, <class 'bytes'>), <class 'str'>, list[T]), [], None, ['evaluated'])",
    ),
)
"""Python 3.12 and later."""

CASES = [
    *([LATER] if sys.version_info >= (3, 12) else []),
    Case(
        "Type variables, and what they are in",
        """
        import pickle
        from typing import Callable, Dict, Generic, ParamSpec, TypeVar, TypeVarTuple
        T, Number, Ts = TypeVar('T'), TypeVar('Number', int, float), TypeVarTuple('Ts')
        P = ParamSpec('P')
        class Box(Generic[T]):
            pass
        called, alias = Callable[P, int], Dict[str, T]
        """,
        "P = ParamSpec('P', covariant=True); called = Callable[P, T]; Number = TypeVar('Number', bound='Box')",
        [
            "[(one, one.__module__, pickle.loads(pickle.dumps(one)) is one) for one in (T, Number, P, Ts)]",
            "Number.__constraints__, Number.__bound__, P.__covariant__",
            "called.__parameters__[0] is P",
            "alias.__parameters__[0] is Box.__parameters__[0] is T",
        ],
        {"P": "restored", "called": "restored", "Number": "restored"},
        again={"P": "restored", "called": "restored", "Number": "restored"},
        kept=["Box", "T", "Ts", "alias"],
    ),
    Case(
        "Annotations that were read, of a class that changes",
        """
        class C:
            a: int
            n = [0]
        seen = dict(C.__annotations__)
        """,
        "C.n.append(1)",
        ["C.n", "C.__annotations__", "callable(getattr(C, '__annotate__', len))"],
        {},
    ),
    Case(
        "Annotations of a TypedDict that were read and changed",
        """
        from typing import TypedDict
        class T(TypedDict):
            a: int
        seen = dict(T.__annotations__)
        def derived():
            class S(T):
                b: int
            return S.__annotations__.keys()
        """,
        "T.__annotations__['z'] = 5",
        ["T.__annotations__", "sorted(derived() - {'z'})"],
        {},
    ),
    Case(
        "A reducer that names its own class",
        """
        class W:
            def __init__(self, n):
                self.n = n
            def __reduce__(self):
                return W, (self.n,)
        w = W(1)
        """,
        "w.n = 2",
        ["w.n", "type(w) is W"],
        {"w": "restored"},
    ),
    Case(
        "A class redefined while old instances live",
        """
        class P:
            def tell(self):
                return 'old'
        p = P()
        """,
        """
        class P:
            def tell(self):
                return 'new'
        """,
        ["isinstance(p, P)", "p.tell()", "P().tell()", "type(p) is P"],
        {"P": "restored|unchanged"},
        kept=["p"],
    ),
    Case(
        "Class attributes counted up",
        COUNTED,
        "second = C()",
        ["C.count", "len(C.made)", "C.made[0] is first", "isinstance(first, C)", "'second' in globals()"],
        {"second": "removed", "first": "restored|unchanged", "C": "restored|unchanged"},
        kept=["C"],
    ),
    Case(
        "A class attribute bound by hand",
        """
        class Settings:
            depth = 1
            names = ['a']
        s = Settings()
        """,
        "Settings.depth = 2; Settings.names.append('b'); Settings.extra = True",
        ["s.depth", "s.names", "hasattr(s, 'extra')", "isinstance(s, Settings)"],
        {"Settings": "restored|unchanged"},
        kept=["Settings", "s"],
    ),
    Case(
        "A method replaced on the class",
        """
        class Dog:
            def speak(self):
                return 'woof'
        rex = Dog()
        """,
        "Dog.speak = lambda self: 'meow'",
        ["rex.speak()", "isinstance(rex, Dog)"],
        {"Dog": "restored|unchanged"},
        kept=["Dog", "rex"],
    ),
    Case(
        "A method put on an instance",
        """
        class Dog:
            def speak(self):
                return 'woof'
        rex = Dog()
        """,
        """
        import types
        rex.speak = types.MethodType(lambda self: 'quack', rex)
        """,
        ["rex.speak()", "rex.speak.__self__ is rex", "'speak' in vars(rex)"],
        {"rex": "restored", "types": "removed"},
        kept=["Dog"],
    ),
    Case(
        "A dataclass edited, frozen ones and field defaults",
        """
        from dataclasses import dataclass, field, fields
        @dataclass
        class Item:
            name: str
            tags: list = field(default_factory=list)
        @dataclass(frozen=True, slots=True)
        class Fixed:
            n: int
        item = Item('a', ['x'])
        fixed = Fixed(3)
        """,
        "item.tags.append('y'); fixed = Fixed(4)",
        [
            "item",
            "fixed",
            "isinstance(fixed, Fixed)",
            "[f.name for f in fields(Item)]",
            "item == Item('a', ['x'])",
        ],
        {"item": "restored", "fixed": "restored"},
        kept=["Item", "Fixed"],
    ),
    Case(
        "Named tuples of both kinds",
        """
        from collections import namedtuple
        from typing import NamedTuple
        Point = namedtuple('Point', 'x y')
        class Seg(NamedTuple):
            a: Point
            n: int = 1
        p = Point(1, [2])
        s = Seg(p)
        """,
        "p.y.append(3); s = s._replace(n=2)",
        ["p", "s", "isinstance(p, Point)", "s.a is p", "Seg._fields"],
        {"p": "restored", "s": "restored"},
        kept=["Point", "Seg"],
    ),
    Case(
        "Enum members stay singletons",
        """
        from enum import Enum, Flag, auto
        class Colour(Enum):
            RED = auto()
            BLUE = auto()
        class Right(Flag):
            R = auto()
            W = auto()
        pick = [Colour.RED]
        rights = {Right.R | Right.W: 1}
        """,
        "pick.append(Colour.BLUE)",
        ["pick", "pick[0] is Colour.RED", "Colour(1) is Colour.RED", "rights[Right.R | Right.W]"],
        {"pick": "restored"},
        kept=["Colour", "Right", "rights"],
    ),
    Case(
        "Protocols and abstract classes",
        """
        from abc import ABC, abstractmethod
        from typing import Protocol, runtime_checkable
        @runtime_checkable
        class Speaks(Protocol):
            def speak(self) -> str: ...
        class Animal(ABC):
            @abstractmethod
            def speak(self): ...
        class Cat(Animal):
            def speak(self):
                return 'miau'
        cat = Cat()
        """,
        "cat.name = 'Tom'",
        [
            "vars(cat)",
            "isinstance(cat, Animal)",
            "isinstance(cat, Speaks)",
            "Animal.__abstractmethods__",
            "issubclass(Cat, Animal)",
        ],
        {"cat": "restored"},
        kept=["Animal", "Cat", "Speaks"],
    ),
    Case(
        "Bases and name of a class changed in place",
        """
        class Old:
            v = 1
        class New:
            v = 2
        class K(Old):
            pass
        k = K()
        """,
        "K.__bases__ = (New,); K.__name__ = 'Renamed'",
        ["k.v", "isinstance(k, Old)", "K.__name__", "type(k) is K"],
        kept=["K", "k", "Old", "New"],
    ),
    Case(
        "A bound classmethod that a base brings, and a metaclass that keeps its only instances",
        """
        class Base:
            @classmethod
            def make(cls):
                return cls()
        class Heir(Base):
            pass
        make = Heir.make
        class Single(type):
            only = {}
            def __call__(cls, *args):
                if cls not in Single.only:
                    Single.only[cls] = super().__call__(*args)
                return Single.only[cls]
        class Settings(metaclass=Single):
            pass
        settings = Settings()
        """,
        "settings.x = [1]",
        ["vars(settings)", "isinstance(make(), Heir)", "Settings() is settings"],
        {"settings": "restored|unchanged", "Single": "unchanged|restored"},
        kept=["Heir", "make"],
    ),
    Case(
        "A metaclass that keeps a register",
        """
        class Meta(type):
            known = {}
            def __new__(m, name, bases, space):
                made = super().__new__(m, name, bases, space)
                m.known[name] = made
                return made
        class A(metaclass=Meta):
            pass
        a = A()
        """,
        """
        class B(A):
            pass
        b = B()
        """,
        ["sorted(Meta.known)", "isinstance(a, A)", "type(A) is Meta", "Meta.known['A'] is A"],
        {
            "B": "removed",
            "b": "removed",
            "Meta": "restored|unchanged",
            "A": "restored|unchanged",
            "a": "restored|unchanged",
        },
        kept=["Meta", "A"],
    ),
    Case(
        "`__init_subclass__` and `__set_name__` run once",
        """
        log = []
        class Field:
            def __set_name__(self, owner, name):
                self.name = name
                log.append(name)
        class Base:
            def __init_subclass__(cls, **k):
                super().__init_subclass__(**k)
                log.append(cls.__name__)
        class One(Base):
            f = Field()
        one = One()
        """,
        """
        class Two(Base):
            g = Field()
        """,
        [
            "log",
            "One.f.name",
            "isinstance(one, Base)",
            "[c.__name__ for c in Base.__subclasses__() if c.__name__ == 'One']",
        ],
        {"Two": "removed", "log": "restored", "Base": "restored|unchanged"},
        kept=["One", "Base"],
    ),
    Case(
        "`__slots__`, with and without a dict, set and unset",
        """
        class S:
            __slots__ = ('a', 'b')
        class T(S):
            __slots__ = ('c', '__dict__')
        s = S()
        s.a = [1]
        t = T()
        t.a = s.a
        t.c = 3
        t.free = 4
        """,
        "s.b = 2; t.a.append(9); del t.c; t.free = 5",
        ["s.a", "hasattr(s, 'b')", "t.a is s.a", "hasattr(t, 'c')", "vars(t)"],
        {"s": "restored", "t": "restored"},
        kept=["S", "T"],
    ),
    Case(
        "Descriptors with state of their own",
        """
        class Typed:
            def __init__(self):
                self.values = {}
            def __get__(self, obj, kind=None):
                return self if obj is None else self.values.get(obj.key)
            def __set__(self, obj, value):
                self.values[obj.key] = value
        class Row:
            cell = Typed()
            def __init__(self, key):
                self.key = key
        row = Row('a')
        row.cell = 1
        """,
        "row.cell = 2",
        ["row.cell", "Row.cell.values", "isinstance(row, Row)"],
        {"Row": "restored|unchanged", "row": "restored|unchanged"},
        kept=["Row", "Typed"],
    ),
    Case(
        "Subclasses of dict, list, set, str and int",
        """
        class D(dict):
            def __missing__(self, key):
                return 'none'
        class L(list):
            pass
        class S(set):
            pass
        class Word(str):
            pass
        class Num(int):
            pass
        d = D(a=1)
        d.note = 'n'
        l = L([1])
        l.owner = d
        s = S({1})
        w = Word('hi')
        w.lang = 'en'
        n = Num(7)
        n.unit = 'kg'
        """,
        "d['b'] = 2; d.note = 'm'; l.append(2); s.add(2); w.lang = 'de'; n.unit = 'g'",
        ["(d, d.note, d['zz'])", "(l, l.owner is d)", "(s, type(s) is S)", "(w, w.lang)", "(n + 1, n.unit)"],
        dict.fromkeys("dlswn", "restored"),
        kept=["D", "L", "S", "Word", "Num"],
    ),
    Case(
        "A dict subclass whose methods lie is read raw",
        """
        class Liar(dict):
            def items(self):
                return [('lie', 1)]
            def __iter__(self):
                return iter(['lie'])
            def __len__(self):
                return 99
        liar = Liar(a=1)
        """,
        "dict.__setitem__(liar, 'b', 2)",
        ["dict.__repr__(liar)", "liar.items()"],
        {"liar": "restored"},
        kept=["Liar"],
    ),
    Case(
        "A subclass of ndarray with attributes",
        """
        import numpy as np
        class Info(np.ndarray):
            def __array_finalize__(self, obj):
                self.unit = getattr(obj, 'unit', None)
        x = np.arange(3.0).view(Info)
        x.unit = 'm'
        """,
        "x[0] = 9; x.unit = 'km'",
        ["x.tolist()", "x.unit", "type(x) is Info"],
        {"x": "restored"},
        kept=["Info"],
    ),
    Case(
        "Subclasses of datetime, Decimal and Path with attributes",
        """
        from datetime import datetime
        from decimal import Decimal
        from pathlib import PurePosixPath
        class Day(datetime):
            pass
        class Money(Decimal):
            pass
        d = Day(2026, 1, 2)
        d.mood = 'good'
        m = Money('1.50')
        m.code = 'EUR'
        p = PurePosixPath('a/b')
        """,
        "d.mood = 'bad'; m.code = 'USD'; p = p / 'c'",
        ["(d, d.mood)", "(m, m.code)", "p", "type(d) is Day", "type(m) is Money"],
        {"d": "restored", "m": "restored", "p": "restored"},
        kept=["Day", "Money"],
    ),
    Case(
        "An exception with attributes, cause and notes",
        """
        class Broken(Exception):
            def __init__(self, code, detail):
                super().__init__(code)
                self.detail = detail
        def fail():
            try:
                1 / 0
            except ZeroDivisionError as zero:
                raise Broken(7, ['x']) from zero
        try:
            fail()
        except Broken as error:
            kept_error = error
        """,
        "kept_error.detail.append('y'); kept_error.add_note('late')",
        [
            "kept_error.args",
            "kept_error.detail",
            "repr(kept_error.__cause__)",
            "getattr(kept_error, '__notes__', None)",
            "isinstance(kept_error, Broken)",
        ],
        {"kept_error": "restored|not_identical"},
        kept=["Broken", "fail"],
    ),
    Case(
        "An instance of a class that is not bound to any name",
        """
        def make():
            class Hidden:
                level = 1
                def up(self):
                    type(self).level += 1
                    return self
            return Hidden()
        h = make()
        k = type(h)()
        """,
        "h.up(); h.mark = 1",
        ["h.level", "k.level", "type(h) is type(k)", "hasattr(h, 'mark')"],
        {"h": "restored|unchanged", "k": "restored|unchanged"},
        kept=["make"],
        again={"h": "restored|unchanged", "k": "restored|unchanged"},
    ),
    Case(
        "A class made by `type()` and a class in a dict",
        """
        Made = type('Made', (), {'x': 1})
        kinds = {'made': Made}
        m = Made()
        """,
        "Made.x = 2; m.y = 3",
        ["m.x", "vars(m)", "kinds['made'] is Made", "isinstance(m, kinds['made'])"],
        {"m": "restored", "Made": "restored|unchanged", "kinds": "restored|unchanged"},
        kept=["Made"],
    ),
    Case(
        "Generic classes and `__class__` assigned",
        """
        from typing import Generic, TypeVar
        T = TypeVar('T')
        class Box(Generic[T]):
            def __init__(self, x: T):
                self.x = x
        class Other(Box[int]):
            pass
        b = Box[int](1)
        """,
        "b.__class__ = Other; b.x = 2",
        ["b.x", "type(b).__name__", "isinstance(b, Box)"],
        {"b": "restored"},
        kept=["Box", "Other", "T"],
    ),
    Case(
        "`__eq__` that lies and `__eq__` that raises",
        """
        class Yes:
            def __init__(self, n):
                self.n = n
            def __eq__(self, other):
                return True
        class Bad(Yes):
            def __eq__(self, other):
                raise RuntimeError('no')
            __hash__ = None
        y = Yes(1)
        b = Bad(1)
        """,
        "y.n = 2; b.n = 2",
        ["y.n", "b.n"],
        {"y": "restored", "b": "restored"},
        kept=["Yes", "Bad"],
    ),
    Case(
        "Weak references find the object that came back",
        """
        import weakref
        class Node:
            pass
        n = Node()
        n.x = 1
        ref = weakref.ref(n)
        by = weakref.WeakValueDictionary(n=n)
        """,
        "n.x = 2",
        ["n.x", "ref() is n", "by['n'] is n"],
        {"n": "restored", "ref": "restored", "by": "restored"},
        kept=["Node"],
    ),
    Case(
        "Weak methods find the object that came back: with a callback, of a subclass, in a cycle, dead",
        """
        import weakref
        class Node:
            def method(self):
                return self.x
        class Handler(weakref.WeakMethod):
            pass
        n = Node()
        n.x = 1
        method = weakref.WeakMethod(n.method)
        n.own = Handler(n.method)
        gone = weakref.WeakMethod(Node().method)
        told = weakref.WeakMethod(n.method, id)
        """,
        "n.x = 2",
        [
            "n.x",
            "method()()",
            "method() == n.method",
            "n.own() == n.method",
            "type(n.own).__name__",
            "gone()",
            "told() == n.method",
            "told.__callback__ is not None",
        ],
        {"n": "restored", "method": "restored", "told": "restored"},
        kept=["Node", "Handler", "gone"],
    ),
    Case(
        "`__getattr__`, `__setattr__` and `__repr__` with side effects are not called",
        """
        log = []
        class Nosy:
            def __getattr__(self, name):
                log.append(name)
                raise AttributeError(name)
            def __repr__(self):
                log.append('repr')
                return 'Nosy'
            def __hash__(self):
                log.append('hash')
                return 1
        nosy = Nosy()
        log.clear()
        """,
        "vars(nosy)['x'] = 1",
        ["log", "vars(nosy)"],
        {"nosy": "restored"},
        kept=["Nosy", "log"],
    ),
]


def test_an_instance_loaded_back_is_an_instance_of_the_live_class(notebook: Notebook) -> None:
    notebook.run(
        """
        class C:
            count = 0
        c = C()
        c.x = 1
        """,
        "C.count = 5",
        "c.x = 2",
    )
    identity = notebook.identities(["C"])
    notebook.move("undo")
    assert notebook.read("c.x", "C.count", "type(c) is C") == ["1", "5", "True"]
    assert notebook.identities(["C"]) == identity
    notebook.run("""
        class C:
            count = 100
        """)
    assert notebook.read("isinstance(c, C)") == ["False"]
    notebook.move("undo")
    assert notebook.read("isinstance(c, C)", "C.count") == ["True", "5"]


def test_a_type_variable_that_was_deleted_is_that_of_its_class_again(notebook: Notebook) -> None:
    notebook.run(
        """
        from typing import Callable, Generic, ParamSpec, TypeVar
        T, P = TypeVar('T'), ParamSpec('P')
        class Box(Generic[T, P]):
            pass
        """,
        "del T, P",
    )
    report = notebook.move("undo")
    assert notebook.read("Box.__parameters__ == (T, P)") == ["True"]
    assert {report.why(name) for name in ("T", "P")} == {"None"}


def test_an_enum_whose_members_hold_lists_is_the_same_after_moves(notebook: Notebook) -> None:
    notebook.run("before = 1")
    first = notebook.at()
    notebook.run(
        """
        from enum import Enum
        class Group(Enum):
            ODD = [1, 3]
            EVEN = (2, 4)
            ALIAS = [1, 3]
            def __init__(self, *numbers):
                self.numbers = list(numbers)
        pick = [Group.ODD]
        """
    )
    last = notebook.at()
    notebook.run("Group.more = 5")
    facts = ["Group.ODD.value", "Group((2, 4)) is Group.EVEN", "Group([1, 3]) is Group.ODD is Group.ALIAS"]
    facts += ["pick[0] is Group.ODD", "Group.ODD.numbers", "hasattr(Group, 'more')"]
    for target, more in [(last, False), (first, None), (last, False)]:
        report = notebook.move(f"switch {target}")
        assert report.data["is_exact"], report.words
        if more is not None:
            assert notebook.read(*facts) == ["[1, 3]", "True", "True", "True", "[[1, 3]]", str(more)]


def test_an_enum_member_that_changed_in_place_is_still_said_to_differ(notebook: Notebook) -> None:
    notebook.run("from enum import Enum\nclass Kept(Enum):\n    ONE = [1]", "Kept.ONE.value.append(2)")
    report = notebook.move("undo")
    assert notebook.read("Kept.ONE.value") == ["[1, 2]"]
    assert report.word("Kept") == "not_identical", report.words


def test_a_class_that_holds_its_own_instances_is_the_same_after_moves(notebook: Notebook) -> None:
    notebook.run(
        """
        class Unit:
            all = []
            by_name = {}
            def __init__(self, name):
                self.name = name
                Unit.all.append(self)
                Unit.by_name[name] = self
            def tell(self):
                return self.name
        Unit.tellers = [Unit('a').tell]
        """,
        "b = Unit('b')",
    )
    last = notebook.at()
    notebook.run("Unit('c')", "b.name = 'other'")
    facts = ["[unit.name for unit in Unit.all]", "Unit.all[1] is b is Unit.by_name['b']"]
    facts += ["Unit.tellers[0].__self__ is Unit.all[0]"]
    for target in (last, "2", last):
        report = notebook.move(f"switch {target}")
        assert report.data["is_exact"], report.words
        if target == last:
            assert notebook.read(*facts) == ["['a', 'b']", "True", "True"]


def test_p03_a_class_whose_earlier_state_cannot_be_built_is_not_said_to_be_unchanged(
    notebook: Notebook,
) -> None:
    notebook.run(
        """
        class Bad:
            def __reduce__(self):
                return int, ('x',)
        class A:
            n = 0
        class B(A):
            pass
        b = B()
        other = 1
        """,
        "A.n = 1; A.bad = Bad()",
        "A.n = 2; del A.bad",
    )
    report = notebook.move("undo")
    assert notebook.read("A.n") == ["2"]
    assert {name: report.word(name) for name in ("A", "B", "b", "other")} == {
        "A": "not_identical",
        "B": "not_identical",
        "b": "not_identical",
        "other": "unchanged",
    }
