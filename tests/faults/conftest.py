"""Kernels with a Clew that can fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Kernel
from planted import Planted


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel without Clew."""
    kernel = Kernel(home=tmp_path_factory.mktemp("plain"), load=False)
    yield kernel
    kernel.end()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """A kernel in which any step of Clew can fail."""
    home: Path = tmp_path_factory.mktemp("planted")
    planted = Planted(home)
    yield planted
    planted.kernel.end()
