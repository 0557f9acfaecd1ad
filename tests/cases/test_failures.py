"""Runs that fail, are stopped, or meet objects that raise: recorded, undone, never in anybody's way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from harness import Reply, wait_for

from cases.story import BYSTANDER, Case, Notebook, plain
from cases.tables import test_back_and_forth, test_found_again  # noqa: F401 -- the tests over CASES

CASES = [
    Case(
        "A failed cell that mutated first",
        """
        x = [1]
        y = {'a': 1}
        """,
        """
        x.append(2); y['b'] = x; made = 1
        raise ValueError('half-way')
        """,
        ["x", "y", "'made' in globals()", "y.get('b') is x"],
        {"x": "restored", "y": "restored", "made": "removed"},
        fails="ValueError",
    ),
    Case(
        "An exception kept with cause and traceback",
        """
        def deep(n):
            if n == 0:
                raise KeyError('bottom')
            deep(n - 1)
        try:
            try:
                deep(2)
            except KeyError as key:
                raise RuntimeError('top') from key
        except RuntimeError as error:
            held = error
        """,
        "held = None",
        [
            "held and held.args",
            "held and repr(held.__cause__)",
            "held and [f.name for f in __import__('traceback').extract_tb(held.__cause__.__traceback__)][1:]",
            "held and held.__suppress_context__",
        ],
        {"held": "restored|not_identical|unchanged"},
        {"held": "restored"},
    ),
    Case(
        "`__getstate__` that drops a field",
        """
        class Lossy:
            def __init__(self):
                self.keep = 1
                self.drop = 2
            def __getstate__(self):
                return {'keep': self.keep}
        lossy = Lossy()
        """,
        "extra = 1",
        ["'extra' in globals()", "lossy.drop", "lossy.keep"],
        {"extra": "removed"},
        kept=["lossy", "Lossy"],
        fresh=False,
    ),
    Case(
        "`__del__` that prints",
        """
        class Loud:
            def __init__(self, n):
                self.n = n
            def __del__(self):
                print('gone', self.n)
        loud = Loud(1)
        """,
        "loud = Loud(2)",
        ["loud.n", "isinstance(loud, Loud)"],
        {"loud": "restored"},
        kept=["Loud"],
    ),
    Case(
        "An object whose `__class__` and attributes raise",
        """
        class Thorny:
            @property
            def bad(self):
                raise RuntimeError('thorn')
            def __len__(self):
                raise RuntimeError('len')
            def __bool__(self):
                raise RuntimeError('bool')
        thorny = Thorny()
        """,
        "thorny.x = 1",
        ["vars(thorny)"],
        {"thorny": "restored"},
        kept=["Thorny"],
    ),
]


def test_a_reducer_that_raises_costs_only_its_own_name(notebook: Notebook) -> None:
    notebook.run(
        """
        class Stubborn:
            def __init__(self):
                self.n = 1
            def __reduce__(self):
                raise RuntimeError('never')
        stubborn = Stubborn()
        x = [1]
        """,
        "x.append(2)",
    )
    identities = notebook.identities(["stubborn"])
    report = notebook.move("undo")
    assert notebook.read("x", "stubborn.n") == ["[1]", "1"]
    assert report.word("x") == "restored"
    assert report.word("stubborn") == "unchanged"
    assert notebook.identities(["stubborn"]) == identities
    notebook.run("stubborn.n = 2")
    report = notebook.move("undo")
    assert report.word("stubborn") == "unchanged" and "stubborn" in report.unverified
    assert report.why("stubborn").startswith("unverified")
    assert notebook.identities(["stubborn"]) == identities


def test_a_lossy_object_is_never_handed_over_as_if_it_were_whole(notebook: Notebook) -> None:
    notebook.run(
        """
        class Lossy:
            def __init__(self):
                self.keep = 1
                self.drop = 2
            def __getstate__(self):
                return {'keep': self.keep}
        lossy = Lossy()
        """,
        "lossy.keep = 5",
    )
    report = notebook.move("undo")
    word = report.word("lossy")
    if word == "restored":
        assert notebook.read("vars(lossy)") == ["{'keep': 1, 'drop': 2}"]
    else:
        assert word in {"not_identical", "lost"}


def test_a_cell_with_a_syntax_error_changes_nothing(notebook: Notebook) -> None:
    notebook.run("x = [1]")
    identities = notebook.identities(["x"])
    notebook.run("x.append(2]", fails="SyntaxError")
    assert notebook.read("x") == ["[1]"]
    assert notebook.identities(["x"]) == identities
    notebook.run("x.append(2)")
    notebook.move("undo")
    assert notebook.read("x") == ["[1]"]


def test_ctrl_c_in_a_cell_is_recorded_with_what_it_changed_before(notebook: Notebook) -> None:
    notebook.run("""
        import time
        x = [1]
        """)
    sent = notebook.kernel.send("x.append(2)\nprint('begun')\nwhile True:\n    time.sleep(0.01)")
    notebook.kernel.until_printed(sent, "begun")
    notebook.kernel.interrupt()
    reply = notebook.kernel.collect([sent])[0]
    assert reply.ename == "KeyboardInterrupt"
    assert notebook.read("x") == ["[1, 2]"]
    report = notebook.move("undo")
    assert notebook.read("x") == ["[1]"]
    assert report.word("x") == "restored"
    notebook.move("redo")
    assert notebook.read("x") == ["[1, 2]"]


STOPS = """
import os, time
def stop_at(point):
    'Waits there, once, if the test is expected; Ctrl+C or the test ends it.'
    place = {places!r} + '/' + point
    try:
        os.rename(place, place + ' reached')
    except FileNotFoundError:
        return
    for _ in range(20_000):
        if os.path.exists(place + ' left'):
            break
        time.sleep(0.01)
class Slow:
    def __init__(self, n):
        self.n = n
        stop_at(f'build {{n}}')
    def __reduce__(self):
        stop_at(f'look {{self.n}}')
        return Slow, (self.n,)
    def __del__(self):
        stop_at(f'let go {{self.n}}')
"""
"""Objects that stop Clew in the middle of its work: where it looks at them, builds them, or lets go of them."""


@dataclass(frozen=True)
class Places:
    """Where work in the kernel stops until the test lets it go on."""

    folder: Path

    def expect(self, point: str) -> None:
        (self.folder / point).touch()

    def wait(self, point: str) -> None:
        wait_for((self.folder / f"{point} reached").exists, f"nothing came to {point!r}")

    def leave(self, point: str) -> None:
        (self.folder / f"{point} left").touch()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "places").mkdir()
    return Places(tmp_path / "places")


def not_recorded(reply: Reply) -> list[str]:
    """The warnings that a run was not recorded."""
    return [line for line in reply.stderr.splitlines() if line.startswith("Clew: could not record")]


@pytest.mark.parametrize("number", [10, 15, 19], ids=["at the first object", "in the middle", "at the last"])
def test_ctrl_c_in_a_capture_leaves_the_run_recorded(notebook: Notebook, places: Places, number: int) -> None:
    """Clew looks at ten objects; Ctrl+C comes while it is at the first, the middle or the last of them."""
    kernel, point = notebook.kernel, f"look {number}"
    notebook.run(
        STOPS.format(places=str(places.folder)), "a, slow, z = [1], [Slow(n) for n in range(10)], [1]"
    )
    places.expect(point)
    reply = notebook.run("a.append(2); slow = [Slow(n) for n in range(10, 20)]; z.append(2)")
    places.wait(point)
    kernel.interrupt()
    places.leave(point)
    assert notebook.run("mark = 1").ok
    warnings = not_recorded(reply)
    reads = ["a", "[s.n for s in slow]", "z", "'mark' in globals()"]
    before = ["[1]", str(list(range(10))), "[1]", "False"]
    after = ["[1, 2]", str(list(range(10, 20))), "[1, 2]", "False"]
    notebook.move("undo")
    if warnings:
        assert len(warnings) == 1, (
            "one line says that the run was not recorded; the next run holds its changes"
        )
    else:
        assert notebook.read(*reads) == after
        notebook.move("undo")
    assert notebook.read(*reads) == before
    notebook.move(f"redo {1 if warnings else 2}")
    assert notebook.read(*reads) == [*after[:3], "True"]


def test_ctrl_c_anywhere_in_captures_of_many_objects_loses_nothing(notebook: Notebook) -> None:
    """Wherever it comes after the reply: nothing of ipykernel's own is in its way there."""
    notebook.run("big = [[n] for n in range(600_000)]")
    for delay in [0.0, 0.02, 0.06, 0.15]:
        notebook.run(f"big[7].append({delay})")
        time.sleep(delay)
        notebook.kernel.interrupt()
        notebook.kernel.settle()
    notebook.run("mark = 1")
    notebook.run("big[7].append('last')")
    notebook.move("undo")
    assert notebook.read("big[7]", "len(big)") == ["[7, 0.0, 0.02, 0.06, 0.15]", "600000"]
    notebook.move("undo 3")
    assert notebook.read("big[7]", "len(big)") == ["[7, 0.0, 0.02]", "600000"]


def test_ctrl_c_in_a_capture_stops_no_cell_that_is_sent_after_it(notebook: Notebook) -> None:
    notebook.run("big = [[n] for n in range(600_000)]")
    for number in range(5):
        notebook.run(f"big[7].append({number})")
        notebook.kernel.interrupt()
        notebook.run("later = 1")


POINTS = {
    "looks before": ["look 19"],
    "builds the first": ["build 0"],
    "builds the last": ["build 9"],
    "compares what it built": ["look 5"],
    "lets go of what it replaced": ["let go 15"],
    "looks after": ["let go 19", "look 9"],
}


@pytest.mark.parametrize("points", POINTS.values(), ids=POINTS.keys())
def test_ctrl_c_in_a_switch_leaves_the_session_as_it_was_or_as_it_should_be(
    notebook: Notebook, places: Places, points: list[str]
) -> None:
    kernel = notebook.kernel
    notebook.run(
        STOPS.format(places=str(places.folder)), "a, slow, z = [1], [Slow(n) for n in range(10)], [1]"
    )
    first = notebook.at()
    notebook.run("a.append(2); slow = [Slow(n) for n in range(10, 20)]; z.append(2)")
    last, alone = notebook.at(), notebook.identities([BYSTANDER])
    kinds = [run["kind"] for run in notebook.ask("log --all")["runs"]]
    reads = ["a", "[s.n for s in slow]", "z"]
    old = ["[1]", str(list(range(10))), "[1]"]
    new = ["[1, 2]", str(list(range(10, 20))), "[1, 2]"]
    places.expect(points[0])
    sent = kernel.send("%clew undo")
    for point, following in pairwise(points):
        places.wait(point)
        places.expect(following)
        places.leave(point)
    places.wait(points[-1])
    kernel.interrupt()
    places.leave(points[-1])
    reply = kernel.collect([sent])[0]
    said = reply.text + reply.stderr + reply.traceback
    state = notebook.read(*reads)
    assert state in (old, new), said
    assert ("Undid" in said) == (state == old), said
    assert notebook.at() == (first if state == old else last), said
    assert [run["kind"] for run in notebook.ask("log --all")["runs"]] == kinds, "nothing changed outside"
    notebook.run("a.append('next')")
    notebook.move("undo")
    assert notebook.read(*reads) == state
    notebook.move(f"switch {first}")
    assert notebook.read(*reads) == old
    notebook.move(f"switch {last}")
    assert notebook.read(*reads) == new
    assert notebook.identities([BYSTANDER]) == alone


PRESSED = """
signal.setitimer(signal.ITIMER_REAL, {delay});
%clew switch {revision}
signal.setitimer(signal.ITIMER_REAL, 0);
"""
"""Ctrl+C at any moment of the switch and none outside it, where it may cost ipykernel the reply."""


def test_ctrl_c_anywhere_in_a_switch_of_many_objects_leaves_a_whole_state(notebook: Notebook) -> None:
    notebook.run(
        """
        import signal
        import numpy as np
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
        big = [[n] for n in range(400_000)]
        a = np.zeros(1_000_000)
        """
    )
    first = notebook.at()
    notebook.run("big[7].append('x'); a[0] = 1")
    last = notebook.at()
    reads = ["big[7]", "a[0].item()", "len(big)"]
    states = {first: ["[7]", "0.0", "400000"], last: ["[7, 'x']", "1.0", "400000"]}
    begun = time.monotonic()
    notebook.move(f"switch {first}")
    seconds = time.monotonic() - begun
    for share in range(12):
        revision = first if share % 2 else last
        delay = max(seconds * share / 10, 1e-6)
        notebook.kernel.run(plain(PRESSED.format(delay=delay, revision=revision)))
        assert notebook.read(*reads) in states.values(), f"Half a state after {delay} s"
    for revision, state in states.items():
        notebook.run("big[7].append('next'); a[0] = 2")
        notebook.move(f"switch {revision}")
        assert notebook.read(*reads) == state


def test_the_first_run_is_undone_to_the_starting_state(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels(load=False)
    notebook.run("already = [1]", "%load_ext clew")
    identities = notebook.identities(["already"])
    notebook.run("""
        x = 1
        already.append(2)
        """)
    report = notebook.move("undo")
    assert "x" not in notebook.names()
    assert notebook.read("already") == ["[1]"]
    assert report.word("x") == "removed"
    assert identities
    said = notebook.say("undo")
    assert notebook.read("already") == ["[1]"], said


def test_undo_undo_redo_run_and_the_old_line_can_be_reached(notebook: Notebook) -> None:
    notebook.run("x = [1]", "x.append(2)")
    notebook.run("x.append(3)")
    notebook.move("undo")
    notebook.move("undo")
    assert notebook.read("x") == ["[1]"]
    old = notebook.move("redo").at
    assert notebook.read("x") == ["[1, 2]"]
    notebook.move("redo")
    tip = notebook.at()
    notebook.move(f"switch {old}")
    notebook.run("x.append('new line')")
    assert notebook.read("x") == ["[1, 2, 'new line']"]
    notebook.move(f"switch {tip}")
    assert notebook.read("x") == ["[1, 2, 3]"]
    notebook.move("undo")
    assert notebook.read("x") == ["[1, 2, 'new line']"], "undo takes back the last switch"
    assert notebook.say("log --all")


def test_undo_goes_over_a_cell_that_changes_nothing_and_keeps_everything_else(notebook: Notebook) -> None:
    notebook.run("x = [1]", "y = 2", "sum(x);")
    identities = notebook.identities(["x"])
    words = notebook.move("undo").names
    assert words.pop("y") == "removed" and set(words.values()) == {"unchanged"}
    assert notebook.identities(["x"]) == identities


def test_what_a_finalizer_changes_during_a_move_is_said_to_differ(notebook: Notebook) -> None:
    notebook.run(
        """
        heard = []
        class Loud:
            def __del__(self):
                heard.append('gone')
        """,
        "loud = Loud()",
    )
    report = notebook.move("undo")
    assert notebook.read("heard") == ["['gone']"]
    assert (report.word("loud"), report.word("heard")) == ("removed", "not_identical")
    assert "during the restore" in report.why("heard")
