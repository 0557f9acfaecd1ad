"""Fixtures for every Python test: kernels in homes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Kernel


@pytest.fixture
def kernels(tmp_path: Path) -> Iterator[Callable[..., Kernel]]:
    """Starts kernels (all in one home unless told otherwise) and ends them after the test."""
    started: list[Kernel] = []

    def start(**options: Any) -> Kernel:
        options.setdefault("home", tmp_path / "home")
        started.append(Kernel(**options))
        return started[-1]

    yield start
    for kernel in started:
        kernel.close()


@pytest.fixture
def kernel(kernels: Callable[..., Kernel]) -> Kernel:
    """A kernel with Clew loaded."""
    return kernels()


@pytest.fixture
def plain_kernel(kernels: Callable[..., Kernel]) -> Kernel:
    """A kernel without Clew."""
    return kernels(load=False)
