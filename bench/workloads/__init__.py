"""The workloads, one file each: what they are made of is told by their first lines."""

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
    """A workload at a share of its stated size."""
    return MAKERS[name](scale)
