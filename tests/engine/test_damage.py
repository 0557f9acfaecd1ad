"""Streams that no walk wrote: a clear error or some object, never the end of the process."""

from __future__ import annotations

import dis
import opcode
import random
import sys

import pytest
from notebooks import Notebook

CELLS = {
    "containers": "x = [1, (2, [3]), {'a': {4, 5}}, frozenset([6]), slice(1, 2), range(3), 1j, b'b' * 70, bytearray(70_000)]",
    "instances": "class A:\n    __slots__ = ('a', '__dict__')\nclass D(dict): pass\nclass T(tuple): pass\nx = [A(), D(a=1), T([1])]\nx[0].a = x; x[0].b = 2; x[1].c = 3",
    "functions": "def m():\n    n = [1]\n    def f(a, b=n, *, c: int = 1) -> list:\n        return a, n\n    return f\nx = m(); y = x.__call__",
    "classes": "import enum, abc\nclass E(enum.Enum):\n    A = 1\nclass B(abc.ABC):\n    @classmethod\n    def f(c): return super().__class__\n    @property\n    def p(s): return 1\nx = [E.A, B(), B.f]",
    "wrappers": "import weakref, functools, types\nclass A: pass\na = A(); x = [weakref.ref(a), functools.partial(len, a), a.__init__, memoryview(b'ab' * 9)[2:4], types.MappingProxyType({1: 2}), {1: 2}.keys(), [].append, str.upper]",
    "reducers": "import collections, datetime, decimal\nx = [collections.deque([1]), datetime.date(2020, 1, 1), decimal.Decimal(1), collections.OrderedDict(a=1), ValueError('x')]",
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_p14_damaged_streams_end_in_a_clear_error(cell: str) -> None:
    notebook = Notebook(cell)
    chance = random.Random(14)
    said = set()
    for stored in notebook.look():
        for _ in range(400):
            stream = bytearray(stored.stream)
            for _ in range(chance.choice([1, 1, 2, 5])):
                stream[chance.randrange(len(stream))] = chance.choice(
                    [0, 1, 2, 127, 128, 255, chance.randrange(256)]
                )
            if chance.random() < 0.1:
                del stream[chance.randrange(len(stream)) :]
            said.add(notebook.heap.build_damaged(stored, bytes(stream))[:40])
    assert len(said) > 3


def test_p14_a_function_whose_last_instruction_is_not_whole_is_not_built() -> None:
    """The interpreter would write behind the end of such code."""
    notebook = Notebook("def f(x):\n    return x")
    (stored,) = notebook.look()
    code = notebook.names["f"].__code__.co_code
    assert notebook.heap.build_damaged(stored, stored.stream) == ""
    said = set()
    for number in range(256):
        damaged = stored.stream.replace(code, code[:-2] + bytes([number]) + code[-1:])
        assert number == code[-2] or damaged != stored.stream
        said.add(notebook.heap.build_damaged(stored, damaged))
    assert len(said) == 2 and any("an instruction of a function is cut short" in text for text in said), said


def test_p14_a_function_with_an_instruction_that_no_compiler_emits_is_not_built() -> None:
    """The interpreter looks such an instruction up in tables that the code does not have, as soon as its bytecode is read."""
    notebook = Notebook("def f(x):\n    y = x\n    return y")
    (stored,) = notebook.look()
    code = notebook.names["f"].__code__.co_code
    written = ("RESERVED", "INTERPRETER_EXIT", "ENTER_EXECUTOR", "TRACE_RECORD")
    _, second, *_ = dis.get_instructions(notebook.names["f"])
    known = {
        name: number for name, number in opcode.opmap.items() if name in written or "INSTRUMENTED" in name
    }
    assert known or sys.version_info < (3, 12)
    for number in (number for number in known.values() if number < 256):
        damaged = stored.stream.replace(
            code, code[: second.offset] + bytes([number]) + code[second.offset + 1 :]
        )
        assert damaged != stored.stream
        assert "an instruction of a function is cut short" in notebook.heap.build_damaged(stored, damaged)


SELF_CONTAINING = {
    "a key": "x = {(7, 8): 1}",
    "a member of a set": "x = {(7, 8)}",
    "a tuple in a tuple": "x = {((7, 8), 9): 1}",
    "a frozenset": "x = {(frozenset([(7, 8)]), 9): 1}",
    "a namedtuple": "import collections\nT = collections.namedtuple('T', 'a b')\nx = {(T(7, 8), 9): 1}",
    "constants": "def x(): return (7, 8, [])",
}


@pytest.mark.parametrize("cell", SELF_CONTAINING.values(), ids=SELF_CONTAINING.keys())
def test_p14_a_tuple_that_contains_itself_is_not_built(cell: str) -> None:
    """The interpreter hashes it, or interns its strings, without a check of the depth: the kernel would end."""
    notebook = Notebook(cell)
    seven = b"\x10\x01\x07"
    (stored,) = (stored for stored in notebook.look() if seven in stored.stream)
    assert notebook.heap.build_damaged(stored, stored.stream) == ""
    # Kind 2 refers to an earlier object of the stream by its number.
    streams = (stored.stream.replace(seven, bytes([2, number])) for number in range(120))
    said = {notebook.heap.build_damaged(stored, stream) for stream in streams}
    assert any("a tuple contains itself" in text for text in said), said
