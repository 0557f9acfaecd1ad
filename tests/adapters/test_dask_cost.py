"""What keys of tasks cost, beside Dask's own in the same run."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest

pytest.importorskip("dask")

SCALE = 3


def step(x: int, n: int, name: str = "") -> int:
    return x + n * SCALE


def test_keys_of_ten_thousand_tasks_cost_less_than_dasks_own_would() -> None:
    from dask._task_spec import Task, TaskRef
    from dask.base import tokenize

    from clew import tasks
    from clew.adapters.dask_graph import Description

    count = 10_000
    own, dasks = [], []
    # The best of some: whoever shares the processor, or a collector that goes through all that other tests left, makes any of them slower.
    for _ in range(3):
        nodes: dict[Any, Task] = {0: Task(0, step, 1, 0)}
        for at in range(1, count):
            nodes[at] = Task(at, step, TaskRef(at - 1), at, name=f"step {at}")
        began = process_time()
        keys = tasks.keys(Description(nodes, {}, set()).items)
        made = process_time()
        for node in nodes.values():
            tokenize(node)
        told = process_time()
        own.append(made - began)
        dasks.append(told - made)
    assert len(set(keys)) == count and all(isinstance(key, bytes) for key in keys)
    # A build without optimization is twice as fast, and five times where the function is a notebook's.
    assert min(own) < min(dasks), (own, dasks)
