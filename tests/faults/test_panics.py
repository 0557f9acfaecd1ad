"""A panic of the engine itself, in each step in which it stands on its own: what a defect of ours costs is one record.

`panic_at` has the real engine panic, for real, in a real kernel: it unwinds through whatever holds what at that moment.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from cells import run, seen
from harness import Kernel, wait_for

from clew import _engine

WANTED = "_ = __import__('clew._engine')._engine.panic_at({step!r})"
"""Has the next such step panic. In the cell itself: what comes before it is recorded, too."""
CELL = WANTED + "\nnumbers = [{number}, 'text']\nprint('out')\nlen(numbers)"

DEAR = "many = [[number] for number in range(1_000_000)]"
"""Where there is so much, a run is followed by a look at what it may have touched."""

IN_A_CELL = ("enter", "roots", "settle", "withheld", "summary", "refusal", "describe_stream")
WHERE_LOOKS_ARE_DEAR = ("rebound", "some_roots")
IN_A_MOVE = ("enter", "build", "noticed", "install", "clear_staging", "settle", "withheld")
WHERE_MUCH_IS_READ = ("wait",)
BESIDE_THE_WORK = ("flush",)
STEPS = {*IN_A_CELL, *WHERE_LOOKS_ARE_DEAR, *IN_A_MOVE, *WHERE_MUCH_IS_READ, *BESIDE_THE_WORK}
assert STEPS == {*_engine.panic_steps()}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for all panics, one after another."""
    kernel = Kernel(home=tmp_path_factory.mktemp("panics"))
    run(kernel, "import numpy as np\nlarge = np.arange(800_000)\nnumbers = [0]").raised()
    yield kernel
    kernel.end()


def has_come(kernel: Kernel) -> bool:
    """Whether that step came; from here on none panics."""
    return bool(kernel.value("__import__('clew._engine')._engine.panic_at(None)"))


def newest(kernel: Kernel) -> str:
    """The run that the session is at."""
    log = json.loads(run(kernel, "%clew log -n 1 --json").stdout)
    return str(log["runs"][0]["run"])


def goes_on(kernel: Kernel, number: int) -> None:
    """The next run is recorded, nothing is said, and it is undone."""
    reply = run(kernel, f"mark = {number}")
    kernel.settle()
    assert reply.ok and reply.stderr == "", reply.stderr
    log = json.loads(run(kernel, "%clew log -n 1 --json").stdout)
    assert log["runs"][0]["source"] == f"mark = {number}", log
    assert "Undid" in run(kernel, "%clew undo").text
    assert kernel.value("globals().get('mark')") != number
    run(kernel, "%clew redo")


def test_p07_a_panic_of_the_engine_after_a_cell_changes_nothing_of_it_and_the_next_run_is_recorded(
    recorded: Kernel, plain: Kernel
) -> None:
    for number, step in enumerate([*IN_A_CELL, *WHERE_LOOKS_ARE_DEAR]):
        if step == WHERE_LOOKS_ARE_DEAR[0]:
            for cell in (DEAR, "globals()", "globals()"):
                run(recorded, cell).raised()
        code = CELL.format(number=number, step=step)
        expected = seen(run(plain, code))
        heard = Counter(recorded.heard().splitlines())
        reply = run(recorded, code)
        recorded.settle()
        assert has_come(recorded), step
        assert seen(reply).cell == expected.cell, step
        # On a busy machine the step comes in a look behind the run, which speaks beside a later request.
        said = [*(Counter(recorded.heard().splitlines()) - heard).elements()]
        planted = f"PanicException: planted in `{step}` (crates/clew-python/src/panics.rs:"
        assert len([line for line in said if planted in line]) == 1, (step, said)
        assert len([line for line in said if line.startswith("Clew: ")]) == 1, (step, said)
        goes_on(recorded, number)
    assert recorded.clew("verify --read-data").ok


def test_p04_p07_a_panic_in_a_move_leaves_the_session_as_it_was_and_the_next_move_works(
    recorded: Kernel,
) -> None:
    state = "(numbers, int(large.sum()), sorted(n for n in globals() if n in ('fresh', 'large', 'numbers')))"
    for number, step in enumerate(IN_A_MOVE):
        run(recorded, f"numbers = ['before', {number}]\nlarge = np.arange({800_000 + number})").raised()
        before, there = recorded.value(state), newest(recorded)
        run(recorded, f"numbers = ['after', {number}]\nlarge = large + 1\nfresh = {number}").raised()
        after = recorded.value(state)
        reply = recorded.run(f"{WANTED.format(step=step)}\n%clew switch {there}")
        recorded.settle()
        assert has_come(recorded), step
        assert f"planted in `{step}`" in reply.stderr, (step, reply.stderr)
        assert "Traceback" not in reply.stderr and reply.stderr.count("\n") == 1, reply.stderr
        found = recorded.value(state)
        assert found in (before, after), (step, found)
        if found == after:
            recorded.clew(f"switch {there}").raised()
        assert recorded.value(state) == before, step
        goes_on(recorded, 100 + number)
    assert recorded.clew("verify --read-data").ok


def test_p01_p07_a_panic_beside_the_work_costs_one_flush(recorded: Kernel) -> None:
    (step,) = BESIDE_THE_WORK
    run(recorded, f"{WANTED.format(step=step)}\nnumbers = ['not flushed at once']").raised()
    wanted = "__import__('clew._engine')._engine.panic_wanted()"
    wait_for(lambda: recorded.value(wanted) is None, "nothing was flushed")
    run(recorded, "numbers = ['flushed with what was before it']").raised()

    def is_synced() -> bool:
        status = json.loads(run(recorded, "%clew status --json").stdout)
        return bool(status["is_recording"] and status["is_synced"])

    wait_for(is_synced, "nothing more was flushed")
    assert "Undid" in run(recorded, "%clew undo").text
    assert recorded.value("numbers") == ["not flushed at once"]
    assert recorded.clew("verify --read-data").ok


def test_p01_p02_what_was_saved_before_a_panic_is_there_in_a_new_kernel(
    recorded: Kernel, tmp_path: Path
) -> None:
    with Kernel(home=tmp_path, notebook=tmp_path / "n.ipynb") as kernel:
        run(kernel, "import numpy as np\nkept, large = [1], np.arange(800_000)").raised()
        kernel.send(f"{WANTED.format(step='summary')}\nlost = [2]")
        wait_for(lambda: (kernel.take(), "PanicException" in kernel.heard())[1], "nothing was said")
        kernel.restart()
        (step,) = WHERE_MUCH_IS_READ
        reply = kernel.run(f"{WANTED.format(step=step)}\n%clew resume")
        kernel.settle()
        assert has_come(kernel) and f"planted in `{step}`" in reply.stderr
        assert kernel.value("[name in globals() for name in ('kept', 'large', 'lost')]") == [False] * 3
        kernel.clew("resume").raised()
        assert kernel.value("kept, int(large.sum()), 'lost' in globals()") == (
            [1],
            sum(range(800_000)),
            False,
        )
        assert kernel.clew("verify --read-data").ok
