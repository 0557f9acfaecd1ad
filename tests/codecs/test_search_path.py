"""`sys.path` as a root: what belongs to the environment is recorded as such."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from clew.roots import search_path


def recorded() -> list[str]:
    ((_, _, value),) = search_path.collect(None)
    return list(value)


def test_no_place_of_the_environment_is_recorded() -> None:
    own = [entry for entry in recorded() if entry.startswith("{")]
    assert own, "the standard library is on the path"
    assert not [entry for entry in recorded() if sys.prefix in entry or sys.base_prefix in entry]
    assert [search_path.here(entry) for entry in recorded()] == [
        entry for entry in sys.path if type(entry) is str
    ]


def test_it_comes_back_in_another_environment_under_another_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "path", ["", "/mine/../odd", *sys.path])
    was = recorded()
    monkeypatch.setattr(sys, "prefix", "/other/env")
    monkeypatch.setattr(sys, "base_prefix", "/other/python")
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    search_path.install(None, "sys.path", tuple(was))
    assert sys.path[:2] == ["", "/mine/../odd"]
    assert "/other/python/lib/python3.99" in sys.path
    assert "/other/python/lib/python399.zip" in sys.path
    assert "/other/env/lib/python3.99/site-packages" in sys.path
    assert recorded() == was


def test_what_an_interpreter_without_an_environment_recorded_comes_back_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library, packages = "/usr/lib/python3.11", "/usr/lib/python3.11/site-packages"
    for name, value in {"path": [library, packages], "prefix": "/usr", "base_prefix": "/usr"}.items():
        monkeypatch.setattr(sys, name, value)
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))
    was = recorded()
    monkeypatch.setattr(sys, "prefix", "/env")
    search_path.install(None, "sys.path", tuple(was))
    assert sys.path == [library, "/env/lib/python3.11/site-packages"]


def test_a_root_that_was_not_there_leaves_the_path_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(sys.path)
    monkeypatch.setattr(sys, "path", list(before))
    search_path.install(None, "sys.path", search_path.MISSING)
    assert sys.path == before


def test_folders_that_spark_and_dask_make_for_a_session_are_of_it() -> None:
    spark = "/tmp/spark-" + "a" * 36 + "/userFiles-" + "b" * 36
    dask = [
        f"/tmp/dask-scratch-space{user}/{who}-gsif_lcp"
        for user in ("", "-1000")
        for who in ("worker", "scheduler")
    ]
    # What starts workers puts the folder of their folders there, and takes it away while cells run.
    dask += [f"/tmp/dask-scratch-space{user}" for user in ("", "-1000")]
    assert all(map(search_path.is_of_session, [spark, *dask]))
    others = ["/tmp/dask-scratch-space/mine", "/tmp/my-dask-scratch-space-1/mine", "/home/me/worker-a", ""]
    assert not any(map(search_path.is_of_session, others))
