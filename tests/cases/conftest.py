"""Kernels for the cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Kernel

from cases import tables
from cases.desk import Desk
from cases.story import Notebook


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives the tests over a table its cases."""
    if metafunc.function is tables.test_back_and_forth:
        metafunc.parametrize("case", metafunc.module.CASES, ids=lambda case: case.name)
    elif metafunc.function is tables.test_found_again:
        fresh = [case for case in metafunc.module.CASES if case.fresh]
        metafunc.parametrize("case", fresh, ids=lambda case: case.name)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.close()


@pytest.fixture(autouse=True)
def replaced_after_failure(desk: Desk, request: pytest.FixtureRequest) -> Iterator[None]:
    """A failed case must not spoil the next one."""
    yield
    if request.node.stash.get(FAILED, False):
        desk.close()


@pytest.fixture
def notebook(desk: Desk) -> Notebook:
    """A kernel shared with the other cases of the file."""
    return desk.cleared()


@pytest.fixture
def kernels(tmp_path: Path) -> Iterator[Callable[..., Notebook]]:
    """Makes kernels of a case's own: `kernels(name)` is a kernel on the notebook of that name, all over one store."""
    made: list[Kernel] = []

    def make(name: str | None = "notebook", **options: Any) -> Notebook:
        path = tmp_path / f"{name}.ipynb" if name else None
        made.append(Kernel(home=tmp_path / "home", notebook=path, **options))
        return Notebook(made[-1])

    yield make
    for kernel in made:
        kernel.end()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report
