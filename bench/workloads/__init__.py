"""The workloads, one module each. The first line of a module describes it."""

from __future__ import annotations

from bench.workload import Maker, Workload
from bench.workloads import (
    arrays,
    big_dict,
    exploration,
    frame,
    nested,
    notebooks,
    runs,
    torch_loop,
    variables,
)

MAKERS: dict[str, Maker] = {
    "arrays": arrays.make,
    "big_dict": big_dict.make,
    "nested": nested.make,
    "frame": frame.make,
    "exploration": exploration.make,
    "variables": variables.make,
    "runs": runs.make,
    **notebooks.makers(),
    "torch_loop": torch_loop.make,
}


def workload(name: str, scale: float) -> Workload:
    """Creates a workload at a share of its full size."""
    return MAKERS[name](scale)
