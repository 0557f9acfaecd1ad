"""Processes, pools, threads and signals of the user's beside a recorder: they work as without it, and only one process writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cells import SOON
from harness import NEVER, Kernel

from bench import environments

POOL = """
import math, multiprocessing, os
pool = multiprocessing.get_context({method!r}).Pool(2)
first = pool.map({function}, range(6))
"""
SQUARE = "def square(n):\n    return n * n\n"

LOADER = """
import multiprocessing, os, queue, signal, threading
from multiprocessing import shared_memory
import numpy as np
context = multiprocessing.get_context('fork')
died = []
def on_child(*_):
    died.append(True)
handled = signal.signal(signal.SIGCHLD, on_child)
memory = shared_memory.SharedMemory(create=True, size=8 * 4096)
data = np.ndarray((8, 512), dtype=np.float64, buffer=memory.buf)
data[:] = 0.0
indices, done = context.Queue(), context.Queue()
def work(name):
    mine = shared_memory.SharedMemory(name=name)
    rows = np.ndarray((8, 512), dtype=np.float64, buffer=mine.buf)
    while (row := indices.get()) is not None:
        rows[row] = row
        done.put(row)
    del rows
    mine.close()
workers = [context.Process(target=work, args=(memory.name,), daemon=True) for _ in range(2)]
for worker in workers:
    worker.start()
pinned = queue.Queue()
def pin():
    while (row := done.get()) is not None:
        pinned.put((row, float(data[row].sum())))
pinning = threading.Thread(target=pin, daemon=True)
pinning.start()
"""
"""What a data loader of PyTorch's does: workers by fork over shared memory, queues, a thread that pins, a handler of SIGCHLD."""

COMPANIONS = {
    "a pool by fork": (
        [SQUARE + POOL.format(method="fork", function="square"), "second = pool.map(square, range(6, 9))"],
        "pool.terminate(); pool.join()",
        "(first, second)",
    ),
    "a pool by spawn": (
        [POOL.format(method="spawn", function="math.sqrt"), "second = pool.map(math.sqrt, [9])"],
        "pool.terminate(); pool.join()",
        "(first, second)",
    ),
    "a pool by a server": (
        [POOL.format(method="forkserver", function="math.sqrt"), "second = pool.map(math.sqrt, [9])"],
        "pool.terminate(); pool.join()",
        "(first, second)",
    ),
    "executors": (
        [
            SQUARE + "import multiprocessing\n"
            "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\n"
            "apart = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context('fork'))\n"
            "beside = ThreadPoolExecutor(2)\nfirst = list(apart.map(square, range(4)))",
            "second = list(beside.map(square, range(4)))\nthird = apart.submit(square, 12).result()",
        ],
        "apart.shutdown(); beside.shutdown()",
        "(first, second, third)",
    ),
    "joblib": (
        [
            "import joblib\n"
            + SQUARE
            + "first = joblib.Parallel(2)(joblib.delayed(square)(n) for n in range(6))",
            "with joblib.Parallel(2) as parallel:\n    second = parallel(joblib.delayed(square)(n) for n in range(4))",
        ],
        "from joblib.externals.loky import get_reusable_executor; get_reusable_executor().shutdown(wait=True)",
        "(first, second)",
    ),
    "a data loader": (
        [
            LOADER,
            "for row in range(4):\n    indices.put(row)\nfirst = sorted(pinned.get(timeout=20) for _ in range(4))",
            "for row in range(4, 8):\n    indices.put(row)\nsecond = sorted(pinned.get(timeout=20) for _ in range(4))",
        ],
        "for _ in workers:\n    indices.put(None)\nfor worker in workers:\n    worker.join(20)\n"
        "done.put(None); pinning.join(20)\n_ = signal.signal(signal.SIGCHLD, handled)\ndel data\nmemory.close(); memory.unlink()",
        "(first, second, [worker.exitcode for worker in workers], len(died) > 0)",
    ),
    "a child that goes on": (
        [
            """
import os, sys
values = [1]
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    try:
        values.append(2)
        get_ipython().run_cell('values.append(3)')
        get_ipython().run_cell('values.append(len(values))')
        get_ipython().events.trigger('post_execute')
        import clew
        try:
            clew.session().undo()
        except RuntimeError:
            values.append('no undo')
        os.write(writing, repr(values).encode())
    finally:
        os._exit(0)
os.close(writing)
_ = os.waitpid(child, 0)
first = os.read(reading, 1000).decode()
os.close(reading)
""",
            "values.append(9)",
        ],
        "pass",
        "(first, values)",
    ),
    "programs": (
        [
            "import os, subprocess, sys\nfirst = subprocess.run([sys.executable, '-c', 'print(7)'], capture_output=True).stdout",
            "second = os.system('exit 3')\nthird = subprocess.check_output('echo shell', shell=True)",
        ],
        "pass",
        "(first, second, third)",
    ),
}


@pytest.mark.few(3)
@pytest.mark.parametrize("companion", COMPANIONS)
def test_p07_p09_companions_work_as_without_clew_and_only_one_process_writes(
    kernels: Callable[..., Kernel], companion: str
) -> None:
    works_alike(kernels, *COMPANIONS[companion])


def works_alike(
    kernels: Callable[..., Kernel], cells: list[str], end: str, asked: str, soon: float = SOON, **options: Any
) -> None:
    """Runs the cells without Clew and with it: they end alike, nothing is said, and the session goes on."""
    told, started = [], []
    for is_loaded in (False, True):
        kernel = kernels(load=is_loaded, **options)
        started.append(kernel)
        for cell in cells:
            reply = kernel.run(cell, soon).raised()
            kernel.settle()
            assert "Clew" not in reply.stderr
        # Without Clew there is no session to undo in.
        told.append(str(kernel.value(asked, soon)).replace(", 'no undo'", ""))
        kernel.run(end, soon).raised()
    assert told[0] == told[1]
    records_alone(kernel, len(cells) + 1)
    for kernel in started:
        # At its end ipykernel waits half a minute for the trackers of multiprocessing, which hear no SIGTERM.
        kernel.kill()


def records_alone(kernel: Kernel, least: int) -> None:
    """The next run is recorded and undone, every run is there, and one session wrote all of it."""
    kernel.run("mark = 1", SOON).raised()
    assert "Undid" in kernel.clew("undo", SOON).text
    assert kernel.value("'mark' in globals()") is False
    logs = list(Path(kernel.home).rglob("histories/*/*.log"))
    assert len(logs) == 1, logs
    assert kernel.clew("verify --read-data", SOON).ok
    assert kernel.clew("log -n 0 --json", SOON).stdout.count('"source"') >= least


def test_p07_a_function_that_starts_at_the_last_step_of_the_recursion_runs(
    kernels: Callable[..., Kernel],
) -> None:
    """Python 3.12 tells of functions that start: what hears of it takes no step of its own."""
    kernel = kernels()
    kernel.run("""
def last():
    for _ in range(2):
        pass
    return 'reached'
def deep(n):
    return last() if n == 0 else deep(n - 1)
def deepest():
    import sys
    n = sys.getrecursionlimit()
    while n:
        try:
            return n, deep(n)
        except RecursionError:
            n -= 1
""").raised()
    reply = kernel.run("deepest()[1]", SOON).raised()
    assert reply.result == "'reached'" and reply.stderr == ""
    # A function that runs for the first time in this run, at the depth that the one before it just reached.
    kernel.run("most = deepest()[0]").raised()
    kernel.run(
        "def last():\\n    for _ in range(2):\\n        pass\\n    return 'reached again'".replace(
            "\\n", "\n"
        )
    ).raised()
    assert kernel.run("deep(most)", SOON).raised().result == "'reached again'"


def test_p07_threads_that_write_while_runs_are_recorded_hang_nothing(kernels: Callable[..., Kernel]) -> None:
    kernel = kernels()
    kernel.run("""
import gc, threading
gc.freeze(); gc.disable()
shared, ended = {'n': 0, 'rows': []}, threading.Event()
def write():
    while not ended.is_set():
        shared['n'] += 1
        shared['rows'] = [[n, str(n)] for n in range(200)]
        shared[shared['n'] % 100] = object()
threads = [threading.Thread(target=write, daemon=True) for _ in range(3)]
for thread in threads:
    thread.start()
""").raised()
    for number in range(10):
        reply = kernel.run(f"mine = [{number}]", SOON).raised()
        assert "Traceback" not in reply.stderr
    kernel.run("ended.set()\nfor thread in threads:\n    thread.join(20)", SOON).raised()
    assert kernel.value(
        "any(thread.is_alive() for thread in threads), gc.isenabled(), gc.get_freeze_count() > 0"
    ) == (
        False,
        False,
        True,
    )
    records_alone(kernel, 10)


TORCH = """
import torch
from torch.utils.data import DataLoader, Dataset
_ = torch.manual_seed(3)
class Squares(Dataset):
    def __init__(self, rows):
        self.rows = rows
    def __len__(self):
        return len(self.rows)
    def __getitem__(self, place):
        return self.rows[place], self.rows[place].pow(2).sum()
data = Squares(torch.randn(64, 8))
loader = DataLoader(data, batch_size=8, shuffle=True, num_workers=2, persistent_workers=True)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.01)
losses = []
def epoch():
    for rows, wanted in loader:
        optimizer.zero_grad()
        loss = (model(rows).squeeze(1) - wanted).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses.append(round(loss.item(), 4))
"""


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_p07_p09_pytorchs_data_loader_works_as_without_clew_and_only_one_process_writes(
    kernels: Callable[..., Kernel],
) -> None:
    """PyTorch itself, with workers of its own; 2.1 GB come over the network where no benchmark brought them."""
    options: dict[str, Any] = {"python": environments.python(None), "paths": [environments.torch()]}
    cells = [
        TORCH,
        "epoch()\nfirst = list(losses)",
        "epoch()\nsecond = losses[8:]",
        "whole = float(sum(wanted.sum() for rows, wanted in DataLoader(data, num_workers=2)))",
    ]
    end = "loader._iterator._shutdown_workers()"
    works_alike(kernels, cells, end, "(first, second, round(whole, 3), len(losses))", NEVER, **options)
