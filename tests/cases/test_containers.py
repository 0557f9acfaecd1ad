"""Builtin containers and values of the standard library."""

from __future__ import annotations

from collections.abc import Callable

from cases.story import Case, Notebook
from cases.tables import test_back_and_forth, test_found_again  # noqa: F401 -- the tests over CASES

CASES = [
    Case(
        "Values that are unequal to themselves, found by identity",
        """
        import numpy as np
        a, b, c = np.float64('nan'), complex('nan'), float('nan')
        held = [[a], [b], [c]]
        """,
        "held.append(1)",
        ["a in held[0]", "b in held[1]", "c in held[2]", "len(held)"],
        {"held": "restored", "a": "restored", "b": "restored", "c": "restored"},
    ),
    Case(
        "A parser of arguments, which tells texts by identity",
        """
        import argparse
        parser = argparse.ArgumentParser()
        _ = parser.add_argument('--n', type=int, default=1)
        """,
        "_ = parser.add_argument('--m', type=int, default=2)",
        ["parser.parse_args([])"],
        {"parser": "restored"},
        kept=["argparse"],
    ),
    Case(
        "A memoryview with other items than its bytearray",
        """
        raw = bytearray(b'abcdefgh')
        ints = memoryview(raw).cast('I')
        """,
        "ints[0] = 7",
        ["raw", "ints.tolist()", "ints.format", "ints.obj is raw"],
        {"raw": "restored", "ints": "restored"},
    ),
    Case(
        "Lists, dicts, sets and bytearrays changed in place",
        """
        l = [1, 2]
        d = {'a': 1}
        s = {1}
        b = bytearray(b'x')
        t = ([], 1)
        """,
        "l.append(3); d['b'] = 2; s.add(2); b += b'y'; t[0].append(1)",
        ["l", "d", "s", "b", "t"],
        dict.fromkeys("ldsbt", "restored"),
    ),
    Case(
        "The order of a dict is part of its value",
        "d = {'a': 1, 'b': 2, 'c': 3}",
        "d['a'] = d.pop('a')",
        ["list(d)", "d"],
        {"d": "restored"},
    ),
    Case(
        "Ordered, counting and default dicts, chain maps and deques",
        """
        from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
        o = OrderedDict(a=1, b=2)
        c = Counter('aab')
        f = defaultdict(list, k=[1])
        q = deque([1, 2, 3], maxlen=3)
        m = ChainMap({'x': 1}, f)
        """,
        "o.move_to_end('a'); c['z'] += 1; f['new'].append(1); q.append(4); m['x'] = 2",
        [
            "list(o.items())",
            "c",
            "f",
            "f.default_factory is list",
            "(q, q.maxlen)",
            "m['x']",
            "m.maps[1] is f",
        ],
        dict.fromkeys("ocfqm", "restored"),
    ),
    Case(
        "Numbers, strings and bytes of every kind",
        """
        i = 2**200
        f = -0.0
        c = 1 - 2j
        s = 'zwölf \\U0001f600 \\ud800'
        b = b'\\x00\\xff'
        r = range(1, 10, 3)
        x = slice(1, None, 2)
        e = ...
        n = NotImplemented
        """,
        "i += 1; f = 0.0; c = c * 2; s += '!'; b += b'!'; r = range(3); x = slice(2); e = None; n = None",
        ["i", "f", "c", "ascii(s)", "b", "r", "x", "e", "n"],
        dict.fromkeys("ifcsbrxen", "restored"),
    ),
    Case(
        "Dates, decimals, fractions, UUIDs, paths and patterns",
        """
        import datetime as dt, decimal, fractions, pathlib, re, uuid, zoneinfo
        when = dt.datetime(2026, 1, 2, tzinfo=zoneinfo.ZoneInfo('Europe/Rome'))
        fold = dt.datetime(2026, 10, 25, 2, 30, fold=1)
        span = dt.timedelta(days=1.5)
        money = decimal.Decimal('1.10')
        half = fractions.Fraction(1, 2)
        u = uuid.UUID(int=5)
        p = pathlib.Path('a') / 'b'
        pat = re.compile('(a+)b', re.I)
        m = pat.match('AAb')
        """,
        "when += span; fold = fold.replace(fold=0); span *= 2; money += 1; half += 1; u = uuid.UUID(int=6); p = p / 'c'; pat = re.compile('x'); m = None",
        ["when", "fold.fold", "span", "money", "half", "u", "p", "pat", "m and m.groups()"],
        dict.fromkeys(["when", "fold", "span", "money", "half", "u", "p", "pat", "m"], "restored"),
    ),
    Case(
        "Views of dicts, mapping proxies and simple namespaces",
        """
        import types
        d = {'a': 1}
        keys = d.keys()
        proxy = types.MappingProxyType(d)
        ns = types.SimpleNamespace(x=[1], d=d)
        """,
        "d['b'] = 2; ns.x.append(2)",
        ["list(keys)", "dict(proxy)", "ns.x", "ns.d is d"],
        {"d": "restored", "keys": "restored", "proxy": "restored", "ns": "restored"},
        probe=("(d.update(z=0), list(keys), proxy['z'])[1:]", "(['a', 'z'], 0)"),
    ),
    Case(
        "Text and byte streams in memory, with their positions",
        """
        import io
        s = io.StringIO('hello world')
        s.read(3)
        b = io.BytesIO(b'abcdef')
        b.seek(2)
        """,
        "s.read(2); b.write(b'ZZ')",
        ["s.getvalue()", "s.tell()", "b.getvalue()", "b.tell()"],
        {"s": "restored", "b": "restored"},
        probe=("(s.read(2), b.read(2))", "('lo', b'cd')"),
    ),
    Case(
        "A random generator of the user's own",
        """
        import random
        rng = random.Random(7)
        rng.random()
        """,
        "drawn = rng.random()",
        ["rng.getstate()[1][-1]", "hash(rng.getstate()[1])"],
        {"rng": "restored", "drawn": "removed"},
    ),
    Case(
        "A numpy generator, its bit generator and its seed",
        """
        import numpy as np
        rng = np.random.default_rng(7)
        legacy = np.random.RandomState(3)
        rng.random()
        """,
        "rng.normal(size=5); legacy.rand()",
        ["rng.bit_generator.state['state']['state']", "legacy.get_state()[2]"],
        {"rng": "restored", "legacy": "restored"},
    ),
    Case(
        "Ten thousand levels of nesting",
        """
        deep = []
        at_bottom = deep
        for _level in range(10_000):
            at_bottom.append([])
            at_bottom = at_bottom[0]
        def depth(x):
            n = 0
            while x:
                x = x[0]
                n += 1
            return n
        """,
        "at_bottom.append([])",
        ["depth(deep)", "len(at_bottom)"],
        {"deep": "restored", "at_bottom": "restored"},
        kept=["depth"],
    ),
    Case(
        "A million small objects",
        "many = [[n] for n in range(1_000_000)]",
        "many[500_000].append('x')",
        ["len(many)", "many[500_000]", "sum(map(len, many))", "many[-1]"],
        {"many": "restored"},
    ),
    Case(
        "A long linked list",
        """
        class Link:
            def __init__(self, next):
                self.next = next
        head = None
        for _n in range(20_000):
            head = Link(head)
        def length(x):
            n = 0
            while x is not None:
                x = x.next
                n += 1
            return n
        """,
        "head = Link(head)",
        ["length(head)", "isinstance(head.next, Link)"],
        {"head": "restored"},
        kept=["Link", "length"],
    ),
    Case(
        "`array.array`, frozen sets of tuples, and keys of mixed kinds",
        """
        import array
        a = array.array('d', [1, 2])
        fs = frozenset({(1, 'a'), frozenset({2})})
        d = {1: 'int', 'x': 'str', (1, 2): 'tuple', None: 'none', True and 2.5: 'float'}
        """,
        "a.append(3); fs = fs | {9}; d[(1, 2)] = 'changed'",
        ["a", "sorted(map(repr, fs))", "d"],
        {"a": "restored", "fs": "restored", "d": "restored"},
    ),
    Case(
        "Sets whose members refer to them: people who know each other, ordered by where they lie",
        """
        class Person:
            def __init__(self, name, town):
                self.name, self.town, self.knows = name, town, set()
        people = [Person(f'p{i}', {'all': None}) for i in range(12)]
        for at, person in enumerate(people):
            person.knows |= {people[at - 1], people[(at + 1) % 12], people[(at * 5) % 12]}
            person.town['all'] = everybody = frozenset(people)
        """,
        "people[3].knows.add(people[9])",
        [
            "[sorted(other.name for other in person.knows) for person in people]",
            "people[11].town['all'] is everybody, len(everybody), people[11] in everybody",
        ],
        {"people": "restored", "person": "restored", "everybody": "restored"},
        kept=["Person", "at"],
    ),
    Case(
        "Modules bound to names, their functions and types",
        """
        import math, json
        funcs = [math.sin, json.dumps, len, int, dict.get]
        """,
        "funcs.append(math); import string",
        ["[getattr(f, '__name__', f) for f in funcs]", "funcs[0] is math.sin", "'string' in globals()"],
        {"funcs": "restored", "string": "removed"},
        kept=["math", "json"],
    ),
]


def test_sets_and_dicts_of_strings_come_back_under_another_hash_seed(
    kernels: Callable[..., Notebook],
) -> None:
    """The stored form must not depend on the hash seed: the same state in a kernel with another one is all kept."""
    first = kernels(env={"PYTHONHASHSEED": "1"})
    first.run(
        """
        words = {'one', 'two', 'three', 'four'}
        table = {w: [w] for w in sorted(words)}
        nested = {frozenset({'a', 'b'}), frozenset({'c'})}
        """
    )
    first.kill()
    second = kernels(env={"PYTHONHASHSEED": "2"})
    report = second.move("resume")
    assert {report.word(name) for name in ["words", "table", "nested"]} == {"restored"}
    assert second.read("sorted(words)", "table['two']", "len(nested)", "frozenset({'b', 'a'}) in nested") == [
        "['four', 'one', 'three', 'two']",
        "['two']",
        "2",
        "True",
    ]
    second.run("words.add('five')")
    second.move("undo")
    assert second.read("sorted(words)") == ["['four', 'one', 'three', 'two']"]
