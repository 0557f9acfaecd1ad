"""The native command and the kernel that holds the variables."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from harness import Kernel, Sent, Typing


def blocked(kernel: Kernel, folder: Path, first: str = "") -> tuple[Path, Sent]:
    """A cell that does `first`, then waits at a gate until somebody opens it for writing."""
    gate = folder / "gate"
    os.mkfifo(gate)
    sent = kernel.send(f"{first}\nprint('begun', flush=True)\nopen({str(gate)!r}).close()")
    kernel.until_printed(sent, "begun")
    return gate, sent


def test_a_mover_typed_in_a_terminal_moves_the_kernel(kernel: Kernel) -> None:
    kernel.queue(["x = [1]", "x.append(2)"])
    typed = kernel.terminal("undo")
    assert (typed.exit, typed.err) == (0, ""), typed
    assert typed.out.startswith("Undid run 3 in "), typed.out
    assert kernel.value("x") == [1]
    assert kernel.terminal("redo").exit == 0
    assert kernel.value("x") == [1, 2]


def test_what_a_kernel_can_not_answer_is_data_too_where_data_was_asked_for(kernel: Kernel) -> None:
    kernel.run("%unload_ext clew")
    asked = json.dumps({"words": ["undo", "--json"], "through": {"interface": "terminal"}})
    kernel.run(
        f"told = __import__('clew.shell.kernel_requests', fromlist=['answer']).answer({asked!r})"
    ).raised()
    answer = json.loads(kernel.value("told"))
    assert (answer["exit"], answer["is_problem"]) == (3, False)
    assert "Clew does not record here" in json.loads(answer["text"])["error"]["message"]


def test_its_answer_as_data_is_that_of_the_magic(kernel: Kernel) -> None:
    kernel.queue(["x = 1", "x = 2"])
    there = kernel.terminal("undo", "--dry-run", "--json").json
    here = kernel.value("__import__('clew').session().undo(dry_run=True).data")
    differing = {key for key in here if here[key] != there[key]}
    assert there["command"] == "undo" and differing <= {"compare_nanoseconds", "restore_nanoseconds"}


def test_a_reader_that_went_away_is_no_failure(kernel: Kernel) -> None:
    kernel.queue(["x = 1", "x = 2"])
    for words in (["undo", "--json"], ["redo"]):
        reading, writing = os.pipe()
        os.close(reading)
        typing = subprocess.Popen(
            [kernel.command, *words],
            env=kernel.environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(writing)
        typed = Typing(typing).ended()
        assert (typed.exit, typed.err) == (0, ""), typed
    assert kernel.value("x") == 2


def test_what_is_not_understood_changes_nothing_and_says_what_to_type(kernel: Kernel) -> None:
    kernel.run("x = 1")
    typed = kernel.terminal("switch", "99")
    assert typed.exit == 2 and typed.out == ""
    assert "There is no run `99`. Nothing was changed." in typed.err and "`clew log --all`" in typed.err


def test_what_a_kernel_says_is_typed_where_it_was_asked(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    kernel = kernels(notebook=tmp_path / "my flights.ipynb")
    kernel.run("import clew\ns = clew.session()\nx = 1")
    plain = "`clew resume-recording`"
    assert plain in kernel.terminal("pause").out
    named = kernel.terminal("pause", "--history", "my flights.ipynb")
    assert "already paused" in named.out
    assert kernel.terminal("resume-recording").exit == 0
    named = kernel.terminal("pause", "--history", "my flights.ipynb")
    assert "`clew resume-recording --history 'my flights.ipynb'`" in named.out, named
    assert kernel.terminal("resume-recording", "--history", "my flights.ipynb").exit == 0
    assert "`%clew resume-recording`" in kernel.clew("pause").text
    assert "`%clew resume-recording`" in kernel.clew("status").text
    kernel.clew("resume-recording")
    assert "`clew.session().resume_recording()`" in str(kernel.value("s.pause().data['message']"))
    kernel.run("s.resume_recording()").raised()


def test_a_busy_kernel_is_waited_for_or_refused(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run("x = 1")
    gate, sent = blocked(kernel, tmp_path, "x = 2")
    refused = kernel.terminal("undo", "--no-wait")
    assert refused.exit == 3 and "A cell is running. Nothing was changed." in refused.err, refused
    assert kernel.terminal("log").exit == 0
    typing = kernel.type_in_terminal("undo")
    typing.until_told("waiting until it is done")
    gate.open("w").close()
    kernel.collect([sent])
    typed = typing.ended()
    assert typed.exit == 0 and "Undid run 3" in typed.out, typed
    assert kernel.value("x") == 1


def test_giving_up_while_a_cell_runs_leaves_nothing_queued(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run("x = 1")
    gate, sent = blocked(kernel, tmp_path, "x = 2")
    typing = kernel.type_in_terminal("undo")
    typing.until_told("waiting until it is done")
    typing.process.send_signal(signal.SIGINT)
    typed = typing.ended()
    assert (
        typed.exit == 3
        and "Interrupted while waiting for the running cell. Nothing was changed." in typed.err
    ), typed
    gate.open("w").close()
    kernel.collect([sent])
    assert kernel.value("x") == 2


def test_without_a_kernel_a_mover_says_how_to_get_one(kernels: Callable[..., Kernel]) -> None:
    kernel = kernels()
    kernel.run("x = 1")
    kernel.kill()
    gone = kernel.terminal("undo")
    assert gone.exit == 2 and "The kernel of" in gone.err and "is gone. Nothing was changed." in gone.err
    assert "`%clew resume`" in gone.err
    kernel.restart(graceful=False)
    kernel.close()
    none = kernel.terminal("undo")
    assert none.exit == 2 and "No kernel records in" in none.err, none


def test_of_two_kernels_one_has_to_be_named(kernels: Callable[..., Kernel], tmp_path: Path) -> None:
    notebook = tmp_path / "flights.ipynb"
    one, two = kernels(notebook=notebook), kernels(notebook=notebook)
    one.run("x = 1")
    two.run("x = 10")
    asked = one.terminal("undo", "--history", str(notebook))
    assert asked.exit == 2 and "flights.ipynb has 2 kernels" in asked.err and "--kernel" in asked.err, asked
    assert one.terminal("undo", "--history", "flights.ipynb", "--kernel", str(one.pid)).exit == 0
    assert one.value("'x' in globals()") is False and two.value("x") == 10
    assert one.terminal("undo", "--kernel", "1").exit == 2


def test_of_two_notebooks_one_has_to_be_named(kernels: Callable[..., Kernel], tmp_path: Path) -> None:
    one = kernels(notebook=tmp_path / "one.ipynb")
    two = kernels(notebook=tmp_path / "two.ipynb")
    one.run("x = 1")
    one.settle()
    two.run("x = 10")
    two.settle()
    asked = one.terminal("undo")
    assert asked.exit == 2 and "Several notebooks are live: two.ipynb and one.ipynb" in asked.err, asked
    assert one.terminal("undo", "--history", "one.ipynb").exit == 0
    assert one.value("'x' in globals()") is False and two.value("x") == 10


def test_names_given_in_a_terminal_are_known_in_the_kernel_and_the_other_way_round(kernel: Kernel) -> None:
    kernel.queue(["x = 1", "x = 2"])
    assert kernel.terminal("tag", "first", "2").out == "Tag first is at run 2.\n"
    kernel.clew("switch first").raised()
    assert kernel.value("x") == 1
    kernel.clew("branch other").raised()
    listed = kernel.terminal("branch", "--json").json["names"]
    assert [(entry["name"], entry["run"]["run"], entry["is_current"]) for entry in listed] == [
        ("other", "2", True)
    ]
    assert kernel.terminal("describe", "2", "-m", "the beginning").exit == 0
    assert "the beginning" in kernel.clew("log").text


def test_a_name_can_be_given_while_a_cell_runs(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run("x = 1")
    gate, sent = blocked(kernel, tmp_path)
    assert kernel.terminal("tag", "safe").exit == 0
    gate.open("w").close()
    kernel.collect([sent])
    assert kernel.value("__import__('clew').session().tag().names") == {"safe": "2"}
