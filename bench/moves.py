"""Moves: the undo of one element in a big array, a switch over everything, and what is kept for it."""

from __future__ import annotations

import time

from bench.session import MEGABYTE, Pair, report, resident
from bench.table import Row, alone, compared

MILLION = 1_000_000


def measure(kernels: Pair, repeat: int) -> list[Row]:
    """Edits, moves, and then the memory and the disk that all of it took."""
    return [*one_element(kernels), *everything(kernels), *saving_all(kernels), *held(kernels)]


def one_element(kernels: Pair) -> list[Row]:
    """One element of one array is edited and the edit undone."""
    kernel = kernels.clew
    looks, moves, stored = [], [], []
    for number in range(5):
        before = kernels.stored()
        kernel.run(f"array_3[{1000 * number}] = -1.0", timeout=600).raised()
        stored.append(kernels.stored() - before)
        told = report(kernel, "undo")
        looks.append(told["look_nanoseconds"] / MILLION)
        moves.append(told["move_nanoseconds"] / MILLION)
    array = kernels.size.array_bytes / 20 / MEGABYTE
    return [
        alone(f"undo of one element in {array:,.0f} MB: look", min(looks), None, "ms"),
        alone(f"undo of one element in {array:,.0f} MB: move", min(moves), 50.0, "ms"),
        alone("stored for it", min(stored) / 1024, None, "KB"),
    ]


def everything(kernels: Pair) -> list[Row]:
    """Every array is replaced, then all come back by one switch."""
    kernel = kernels.clew
    kernel.run(
        "for _k in range(20):\n    globals()[f'array_{_k}'] = globals()[f'array_{_k}'] + 1\ndel _k",
        timeout=600,
    ).raised()
    there = report(kernel, "switch @-")
    back = report(kernel, "undo")
    return [
        alone("switch to a state with other arrays: look", there["look_nanoseconds"] / MILLION, None, "ms"),
        alone("switch to a state with other arrays: move", there["move_nanoseconds"] / MILLION, 500.0, "ms"),
        alone("and back: move", back["move_nanoseconds"] / MILLION, 500.0, "ms"),
    ]


def saving_all(kernels: Pair) -> list[Row]:
    """What saving everything with plain pickle takes, for comparison with recording one run."""
    code = "import pickle as _p, time as _t\n_s = _t.perf_counter()\n_b = len(_p.dumps([v for n, v in list(globals().items()) if n.startswith(('array_', 'name_', 'many'))], 5))\n_took = _t.perf_counter() - _s"
    kernels.plain.run(code, timeout=600).raised()
    pickled = float(kernels.plain.value("_took")) * 1000
    started = time.perf_counter()
    kernels.clew.run("name_7.append(1)", timeout=600).raised()
    recorded = (time.perf_counter() - started) * 1000
    return [compared("one run: pickle of all names, recording with Clew", pickled, recorded, None, "ms")]


def held(kernels: Pair) -> list[Row]:
    """Memory and disk at the end."""
    plain, clew = (resident(kernel) / MEGABYTE for kernel in kernels.each())
    size = (kernels.size.array_bytes / MEGABYTE) * 0.05
    return [
        compared("resident memory of the kernel", plain, clew, max(64.0, size), "MB"),
        alone("on disk", kernels.stored() / MEGABYTE, None, "MB"),
    ]
