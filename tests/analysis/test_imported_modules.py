"""Modules that code imports: what they were when they were imported, and where they would lie."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from clew.analysis.bytecode import nested
from clew.analysis.imports import OwnModules, imported_modules, is_installed, missing


def imported(code, package=""):
    return imported_modules(nested(compile(code, "<cell>", "exec")), package)


@pytest.mark.parametrize(
    ("code", "package", "names"),
    [
        ("import a, b.c as d", "", {"a", "b.c"}),
        ("from a.b import c, d", "", {"a.b", "a.b.c", "a.b.d"}),
        ("from a import *", "", {"a"}),
        ("def f():\n    import a", "", {"a"}),
        (
            "from . import b\nfrom ..c import d\nfrom .e import f",
            "x.y",
            {"x.y", "x.y.b", "x.c", "x.c.d", "x.y.e", "x.y.e.f"},
        ),
        ("find_spec('a.b')\nother('c')", "", {"a.b", "c"}),
        ("x = 'a'", "", set()),
    ],
)
def test_what_code_imports(code, package, names):
    assert imported(code, package) == names


def test_a_module_counts_as_it_was_when_it_was_imported_until_it_is_again(tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (second, first):
        folder.mkdir()
        monkeypatch.syspath_prepend(str(folder))
    file = second / "clew_own.py"
    file.write_text("try:\n    import clew_faster\nexcept ImportError:\n    pass\n")
    importlib.import_module("clew_own")
    own = OwnModules()
    try:
        before = own.files("clew_own")
        places = {Path(one["path"]): one["size"] for one in before}
        absent = {first / "clew_own.py", first / "clew_own/__init__.py", second / "clew_own/__init__.py"}
        absent |= {folder / name for folder in (first, second) for name in ("clew_faster.py", "clew_faster")}
        assert absent <= places.keys() and not any(places[place] for place in absent)
        file.write_text("V = 1234567\n")
        assert own.files("clew_own") == before
        importlib.reload(sys.modules["clew_own"])
        assert own.files("clew_own")[0]["size"] == len("V = 1234567\n")
    finally:
        del sys.modules["clew_own"]


def test_what_is_not_there_is_looked_for_where_it_would_lie(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (found,) = missing({"clew_none.inner", "os.path", "json", "pytest"})
    assert found.name == "clew_none" and not found.is_installed
    assert {str(tmp_path / "clew_none.py"), str(tmp_path / "clew_none")} <= set(found.places)
    assert is_installed("pytest") and not is_installed("clew_none")
