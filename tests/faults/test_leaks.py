"""What recording keeps: no dead object of the user's, and no more memory run after run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness import Kernel

HOLDER = """
import builtins, weakref
def keep(kind, thing, refs={}):
    refs[kind] = weakref.ref(thing)
    return refs
builtins.keep = keep
del keep
"""
"""Run before Clew is loaded: what a library held then is no part of a session's state, so neither a run nor a move looks at these references."""

KEPT = """
import gc
import numpy as np, pandas as pd
class Thing:
    def __init__(self, part=None):
        self.part = part
class Failed(ValueError):
    pass
"""

MADE = {
    "an instance": "made = Thing(Thing())",
    "a large array": "made = np.arange(200_000.0)",
    "a view": "made = np.arange(200_000.0)[::2]",
    "a frame": "made = pd.DataFrame({'a': range(1000), 'b': [str(n) for n in range(1000)]})",
    "a function": "def made(x=[1]):\n    return x",
    "a closure": "def outer(n):\n    return lambda: n\nmade = outer(Thing())\ndel outer",
    "a class": "class made:\n    kept = [1]",
    "an instance of a class that goes too": "class Gone:\n    pass\nmade = Gone()\ndel Gone",
    "a generator": "made = (n for n in [1])",
    "an exception with its traceback": (
        "def fails():\n    local = Thing()\n    raise Failed(local)\n"
        "try:\n    fails()\nexcept Failed as error:\n    made = error\ndel fails"
    ),
    "a cycle": "made = Thing()\nmade.part = made",
    "an object with no value": "import threading\nmade = Thing(threading.Lock())",
}

REFS = "keep.__defaults__[0]"
ALIVE = f"sorted(kind for kind, made in {REFS}.items() if made() is not None)"


def begin(kernels: Callable[..., Kernel], *, load: bool = True) -> Kernel:
    """A kernel that has `keep`."""
    kernel = kernels(load=False)
    kernel.run(HOLDER).raised()
    if load:
        kernel.run("%load_ext clew").raised()
    kernel.run(KEPT).raised()
    return kernel


def drop_all(kernel: Kernel) -> list[str]:
    """Makes, keeps weakly and drops an object of each kind; the kinds that are alive afterwards."""
    for kind, cell in MADE.items():
        kernel.run(cell).raised()
        kernel.run(f"keep({kind!r}, made)").raised()
        kernel.run("del made").raised()
    kernel.run("Thing()").raised()
    kernel.run("keep('a result', _)").raised()
    # IPython keeps the last results in more places than one, and one of them even so.
    kernel.run("%reset -f out\nOut.clear()\n_ = __ = ___ = None\nget_ipython().displayhook.flush()").raised()
    kernel.run("changed = 1").raised()
    kernel.run("_ = gc.collect()").raised()
    alive: list[str] = kernel.value(ALIVE)
    return alive


def test_p07_what_the_user_dropped_is_dropped(kernels: Callable[..., Kernel]) -> None:
    without = drop_all(begin(kernels, load=False))
    assert not set(MADE) & set(without)
    assert drop_all(begin(kernels)) == without


def test_p07_what_a_move_took_away_is_dropped_once_it_lies_in_the_store(
    kernels: Callable[..., Kernel],
) -> None:
    kernel = begin(kernels)
    without_value = ("a generator", "an object with no value")
    for kind, cell in MADE.items():
        if kind in without_value:
            continue  # Kept aside as long as the session may come back to it.
        kernel.run(cell).raised()
        kernel.run(f"keep({kind!r}, made)", silent=True).raised()
        kernel.clew("undo").raised()
        kernel.clew("redo").raised()
        kernel.run(f"keep({kind + ', again'!r}, made)", silent=True).raised()
        kernel.clew("undo").raised()
    kernel.run("changed = 1").raised()
    kernel.run("_ = gc.collect()").raised()
    assert kernel.value(ALIVE) == []
    assert kernel.value(f"len({REFS})") == 2 * (len(MADE) - len(without_value))


def test_p07_what_was_kept_aside_is_dropped_with_the_session(kernels: Callable[..., Kernel]) -> None:
    kernel = begin(kernels)
    kernel.run(MADE["a generator"]).raised()
    kernel.run("keep('a generator', made)", silent=True).raised()
    kernel.clew("undo").raised()
    assert kernel.value(ALIVE) == ["a generator"]
    kernel.run("%unload_ext clew").raised()
    kernel.run("_ = gc.collect()").raised()
    assert kernel.value(ALIVE) == []


HELD = "(gc.collect(), __import__('ctypes').CDLL(None).malloc_trim(0), int(open('/proc/self/statm').read().split()[1]))[2] * 4096"
"""The memory that the kernel has, in bytes."""


def growth(kernel: Kernel, until: list[int]) -> list[float]:
    """Bytes that a run costs, on average from each of these runs to the next."""
    kernel.run("import gc\nvalues = list(range(100))\ntotal = 0").raised()
    ran, held = 0, []
    for goal in until:
        while ran < goal:
            codes = [
                f"values[{n % 100}] = {n}\ntotal += {n}\nprint(total)"
                for n in range(ran, min(ran + 100, goal))
            ]
            assert all(reply.ok for reply in kernel.queue(codes))
            kernel._collected.clear()
            ran += len(codes)
        held.append(kernel.value(HELD))
    steps = zip(zip(until, held, strict=True), list(zip(until, held, strict=True))[1:], strict=False)
    return [(more - was) / (end - begin) for (begin, was), (end, more) in steps]


MOST_A_RUN = 16 * 1024
"""Bytes that the memory may grow by for a run that changes a few hundred: the history is kept, and IPython keeps sources."""


def test_p07_a_long_session_grows_by_no_more_than_its_history(kernels: Callable[..., Kernel]) -> None:
    grown = growth(kernels(), [250, 500, 750])
    print(grown)
    assert grown[-1] < MOST_A_RUN


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_p07_ten_thousand_runs_grow_by_no_more_a_run_than_the_first_thousands(
    kernels: Callable[..., Kernel],
) -> None:
    grown = growth(kernels(), [1000, 2000, 4000, 6000, 8000, 10_000])
    print(grown)
    assert max(grown[1:]) < MOST_A_RUN and grown[-1] < 2 * max(grown[1], 1024)
