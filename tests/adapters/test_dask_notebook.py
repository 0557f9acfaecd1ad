"""Dask in notebooks: functions of cells get other file names in every kernel, and the setting acts without a line of code."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from harness import Kernel

pytest.importorskip("dask")

DEFINE = """
import dask
class Point:
    def __init__(self, x): self.x = x
    def norm(self): return abs(self.x)
K = 2
def load(i): return Point(-i)
def measure(points): return sum(point.norm() for point in points) * K
"""
COMPUTE = (
    "found = dask.delayed(measure)([dask.delayed(load)(i) for i in range(3)]).compute(scheduler='sync')\n"
)
COUNTED = "(found, [[one.total, one.hit, one.run] for one in __import__('clew.tasks').tasks.counts()])"


def test_the_same_cells_in_another_kernel_run_no_task(kernels: Callable[..., Kernel]) -> None:
    for again in (4, 0):
        kernel = kernels(env={"CLEW_TASKS_CACHE": "true"})
        # Imported and computed in one cell, the first: nobody has to wait for the next.
        kernel.run(DEFINE + COMPUTE).raised()
        assert kernel.value(COUNTED) == (6, [[4, 4 - again, again]])
    kernel.run("# moved\n\n\n" + DEFINE.replace("abs(self.x)", "self.x * -1  # as abs"))
    kernel.run(COMPUTE)
    assert kernel.value(COUNTED)[1][1:] == [[4, 0, 4]], "every point bears its class"
    kernel.run("K = 3")
    kernel.run(COMPUTE)
    # Points are made too quickly to be worth a file.
    assert kernel.value(COUNTED) == (9, [[4, 4, 0], [4, 0, 4], [4, 0, 4]])
    kernel.run(COMPUTE)
    assert kernel.value(COUNTED)[1][3:] == [[4, 4, 0]]


def test_tasks_in_processes_of_their_own_keep_their_results_and_are_known_to_the_next_kernel(
    kernels: Callable[..., Kernel],
) -> None:
    compute = COMPUTE.replace("scheduler='sync'", "scheduler='processes', num_workers=2")
    for again in (4, 0):
        kernel = kernels(env={"CLEW_TASKS_CACHE": "true"})
        kernel.run(DEFINE + compute).raised()
        assert kernel.value(COUNTED) == (6, [[4, 4 - again, again]])


RELIES = """
import dask
K = 2
def of(path):
    with open(path) as file:
        return len(file.read()) * K
def twice(path):
    return of(path) * 2
"""


def test_p03_a_cell_relies_on_what_its_tasks_relied_on_though_none_of_them_runs(
    kernels: Callable[..., Kernel],
) -> None:
    kernel = kernels(env={"CLEW_TASKS_CACHE": "true"})
    (kernel.cwd / "noted.txt").write_text("some")
    kernel.run(RELIES + "name = 'noted'").raised()
    for again, ran in (("", 1), ("+ 0", 0)):
        kernel.run(f"found = dask.delayed(twice)(name + '.txt').compute(scheduler='sync'){again}").raised()
        assert f"computed: 1 tasks: {1 - ran} cached, {ran} run" in kernel.run("%clew show").raised().text
        evidence = json.loads(kernel.run("%clew show --json").raised().text)["evidence"]
        assert evidence["tasks"] == {"total": 1, "cached": 1 - ran, "run": ran, "uncacheable": {}}
        assert {"K", "of", "twice"} <= set(evidence["reads"])
        assert str(kernel.cwd / "noted.txt") in [file["path"] for file in evidence["files_read"]]


def test_tasks_that_run_in_processes_of_their_own_may_have_read_anything(
    kernels: Callable[..., Kernel],
) -> None:
    kernel = kernels()
    kernel.run(RELIES).raised()
    for scheduler, processes in (("sync", []), ("processes", ["multiprocessing"])):
        kernel.run(
            f"found = dask.delayed(len)('ab').compute(scheduler='{scheduler}', num_workers=1)"
        ).raised()
        assert json.loads(kernel.run("%clew show --json").raised().text)["evidence"]["processes"] == processes


def test_nothing_of_dask_is_imported_or_touched_unasked(kernels: Callable[..., Kernel]) -> None:
    wanted = kernels(env={"CLEW_TASKS_CACHE": "true"})
    assert wanted.value("[name for name in __import__('sys').modules if name.split('.')[0] == 'dask']") == []
    unasked = kernels()
    unasked.run(DEFINE + COMPUTE)
    assert unasked.value(
        "(found, hasattr(dask.base.get_scheduler, '__wrapped__'), 'clew.tasks' in __import__('sys').modules)"
    ) == (6, False, False)
