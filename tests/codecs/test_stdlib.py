"""Types of the standard library that hide their state come back as they were."""

from __future__ import annotations

import array
import collections
import contextvars
import datetime
import decimal
import fractions
import functools
import gc
import io
import itertools
import operator
import pathlib
import random
import re
import struct
import sys
import traceback
import types
import uuid
import warnings
import weakref
import zoneinfo

import pytest
from heap import copy, fingerprint

#: Iterators of itertools that Python 3.14 and later cannot read.
WITHOUT_REDUCERS = ("cycle", "chain", "islice", "product", "accumulate")
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
EQUAL = [
    datetime.date(2020, 1, 2),
    datetime.datetime(2020, 1, 2, 3, 4, 5, 6),
    datetime.datetime(2020, 10, 25, 2, 30, fold=1, tzinfo=BERLIN),
    datetime.time(1, 2, 3, 4, tzinfo=datetime.UTC),
    datetime.timedelta(-1, 3, 5),
    datetime.UTC,
    datetime.timezone(datetime.timedelta(hours=2), "X"),
    BERLIN,
    decimal.Decimal("-1.50E+30"),
    decimal.Decimal("-0"),
    decimal.Decimal("Infinity"),
    fractions.Fraction(-3, 7),
    uuid.UUID(int=5),
    pathlib.Path("a/b"),
    pathlib.PurePosixPath("."),
    pathlib.PureWindowsPath("c:/x"),
    collections.deque([1, [2]], maxlen=3),
    collections.OrderedDict(a=1, b=[2]),
    collections.defaultdict(list, a=[1]),
    collections.Counter("abca"),
    collections.ChainMap({"a": 1}, {"b": 2}),
    types.SimpleNamespace(a=1, b=[2]),
    array.array("d", [1.5, 2]),
    array.array("i"),
    re.compile("(a)(?P<x>b)", re.I | re.M),
    re.compile(b"a+"),
    operator.itemgetter(1, 2),
    int | None,
]


@pytest.mark.parametrize("value", EQUAL, ids=repr)
def test_value_comes_back(value):
    back = copy(value)
    assert type(back) is type(value)
    assert back == value or (type(value) is operator.itemgetter and repr(back) == repr(value))
    assert repr(back) == repr(value)


def test_moment_keeps_its_fold():
    assert copy(EQUAL[2]).fold == 1


class Stamp(datetime.datetime):
    """A moment with a note."""


class Money(decimal.Decimal):
    __slots__ = ("currency",)


class Queue(collections.deque):
    def __iter__(self):
        raise RuntimeError("never asked")


class Dice(random.Random):
    pass


class Folder(pathlib.PosixPath):
    pass


class Ordered(collections.OrderedDict):
    pass


def test_subclasses_keep_their_attributes():
    stamp = Stamp(2020, 1, 1)
    stamp.note = ["x"]
    money = Money("1.5")
    money.currency = "EUR"
    queue = Queue([1, 2], maxlen=5)
    queue.name = "q"
    dice = Dice(3)
    dice.sides = 6
    folder = Folder("/tmp")
    folder.note = "y"
    ordered = Ordered(a=1)
    ordered.note = "z"
    stamp2, money2, queue2, dice2, folder2, ordered2 = copy([stamp, money, queue, dice, folder, ordered])
    assert type(stamp2) is Stamp and stamp2 == stamp and stamp2.note == ["x"]
    assert type(money2) is Money and money2 == money and money2.currency == "EUR"
    assert type(queue2) is Queue and queue2.popleft() == 1 and queue2.name == "q" and queue2.maxlen == 5
    assert type(dice2) is Dice and dice2.random() == dice.random() and dice2.sides == 6
    assert type(folder2) is Folder and folder2 == folder and folder2.note == "y"
    assert type(ordered2) is Ordered and ordered2 == ordered and ordered2.note == "z"


def test_order_that_only_the_ordered_dict_knows():
    ordered = collections.OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    ordered.note = 5
    back = copy(ordered)
    assert list(back) == ["b", "a"] and back.note == 5


def test_containers_in_themselves():
    queue = collections.deque()
    queue.append(queue)
    back = copy(queue)
    assert back[0] is back
    space = types.SimpleNamespace()
    space.me = space
    assert (again := copy(space)).me is again


def test_generator_of_random_numbers_goes_on():
    generator = random.Random(7)
    generator.gauss(0, 1)
    back = copy(generator)
    assert [back.gauss(0, 1), back.random()] == [generator.gauss(0, 1), generator.random()]


def test_the_global_generator_is_itself():
    state = random.getstate()
    assert copy([random.random])[0].__self__ is random.random.__self__
    assert random.getstate() == state


def test_matches_come_back():
    text = "a1 b2 b2"
    for found in [
        re.match(r"(\w)(\d)?", text),
        re.search(r"b(?P<n>\d)", text),
        re.fullmatch(r"(\w).*", text),
    ]:
        assert copy(found).groupdict() == found.groupdict() and copy(found).span() == found.span()
    last = list(re.finditer(r"b\d", text))[-1]
    assert copy(last).span() == last.span()


def test_streams_come_back_where_they_stood():
    text = io.StringIO("ab\ncd")
    text.readline()
    data = io.BytesIO(b"abcd")
    data.seek(2)
    closed = io.StringIO()
    closed.close()
    text2, data2, closed2 = copy([text, data, closed])
    assert text2.read() == "cd" and data2.read() == b"cd" and closed2.closed
    assert text.read() == "cd"


def test_weak_containers_hold_what_is_held():
    class_ = types.SimpleNamespace
    held = [fractions.Fraction(1), frozenset([1]), frozenset([2])]
    values = weakref.WeakValueDictionary(a=held[1])
    keys = weakref.WeakKeyDictionary({held[1]: 5})
    members = weakref.WeakSet(held[1:])
    held2, values2, keys2, members2 = copy([held, values, keys, members])
    assert values2["a"] is held2[1] and keys2[held2[1]] == 5 and len(members2) == 2
    del held2
    gc.collect()
    assert class_ and not values2 and not keys2 and not members2


def test_context_variables_keep_value_and_default():
    variable = contextvars.ContextVar("v", default=[1])
    variable.set([2])
    back = copy(variable)
    assert back.get() == [2] and contextvars.Context().run(back.get) == [1] and back.name == "v"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_iterators_go_on_where_they_were_and_are_not_used_up():
    made = {
        "count": lambda: itertools.count(2.5, 2),
        "big count": lambda: itertools.count(2**70),
        "repeat": lambda: itertools.repeat("x", 4),
        "repeat for ever": lambda: itertools.repeat("x"),
        "cycle": lambda: itertools.cycle([1, 2, 3]),
        "chain": lambda: itertools.chain([1, 2], [3, 4, 5]),
        "islice": lambda: itertools.islice(range(10), 2, 9),
        "product": lambda: itertools.product("ab", repeat=2),
        "accumulate": lambda: itertools.accumulate([1, 2, 3, 4]),
        "enumerate": lambda: enumerate("abcd"),
        "zip": lambda: zip("abcd", range(4)),
        "map": lambda: map(str, range(4)),
        "filter": lambda: filter(None, [1, 2, 3]),
    }
    for name, make in made.items():
        iterator = make()
        next(iterator)
        if sys.version_info >= (3, 14) and name in WITHOUT_REDUCERS:
            with pytest.raises(Exception, match="without consuming it"):
                fingerprint(iterator)
            continue
        back = copy(iterator)
        assert [next(back), next(back)] == [next(iterator), next(iterator)], name


@pytest.mark.parametrize(
    "over", [{"a": 1, "b": 2, "c": 3, "d": 4}, {3, 1, 2, 40}, frozenset(range(9))], ids=repr
)
def test_iterators_over_dicts_and_sets_go_on_where_they_were(over):
    ways = (iter, lambda one: iter(one.values()), lambda one: iter(one.items()), lambda one: map(str, one))
    for way in ways if isinstance(over, dict) else (*ways[:1], ways[3]):
        iterator, left = way(over), list(way(over))[1:]
        before = fingerprint(iterator)
        next(iterator)
        assert fingerprint(iterator) != before
        back = copy(iterator)
        assert type(back) is type(iterator) and list(back) == left
        assert [next(iterator), next(iterator)] == left[:2]
        assert list(iterator) == left[2:] and list(copy(iterator)) == []


def test_filters_that_would_show_the_warning_are_never_met():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        if sys.version_info < (3, 12):
            assert next(copy(itertools.chain([1]))) == 1
        else:
            with pytest.raises(Exception, match="without consuming it"):
                fingerprint(itertools.chain([1]))
        assert copy(itertools.count(3)).__next__() == 3
    assert not seen


def test_small_things_come_back():
    assert copy(struct.Struct("<i")).pack(1) == b"\1\0\0\0"
    assert isinstance(copy(random.SystemRandom()), random.SystemRandom)
    assert copy([operator.attrgetter("a.b")])[0](types.SimpleNamespace(a=types.SimpleNamespace(b=5))) == 5
    assert copy(functools.partial(int, base=2))("10") == 2
    assert copy([len, "ab".join, [3].append])[1](["x", "y"]) == "xaby"


def failing():
    raise LookupError("inner")


def caught() -> BaseException:
    try:
        try:
            failing()
        except LookupError as inner:
            error = ValueError("outer", [1])
            error.add_note("note")
            error.extra = {"a": 1}
            raise error from inner
    except ValueError as outer:
        return outer
    raise AssertionError


def test_exceptions_keep_cause_traceback_notes_and_attributes():
    error = caught()
    back = copy(error)
    assert back.args == error.args and back.extra == {"a": 1} and back.__notes__ == ["note"]
    assert isinstance(back.__cause__, LookupError) and back.__cause__ is back.__context__
    shown = [(entry.name, entry.lineno, entry.filename) for entry in traceback.extract_tb(back.__traceback__)]
    assert shown == [
        (entry.name, entry.lineno, entry.filename) for entry in traceback.extract_tb(error.__traceback__)
    ]
    assert "".join(traceback.format_exception(back)).count("failing") == 2


class Picky(OSError):
    def __init__(self, one, two):
        super().__init__(2, "no such thing", one)
        self.two = two


def test_exceptions_whose_constructor_wants_more():
    back = copy(Picky("f", 5))
    assert type(back) is Picky and back.two == 5 and back.filename == "f" and back.errno == 2
    assert str(back) == str(Picky("f", 5))


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "x", "f", None, "g"),
        ImportError("m", name="n", path="p"),
        StopIteration(5),
        SystemExit(3),
        KeyError("k"),
        SyntaxError("bad", ("f", 1, 2, "text", 1, 3)),
        ExceptionGroup("g", [ValueError(1), ExceptionGroup("h", [TypeError(2)])]),
        UnicodeDecodeError("utf8", b"abc", 0, 1, "r"),
        AttributeError("m", name="n", obj=[1]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_fields_of_exceptions_come_back(error):
    back = copy(error)
    assert type(back) is type(error) and str(back) == str(error) and repr(back) == repr(error)
    for name in (
        "errno",
        "filename",
        "filename2",
        "name",
        "path",
        "value",
        "code",
        "lineno",
        "end_offset",
        "obj",
    ):
        assert getattr(back, name, None) == getattr(error, name, None)


def test_reducer_that_raises_is_let_raise():
    class Stubborn:
        def __reduce__(self):
            raise ZeroDivisionError("no")

    with pytest.raises(ZeroDivisionError):
        fingerprint(Stubborn())
