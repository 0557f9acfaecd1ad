"""What people run beside their cells: tracers, coverage, a debugger, timers, odd settings. Clew spoils none of it and records on."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cases.story import Notebook

MODULE = """
def kind(number):
    if number < 0:
        return 'negative'
    return 'positive'
"""


def records_and_goes_back(notebook: Notebook) -> None:
    """A run is recorded, undone and done again as ever."""
    notebook.run("values = [1, 2, 3]")
    notebook.run("values.append(4)")
    assert notebook.move("undo").word("values") == "restored"
    assert notebook.read("values") == ["[1, 2, 3]"]
    notebook.move("redo")
    assert notebook.read("values") == ["[1, 2, 3, 4]"]


TRACERS = {
    "sys.settrace": ("sys.settrace(note)", "sys.settrace(None)", "sys.gettrace() is note"),
    "sys.setprofile": ("sys.setprofile(note)", "sys.setprofile(None)", "sys.getprofile() is note"),
}


@pytest.mark.parametrize(("begin", "end", "is_there"), TRACERS.values(), ids=TRACERS.keys())
def test_p07_a_tracer_sees_all_of_the_users_code_and_stays(
    kernels: Callable[..., Notebook], begin: str, end: str, is_there: str
) -> None:
    seen = []
    for is_loaded in (True, False):
        notebook = kernels(f"loaded {is_loaded}", load=is_loaded)
        for cell in (
            "import sys\nevents = []\ndef work(n):\n    m = n + 1\n    return m",
            "def note(frame, event, argument):\n    if frame.f_code.co_name == 'work':\n"
            "        events.append((event, frame.f_lineno))\n    return note",
            begin,
            "a = work(1)",
            "b = [work(n) for n in range(3)]",
        ):
            notebook.kernel.run(cell).raised()
        assert notebook.read(is_there) == ["True"]
        notebook.kernel.run(end).raised()
        seen.append(notebook.read("events"))
        if is_loaded:
            records_and_goes_back(notebook)
    assert seen[0] == seen[1] and seen[0] != ["[]"]


@pytest.mark.parametrize("core", ["ctrace", "pytrace", *(["sysmon"] if sys.version_info >= (3, 12) else [])])
def test_p07_coverage_counts_the_same_lines_over_several_cells(
    kernels: Callable[..., Notebook], tmp_path: Path, core: str
) -> None:
    counted = []
    for is_loaded in (True, False):
        folder = tmp_path / f"loaded {is_loaded}"
        folder.mkdir()
        (folder / "kinds.py").write_text(MODULE)
        notebook = kernels(f"loaded {is_loaded}", load=is_loaded)
        for cell in (
            f"import os, sys\nos.environ['COVERAGE_CORE'] = {core!r}\nsys.path.insert(0, {str(folder)!r})",
            f"import coverage\nmeasured = coverage.Coverage(data_file=None, include=[{str(folder / '*')!r}])",
            "measured.start()",
            "import kinds",
            "kinds.kind(3)",
            "measured.stop()",
            f"lines = sorted(measured.get_data().lines({str(folder / 'kinds.py')!r}))",
        ):
            notebook.kernel.run(cell).raised()
        counted.append(notebook.read("lines"))
        if is_loaded:
            records_and_goes_back(notebook)
    assert counted == [["[2, 3, 5]"], ["[2, 3, 5]"]]


def test_p07_a_breakpoint_of_the_debugger_stops_and_goes_on_and_the_run_is_recorded(
    kernels: Callable[..., Notebook],
) -> None:
    notebook = kernels()
    kernel, numbers = notebook.kernel, itertools.count(1)

    def debug(command: str, **arguments: Any) -> dict[str, Any]:
        request = {"type": "request", "seq": next(numbers), "command": command, "arguments": arguments}
        reply = kernel.control("debug_request", request)
        assert reply.get("success"), reply
        return dict(reply.get("body") or {})

    notebook.run("values = [1]")
    debug(
        "initialize",
        clientID="test",
        adapterID="",
        pathFormat="path",
        linesStartAt1=True,
        columnsStartAt1=True,
    )
    debug("attach")
    code = "step = len(values)\nvalues.append(step + 1)\nlast = values[-1]"
    path = debug("dumpCell", code=code)["sourcePath"]
    debug("setBreakpoints", source={"path": path}, breakpoints=[{"line": 2}], sourceModified=False)
    debug("configurationDone")
    sent = kernel.send(code)

    def thread() -> int | None:
        stopped = debug("debugInfo")["stoppedThreads"]
        return int(stopped[0]) if stopped else None

    while (stopped := thread()) is None:
        assert not sent.is_complete
    frame = debug("stackTrace", threadId=stopped)["stackFrames"][0]
    assert frame["line"] == 2, "it stops in the cell"
    debug("continue", threadId=stopped)
    (reply,) = kernel.collect([sent])
    assert reply.ok and reply.stderr == ""
    assert notebook.read("values", "last") == ["[1, 2]", "2"]
    notebook.move("undo")
    assert notebook.read("values", "'last' in globals()") == ["[1]", "False"]
    debug("disconnect", restart=False, terminateDebuggee=False)
    records_and_goes_back(notebook)


def test_p07_a_timer_that_rings_while_runs_are_recorded_is_heard_and_nothing_is_wrong(
    kernels: Callable[..., Notebook],
) -> None:
    notebook = kernels()
    notebook.run(
        "import signal\nrung, steps, ballast = [0], [], [[n, str(n)] for n in range(50_000)]",
        "def ring(*_):\n    rung[0] += 1\n    ballast[rung[0] % 50_000].append(rung[0])",
        "_ = signal.signal(signal.SIGALRM, ring)\n_ = signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)",
    )
    for step in range(12):
        reply = notebook.kernel.run(f"steps.append({step})")
        assert reply.ok and reply.stderr == ""
    middle = notebook.at()
    notebook.run("steps.clear()", "_ = signal.setitimer(signal.ITIMER_REAL, 0)")
    assert int(notebook.read("rung[0]")[0]) > 0
    assert notebook.read("signal.getsignal(signal.SIGALRM) is ring") == ["True"]
    notebook.move(f"switch {middle}")
    assert notebook.read("steps") == [str(list(range(12)))]
    records_and_goes_back(notebook)


SETTINGS = {
    "a collector that is off": ("import gc\ngc.disable()", "gc.isenabled()", "False"),
    "a frozen collector": ("import gc\ngc.freeze()", "gc.get_freeze_count() > 0", "True"),
    "names of builtins taken": (
        "len = str = dict = list = print = open = isinstance = type = None",
        "(len, str, dict, open)",
        "(None, None, None, None)",
    ),
    "open replaced for everybody": (
        "import builtins\ndef refuse(*_, **__):\n    raise OSError('no files here')\nbuiltins.open = refuse",
        "builtins.open is refuse",
        "True",
    ),
    "warnings are errors": (
        "import warnings\nwarnings.simplefilter('error')",
        "warnings.filters[0][0]",
        "'error'",
    ),
    "a short switch interval": (
        "import sys\nsys.setswitchinterval(1e-5)",
        "sys.getswitchinterval() < 1e-4",
        "True",
    ),
}


@pytest.mark.parametrize(("cell", "asked", "told"), SETTINGS.values(), ids=SETTINGS.keys())
def test_p07_an_odd_setting_stays_and_recording_goes_on(
    kernels: Callable[..., Notebook], cell: str, asked: str, told: str
) -> None:
    notebook = kernels()
    notebook.run(cell)
    records_and_goes_back(notebook)
    assert notebook.read(asked) == [told]


def test_p07_with_hardly_any_recursion_left_the_cell_runs_and_the_next_run_is_recorded(
    kernels: Callable[..., Notebook],
) -> None:
    notebook = kernels()
    notebook.run("import inspect, sys\nwas = sys.getrecursionlimit()\nvalues = [0]")
    for left in (200, 100, 60, 40, 25):
        cell = f"sys.setrecursionlimit(len(inspect.stack()) + {left})\nvalues.append({left})"
        reply = notebook.kernel.run(cell)
        assert reply.ok, (left, reply.traceback)
        assert reply.stderr.count("\n") <= 1 and "Traceback" not in reply.stderr, reply.stderr
    assert notebook.kernel.run("sys.setrecursionlimit(was)").ok
    assert notebook.read("values") == ["[0, 200, 100, 60, 40, 25]"]
    records_and_goes_back(notebook)
