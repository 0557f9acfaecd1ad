"""What the code of a task's function names, as it goes into the task's key."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from clew.adapters.task_code import Way, named_by
from clew.tasks import keys


def function(source: str, package: str = "") -> FunctionType:
    """The function that some source defines in a module of a package."""
    space: dict[str, Any] = {"__package__": package}
    exec(source, space)
    return next(one for one in space.values() if type(one) is FunctionType)


@pytest.mark.parametrize(
    ("source", "globals_", "imports"),
    [
        ("def f(x): return x", "", ""),
        ("def f(x): return a + len(x)", "a len", ""),
        ("def f(x):\n    def g(y): return b\n    return [c for d in g(x)]", "b c", ""),
        ("def f(x):\n    global a\n    a = b", "b", ""),
        ("def f(x):\n    class A:\n        y = z\n    return A", "z __name__", ""),
        ("def f(x):\n    import a.b, c\n    from d import e", "", "a.b c d"),
        ("def f(x):\n    from .random import e", "", "p.q.random"),
        ("def f(x):\n    from ..a import e\n    from . import b", "", "p.a p.q"),
    ],
)
def test_globals_and_imports(source: str, globals_: str, imports: str) -> None:
    found = named_by(function(source, "p.q"))
    assert found.globals == set(globals_.split()) and found.imports == set(imports.split())


def test_an_import_of_an_unknown_package_is_unknown() -> None:
    assert named_by(function("def f(x):\n    from .a import b")).imports == {"."}


def test_attributes_are_those_of_anything() -> None:
    assert named_by(function("def f(x):\n    x.a.b = c\n    return (lambda: x.d)()")).attributes == {
        "a",
        "b",
        "c",
        "d",
    }


@pytest.mark.parametrize(
    ("source", "way"),
    [
        ("def f(x): return np.random.rand(x)", Way(False, "np", ("random", "rand"), False)),
        ("def f(x): return default_rng()", Way(False, "default_rng", (), True)),
        ("def f(x): return np.random.default_rng()", Way(False, "np", ("random", "default_rng"), True)),
        ("def f(x): return default_rng(x)", Way(False, "default_rng", (), False)),
        ("def f(x):\n    import random as r\n    return r.random()", Way(True, "random", ("random",), True)),
        ("def f(x):\n    import a.b\n    return a.b.c()", Way(True, "a", ("b", "c"), True)),
        ("def f(x):\n    import a.b as c\n    return c.d", Way(True, "a.b", ("d",), False)),
        ("def f(x):\n    from a import b as c\n    return c.d", Way(True, "a.b", ("d",), False)),
        ("def f(x):\n    from .a import b\n    return b()", Way(True, "p.a.b", (), True)),
    ],
)
def test_ways(source: str, way: Way) -> None:
    assert way in named_by(function(source, "p")).ways


def test_what_a_function_is_given_begins_no_way() -> None:
    assert named_by(function("def f(x, y):\n    z = x\n    return z.a(y.b)")).ways == []


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package of the user's own with a module that is called like one of Python's."""
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package/__init__.py").write_text(
        "def work(x):\n    from .random import helper\n    return helper(x)\n"
    )
    (tmp_path / "own_package/random.py").write_text("def helper(x):\n    return x + 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_package  # type: ignore[import-not-found]

    yield own_package
    for name in [name for name in sys.modules if name.partition(".")[0] == "own_package"]:
        del sys.modules[name]


def test_a_key_depends_on_the_module_beside_it_whatever_that_is_called(package: ModuleType) -> None:
    def key(work: Callable[..., Any]) -> bytes | str:
        return keys([(work, None, [])])[0]

    assert isinstance(key(package.work), str), "the module is unknown before it is imported"
    package.work(1)
    before = key(package.work)
    assert isinstance(before, bytes) and key(package.work) == before
    exec("def helper(x):\n    return x + 2", sys.modules["own_package.random"].__dict__)
    assert key(package.work) != before
