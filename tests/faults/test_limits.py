"""Limits of the system that a session runs into: memory, files, processes. The cell is untouched, one warning, and it goes on."""

from __future__ import annotations

import resource
from collections.abc import Callable

import pytest
from cells import SOON
from harness import Kernel, Reply

LIMITS = """
import os, resource
import numpy as np
kept = [1, 2, 3]
before = {kind: resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)}
def limit_memory(more):
    with open('/proc/self/statm') as told:
        used = int(told.read().split()[0]) * os.sysconf('SC_PAGESIZE')
    resource.setrlimit(resource.RLIMIT_AS, (used + more, before[resource.RLIMIT_AS][1]))
def limit(kind, most):
    resource.setrlimit(kind, (most, before[kind][1]))
def unlimited():
    for kind, was in before.items():
        resource.setrlimit(kind, was)
"""
MILLION = 1_000_000

VALUES = {
    "objects": "made = [[n, str(n)] for n in range(400_000)]",
    "an array": "made = np.ones(4_000_000)",
    "a text": "made = 'x' * 20_000_000",
    "wide letters": "made = 'ü€' * 5_000_000",
    "a dict": "made = {str(n): (n, 'a%d' % n) for n in range(200_000)}",
    "bytes in a list": "made = [bytes(1000) + bytes([n % 256]) for n in range(20_000)]",
}
"""What takes memory to look at, each in another way."""


def run(kernel: Kernel, code: str) -> Reply:
    """A cell that must end well."""
    return kernel.run(code, SOON).raised()


def goes_on(kernel: Kernel, number: int) -> None:
    """The next run is recorded and undone."""
    reply = run(kernel, f"mark = {number}")
    kernel.settle()
    # That it could not be noted beforehand which cell runs costs no record.
    said = [line for line in reply.stderr.splitlines() if "could not note " not in line]
    assert not said
    assert f'"mark = {number}"' in run(kernel, "%clew log -n 1 --json").stdout
    assert "Undid" in run(kernel, "%clew undo").text
    assert kernel.value("globals().get('mark')", SOON) != number


@pytest.mark.parametrize("value", VALUES)
def test_p07_where_memory_ends_in_a_look_the_cell_is_untouched_and_the_next_run_is_recorded(
    kernels: Callable[..., Kernel], value: str
) -> None:
    """From hardly any memory left to enough: whatever runs out, the kernel lives and at most one line is said."""
    kernel = kernels()
    run(kernel, LIMITS)
    said = []
    for number, more in enumerate((1, 30, 66, 75, 90, 120, 160, 250, 1000)):
        reply = run(
            kernel, f"made = None\n{VALUES[value]}\nlimit_memory({more * MILLION})\nprint('out')\nlen(made)"
        )
        kernel.settle()
        assert reply.stdout == "out\n" and reply.result is not None
        lines = reply.stderr.splitlines()
        assert len(lines) <= 1 and all(
            "not enough memory" in line or "MemoryError" in line for line in lines
        ), lines
        said.append(len(lines))
        run(kernel, "unlimited()")
        goes_on(kernel, number)
    assert said[0] == 1, "there was not enough memory"
    assert said[-1] == 0, "there was enough"


def test_p04_p07_where_memory_ends_in_a_move_nothing_moves_and_the_kernel_lives(
    kernels: Callable[..., Kernel],
) -> None:
    kernel = kernels()
    run(kernel, LIMITS)
    for value in VALUES.values():
        run(kernel, f"first = 1\n{value}")
        run(kernel, "made = None\nfirst = 2")
        for more in (1, 66, 90, 140):
            kernel.run(
                f"limit_memory({more * MILLION})\n%clew undo --dry-run\n%clew undo 2\nunlimited()", SOON
            )
            state = kernel.value("(made is None, first)", SOON)
            assert state in [(True, 2), (False, 1)], (value, more, state)
            if state == (False, 1):
                run(kernel, "%clew redo 2")
        run(kernel, "unlimited()")
        run(kernel, "%clew redo 2") if kernel.value("first", SOON) == 1 else None
    goes_on(kernel, 1)


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        (resource.RLIMIT_NOFILE, "len(os.listdir('/proc/self/fd')) - 1"),
        (resource.RLIMIT_NOFILE, "3"),
        (resource.RLIMIT_NPROC, "0"),
    ],
    ids=["no more files", "three files", "no more threads"],
)
def test_p07_where_no_file_can_be_opened_or_no_thread_made_the_cell_is_untouched(
    kernels: Callable[..., Kernel], kind: int, most: str
) -> None:
    # IPython's own history needs a file as well, and says so; so does what is printed first, for which ipykernel waits in vain.
    kernel = kernels(arguments=["--HistoryManager.enabled=False"])
    run(kernel, f"{LIMITS}\nprint('ready')")
    for number in range(3):
        reply = run(
            kernel, f"made = np.arange(3_000_000) + {number}\nlimit({kind}, {most})\nprint('out')\n{number}"
        )
        kernel.settle()
        assert (reply.stdout, reply.result) == ("out\n", str(number))
        assert all(line.startswith("Clew: ") for line in reply.stderr.splitlines()), reply.stderr
        assert reply.stderr.count("\n") <= 1, reply.stderr
        run(kernel, "unlimited()")
        goes_on(kernel, number)
    assert kernel.clew("verify --read-data", SOON).ok
