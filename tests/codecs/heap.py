"""What the codecs promise, judged: `fingerprint` is what a walk hashes, `copy` what a load gives.

Both by a small heap of the tests' own, which walks parts as the engine does, keeps copies and builds them again; and by
the engine, where it is built: a test is green only if both agree with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import operator
import types
from collections.abc import Iterator
from typing import Any

from clew import _engine
from clew.codecs import Parts, find, named
from clew.codecs.handles import word
from clew.codecs.reduce import global_name, reduce_value

PLAIN = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(Ellipsis),
    type(NotImplemented),
    range,
    slice,
)


class Buffer:
    """Stands in for `clew._engine.Buffer`."""

    def __init__(self, exporter: Any, column: int = 0, copies_on_write: bool = False) -> None:
        self.exporter = exporter
        self.view = memoryview(exporter).cast("B")
        self.column = column
        self.copies_on_write = copies_on_write
        kept = (ctypes.c_char * self.view.nbytes).from_buffer(self.view) if not self.view.readonly else None
        self.address = ctypes.addressof(kept) if kept is not None else address(self.view)


def address(view: memoryview) -> int:
    import numpy as np

    return int(np.frombuffer(view, np.uint8).__array_interface__["data"][0]) if view.nbytes else 0


class Stored:
    """Nodes of what was walked, and the memory that it showed."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.kept: list[Any] = []
        self.nodes: list[Any] = []
        self.buffers: list[Buffer] = []
        self.native = True

    def walk(self, value: Any) -> Any:
        with stand_in():
            return self.visit(value)

    def visit(self, value: Any) -> Any:
        if type(value) in PLAIN:
            return ("plain", type(value), repr(value), value)
        if id(value) in self.numbers:
            return ("back", self.numbers[id(value)])
        self.kept.append(value)
        number = self.numbers[id(value)] = len(self.nodes)
        self.nodes.append(None)
        self.nodes[number] = self.body(value)
        return ("node", number)

    def body(self, value: Any) -> Any:
        kind = type(value)
        if kind is Buffer:
            self.buffers.append(value)
            return ("buffer", len(self.buffers) - 1)
        if kind in (tuple, list):
            return (kind.__name__, [self.visit(item) for item in value])
        if kind in (set, frozenset):
            return (kind.__name__, [self.visit(item) for item in sorted(value, key=repr)])
        if kind is dict:
            return ("dict", [(self.visit(key), self.visit(item)) for key, item in value.items()])
        if kind is bytearray:
            return ("bytearray", bytes(value))
        if kind is types.ModuleType:
            return ("module", value.__name__, value)
        if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
            return self.global_or_reduced(value)
        codec = find(kind)
        if codec is not None:
            self.native &= codec.native
            parts = codec.encode(value)
            if isinstance(parts, Parts):
                assert codec.fill is not None, codec.name
                return ("codec", codec.name, self.visit(tuple(parts.args)), self.visit(parts.state))
            assert codec.fill is None, codec.name
            return ("codec", codec.name, self.visit(tuple(parts)), None)
        why = word(kind)
        if why is not None:
            raise TypeError(why)
        if issubclass(kind, (int, float, str, bytes)) and kind.__module__ != "builtins":
            pass
        return self.global_or_reduced(value)

    def global_or_reduced(self, value: Any) -> Any:
        name = global_name(value)
        if name is not None and isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
            return ("global", name)
        if (isinstance(value, type) and value.__module__ == __name__) or "__main__" in str(
            getattr(value, "__module__", "")
        ):
            return ("live", value)
        if isinstance(value, type):
            return ("live", value)
        reduced = reduce_value(value)
        if isinstance(reduced, str):
            return ("global", reduced)
        self.native = False
        return ("reduce", [self.visit(part) for part in reduced])

    def fingerprint(self) -> Any:
        """What a walk hashes: the nodes with the bytes of the buffers, addresses told by overlap only."""
        extents, places = self.extents()
        shown = [(index, offset, bytes(buffer.view)) for buffer, (index, offset) in zip(self.buffers, places)]

        def strip(node: Any) -> Any:
            if isinstance(node, tuple) and node and node[0] == "plain":
                return node[1:3]
            if isinstance(node, tuple) and node and node[0] in ("module", "live"):
                return node[:1] + (repr(node[-1]),)
            if isinstance(node, tuple | list):
                return type(node)(strip(item) for item in node)
            return node

        return strip(self.nodes), shown, [length for _, length in extents]

    def extents(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        spans = [(b.address, b.address + b.view.nbytes) for b in self.buffers]
        raw = union([span for span, b in zip(spans, self.buffers) if not b.copies_on_write])
        joined = union(
            [
                span
                for span, b in zip(spans, self.buffers)
                if not b.copies_on_write or any(overlap(span, other) for other in raw)
            ]
        )
        extents: list[tuple[int, int]] = []
        places: list[tuple[int, int]] = []
        index_of: dict[tuple[int, int], int] = {}
        for span in spans:
            found = next((other for other in joined if overlap(span, other)), None)
            whole = found or span
            if found is None or found not in index_of:
                if found is not None:
                    index_of[found] = len(extents)
                extents.append((whole[0], whole[1] - whole[0]))
            index = index_of[found] if found is not None else len(extents) - 1
            places.append((index, span[0] - whole[0]))
        return extents, places


def overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def union(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


class Builder:
    """Builds objects again from what was stored, over memory of its own."""

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        self.made: dict[int, Any] = {}
        extents, self.places = stored.extents()
        self.memory = []
        for index, (start, length) in enumerate(extents):
            memory = memoryview((ctypes.c_ubyte * length)()).cast("B")
            for buffer, (extent, offset) in zip(stored.buffers, self.places):
                if extent == index:
                    memory[offset : offset + buffer.view.nbytes] = buffer.view
            self.memory.append(memory)

    def build(self, reference: Any) -> Any:
        if reference is None:
            return None
        if reference[0] == "plain":
            return reference[3]
        number = reference[1]
        if number not in self.made:
            self.make(number)
        return self.made[number]

    def make(self, number: int) -> None:
        node = self.stored.nodes[number]
        match node:
            case ("buffer", index):
                extent, offset = self.places[index]
                length = self.stored.buffers[index].view.nbytes
                self.made[number] = self.memory[extent][offset : offset + length]
            case ("tuple", items):
                self.made[number] = tuple([self.build(item) for item in items])
            case ("list", items):
                self.made[number] = made = []
                made.extend(self.build(item) for item in items)
            case ("set" | "frozenset" as kind, items):
                self.made[number] = {"set": set, "frozenset": frozenset}[kind](
                    self.build(item) for item in items
                )
            case ("dict", items):
                made = self.made[number] = {}
                for key, item in items:
                    made[self.build(key)] = self.build(item)
            case ("bytearray", data):
                self.made[number] = bytearray(data)
            case ("global", name):
                self.made[number] = find_global(name)
            case ("live", value) | ("module", _, value):
                self.made[number] = value
            case ("codec", name, args, state):
                codec = named(name)
                self.made[number] = made = codec.decode(self.build(args))
                if state is not None:
                    assert codec.fill is not None
                    codec.fill(made, self.build(state))
            case ("reduce", parts):
                self.reduced(number, parts)

    def reduced(self, number: int, parts: list[Any]) -> None:
        make, args = self.build(parts[0]), self.build(parts[1])
        made = self.made[number] = make(*args)
        state, items, pairs, setter = (self.build(part) for part in parts[2:])
        for item in items or ():
            made.append(item)
        for key, item in pairs or ():
            made[key] = item
        if state is None:
            return
        if setter is not None:
            setter(made, state)
        elif hasattr(made, "__setstate__"):
            made.__setstate__(state)
        else:
            own, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
            made.__dict__.update(own or {})
            for name, value in (slots or {}).items():
                setattr(made, name, value)


@contextlib.contextmanager
def stand_in() -> Iterator[None]:
    """Has the codecs make our `Buffer`s meanwhile."""
    files = [
        importlib.import_module(f"clew.codecs.{name}") for name in ("numpy", "arrow", "stdlib", "reduce")
    ]
    kept = [file.Buffer for file in files]
    for file in files:
        file.Buffer = Buffer
    try:
        yield
    finally:
        for file, buffer in zip(files, kept):
            file.Buffer = buffer


TestHeap = _engine.TestHeap


def looked(value: Any) -> Any:
    """Returns the engine's heap and its look at the value. A value without a recordable part is an error here."""
    heap = TestHeap({"__name__": "__main__"})
    found = heap.look_jointly({"value": value})
    if found.opaque:
        raise TypeError(found.opaque[0])
    return heap, found


def fingerprint(value: Any) -> Any:
    """Returns the fingerprints of a value, by the heap of the tests and by the engine."""
    stored = Stored()
    stored.walk(value)
    return stored.fingerprint(), looked(value)[1].fingerprint


def copy(value: Any) -> Any:
    """Returns the value as the engine restores it; checks that its fingerprint is the same, here and in the heap of the tests."""
    copied(value)
    heap, found = looked(value)
    loaded = heap.load([found])
    if loaded[""]:
        raise AssertionError(f"differs: {loaded['']}"[:1500])
    return loaded["value"]


def copied(value: Any) -> Any:
    """A copy by the tests' own heap."""
    stored = Stored()
    root = stored.walk(value)
    made = Builder(stored).build(root)
    again = Stored()
    again.walk(made)
    before, after = stored.fingerprint(), again.fingerprint()
    if after != before:
        raise AssertionError(f"differs: {difference(before, after)}"[:1500])
    return made


def difference(before: Any, after: Any) -> str:
    """The first place where two fingerprints part."""
    nodes = [f"{one} -> {other}" for one, other in zip(before[0], after[0]) if one != other]
    return (
        nodes[0] if nodes else f"memory {before[2]} -> {after[2]}, nodes {len(before[0])} -> {len(after[0])}"
    )


def find_global(name: str) -> Any:
    """The object that `module:qualname` names."""
    module, _, qualname = name.partition(":")
    return operator.attrgetter(qualname)(importlib.import_module(module))
