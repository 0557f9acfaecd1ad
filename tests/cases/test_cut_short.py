"""A file of the store is cut short under memory that shows it (SIGBUS): the kernel lives on, the user is told which names
are hit, no zeros are recorded for theirs, and the signal is everybody else's as before.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness import wait_for

from cases.story import Notebook

CELLS = (
    "import numpy as np",
    "a = np.arange(2_000_000.0); b = a + 1",
    "late = 1",
)
"""`a` lies in the first 16 MB of its pack, `b` in those behind."""

MAPPED = "[line.split()[-1] for line in open('/proc/self/maps') if line.rstrip().endswith('.pack')]"
SUM_OF_B = "2000001000000.0"
LOST = "b is lost and reads as zeros"


def resumed(kernels: Callable[..., Notebook]) -> Notebook:
    """A second kernel that shows both arrays from the first one's pack."""
    first = kernels()
    first.run(*CELLS)
    first.kill()
    second = kernels()
    second.run("%clew resume")
    assert second.kernel.value(MAPPED)
    return second


def cut(notebook: Notebook, length: int = 20_000_000) -> None:
    """Cuts every pack that is longer."""
    for pack in notebook.kernel.home.rglob("*.pack"):
        if pack.stat().st_size > length:
            with pack.open("r+b") as file:
                file.truncate(length)


def heard_after(notebook: Notebook, cell: str) -> str:
    """What was said up to the request that follows a cell. An idle look may have said it before."""
    notebook.run(cell)
    notebook.kernel.settle()
    return notebook.kernel.heard()


def test_p03_memory_that_a_cut_file_took_is_told_and_never_recorded(kernels: Callable[..., Notebook]) -> None:
    notebook = resumed(kernels)
    cut(notebook)
    said = heard_after(notebook, "total = float(b.sum())")
    assert LOST in said, said
    assert "of a" not in said and "%clew undo" in said
    hit = notebook.at()
    assert notebook.read("float(a.sum())") == ["1999999000000.0"]
    back = notebook.move("undo")
    assert back.word("b") in ("lost", "rerun")
    assert back.word("a") == "unchanged"
    if back.word("b") == "rerun":
        assert notebook.read("float(b.sum())") == [SUM_OF_B]
    notebook.kill()
    # Of the run that met the zeros no kernel ever gets them for the value.
    third = kernels()
    third.run("%clew resume")
    assert third.move(f"switch {hit}").word("b") == "lost"
    assert "b" not in third.names()


def test_p03_what_a_thread_met_between_runs_is_told_by_the_next_look(
    kernels: Callable[..., Notebook],
) -> None:
    notebook = resumed(kernels)
    notebook.run(
        """
        import threading
        _go, _sums = threading.Event(), []
        def _later(array=b):
            _go.wait()
            _sums.append(float(array.sum()))
        _thread = threading.Thread(target=_later)
        _thread.start()
        """
    )
    cut(notebook)
    notebook.run("_go.set(); _thread.join()")
    # The look after that cell may have gone by what it named; the next one that sees the array tells, maybe late.
    wait_for(lambda: LOST in heard_after(notebook, "b.shape"), "nothing was told", 60)


def test_what_was_lost_is_told_once_and_by_a_command_too(kernels: Callable[..., Notebook]) -> None:
    notebook = resumed(kernels)
    cut(notebook)
    # A request that is no run: whichever look comes next tells, and what it found while nobody waited a command does.
    notebook.kernel.run("float(b.sum())", silent=True)
    wait_for(lambda: LOST in heard_after(notebook, "%clew status"), "nothing was told", 60)
    assert heard_after(notebook, "eval('1')").count(LOST) == 1


def test_p01_what_lay_in_a_cut_pack_is_stored_anew_when_it_comes_again(
    kernels: Callable[..., Notebook],
) -> None:
    notebook = resumed(kernels)
    cut(notebook)
    heard_after(notebook, "total = float(b.sum())")
    notebook.run("b = np.arange(2_000_000.0) + 1", "kept = float(b.sum())")
    notebook.kill()
    third = kernels()
    assert third.move("resume").word("b") == "restored"
    assert third.read("float(b.sum()), kept") == [f"({SUM_OF_B}, {SUM_OF_B})"]


def test_p01_a_session_whose_own_pack_is_cut_goes_on_in_another(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(*CELLS, "b[7] = 3", "%clew undo")
    assert notebook.kernel.value(MAPPED)
    cut(notebook)
    heard_after(notebook, "total = float(b.sum())")
    notebook.run("b = np.arange(2_000_000.0) + 1", "late = list(range(10))")
    notebook.kill()
    second = kernels()
    report = second.move("resume")
    assert (report.word("b"), report.word("late")) == ("restored", "restored")
    assert second.read("float(b.sum()), late[-1]") == [f"({SUM_OF_B}, 9)"]


def test_p03_what_was_written_before_the_cut_goes_with_it_and_is_not_taken_for_what_was_stored(
    kernels: Callable[..., Notebook],
) -> None:
    notebook = resumed(kernels)
    notebook.run("b[1_990_000] = -1.0")
    cut(notebook)
    assert LOST in heard_after(notebook, "b.shape; eval('1')")


def test_writing_to_what_is_lost_goes_on(kernels: Callable[..., Notebook]) -> None:
    notebook = resumed(kernels)
    cut(notebook)
    notebook.run("b[1_999_000:] = 7.0; b *= 2", "tail = float(b[-1])")
    assert notebook.read("tail, float(b[0])") == ["(14.0, 2.0)"]


FOREIGN = """
import mmap, os, signal, faulthandler
def in_child(work):
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
def fault():
    file = os.open('foreign', os.O_RDWR | os.O_CREAT)
    os.ftruncate(file, 8192)
    memory = mmap.mmap(file, 8192)
    os.ftruncate(file, 0)
    memory[5]
def sent():
    os.kill(os.getpid(), signal.SIGBUS)
"""
"""Faults that are no business of Clew's, and the signal sent by hand."""

HANDLERS = {
    "faulthandler as the kernel began with it": "pass",
    "faulthandler that was switched off": "faulthandler.disable()",
    "faulthandler that was switched on again": "faulthandler.disable(); faulthandler.enable(open('dump', 'w'))",
    "a handler of the user's": "signal.signal(signal.SIGBUS, lambda *_: os._exit(5))",
    "the default, set by the user": "signal.signal(signal.SIGBUS, signal.SIG_DFL)",
}


@pytest.mark.few(2)
@pytest.mark.parametrize("how", HANDLERS)
def test_p07_the_signal_is_everybody_elses_as_before(kernels: Callable[..., Notebook], how: str) -> None:
    """Whatever the user does with it while memory is guarded."""
    notebook = resumed(kernels)
    expected = -7, 5 if "user's" in how else -7
    get = "str(signal.getsignal(signal.SIGBUS)), faulthandler.is_enabled()"
    notebook.run(FOREIGN)
    (before,) = notebook.read(get)
    notebook.run(HANDLERS[how])
    (set_by_user,) = notebook.read(get)
    if how.startswith("faulthandler as"):
        assert set_by_user == before
    cut(notebook)
    assert LOST in heard_after(notebook, "total = float(b.sum())")
    # What a fault comes to where a handler of Python's only takes note is not asked: without Clew it never ends.
    assert notebook.read(get) == [set_by_user]
    assert notebook.read("in_child(sent)") == [str(expected[1])]
    assert notebook.read("in_child(fault)") == [str(expected[0])]
    if "again" in how:
        assert "Bus error" in (notebook.kernel.cwd / "dump").read_text()
