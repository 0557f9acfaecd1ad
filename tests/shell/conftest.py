"""Kernels whose hooks talk to an engine that writes down what it is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness import Kernel
from kernel_record import HERE, Recorded


@pytest.fixture
def recorded(kernels: Callable[..., Kernel]) -> Recorded:
    """A kernel with the hooks attached to a recording engine."""
    return Recorded(kernels(load=False, paths=[HERE]))
