"""Values that need code to come back are built again in another process while they live; who can't be is named in time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from cycles import COME_BACK, IMPORTS, REFUSED
from harness import wait_for

from cases.story import Notebook

IMPATIENT = "import clew.shell.hooks as _hooks\n_hooks.LONG_REST = 0.05"

CLASSES = """
class Broken:
    def __init__(self, number):
        self.number = number
    def __reduce__(self):
        return Broken, ()
class Other:
    def __init__(self, number):
        self.number = number
    def __reduce__(self):
        return Other, (self.number + 1,)
class Well:
    def __init__(self, number):
        self.number = number
    def __reduce__(self):
        return Well, (self.number,)
def work(x):
    return x + 1
"""
VALUES = """
broken, other, well, plain = Broken(1), Other(1), Well(1), [1, 2]
"""


def variables(notebook: Notebook) -> dict[str, Any]:
    return {one["key"]: one for one in notebook.ask("vars")["variables"]}


def rested(notebook: Notebook) -> str:
    """Runs light cells with rests between them until the proof is in; what they complained of."""
    complaints = []

    def is_proved() -> bool:
        time.sleep(2)  # only who rests is proved
        reply = notebook.kernel.run("pass")
        notebook.kernel.settle()
        complaints.append(reply.stderr)
        return variables(notebook)["well"]["is_proved"] is not None

    wait_for(is_proved, "nothing was proved", 60)
    return "".join(complaints)


def test_p03_what_can_not_be_built_again_is_said_while_it_lives(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels(env={"CLEW_RECORD_PROVE": "true"})
    notebook.run(IMPATIENT, CLASSES, VALUES)
    said = rested(notebook)
    lines = sorted(line for line in said.splitlines() if line)
    assert len(lines) == 2, said
    assert lines[0].startswith(
        "Clew: `broken` is stored, but a test in another process could not restore it: "
    )
    assert "missing 1 required positional argument" in lines[0]
    assert lines[1].startswith(
        "Clew: `other` is stored, but a test in another process could not restore it: "
    )

    found = variables(notebook)
    proved = {name: found[name]["is_proved"] for name in ("broken", "other", "well", "work", "plain")}
    assert proved == {"broken": False, "other": False, "well": True, "work": True, "plain": None}
    assert "missing 1 required" in found["broken"]["why_unproved"]
    assert notebook.read("broken.number, other.number, well.number") == ["(1, 1, 1)"], (
        "they live on as they were"
    )

    reply = notebook.kernel.run("later = 1")
    notebook.kernel.settle()
    assert reply.stderr == "", "it is said once"
    notebook.kill()
    on_disk = json.loads(notebook.kernel.terminal("vars", "--json").out)["variables"]
    kept = {one["key"]: one["is_proved"] for one in on_disk if one["key"] in proved}
    assert kept == proved, "it is recorded"


def test_p03_what_can_not_be_built_again_is_put_aside_and_not_let_go(
    kernels: Callable[..., Notebook],
) -> None:
    """Known in time: the very object waits for whoever goes back, as one that has no value does."""
    notebook = kernels(env={"CLEW_RECORD_PROVE": "true"})
    notebook.run(IMPATIENT, CLASSES, VALUES)
    rested(notebook)
    before = notebook.identities(["broken", "other"])
    gone = notebook.move("switch 3")
    assert gone.word("broken") == "removed"
    back = notebook.move("undo")
    assert (back.word("broken"), back.word("other"), back.word("well")) == (
        "unchanged",
        "unchanged",
        "restored",
    )
    assert notebook.identities(["broken", "other"]) == before


def test_p03_what_its_class_does_not_build_is_made_again_by_its_cell_where_that_is_allowed(
    kernels: Callable[..., Notebook],
) -> None:
    notebook = kernels()
    notebook.run(CLASSES, VALUES)
    notebook.kill()
    second = kernels()
    lost = second.move("resume")
    assert lost.word("broken") == "lost"
    why = lost.why("broken")
    assert "missing 1 required positional argument" in why and "--rerun" in why, why
    back = second.move("switch 3 --rerun")
    assert back.word("broken") == "rerun"
    assert second.read("broken.number") == ["1"]


def test_p07_who_does_not_want_proofs_gets_no_process(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(IMPATIENT, CLASSES, VALUES)
    for _ in range(3):
        time.sleep(1)
        reply = notebook.kernel.run("pass")
        notebook.kernel.settle()
        assert reply.stderr == ""
    assert variables(notebook)["well"]["is_proved"] is None


def test_p03_what_is_a_part_of_what_it_is_made_from_is_saved_and_comes_back(
    kernels: Callable[..., Notebook],
) -> None:
    """A flag and its inverse, and what else is made and filled in an order of its own: through a store, after a `kill -9`."""
    first = kernels()
    first.run("blank = 0")
    blank, revisions = first.at(), {}
    for name, (cell, _) in COME_BACK.items():
        # Where a class lives its members are the live ones, so each case begins without those of the last.
        first.move(f"switch {blank}")
        first.run(IMPORTS + cell)
        revisions[name] = first.at()
        status = first.ask("status")
        assert (status["unsaved"], status["not_stored"], status["warnings"]) == (None, [], []), name
    first.kill()
    assert "is intact" in first.kernel.terminal("verify", "--read-data").out
    second = kernels()
    second.move("resume")
    for name, (_, checks) in reversed(COME_BACK.items()):
        second.move(f"switch {blank}")
        report = second.move(f"switch {revisions[name]}")
        wrong = ("lost", "not_identical")
        bad = {root: report.why(root) for root, word in report.names.items() if word in wrong}
        assert not bad, f"{name}: {bad}"
        assert second.read(*checks) == ["True"] * len(checks), name


def test_p03_what_nobody_could_build_again_is_said_while_it_lives_and_never_called_saved(
    kernels: Callable[..., Notebook],
) -> None:
    first = kernels()
    lost = {}
    for number, (name, (cell, why)) in enumerate(REFUSED.items()):
        first.run(f"beside = [{number}]\n" + IMPORTS + cell)
        found = variables(first)
        unstored = {key for key, one in found.items() if one["stored"] != "encoded"}
        assert unstored and all(why in found[key]["why"] for key in unstored), (name, unstored)
        assert found["beside"]["stored"] == "encoded", name
        status = first.ask("status")
        assert set(status["not_stored"]) == unstored, (name, status["not_stored"])
        assert any(why in warning for warning in status["warnings"]), (name, status["warnings"])
        said = first.say("status")
        assert "Everything is saved" not in said and "Everything that can be stored is saved" in said, said
        lost[first.at()] = (number, unstored, why)
        first.run("del " + ", ".join(unstored))
    first.kill()
    second = kernels()
    second.move("resume")
    for revision, (number, unstored, why) in lost.items():
        report = second.move(f"switch {revision}")
        names = {root for root, word in report.names.items() if word in ("lost", "not_identical")}
        assert names == unstored, report.words
        assert all(why in report.why(root) for root in names), report.data
        assert second.read("beside") == [f"[{number}]"]
