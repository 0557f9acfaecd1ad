"""Random programs of notebook cells: what a person might type, deterministic, with every kind of aliasing.

The generator knows which names a state has and of what kind they are, so nearly every cell does something. A cell may
raise; it raises in the reference, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

FIRST = (
    "import random, collections\nimport numpy as np\nimport pandas as pd\n"
    "random.seed(0); np.random.seed(0); mark = ['never touched']"
)

Kinds = dict[str, str]
NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"]


@dataclass(frozen=True)
class Cell:
    """A cell's text, and the kinds of all names after it."""

    text: str
    kinds: Kinds


class Programmer:
    """Writes one cell after the other, given what the names are now."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.written = 0

    def next(self, kinds: Mapping[str, str]) -> Cell:
        """A cell of one to three statements for a session whose names are of these kinds."""
        after = dict(kinds)
        lines = [self.statement(after) for _ in range(self.random.choice([1, 1, 2, 3]))]
        if self.random.random() < 0.08:
            lines.append("raise ValueError('half-way')")
        return Cell("\n".join(lines), after)

    def statement(self, kinds: Kinds) -> str:
        self.written += 1
        ways: list[Callable[[Kinds], str | None]] = [
            self.create,
            self.mutate,
            self.mutate,
            self.mutate,
            self.alias,
        ]
        ways += [self.nest, self.nest, self.drop, self.define, self.use, self.view, self.indirect]
        while True:
            line = self.random.choice(ways)(kinds)
            if line:
                return line

    def create(self, kinds: Kinds) -> str:
        name, n = self.name(), self.number()
        kind, text = self.random.choice(
            [
                ("list", f"[{n}, 'x{n}']"),
                ("list", f"[[{n}], [{n}]]"),
                ("dict", f"{{'k': {n}}}"),
                ("dict", f"collections.OrderedDict(z={n}, a=1)"),
                ("set", f"{{{n}, {n + 1}, 'm'}}"),
                ("plain", f"{n}"),
                ("plain", f"'s{n}' * 3"),
                ("plain", f"(1, {n}, 'in a tuple')"),
                ("array", f"np.arange({n % 7 + 6}.0)"),
                ("array", f"np.arange({2 * (n % 5 + 3)}).reshape(2, -1)"),
                ("frame", f"pd.DataFrame({{'a': range({n % 4 + 2}), 'b': list('vwxyz')[:{n % 4 + 2}]}})"),
                ("series", f"pd.Series([1.5, {n}, None], name='s')"),
                ("bytes", f"bytearray(b'abc{n}')"),
                ("deque", f"collections.deque([{n}], maxlen=4)"),
                ("sentinel", "object()"),
                ("plain", "random.random()"),
                ("plain", "float(np.random.rand())"),
            ]
        )
        kinds[name] = kind
        return f"{name} = {text}"

    MUTATIONS = {
        "list": ["{x}.append({n})", "{x}.reverse()", "{x} += [{n}]", "{x}[0] = {n}", "{x}[0].append({n})", "del {x}[-1]"],
        "dict": ["{x}['k'] = {n}", "{x}['k{n}'] = [{n}]", "{x}.popitem()", "{x}['k'].append({n})"],
        "set": ["{x}.add({n})", "{x}.discard('m')"],
        "array": ["{x}[0] = {n}", "{x} *= 2", "{x}.flat[-1] = -{n}", "{x}.sort()", "{x}[:] = {n}"],
        "frame": ["{x}.loc[0, 'a'] = {n}", "{x}['c{n}'] = {n}", "{x}.drop(columns={x}.columns[-1], inplace=True)", "{x}.attrs['n'] = {n}", "del {x}['b']"],
        "series": ["{x}.iloc[0] = {n}", "{x}.name = 'n{n}'"],
        "bytes": ["{x}[0] = {n}", "{x}.extend(b'{n}')", "{x}[1:2] = b'--'"],
        "deque": ["{x}.append({n})", "{x}.rotate()"],
        "instance": ["{x}.n = {n}", "{x}.bump()", "{x}.box.append({n})", "{x}.new{n} = 'attribute'", "type({x}).count += 1"],
        "class": ["{x}.count += 1", "{x}.shared.append({n})", "{x}.new = {n}"],
        "counter": ["{x}()", "{x}()"],
        "gather": ["{x}({n})", "{x}.calls = {n}"],
        "plain": ["{x} = {x} * 2", "{x} = ({x}, {n})"],
    }  # fmt: skip

    def mutate(self, kinds: Kinds) -> str | None:
        name = self.any_of(kinds, *self.MUTATIONS)
        return name and self.random.choice(self.MUTATIONS[kinds[name]]).format(x=name, n=self.number())

    def alias(self, kinds: Kinds) -> str | None:
        old = self.any_of(kinds, *set(kinds.values()))
        if old is None:
            return None
        name = self.name()
        kinds[name] = kinds[old]
        return f"{name} = {old}"

    def nest(self, kinds: Kinds) -> str | None:
        outer, inner = (
            self.any_of(kinds, "list", "dict", "instance", "deque"),
            self.any_of(kinds, *set(kinds.values())),
        )
        if outer is None or inner is None:
            return None
        way = {
            "list": "{o}.append({i})",
            "dict": "{o}['in'] = {i}",
            "instance": "{o}.held = {i}",
            "deque": "{o}.append({i})",
        }
        return way[kinds[outer]].format(o=outer, i=inner)

    def view(self, kinds: Kinds) -> str | None:
        base = self.any_of(kinds, "array", "list", "frame", "bytes")
        if base is None:
            return None
        name, kind = self.name(), kinds[base]
        text = {
            "array": self.random.choice(
                ["{b}[1:]", "{b}[::-1]", "{b}.T", "{b}.reshape(-1)", "{b}.copy()", "{b}[..., 0:2]"]
            ),
            "list": self.random.choice(["{b}[:]", "[{b}, {b}]", "list(reversed({b}))"]),
            "frame": self.random.choice(["{b}[:1]", "{b}.copy()", "{b}[['a']]", "{b}.T"]),
            "bytes": "np.frombuffer({b}, 'u1')",
        }[kind]
        kinds[name] = "array" if kind == "bytes" else kind
        return f"{name} = {text.format(b=base)}"

    def drop(self, kinds: Kinds) -> str | None:
        name = self.any_of(kinds, *set(kinds.values()))
        if name is None or self.random.random() < 0.5:
            return None
        del kinds[name]
        return f"del {name}"

    def define(self, kinds: Kinds) -> str:
        n, name = self.number(), self.name()
        what = self.random.choice(["class", "class", "reader", "counter", "gather", "subclass"])
        if what == "class":
            kinds["Thing"] = "class"
            return (
                f"class Thing:\n    count = {n}\n    shared = []\n    def __init__(self, n=0):\n        self.n = n\n        self.box = []\n"
                f"        Thing.count += 1\n    def bump(self):\n        self.n += {n}\n        return self"
            )
        if what == "subclass":
            kinds[name] = "dict"
            return f"class Sub(dict):\n    extra = {n}\n{name} = Sub(k={n})\n{name}.note = ['n']"
        if what == "reader":
            read = self.any_of(kinds, *set(kinds.values())) or "mark"
            return f"def read_{name}():\n    return ({read}, {n})"
        if what == "counter":
            kinds[name], other = "counter", self.name()
            kinds[other] = "counter"
            return (
                f"def make(n):\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    def down():\n        nonlocal n\n        n -= 1\n"
                f"    return up, down\n{name}, {other} = make({n})"
            )
        kinds[name] = "gather"
        return f"def {name}(x, seen=[{n}]):\n    seen.append(x)\n    return len(seen)"

    def use(self, kinds: Kinds) -> str | None:
        if "Thing" not in kinds:
            return None
        name = self.name()
        kinds[name] = "instance"
        return f"{name} = Thing({self.number()})"

    def indirect(self, kinds: Kinds) -> str | None:
        name = self.any_of(kinds, "list", "dict", "plain")
        if name is None:
            return None
        n = self.number()
        return self.random.choice(
            [
                f"exec('{name} = [{n}]')",
                f"globals().update({name}=[{n}])",
                f"def put():\n    global {name}\n    {name} = [{n}]\nput()",
                f"globals()['{name}'] = [{n}]",
            ]
        ) + self._now_list(kinds, name)

    def _now_list(self, kinds: Kinds, name: str) -> str:
        kinds[name] = "list"
        return ""

    def any_of(self, kinds: Mapping[str, str], *wanted: str) -> str | None:
        fitting = sorted(name for name, kind in kinds.items() if kind in wanted)
        return self.random.choice(fitting) if fitting else None

    def name(self) -> str:
        return self.random.choice(NAMES)

    def number(self) -> int:
        return self.random.randrange(2, 90)
