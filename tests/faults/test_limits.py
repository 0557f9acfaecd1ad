"""Limits of the system that a session runs into: memory, files, processes. The cell is untouched, one warning, and it goes on."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from cells import SOON
from harness import Kernel, Reply

LIMITS = """
import os, resource
import numpy as np
kept = [1, 2, 3]
before = {kind: resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)}
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


NOTES = (
    "could not record which cell runs",
    "could not determine what",
    "could not record the end of the cell",
)


def goes_on(kernel: Kernel, number: int) -> None:
    """The next run is recorded and undone."""
    reply = run(kernel, f"mark = {number}")
    kernel.settle()
    # That it could not be noted beforehand which cell runs costs no record.
    said = [line for line in reply.stderr.splitlines() if not any(note in line for note in NOTES)]
    assert not said
    assert f'"mark = {number}"' in run(kernel, "%clew log -n 1 --json").stdout
    assert "Undid" in run(kernel, "%clew undo").text
    assert kernel.value("globals().get('mark')", SOON) != number


@pytest.mark.few(2)
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


def without_room(kernel: Kernel) -> None:
    """Two cells that can't be recorded: no file may grow."""
    run(kernel, f"{LIMITS}\nimport signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)")
    for number, code in enumerate(("made = np.arange(5000) * 3\nkept.append(4)", "total = int(made.sum())")):
        prefix = "limit(resource.RLIMIT_FSIZE, 0)\n" if number == 0 else ""
        reply = run(kernel, prefix + code)
        kernel.settle()
        assert reply.stderr.count("could not record this run") == 1, reply.stderr


def last_sources(kernel: Kernel, count: int) -> list[str]:
    """The sources of the last runs, the last one first."""
    runs = json.loads(run(kernel, f"%clew log -n {count} --json").stdout)["runs"]
    return [json.loads(run(kernel, f"%clew show {one['run']} --json").stdout)["source"] for one in runs]


def test_p07_cells_that_could_not_be_recorded_are_recorded_with_the_next_one(
    kernels: Callable[..., Kernel],
) -> None:
    """The next one stands for them, too: what they made is not told to be its own."""
    kernel = kernels(arguments=["--HistoryManager.enabled=False"])
    without_room(kernel)
    assert not run(kernel, "unlimited(); last = 5").stderr
    (source,) = last_sources(kernel, 1)
    assert [source.index(text) for text in ("made = np", "total = int", "last = 5")] == sorted(
        source.index(text) for text in ("made = np", "total = int", "last = 5")
    )
    assert "total = int(made.sum())" in run(kernel, "%clew extract total").stdout
    assert "Undid" in run(kernel, "%clew undo").text
    assert kernel.value("kept, 'made' in globals(), 'last' in globals()") == ([1, 2, 3], False, False)
    assert "Redid" in run(kernel, "%clew redo").text
    assert kernel.value("kept, int(made[-1]), last") == ([1, 2, 3, 4], 14997, 5)


@pytest.mark.parametrize("how", ["a look", "a move", "the end"])
def test_p07_cells_that_could_not_be_recorded_are_recorded_once_there_is_room(
    kernels: Callable[..., Kernel], tmp_path: Path, how: str
) -> None:
    kernel = kernels(notebook=tmp_path / "n.ipynb", arguments=["--HistoryManager.enabled=False"])
    without_room(kernel)
    # Nothing else is recorded meanwhile, and nothing more is said.
    assert "could not" not in run(kernel, "%clew status").stderr
    assert "Not everything is saved" in run(kernel, "%clew status").text
    unlimit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, before[resource.RLIMIT_FSIZE])"
    if how == "a look":
        kernel.run(unlimit, silent=True)
        kernel.settle()
        assert not run(kernel, "last = 5").stderr
        assert ["last = 5" in source for source in last_sources(kernel, 2)] == [True, False]
        run(kernel, "%clew undo")
    elif how == "the end":
        kernel.run(unlimit, silent=True)
        kernel.restart(graceful=True)
        run(kernel, "%clew resume")
    else:
        assert "Undid" in kernel.run(f"{unlimit}\n%clew undo", SOON).text
        run(kernel, "%clew redo")
    source = next(source for source in last_sources(kernel, 2) if source)
    assert "made = np" in source and "total = int" in source and "last" not in source
    assert kernel.value("kept, total") == ([1, 2, 3, 4], 37492500)
    assert "Undid" in run(kernel, "%clew undo").text
    assert kernel.value("kept, 'made' in globals()") == ([1, 2, 3], False)
