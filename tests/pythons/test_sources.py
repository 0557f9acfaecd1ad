"""Which code a cell gives for what is stored of a function, and when none is taken."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from ipykernel.compiler import get_file_name

from clew.sources import Sources, Wanted


def codes(cell: str, file: str | None = None, flags: int = 0) -> list[types.CodeType]:
    """The code of the functions in a cell, as a kernel compiles it."""
    compiled = compile(cell, file or get_file_name(cell), "exec", flags, dont_inherit=True)
    return [each for each in compiled.co_consts if isinstance(each, types.CodeType)]


def wanted(code: types.CodeType, **other: Any) -> Wanted:
    """What is stored of it."""
    stored = Wanted(
        code.co_name,
        code.co_qualname,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
        code.co_flags,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_consts,
        code.co_filename,
        code.co_firstlineno,
        code.co_linetable,
        "",
        False,
    )
    return stored._replace(**other)


ADD = "def add(x, n=1):\n    return x + n + 40"
LAMBDAS = "one, two = lambda x: x + 1, lambda x: x + 1"


def test_a_function_is_found_in_its_cell_and_no_other() -> None:
    [code] = codes(ADD)
    assert Sources([ADD.replace("40", "41"), ADD]).find(wanted(code)) == code
    assert Sources([ADD.replace("40", "41")]).find(wanted(code)) == "none"


def test_of_several_in_a_line_the_place_tells() -> None:
    for code in codes("one, two = lambda x: x + 1, lambda x: x + 2"):
        assert Sources(["one, two = lambda x: x + 1, lambda x: x + 2"]).find(wanted(code)) == code
    # Two that do the same are told apart too; where columns were not kept, nobody guesses.
    first, second = codes(LAMBDAS)
    assert [Sources([LAMBDAS]).find(wanted(code)) for code in (first, second)] == [first, second]
    assert Sources([LAMBDAS]).find(wanted(first, table=b"")) == "several"


@pytest.mark.parametrize(
    "other",
    [
        {"constants": (None, 41)},
        {"names": ("elsewhere",), "constants": (None, 40)},
        {"variables": ("y", "n")},
        {"free": ("outer",)},
        {"arguments": (1, 0, 0)},
        {"flags": 0x23},
    ],
    ids=str,
)
def test_what_is_not_the_same_source_is_refused(other: dict[str, Any]) -> None:
    [code] = codes(ADD + "\n", get_file_name(ADD))
    names = {"names": ("something",)} if "names" in other else {}
    cell = ADD if not names else ADD.replace("x + n", "something(x)")
    [code] = codes(cell)
    assert Sources([cell]).find(wanted(code, **other)) == "other"


def test_a_comprehension_is_a_function_in_one_version_and_none_in_the_other() -> None:
    cell = "adders = [lambda x: x + n for n in range(3)]"
    inner = Sources([cell])._compiled(cell, 0, "<cell>")
    [code] = [each for each in inner if each.co_name == "<lambda>"]
    file = get_file_name(cell)
    for path in ("<lambda>", "<listcomp>.<lambda>"):
        assert Sources([cell]).find(wanted(code, qualname=path, file=file)) == code.replace(co_filename=file)
    # The comprehension itself is only described where this version has none.
    gone = wanted(code, name="<listcomp>", qualname="<listcomp>", file=file, line=9)
    assert Sources([cell]).find(gone) == "other"
    assert isinstance(Sources([cell]).find(gone._replace(is_part=True)), types.CodeType)


def test_what_a_cell_was_told_about_the_future_holds() -> None:
    import __future__

    cell = "def f(x: Later) -> None:\n    def g(y: Later): ...\n    return g"
    # On Python 3.14 and later, another code creates the annotations.
    for code in codes(cell, flags=__future__.annotations.compiler_flag):
        assert Sources([cell]).find(wanted(code)) == code


def test_p03_a_function_of_the_user_may_be_called_annotate() -> None:
    """Up to Python 3.13, functions that create annotations are replaced by their texts."""
    cell = "def annotate(x):\n    return x + 1"
    [code] = codes(cell)
    assert Sources([cell]).find(wanted(code)) == code


ANNOTATED = "def of(x: int) -> str: ...\nclass C:\n    a: bytes\n    def m(self, y: float): ...\n    class D:\n        b: list\n@print\nclass E:\n    c: dict"


@pytest.mark.parametrize(
    ("line", "of_it", "names"),
    [
        (1, {"x": "int", "return": "str"}, ["__annotate__", "of.__annotate__"]),
        (2, {"a": "bytes"}, ["C.__annotate__"]),
        (4, {"y": "float"}, ["C.__annotate__", "C.m.__annotate__"]),
        (5, {"b": "list"}, ["C.D.__annotate__"]),
        (7, {"c": "dict"}, ["E.__annotate__"]),
    ],
)
def test_what_creates_annotations_is_found_by_the_names_of_all_versions(
    line: int, of_it: dict[str, str], names: list[str]
) -> None:
    """Python 3.14 names it after the code around a function, 3.15 after the function."""
    sources, file = Sources([ANNOTATED]), get_file_name(ANNOTATED)
    there = [code for code in sources._compiled(ANNOTATED, 0, file) if code.co_firstlineno == line]
    if sys.version_info >= (3, 14):
        [code] = [code for code in there if code.co_name == "__annotate__"]
        assert [sources.find(wanted(code, qualname=name)) for name in names] == [code] * len(names)
        return
    [definition] = there
    stored = wanted(definition, name="__annotate__")
    for name in names:
        found = sources.find(stored._replace(qualname=name))
        assert isinstance(found, types.CodeType) and dict(found.co_consts[0]) == of_it
    assert sources.find(stored._replace(qualname="another.D.__annotate__")) == "none"


def test_code_without_a_cell_has_no_source() -> None:
    for file in ("<string>", "/home/ada/tools.py", get_file_name("another cell")):
        [code] = codes(ADD, file)
        assert Sources([ADD]).find(wanted(code)) == "none"


def test_the_body_of_a_magic_is_a_cell() -> None:
    [timed] = codes(ADD, "<timed exec>")
    assert Sources(["%%time\n" + ADD]).find(wanted(timed)) == timed
    [captured] = codes(ADD)
    assert Sources(["%%capture out\n" + ADD]).find(wanted(captured)) == captured


def test_where_no_name_tells_the_cell_two_that_differ_are_too_many() -> None:
    [code] = codes("def f(a):\n    return a", "<timed exec>")
    cells = ["%%time\ndef f(a):\n    return a", "%%time\ndef f(a):\n    return a \n"]
    assert Sources([cells[0], "x = 1\n" + cells[0]]).find(wanted(code)) == code
    assert Sources(["%%time\ndef f(a):\n    return a + 1"]).find(wanted(code)) == "other"
    # One that was not kept whole may be the one.
    assert Sources([*cells, ""]).find(wanted(code)) == "none"
    [one] = codes("def f(a, b):\n    return a - b", "<timed exec>")
    both = ["%%time\ndef f(a, b):\n    return a - b", "%%time\ndef f(a, b):\n    return b - a"]
    assert Sources(both).find(wanted(one)) == "several"


def test_a_function_of_a_library_is_what_the_library_has() -> None:
    import contextlib

    code = contextlib.contextmanager(lambda: None).__code__  # type: ignore[attr-defined, arg-type, type-var]
    assert Sources([]).find(wanted(code, module="contextlib", line=1, table=b"")) == code
    assert Sources([]).find(wanted(code, module="contextlib", free=("other",))) == "library"
    assert Sources([]).find(wanted(code, module="there_is_none")) == "library"
