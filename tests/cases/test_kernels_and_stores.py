"""More than one kernel, notebooks that move, stores that are read-only, full, newer or damaged."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from harness import Kernel, Reply

from cases.frame import FILE, frame, store_description
from cases.story import Notebook


def test_queued_cells_each_have_their_own_state(notebook: Notebook) -> None:
    notebook.run("""
        x = [0]
        alone = [1]
        """)
    first = int(notebook.at())
    identities = notebook.identities(["alone"])
    replies = notebook.kernel.queue([f"x.append({n})" for n in range(1, 9)])
    assert all(reply.ok for reply in replies)
    for number in [8, 3, 5, 0, 1]:
        notebook.move(f"switch {first + number}")
        assert notebook.read("x") == [str(list(range(number + 1)))]
    assert notebook.identities(["alone"]) == identities


def test_queued_cells_with_a_task_that_writes_between_them_lose_nothing(notebook: Notebook) -> None:
    notebook.run(
        """
        import asyncio
        x = [0]
        ticks = []
        async def tick():
            for n in range(50):
                ticks.append(n)
                await asyncio.sleep(0.005)
        _ = asyncio.ensure_future(tick())
        """
    )
    first = int(notebook.at())
    notebook.kernel.queue([f"x.append({n})" for n in range(1, 6)])
    notebook.run("while len(ticks) < 50: await asyncio.sleep(0.01)")
    assert notebook.read("ticks") == [str(list(range(50)))]
    notebook.move(f"switch {first}")
    assert notebook.read("x") == ["[0]"]


def test_kill_and_resume_bring_everything_back(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run(
        """
        import numpy as np
        a = np.arange(5)
        b = a[1:]
        """,
        """
        class C:
            n = 1
        c = C()
        def f():
            return c.n + len(a)
        """,
        "C.n = 7",
    )
    first.kill()
    second = kernels()
    report = second.move("resume")
    assert set(report.words.values()) <= {"restored", "unchanged"}
    assert second.read("b.base is a", "isinstance(c, C)", "f()", "f.__globals__ is globals()") == [
        "True",
        "True",
        "12",
        "True",
    ]
    second.move("switch @-")
    assert second.read("f()") == ["6"], "the states before it came along"
    second.move("switch @-")
    assert not {"C", "c", "f"} & second.names()
    second.move("undo 5")
    assert not {"a", "b"} & second.names(), "undo leads to where the first kernel began"
    second.move("redo 5")
    assert second.names().isdisjoint({"C", "c", "f"})


READERS = """
from pathlib import Path
from typing import Any
limits = {'most': 3}
def most():
    return limits['most']
class Reader:
    def __init__(self, room, name):
        self.room, self.name = room, name
    def __getstate__(self):
        return {'name': 'there/x'}
    def __setstate__(self, state):
        self.room, self.name = most(), Path(state['name']).name
class Second(Reader):
    def __setstate__(self, state):
        self.room, self.name = reader.room + 1, 'second'
reader, second = Reader(3, 'x'), Second(4, 'second')
aside = [second]
"""


def test_p05_code_that_reads_names_as_a_value_is_built_finds_them(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run(READERS, "other = 1")
    first.kill()
    second = kernels()
    report = second.move("resume")
    assert {report.word(name) for name in ("reader", "second", "aside", "Path")} == {"restored"}, report.data
    facts = ["reader.room, reader.name", "second.room, second.name", "aside[0] is second"]
    assert second.read(*facts) == ["(3, 'x')", "(4, 'second')", "True"]
    # What was bound for them alone is bound no more where it belongs to no such state.
    second.run("del reader, second, aside, limits, most, Path")
    second.move("undo")
    assert second.read(*facts) == ["(3, 'x')", "(4, 'second')", "True"]


def test_p05_attributes_come_back_in_their_order_where_a_class_takes_its_state_itself(
    kernels: Callable[..., Notebook],
) -> None:
    first = kernels()
    first.run("""
        class Own:
            def __init__(self):
                self.second, self.first, self.third = 2, 1, [3]
            def __setstate__(self, state):
                self.__dict__.update(state)
        own = Own()
        shared = own.third
        """)
    first.kill()
    second = kernels()
    report = second.move("resume")
    assert report.word("own") == report.word("shared") == "restored", report.data
    assert second.read("vars(own)", "own.third is shared") == [
        "{'second': 2, 'first': 1, 'third': [3]}",
        "True",
    ]


def test_p04_a_name_that_code_reads_and_no_state_has_is_said_and_none_is_left_behind(
    kernels: Callable[..., Notebook],
) -> None:
    first = kernels()
    first.run(READERS, "del Path", "other = 1")
    first.kill()
    second = kernels()
    report = second.move("resume")
    assert report.word("reader") == report.word("second") == "lost"
    assert "NameError: name 'Path' is not defined" in report.why("reader")
    assert second.names() & {"Path", "reader", "second", "aside"} == set() and second.read("other") == ["1"]


def test_settings_that_a_library_changes_as_it_is_loaded_are_as_they_were(
    kernels: Callable[..., Notebook],
) -> None:
    filters = "[entry[0] for entry in __import__('warnings').filters]"
    cell = "import numpy as np\na = np.arange(5)"
    first = kernels()
    before = first.read(filters)
    first.run(cell)
    first.move("undo")
    # NumPy is loaded already, and adds no filters again.
    first.run(cell)
    assert first.read(filters) == before
    first.kill()
    second = kernels()
    report = second.move("resume")
    assert set(report.words.values()) <= {"restored", "unchanged"}
    assert second.read("a.tolist()", filters) == ["[0, 1, 2, 3, 4]", *before]


def test_resume_of_an_earlier_run(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run("x = [1]", "x.append(2)", "x.append(3)")
    last = int(first.at())
    first.kill()
    second = kernels()
    second.move(f"resume {last - 1}")
    assert second.read("x") == ["[1, 2]"]
    second.move(f"switch {last}")
    assert second.read("x") == ["[1, 2, 3]"]


def test_two_kernels_on_one_notebook_keep_their_own_positions(kernels: Callable[..., Notebook]) -> None:
    one, two = kernels(), kernels()
    one.run("x = ['one']")
    two.run("x = ['two']")
    one.run("x.append(1)")
    two.run("x.append(2)")
    one.move("undo")
    assert one.read("x") == ["['one']"]
    assert two.read("x") == ["['two', 2]"]
    two.move("undo")
    assert two.read("x") == ["['two']"]
    two.move("redo")
    assert two.read("x") == ["['two', 2]"]
    seen = two.at()
    one.move(f"switch {seen}")
    assert one.read("x") == ["['two', 2]"], "each can go to the other's states"
    assert two.read("x") == ["['two', 2]"]


def test_two_notebooks_in_one_store_do_not_see_each_other(kernels: Callable[..., Notebook]) -> None:
    one, two = kernels("one"), kernels("two")
    one.run("x = 1", "x = 2")
    two.run("y = 1")
    two.move("undo")
    assert two.names().isdisjoint({"x", "y"})
    one.move("undo")
    assert one.read("x") == ["1"]


def test_a_kernel_without_a_notebook_records_and_undoes(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels(None)
    notebook.run("x = [1]", "x.append(2)")
    notebook.move("undo")
    assert notebook.read("x") == ["[1]"]


EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def test_a_renamed_notebook_is_found_by_the_name_of_its_history(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    (tmp_path / "old.ipynb").write_text(EMPTY)
    first = kernels("old")
    first.say("history --new travel")
    first.run("x = [1]", "x.append(2)")
    first.kill()
    (tmp_path / "old.ipynb").rename(tmp_path / "new.ipynb")
    second = kernels("new")
    second.say("history travel")
    second.move("resume")
    assert second.read("x") == ["[1, 2]"]
    second.move("switch @-")
    assert second.read("x") == ["[1]"]


def test_a_copied_notebook_does_not_write_into_the_history_it_was_copied_from(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    (tmp_path / "mine.ipynb").write_text(EMPTY)
    first = kernels("mine")
    first.run("x = [1]")
    runs = first.ask("log --all")
    shutil.copy(tmp_path / "mine.ipynb", tmp_path / "copy.ipynb")
    second = kernels("copy")
    second.run("x = ['copy']", "x.append(1)")
    assert first.ask("log --all") == runs
    second.move("undo")
    assert second.read("x") == ["['copy']"]
    first.run("x.append(2)")
    first.move("undo")
    assert first.read("x") == ["[1]"]


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file, with every byte."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def packs(tmp_path: Path) -> list[Path]:
    found = sorted((tmp_path / "home" / "clew").rglob("*.pack"))
    assert found
    return found


POWERLESS = """
import ctypes
header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert ctypes.CDLL(None).capset(header, none) == 0
del ctypes, header, none
"""
"""Without capabilities file modes bind root too."""


def check_a_session_that_cannot_record(notebook: Notebook, why: str) -> None:
    """One line says why, once; then everything but Clew works as ever, and the status says it again."""
    reply = notebook.kernel.run("%load_ext clew")
    assert reply.ok, reply.traceback
    assert len(lines(reply)) == 1 and re.search(why, lines(reply)[0], re.I), lines(reply)
    cells = [
        notebook.run("x = [1]"),
        notebook.run("x.append(2)"),
        notebook.run("1 / 0", fails="ZeroDivisionError"),
    ]
    notebook.kernel.settle()
    assert [line for cell in cells for line in lines(cell)] == []
    assert notebook.read("x") == ["[1, 2]"]
    status = notebook.kernel.clew("status")
    assert status.ok and re.search(why, status.text + status.stderr, re.I), status.text + status.stderr


def lines(reply: Reply) -> list[str]:
    """What was printed."""
    return [line for line in (reply.stdout + reply.stderr).splitlines() if line.strip()]


@contextmanager
def read_only(store: Path) -> Iterator[None]:
    """Nobody without capabilities may write there."""
    modes = {path: path.stat().st_mode for path in (store, *store.rglob("*"))}
    before = contents(store)
    for path in modes:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
        assert contents(store) == before
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


REFUSED = "permission denied|file system is read-only"


def test_p01_a_store_that_is_read_only_is_resumed_from_and_said_once_to_keep_nothing(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    first = kernels()
    first.run("import numpy as np\nlarge = np.arange(300_000)\nx = ['saved']", "x.append('too')")
    first.kill()
    (tmp_path / "tmp").mkdir()
    notebook = kernels(load=False, env={"TMPDIR": str(tmp_path / "tmp")})
    notebook.run(POWERLESS)
    with read_only(tmp_path / "home" / "clew"):
        reply = notebook.kernel.run("%load_ext clew")
        assert reply.ok and re.search(REFUSED, reply.text + reply.stderr, re.I), reply.text + reply.stderr
        assert "nothing new is saved" in reply.text + reply.stderr
        assert notebook.move("resume").word("x") == "restored"
        assert notebook.read("x", "int(large.sum())") == ["['saved', 'too']", str(sum(range(300_000)))]
        cell = notebook.run("x.append('here'); large[0] = 7")
        assert lines(cell) == []
        notebook.move("undo")
        assert notebook.read("x", "int(large[0])") == ["['saved', 'too']", "0"]
        notebook.move("redo")
        assert notebook.read("x", "int(large[0])") == ["['saved', 'too', 'here']", "7"]
        status = notebook.ask("status")
        assert re.search(REFUSED, status["unsaved"], re.I) and not status["is_synced"]
        assert "Nothing of this session is saved" in notebook.say("status")
        for line in ("eval @ len(x)", "bisect len(x) > 2"):
            refused = notebook.kernel.clew(line)
            assert "is not saved because the store is read-only" in refused.text + refused.stderr
        assert notebook.kernel.clew("eval 3 len(x)").text.strip() == "2"
        forgotten = notebook.kernel.clew("forget x --yes")
        assert re.search(REFUSED, forgotten.text + forgotten.stderr, re.I), forgotten.text + forgotten.stderr
        assert list((tmp_path / "tmp").glob("clew-*"))
        notebook.kernel.close()
    assert not list((tmp_path / "tmp").glob("clew-*")), "what is not kept is removed"
    # Nobody misses it where the store can be written again.
    again = kernels(load=False)
    begun = again.run("%load_ext clew")
    said = again.kernel.clew("resume")
    checked = [again.kernel.terminal(word) for word in ("verify", "doctor")]
    told = begun.stderr + begun.text + said.text + said.stderr + "".join(one.out + one.err for one in checked)
    assert "as you last saw it" not in told and "took" not in told and checked[0].exit == 0, told
    assert again.read("x") == ["['saved', 'too']"]


@pytest.mark.parametrize("given", ["a history that is not there", "no store"])
def test_a_notebook_without_a_history_in_a_read_only_folder_warns_once_and_can_be_undone(
    kernels: Callable[..., Notebook], tmp_path: Path, given: str
) -> None:
    store = tmp_path / "home" / "clew"
    if given == "no store":
        store.mkdir(parents=True)
    else:
        kernels("another").kill()
    notebook = kernels(load=False)
    notebook.run(POWERLESS)
    with read_only(store):
        reply = notebook.kernel.run("%load_ext clew")
        if given == "no store":
            assert len(lines(reply)) == 1 and re.search(REFUSED, lines(reply)[0], re.I), lines(reply)
            return
        notebook.run("x = [1]", "x.append(2)")
        notebook.move("undo")
        assert notebook.read("x") == ["[1]"]
        notebook.kill()


def test_a_file_where_the_store_should_be_warns_once_and_the_session_goes_on(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    notebook = kernels(env={"CLEW_HOME": str(blocked)}, load=False)
    check_a_session_that_cannot_record(notebook, re.escape(str(blocked)))
    assert blocked.read_text() == "a file where the folder should be"


LIMIT = "import resource, signal\nresource.setrlimit(resource.RLIMIT_FSIZE, ({size}, resource.RLIM_INFINITY))"


def test_a_full_disk_costs_a_warning_and_the_next_run_is_recorded(kernels: Callable[..., Notebook]) -> None:
    notebook = kernels()
    notebook.run(
        """
        import numpy as np
        x = [1]
        """,
        LIMIT.format(size=200_000),
    )
    reply = notebook.run("""
        big = np.random.default_rng(0).bytes(3_000_000)
        x.append(2)
        """)
    said = reply.stderr + reply.text
    notebook.run(LIMIT.format(size="resource.RLIM_INFINITY"))
    notebook.run("x.append(3)")
    assert notebook.read("x", "len(big)") == ["[1, 2, 3]", "3000000"]
    assert "clew" in said.lower() or "not" in notebook.say("status"), (
        "it must be said that a run was not saved"
    )
    notebook.move("undo")
    assert notebook.read("x") == ["[1, 2]"]


def replaced_by_another(store: Path) -> None:
    """Another store takes its place: of other histories."""
    store.rename(store.with_name("elsewhere"))
    (store / "packs").mkdir(parents=True)
    shutil.copy(store.with_name("elsewhere") / "format", store / "format")


def of_session(store: Path, suffix: str) -> Path:
    """The file of that kind that was written last."""
    return max(store.rglob(f"*{suffix}"), key=lambda path: path.stat().st_mtime_ns)


def emptied(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(10)


#: What another program does to the store of a living kernel.
LOSSES: dict[str, Callable[[Path], object]] = {
    "the store is removed": shutil.rmtree,
    "the store is renamed": lambda store: store.rename(store.with_name("elsewhere")),
    "another store is in its place": replaced_by_another,
    "the log is unlinked": lambda store: of_session(store, ".log").unlink(),
    "the log is renamed": lambda store: of_session(store, ".log").rename(store / "kept"),
    "the log is cut short": lambda store: emptied(of_session(store, ".log")),
    "the histories are removed": lambda store: shutil.rmtree(store / "histories"),
    "the pack is unlinked": lambda store: of_session(store, ".pack").unlink(),
    "the pack is cut short": lambda store: emptied(of_session(store, ".pack")),
    "the packs are removed": lambda store: shutil.rmtree(store / "packs"),
}


@pytest.mark.few(4)
@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES.keys())
def test_p01_files_that_are_lost_under_a_kernel_are_noticed_within_one_run_and_what_is_live_is_recorded_again(
    kernels: Callable[..., Notebook], tmp_path: Path, lose: Callable[[Path], object]
) -> None:
    notebook = kernels(env={"CLEW_STORE_SYNC": "0"})
    notebook.run(
        """
        import numpy as np
        large = np.arange(300_000)
        x = [1]
        """,
        "x.append(2)",
    )
    assert notebook.ask("status")["unsaved"] is None
    lose(tmp_path / "home" / "clew")
    first = notebook.run("x.append(3)")
    notebook.kernel.settle()
    said = first.stderr + first.text
    assert "are lost" in said, said
    # One run, one word of it; and nothing more is wrong.
    second = notebook.run("x.append(4)")
    notebook.kernel.settle()
    assert "is lost" not in second.stderr + second.text
    status = notebook.ask("status")
    assert status["unsaved"] is None and status["is_recording"]
    notebook.move("undo")
    assert notebook.read("x") == ["[1, 2, 3]"]
    notebook.move("undo")
    assert notebook.read("x", "int(large.sum())") == ["[1, 2]", str(sum(range(300_000)))]
    notebook.move("redo")
    notebook.kill()
    again = kernels()
    again.move("resume")
    assert again.read("x", "int(large.sum())") == ["[1, 2, 3]", str(sum(range(300_000)))]


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_p02_a_log_that_is_damaged_in_the_middle_hands_out_no_older_state_for_the_last_without_a_word(
    kernels: Callable[..., Notebook], tmp_path: Path, share: float
) -> None:
    notebook = kernels()
    notebook.run("x = [1]", "early = 1")
    for n in range(2, 12):
        notebook.run(f"x.append({n})", f"late = {n}")
    last = notebook.at()
    notebook.kernel.end()
    log = of_session(tmp_path / "home" / "clew", ".log")
    again = kernels(load=False)
    whole = log.read_bytes()
    for at in range(int(len(whole) * share), len(whole), 100):
        log.write_bytes(whole[:at] + bytes(16) + whole[at + 16 :])
        # Operations lie there, too, which nothing hangs on.
        if last in again.kernel.terminal("verify", "--json").json["unreachable"]:
            break
    begun = again.run("%load_ext clew")
    assert "history is corrupted" in begun.stderr + begun.text, begun
    said = again.say("resume")
    assert f"This is not where the last session ended: that was run {last}" in said, said
    # What later runs changed is known, and comes back.
    refused = again.kernel.clew(f"switch {last}").stderr
    hint = re.search(rf"`%clew (restore {last} -- [^`]*)`", refused)
    assert "only partly known" in refused and hint is not None, refused
    assert "late" in hint[1] and "x" in hint[1] and "early" not in hint[1], hint
    again.move(hint[1])
    assert again.read("x", "late") == [str(list(range(1, 12))), "11"]
    checked = again.kernel.clew("verify").text
    assert "Cannot be restored because an earlier record is missing: runs " in checked and last in checked, (
        checked
    )
    # What this session records does not hang on that log.
    again.run("more = x + [12]")
    there = again.at()
    again.kernel.end()
    log.unlink()
    third = kernels()
    third.move(f"switch {there}")
    assert third.read("more", "late") == [str(list(range(1, 13))), "11"]


def test_p02_wherever_a_log_is_damaged_resume_brings_the_last_state_or_says_that_it_does_not(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    notebook = kernels()
    notebook.run("x = [1]", "early = 1", "x.append(2)", "late = 2", "x.append(3)")
    notebook.kill()
    log = of_session(tmp_path / "home" / "clew", ".log")
    whole = log.read_bytes()
    told = set[str]()
    for place in range(16, len(whole) - 16, len(whole) // 14):
        log.write_bytes(whole[:place] + bytes(16) + whole[place + 16 :])
        again = kernels(load=False)
        again.run("%load_ext clew")
        reply = again.kernel.clew("resume")
        said = reply.text + reply.stderr
        is_last = again.read("globals().get('x')", "globals().get('late')") == ["[1, 2, 3]", "2"]
        words = ("This is not where the last", "so the last session may have", "only partly known")
        found = [word for word in words if word in said]
        assert is_last or found, (place, said)
        told.update(found)
        hint = re.search(r"`%clew (restore [^`]*)`", said)
        if hint is not None:
            again.move(hint[1])
            assert again.read("x") == ["[1, 2, 3]"], (place, hint[1])
        for number in re.findall(r"`%clew (vars [^`]*)`", said):
            assert again.kernel.clew(number).stderr == "", (place, number)
        again.kernel.kill()
        # What this kernel recorded is not what the next one is to find.
        for path in log.parent.glob("*"):
            if path != log and path.suffix == ".log":
                path.unlink()
        log.write_bytes(whole)
    assert len(told) >= 2, told


ABOUT_RUNS = [
    ["diff", "2", "5"],
    ["diff", "2", "@"],
    ["diff", "6", "@"],
    ["vars"],
    ["vars", "5"],
    ["annotate", "x"],
    ["annotate", "y"],
    ["annotate", "x", "5"],
    ["extract", "x"],
    ["extract", "y"],
    ["extract", "x", "--at", "5"],
    ["stale"],
    ["stale", "5"],
]
IN_STATES = [["eval", "5", "len(x)"], ["bisect", "len(x) > 1"], ["bisect", "--from", "2", "len(x) > 1"]]


def test_p03_wherever_a_log_is_damaged_answers_are_as_before_or_say_what_is_missing(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    notebook = kernels()
    notebook.run("x = [1]", "early = 1", "x.append(2)", "late = early + 1")
    notebook.kill()
    notebook = kernels(load=False)
    notebook.run("%load_ext clew")
    notebook.move("resume")
    notebook.run("x.append(3)", "y = len(x) + late")
    notebook.kill()

    def answer(words: list[str]) -> tuple[int, Any, str]:
        said = notebook.kernel.terminal(*words, "--json")
        # Which run changed a variable is not known where that run is missing.
        dropped = ("seconds", "changed_by")
        data = json.loads(said.out, object_hook=lambda it: {key: it[key] for key in it if key not in dropped})
        return said.exit, data, data.get("error", {}).get("message", "")

    asked = [*ABOUT_RUNS, *IN_STATES]
    before = {tuple(words): answer(words) for words in asked}
    assert all(exit == 0 for exit, _, _ in before.values()), before
    logs = sorted((tmp_path / "home" / "clew").rglob("*.log"))
    assert len(logs) == 2
    told = set[str]()
    for log in logs:
        whole = log.read_bytes()
        for place in range(16, len(whole) - 16, 700):
            log.write_bytes(whole[:place] + bytes(16) + whole[place + 16 :])
            # Where the last run is gone, the history ends before it.
            is_last = answer(["show", "@"])[1].get("run") == "8"
            for words in asked if place % 3 == 0 else ABOUT_RUNS:
                exit, data, message = answer(words)
                if exit in (0, 1) and data.get("missing"):
                    told.add("missing")
                    continue
                if exit in (3, 4) and re.search("known|is missing", message):
                    told.add(message)
                    continue
                if exit == 2 and message.startswith("There is no run"):
                    continue
                if is_last or "5" in words:
                    assert (exit, data) == before[tuple(words)][:2], (log.name, place, words)
        log.write_bytes(whole)
    assert len(told) >= 4, told


@pytest.mark.parametrize("is_replaced", [False, True], ids=["no store", "a store in clear"])
def test_an_encrypted_store_that_is_lost_under_a_kernel_is_not_followed_by_one_in_clear(
    kernels: Callable[..., Notebook], tmp_path: Path, *, is_replaced: bool
) -> None:
    # The project's store counts where no variable names one.
    place = {"cwd": tmp_path, "env": {"CLEW_HOME": ""}}
    kernels(load=False, **place).kernel.terminal("init", "--encrypt")
    notebook = kernels(**place)
    notebook.run("a = [1]")
    assert notebook.ask("status")["unsaved"] is None
    store, secret = tmp_path / ".clew", "Zacharias Quellenhain"
    shutil.rmtree(store)
    if is_replaced:
        notebook.kernel.terminal("init")
    for cell in (f"note = {secret!r}", f"print({secret!r})", "a.append(note)"):
        reply = notebook.run(cell)
        notebook.kernel.settle()
        said = reply.stderr + reply.text
        assert "not be encrypted" in said and "nothing is recorded" in said, said
        status = notebook.say("status")
        assert "Not everything is saved" in status and "not be encrypted" in status, status
    written = [path for path in tmp_path.rglob("*") if path.is_file() and "ipython" not in path.parts]
    assert [path for path in written if secret.encode() in path.read_bytes()] == []
    assert is_replaced or not (store.exists() or (tmp_path / "home/.local/share/clew").exists())
    # What is to be done about it is typed as it is printed.
    if is_replaced:
        store.rename(tmp_path / "in clear")
    hinted = re.findall("`%clew (init[^`]*)`", said)
    assert hinted, said
    notebook.say(hinted[0])
    notebook.run("b = 1")
    assert notebook.ask("status")["unsaved"] is None
    notebook.kill()
    again = kernels(**place)
    again.move("resume")
    assert again.read("a") == [f"[1, {secret!r}]"]
    written = [path for path in tmp_path.rglob("*") if path.is_file() and "ipython" not in path.parts]
    assert [path for path in written if secret.encode() in path.read_bytes()] == []


def test_p01_a_status_never_calls_saved_what_is_gone(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    notebook = kernels()
    notebook.run("x = [1]")
    (tmp_path / "home" / "clew").rename(tmp_path / "elsewhere")
    (tmp_path / "home" / "clew").write_text("a file where the store was")
    failed = notebook.run("x.append(2)")
    notebook.kernel.settle()
    assert "could not record" in failed.stderr + failed.text or "lost" in failed.stderr + failed.text
    said = notebook.say("status")
    assert "saved and synced" not in said and "Not everything is saved" in said, said
    data = notebook.ask("status")
    assert data["unsaved"] and not data["is_synced"]
    (tmp_path / "home" / "clew").unlink()
    notebook.run("x.append(3)")
    assert notebook.ask("status")["unsaved"] is None
    notebook.kill()
    again = kernels()
    again.move("resume")
    assert again.read("x") == ["[1, 2, 3]"]


def test_a_store_of_a_newer_format_is_left_alone_and_said(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    first = kernels()
    first.run("x = 1")
    first.kill()
    store = tmp_path / "home" / "clew"
    (file,) = store.rglob("format")
    assert file.read_bytes() == frame(FILE, store_description(1)), "it is not as docs/format.md says"
    file.write_bytes(frame(FILE, store_description(3)))  # encrypted stores have 2
    before = contents(store)
    check_a_session_that_cannot_record(kernels(load=False), "update Clew")
    assert contents(store) == before


def test_a_missing_pack_loses_only_what_was_in_it_and_says_so(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    first = kernels()
    first.run("x = ['in the first pack']")
    first.kill()
    gone = packs(tmp_path)
    second = kernels()
    second.move("resume")
    second.run("y = ['in the second pack']")
    second.kill()
    for path in gone:
        path.unlink()
    third = kernels()
    reply = third.kernel.clew("resume")
    assert "Traceback" not in reply.text + reply.stderr
    assert "x" not in third.names()
    assert "lost" in reply.text + reply.stderr or "missing" in (reply.text + reply.stderr).lower(), reply.text
    third.run("z = [1]", "z.append(2)")
    third.move("undo")
    assert third.read("z") == ["[1]"]


def test_a_flipped_byte_in_a_pack_is_never_handed_over(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    first = kernels()
    first.run(
        """
        import numpy as np
        a = np.arange(50_000)
        """,
        "words = ['sound'] * 3",
    )
    first.kill()
    largest = max(packs(tmp_path), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 0x40
    largest.write_bytes(data)
    second = kernels()
    reply = second.kernel.clew("resume")
    assert "Traceback" not in reply.text + reply.stderr
    if "a" in second.names():
        assert second.read("(a == __import__('numpy').arange(50_000)).all().item()") == ["True"]
    if "words" in second.names():
        assert second.read("words") == ["['sound', 'sound', 'sound']"]


def test_p09_four_kernels_write_one_store(kernels: Callable[..., Notebook]) -> None:
    made = [kernels(f"notebook{n}") for n in range(4)]
    for number, notebook in enumerate(made):
        notebook.run(f"x = [{number}]")
    for notebook in made:
        notebook.run("x.append('more')")
    for number, notebook in enumerate(made):
        notebook.move("undo")
        assert notebook.read("x") == [f"[{number}]"]
        assert notebook.ask("verify")


def test_p09_kernels_that_begin_at_once_on_one_notebook_have_one_history(
    kernels: Callable[..., Notebook], tmp_path: Path
) -> None:
    kernels("other").run("y = 1")
    [histories] = (tmp_path / "home").rglob("histories")
    others = set(histories.iterdir())
    begun = kernels()
    begun.run("x = [1]")
    begun.kill()
    [made] = set(histories.iterdir()) - others
    aside = tmp_path / made.name
    made.rename(aside)
    # Another kernel makes the history at this moment.
    with (histories.parent / "histories.lock").open("r+") as lock, ThreadPoolExecutor(1) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        late = kernels("notebook", load=False)
        loading = pool.submit(late.kernel.run, "%load_ext clew")
        time.sleep(0.7)
        aside.rename(made)
        fcntl.flock(lock, fcntl.LOCK_UN)
        loading.result().raised()
    late.move("resume")
    assert late.read("x") == ["[1]"]
    assert set(histories.iterdir()) == {made, *others}


def test_p01_a_run_is_synced_before_it_is_saved_where_the_user_wants_it_so(
    kernels: Callable[..., Notebook],
) -> None:
    for seconds, is_synced in (("0", True), ("3600", False)):
        notebook = kernels(f"after {seconds}", env={"CLEW_STORE_SYNC": seconds})
        notebook.run("x = [1]")
        assert notebook.ask("status")["is_synced"] is is_synced


def two_lines(kernels: Callable[..., Notebook]) -> tuple[Notebook, Notebook]:
    """Two kernels on one notebook that begin with the same and go two ways."""
    one = kernels()
    one.run("x = ['both']")
    two = kernels()
    two.move("resume")
    one.run("x.append('one')")
    # What a kernel records it records behind its reply: without this the other may be first.
    one.kernel.settle()
    two.run("x.append('two')")
    return one, two


def check_both_lines_are_there(notebook: Notebook, terminal: Kernel, ends: dict[str, str]) -> None:
    """`ends`: the run in which each line ends, with what it left."""
    drawn = terminal.terminal("log", "--graph", "--all").out
    assert "append('one')" in drawn and "append('two')" in drawn and "|" in drawn, drawn
    runs = {run["run"]: run["parent"] for run in terminal.terminal("log", "--all", "--json").json["runs"]}
    assert set(ends) <= set(runs) - set(runs.values()), f"{ends} are no ends of lines: {runs}"
    for run, left in ends.items():
        notebook.move(f"switch {run}")
        assert notebook.read("x") == [left]


def test_p09_two_kernels_that_part_leave_two_lines_and_resume_says_which_it_took(
    kernels: Callable[..., Notebook],
) -> None:
    one, two = two_lines(kernels)
    ends = {one.at(): "['both', 'one']", two.at(): "['both', 'two']"}
    first, second = ends
    third = kernels()
    report = third.move("resume")
    assert (report.data["to"], report.data["other_kernels"]) == (second, [first]), "two was there last"
    assert third.read("x") == ["['both', 'two']"]
    check_both_lines_are_there(third, one.kernel, ends)
    fourth = kernels()
    told = fourth.say("resume")
    assert (
        "Another kernel recorded in this history at the same time, up to" in told
        and "` goes to its state" in told
        and "`%clew switch " in told
    ), told


def test_kernels_that_followed_each_other_did_not_work_beside_each_other(
    kernels: Callable[..., Notebook],
) -> None:
    first = kernels()
    first.run("x = [1]", "x.append(2)")
    first.move("undo")
    first.run("x.append('other')")
    end = first.at()
    first.kill()
    # Not resumed: a line of its own, between two parts of the other.
    second = kernels()
    second.run("x = ['again']")
    second.kill()
    third = kernels()
    assert third.move(f"resume {end}").data["other_kernels"] == []
    third.run("x.append('third')")
    third.kill()
    fourth = kernels()
    assert fourth.move("resume 3").data["other_kernels"] == [], "run 3 was left by an undo of the same kernel"
    fourth.run("x.append('fourth')")
    fourth.kill()
    fifth = kernels()
    report = fifth.move("resume")
    assert (fifth.read("x"), report.data["other_kernels"]) == (["[1, 2, 'fourth']"], [])


def test_a_kernel_that_resumed_with_losses_followed_the_one_before(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run("a = 1", "a = 2; g = (i for i in range(4))")
    first.kill()
    second = kernels()
    assert second.move("resume").at == "3a"
    second.run("b = 2")
    second.move("switch 2")
    second.run("c = 3")
    second.kill()
    third = kernels()
    assert third.move("resume").data["other_kernels"] == []


def test_p09_a_kernel_that_is_killed_leaves_its_line_beside_the_other_s(
    kernels: Callable[..., Notebook],
) -> None:
    one, two = two_lines(kernels)
    two.run("x.append(2)")
    first, second = one.at(), two.at()
    ends = {first: "['both', 'one']", second: "['both', 'two', 2]"}
    one.kill()
    third = kernels()
    report = third.move("resume")
    assert (report.data["to"], report.data["other_kernels"]) == (second, [first])
    check_both_lines_are_there(third, third.kernel, ends)
    third.move(f"switch {first}")
    third.run("x.append(1)")
    ends = {third.at(): "['both', 'one', 1]", second: "['both', 'two', 2]"}
    two.kill()
    fourth = kernels()
    report = fourth.move("resume")
    assert (report.data["to"], report.data["other_kernels"]) == (third.at(), [second]), (
        "somebody went on from the first"
    )
    check_both_lines_are_there(fourth, third.kernel, ends)


def test_p09_a_kernel_that_was_stopped_goes_on_on_its_own_line_whatever_gc_did_meanwhile(
    kernels: Callable[..., Notebook],
) -> None:
    shared = "import numpy as np\na = np.arange(50_000.0)"
    other = kernels("other")
    other.run(shared)
    one, two = two_lines(kernels)
    # Stored by a kernel that ends: whoever took it up by then relies on it.
    one.run(shared)
    other.run("del a, np")
    other.say("forget a --yes")
    other.kernel.close()
    one.kernel.settle()
    os.kill(one.kernel.pid, signal.SIGSTOP)
    try:
        two.run("x.append(2)", "b = __import__('numpy').arange(60_000.0)", "del b")
        two.say("forget b --yes")
        two.kill()
        third = kernels()
        third.move("resume")
        for _ in range(3):
            done = third.kernel.type_in_terminal("gc", environment={"CLEW_GC_GRACE": "0"}).ended()
            assert done.exit == 0, done
        third.run("x.append(3)")
    finally:
        os.kill(one.kernel.pid, signal.SIGCONT)
    # What it has, it had before: it goes on, and stores nothing of it anew.
    one.run("x.append('on')", "b = np.arange(60_000.0)", "a[0] = 1")
    ends = {one.at(): "['both', 'one', 'on']", third.at(): "['both', 'two', 2, 3]"}
    one.kill()
    fourth = kernels()
    check_both_lines_are_there(fourth, third.kernel, ends)
    fourth.move(f"switch {next(iter(ends))}")
    assert fourth.read("float(a.sum())", "float(b.sum())") == ["1249975001.0", "1799970000.0"]
    fourth.move("undo")
    assert fourth.ask("verify --read-data")["findings"] == []


@pytest.mark.parametrize(
    ("cells", "right"),
    [
        (["x"], "['a']"),
        (["w = x"], "['a']"),
        (["w = [x]\nw"], "['a']"),
        (["x", "y = 2"], "['a']"),
        (["x.append('b')"], None),
    ],
    ids=["shown", "shared", "held", "shown before", "changed"],
)
def test_undo_leaves_a_forgotten_value_where_it_is_unless_a_cell_changed_it(
    notebook: Notebook, cells: list[str], right: str | None
) -> None:
    notebook.run("x = ['a']", "y = 1")
    notebook.say("forget x --yes")
    notebook.run(*cells, "z = 1" if cells == ["x"] else "pass")
    before = notebook.identities(["x"])
    report = notebook.move("undo")
    assert report.word("x") == ("unchanged" if right else "lost")
    assert notebook.read("globals().get('x')") == [right or "None"]
    assert right is None or notebook.identities(["x"]) == before
    notebook.move("redo")


def test_an_exclusion_is_ended_and_the_next_kernel_offers_it_again(kernels: Callable[..., Notebook]) -> None:
    first = kernels()
    first.run("pin = 4711\nother = 'a'")
    said = first.say("exclude pin *_key")
    assert (
        said
        == "Until this kernel ends, Clew does not record pin, *_key. `%clew exclude -d pin *_key` records them again\n"
    ), said
    first.run("b = 1")
    assert first.move("undo").data["external_change"] is None, "to exclude a name changes no value"
    assert "is not excluded" in first.ask("exclude -d other")["error"]["message"]
    assert "by the pattern `*_key`" in first.ask("exclude -d my_key")["error"]["message"]
    assert first.say("exclude -d pin") == "From now on, Clew records pin again\n"
    first.run("pin = 4712")
    first.run("pin = 4713")
    first.move("undo")
    assert first.read("pin") == ["4712"]
    first.say("exclude pin")
    first.run("pin = 4714")
    first.ask("status")
    first.kernel.kill()
    second = kernels()
    said = second.say("resume")
    assert "pin was excluded in the earlier kernel: `%clew exclude pin` excludes it here, too" in said, said


@pytest.mark.parametrize("is_away", [False, True], ids=["there", "elsewhere"])
@pytest.mark.parametrize("secrecy", [(), ("--encrypt",)], ids=["in clear", "encrypted"])
def test_a_project_that_is_moved_under_its_kernel_is_followed(
    kernels: Callable[..., Notebook], tmp_path: Path, secrecy: tuple[str, ...], *, is_away: bool
) -> None:
    """The kernel still has the notebook's old path, and its working directory may be another one."""
    project, moved = tmp_path / "project", tmp_path / "archive" / "renamed"
    cells = [f"import os\nos.chdir({str(tmp_path)!r})" if is_away else "import os"]
    cells += ["values = [1]", "values.append(2)"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    for folder in (project, moved.parent):
        folder.mkdir()
    nbformat.write(made, project / "n.ipynb")
    place = {"cwd": project, "env": {"CLEW_HOME": ""}}
    kernels(load=False, **place).kernel.terminal("init", *secrecy)
    notebook = kernels("project/n", **place)
    for cell in made.cells:
        notebook.kernel.run(cell.source, cell_id=cell.id).raised()
    notebook.kernel.settle()
    before = notebook.ask("status")["at"]["run"]
    project.rename(moved)
    reply = notebook.run("values.append(3)")
    notebook.kernel.settle()
    assert f"recording continues in {moved / '.clew'}." in reply.stderr, reply.stderr
    status = notebook.ask("status")
    assert (status["store"], status["unsaved"]) == (str(moved / ".clew"), None)
    notebook.run("values.append(4)")
    notebook.move("undo")
    assert notebook.read("values") == ["[1, 2, 3]"]
    notebook.move("redo")
    notebook.move(f"switch {before}")
    assert notebook.read("values") == ["[1, 2]"]
    notebook.move("undo")
    notebook.kernel.kill()
    assert not project.exists() and not (tmp_path / "home/.local/share/clew").exists()
    again = kernels("archive/renamed/n", cwd=moved, env={"CLEW_HOME": ""})
    again.move("resume")
    assert again.read("values") == ["[1, 2, 3, 4]"]
