"""The reader of bytecode: what it makes of code is what Python's own `dis` shows, on every version of Python."""

from __future__ import annotations

import ast
import dis
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from clew.analysis import bytecode
from clew.analysis.bytecode import (
    asserts,
    called,
    constant,
    constants,
    dotted,
    end_of_reach,
    imports_in,
    jumps_in,
    mentions,
    names_of,
    nested,
    steps_of,
    texts_of,
)

PAIRS = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("LOAD_FAST_BORROW", "LOAD_FAST_BORROW"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
}
LIBRARIES = (ast, dis, Path, sys.modules["typing"], sys.modules["re"], sys.modules["collections"])


def code_of(source: str) -> CodeType:
    return compile(source, "<cell>", "exec")


def function(source: str) -> CodeType:
    """The first code within some source."""
    return next(one for one in code_of(source).co_consts if isinstance(one, CodeType))


def shown(code: CodeType) -> Iterator[tuple[str, Any, Any]]:
    """Instructions as `dis` has them: names, arguments, positions."""
    for one in dis.get_instructions(code):
        position = None if one.positions is None else tuple(one.positions)
        if one.opname in PAIRS:
            for name, value in zip(PAIRS[one.opname], one.argval, strict=True):
                yield name, value, position
        elif one.opname not in ("CACHE", "EXTENDED_ARG", "NOP", "RESUME"):
            value = code.co_consts[one.arg or 0] if one.opname == "KW_NAMES" else one.argval
            if one.opname == "LOAD_COMMON_CONSTANT" and sys.version_info < (3, 15):
                value = dis._common_constants[one.arg or 0]  # type: ignore[attr-defined]  # of which Python 3.14 shows the number
            # However a constant is loaded, it is one.
            is_constant = one.opname in ("LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT")
            yield "LOAD_CONST" if is_constant else one.opname, value, position


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda one: one.__name__)
def test_steps_are_the_instructions_that_dis_shows(library: Any) -> None:
    file = Path(sys.modules[getattr(library, "__module__", library.__name__)].__file__ or "")
    many = 0
    for code in nested(code_of(file.read_text())):
        steps = steps_of(code)
        jumps = [*dis.hasjrel, *dis.hasjabs]
        targets = {one.argval for one in dis.get_instructions(code) if one.opcode in jumps}
        targets |= {one.target for one in dis.Bytecode(code).exception_entries}  # type: ignore[attr-defined]
        assert {target for _, target in jumps_in(code)} == targets
        for ours, (name, value, position) in zip(steps, shown(code), strict=True):
            assert (ours.opname, ours.position) == (name, position)
            assert ours.argval == value or ours.argval is None
            is_needed = name.startswith(("LOAD_", "STORE_", "DELETE_", "IMPORT_")) and isinstance(value, str)
            assert ours.argval is not None or not is_needed, ours
        many += len(steps)
    assert many > 100


def test_arguments_of_any_size_are_read() -> None:
    source = "\n".join(
        f"name{number} = holder.part{number} + {number + 300}" for number in range(70_000 // 200)
    )
    steps = steps_of(code_of(source))
    assert [one.argval for one in steps if one.opname == "STORE_NAME"] == [
        f"name{number}" for number in range(350)
    ]
    assert [one.argval for one in steps if one.opname == "LOAD_ATTR"] == [
        f"part{number}" for number in range(350)
    ]


def test_code_is_read_once_while_it_lives() -> None:
    code = code_of("a = b.c")
    assert steps_of(code) is steps_of(code)
    key = id(code)
    assert key in bytecode._known
    del code
    gc.collect()
    assert key not in bytecode._known


def test_long_code_is_not_kept() -> None:
    code = code_of("\n".join(f"a{number} = {number}" for number in range(6_000)))
    assert len(steps_of(code)) > 10_000
    assert id(code) not in bytecode._known


@pytest.mark.parametrize(
    ("source", "loaded", "stored", "deleted"),
    [
        ("a = b", "b", "a", ""),
        ("a += b", "a b", "a", ""),
        ("del a", "", "", "a"),
        ("a.b = c", "a c", "", ""),
        ("a[b] = c", "a b c", "", ""),
        ("import a.b", "", "a", ""),
        ("from a import b as c", "", "c", ""),
        ("for a in b: pass", "b", "a", ""),
        ("with a as b: pass", "a", "b", ""),
        ("print((a := b))", "print b", "a", ""),
        ("try: a\nexcept b as c: pass", "a b", "c", "c"),
        ("def f(): return a", "", "f", ""),
        ("match a:\n    case [b, *c]: pass", "a", "b c", ""),
    ],
)
def test_names_of_statements(source: str, loaded: str, stored: str, deleted: str) -> None:
    found = names_of(code_of(source))
    assert tuple(map(set, found)) == (set(loaded.split()), set(stored.split()), set(deleted.split()))


def test_names_of_functions_and_classes() -> None:
    found = names_of(function("def f(x):\n    global a\n    y = b\n    a = x\n    del a\n    return c(y)"))
    assert list(found) == [{"b", "c"}, {"a"}, {"a"}]
    found = names_of(function("class A:\n    global g\n    x = y\n    g = x\n    del x"))
    assert found.loaded - {"__name__"} == {"x", "y"} and found.stored == {"g"} and found.deleted == set()


def test_asserts_are_found() -> None:
    for source, found in [
        ("assert x", True),
        ("x = all(y), tuple(y), 5", False),
        ("raise NotImplementedError", False),
    ]:
        assert asserts(compile(source, "<cell>", "exec")) == found, source


def test_constants_leave_docstrings_out() -> None:
    assert "data.csv" not in constants(function('def f():\n    "data.csv"\n    return 1'))
    assert texts_of(function("def f():\n    return 'data.csv'")) == {"data.csv"}
    assert {"a", "b"} <= set(constants(code_of("x = y in ('a', ('b', 1))")))


def test_dotted_names_and_what_they_are_called_with() -> None:
    steps = steps_of(code_of("r = a.b.c(x, f(1, 2), key='k')(z)"))
    every = list(mentions(steps))
    assert [one.path for one in every] == [("a",), ("a", "b"), ("a", "b", "c"), ("x",), ("f",), ("z",)]
    call = called(steps, every[2].place)
    assert call is not None and call.keywords == ("key",)
    assert [dotted(one) and dotted(one).name for one in call.positional] == ["x", None]  # type: ignore[union-attr]
    assert constant(call.given(None, "key")) == "k" and call.given(2) is None
    inner = called(steps, every[4].place)
    assert inner is not None and list(map(constant, inner.arguments)) == [1, 2]
    assert called(steps, every[3].place) is None


def test_names_of_functions_are_told_from_those_of_the_namespace() -> None:
    steps = steps_of(function("def f(a, b):\n    c = a + b\n    return g(c.d)"))
    assert {(one.path, one.is_local) for one in mentions(steps)} == {
        (("a",), True),
        (("b",), True),
        (("g",), False),
        (("c",), True),
        (("c", "d"), True),
    }


@pytest.mark.parametrize(
    ("source", "package", "found"),
    [
        ("import a", "", [("a", (), {"a": "a"})]),
        ("import a.b", "", [("a.b", (), {"a": "a"})]),
        ("import a.b.c as d", "", [("a.b.c", (), {"d": "a.b.c"})]),
        ("import a as b", "", [("a", (), {"b": "a"})]),
        ("import a; b = 1", "", [("a", (), {"a": "a"})]),
        ("import a, b", "", [("a", (), {"a": "a"}), ("b", (), {"b": "b"})]),
        ("from a import b, c as d", "", [("a", ("b", "c"), {"b": "a.b", "d": "a.c"})]),
        ("from a.b import *", "", [("a.b", ("*",), {})]),
        ("from . import a", "p.q", [("p.q", ("a",), {"a": "p.q.a"})]),
        ("from .random import a", "p.q", [("p.q.random", ("a",), {"a": "p.q.random.a"})]),
        ("from ..a import b", "p.q", [("p.a", ("b",), {"b": "p.a.b"})]),
        ("from .a import b", "", [("", ("b",), {"b": ""})]),
    ],
)
def test_imports(source: str, package: str, found: list[Any]) -> None:
    assert [tuple(one) for one in imports_in(steps_of(code_of(source)), package)] == found
    in_function = function("def f():\n    " + source.replace("*", "a"))
    assert [one.module for one in imports_in(steps_of(in_function), package)] == [one[0] for one in found]


def test_reach_ends_where_another_path_joins() -> None:
    code = code_of("if a:\n    b = 1\nc = 2\nwhile d:\n    e = 3\nf = 4")
    jumps = jumps_in(code)
    ends = {
        one.argval: end_of_reach(one.offset, jumps) for one in steps_of(code) if one.opname == "STORE_NAME"
    }
    place = {one.argval: one.offset for one in steps_of(code) if one.opname in ("STORE_NAME", "LOAD_NAME")}
    assert ends["b"] < place["c"] < place["f"] < ends["c"], (
        "what is bound in a branch is not certainly bound behind it"
    )
    assert ends["e"] < place["f"]
