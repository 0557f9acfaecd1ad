"""To which distribution a module belongs, of folders that the test makes."""

from __future__ import annotations

import sys
from importlib import invalidate_caches, metadata
from importlib.util import find_spec, module_from_spec
from pathlib import Path

import pytest

from clew.shell.distributions import Distributions


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that modules are imported from."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def install(site: Path, name: str, version: str, *files: str) -> None:
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).touch()
    place = site / f"{name}-{version}.dist-info"
    place.mkdir()
    (place / "RECORD").write_text("".join(f"{file},sha256=x,0\n" for file in files))
    invalidate_caches()


def loaded(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[str]:
    for name in names:
        spec = find_spec(name)
        assert spec is not None
        monkeypatch.setitem(sys.modules, name, module_from_spec(spec))
    return list(names)


def test_a_module_is_told_by_the_distribution_that_lists_it(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "clew_one", "1.2.3", "clew_one/__init__.py")
    install(site, "Clew.Other_Name", "2.0", "clew_named_otherwise/__init__.py", "clew_file.py")
    (site / "clew_of_nobody.py").touch()
    names = loaded(monkeypatch, "clew_one", "clew_named_otherwise", "clew_file", "clew_of_nobody")
    found = Distributions().of([*names, "json", "clew_not_there"])
    assert {name: None if it is None else tuple(it) for name, it in found.items()} == {
        "clew_one": ("clew-one", "1.2.3"),
        "clew_named_otherwise": ("Clew.Other-Name", "2.0"),
        "clew_file": ("Clew.Other-Name", "2.0"),
        "clew_of_nobody": None,
        "json": None,
        "clew_not_there": None,
    }


def test_what_is_installed_while_the_kernel_runs_is_found(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributions = Distributions()
    install(site, "clew_one", "1.0", "clew_one.py")
    assert distributions.of(loaded(monkeypatch, "clew_one"))["clew_one"] == ("clew-one", "1.0")
    install(site, "clew_two", "2.0", "clew_two.py")
    assert distributions.of(loaded(monkeypatch, "clew_two"))["clew_two"] == ("clew-two", "2.0")


def test_nothing_that_a_module_says_of_itself_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd(type(sys)):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(name)

    monkeypatch.setitem(sys.modules, "clew_odd", Odd("clew_odd"))
    assert Distributions().of(["clew_odd"]) == {"clew_odd": None}


def test_it_says_what_the_metadata_says() -> None:
    import numpy
    import pandas

    found = Distributions().of([numpy.__name__, pandas.__name__, "dateutil"])
    assert {name: it and it.version for name, it in found.items()} == {
        "numpy": metadata.version("numpy"),
        "pandas": metadata.version("pandas"),
        "dateutil": metadata.version("python-dateutil"),
    }
