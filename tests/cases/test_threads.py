"""Threads and processes: what they write while a run is recorded, and what is done where none can be made."""

from __future__ import annotations

from collections.abc import Callable

from cases.story import Notebook

NO_THREADS = {"RUST_MIN_STACK": str(1 << 46)}
"""The stack of each thread of the engine would be larger than any address space, so none can be made."""

WRITER = """
    import numpy as np, threading
    x = np.zeros(5_000_000)
    numbers, ended = np.random.default_rng(1), threading.Event()
    def write():
        while not ended.is_set():
            numbers.random(out=x)
    thread = threading.Thread(target=write)
    thread.start()
"""
"""A thread that writes to an array without the interpreter's lock."""


def test_p07_where_no_thread_can_be_made_the_work_is_done_without(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels(env=NO_THREADS)
    notebook.run("import numpy as np", "x = np.random.default_rng(1).random(5_000_000)")
    (before,) = notebook.read("float(x.sum())")
    said = notebook.run("x = x + 1")
    assert notebook.move("undo").word("x") == "restored"
    assert "could not" not in said.stderr
    assert notebook.read("float(x.sum())") == [before]
    second = kernels(env=NO_THREADS)
    assert second.move("resume").word("x") == "restored"
    assert second.read("float(x.sum())") == [before]


def test_p03_what_is_written_while_a_run_is_recorded_damages_nothing(
    kernels: Callable[..., Notebook],
) -> None:
    """Nothing lies in the store under an id that is not its own, so a value that comes again never refers to that."""
    notebook = kernels()
    notebook.run(WRITER)
    for number in range(6):
        notebook.run(f"x[{number}] = {number}")
    notebook.run("ended.set(); thread.join()")
    notebook.run("y = x.copy(); total = float(y.sum())", "y = None")
    verified = notebook.ask("verify --read-data")
    assert verified["findings"] == [], verified
    assert notebook.move("undo").word("y") == "restored"
    assert notebook.read("float(y.sum()) == total") == ["True"]


def test_p07_other_interpreters_of_the_process_run_undisturbed(notebook: Notebook) -> None:
    """A native hook hears all interpreters, and must touch objects of its own only."""
    notebook.run(
        """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        x = [1]
        """
    )
    reply = notebook.kernel.run(
        """one = interpreters.create()
interpreters.run_string(one, "import json, random, tempfile; random.seed(3); open('/dev/null').close()")
interpreters.destroy(one)
x.append(2)"""
    )
    reply.raised()
    assert "clew" not in reply.stderr.lower()
    notebook.move("undo")
    assert notebook.read("x") == ["[1]"]
