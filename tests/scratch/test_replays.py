"""What the store can't give is made again in a scratch process, unasked where that can do no harm, by real kernels."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cases.story import Notebook
from harness import Kernel

#: Code of a kernel's own that keeps the sandbox from being shut: a thread that runs when it is entered.
THREAD = """
import sys, threading, time
if "clew.scratch" in sys.orig_argv:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
"""

#: A cell that never ends when it runs again.
STUCK = "import sys\nx = {value}\nwhile 'clew.scratch' in sys.orig_argv: pass"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Notebook]]:
    """Makes kernels on one notebook over one store."""
    kernels: list[Kernel] = []

    def make(**options: Any) -> Notebook:
        options.setdefault("notebook", tmp_path / "notebook.ipynb")
        kernels.append(Kernel(home=tmp_path / "home", **options))
        return Notebook(kernels[-1])

    yield make
    for kernel in kernels:
        kernel.end()


@pytest.fixture
def notebook(opened: Callable[..., Notebook]) -> Notebook:
    return opened()


def value(mark: str) -> str:
    """An expression for a value that fills whole blocks with a mark of six letters."""
    assert len(mark) == 6
    return f"bytearray(b'{mark}' * 40_000)"


def damage(notebook: Notebook, *marks: str) -> None:
    """Flips a bit wherever the store holds one of the marks."""
    store = notebook.kernel.home / "clew"
    for mark in marks:
        needle, hits = mark.encode() * 100, 0
        for pack in store.rglob("*.pack"):
            stored = pack.read_bytes()
            # In place: a kernel that lives notices a file that is cut short, however short the moment.
            with pack.open("r+b") as file:
                at = stored.find(needle)
                while at >= 0:
                    file.seek(at)
                    file.write(bytes([stored[at] ^ 1]))
                    hits += 1
                    at = stored.find(needle, at + len(needle))
        assert hits, f"no pack holds {mark}"


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def processes(notebook: Notebook) -> list[str]:
    """The scratch processes that the kernel has."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            command = stat.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if parent == notebook.kernel.pid and b"clew.scratch" in command:
            found.append(stat.parent.name)
    return found


def test_p03_a_damaged_value_is_made_again_unasked(notebook: Notebook) -> None:
    notebook.run(
        "import numpy as np, random",
        """
        def made(mark):
            return bytearray(mark * 40_000)
        scale = 3
        """,
        """
        text = made(b'needle')
        both = [text, memoryview(text)]
        table = np.frombuffer(text, dtype='u1')
        """,
        "del text, both, table",
    )
    damage(notebook, "needle")
    state = notebook.read("random.getstate()", "np.random.get_state()[1].tobytes()")
    before = files(notebook.kernel.cwd)
    report = notebook.move("undo")
    assert {name: report.word(name) for name in ("text", "both", "table", "scale")} == {
        "text": "rerun",
        "both": "rerun",
        "table": "rerun",
        "scale": "unchanged",
    }
    assert "is corrupted" in report.why("text")
    assert report.why("text").endswith("recreated by run 4")
    assert report.at == "4"
    assert notebook.read("len(text)", "both[0] is text", "both[1].obj is text") == ["240000", "True", "True"]
    notebook.move("redo")
    assert notebook.move("undo").word("text") == "restored", "it was stored anew"
    notebook.run("text[0] = 1")
    assert notebook.read("both[1][0], table[0]") == ["(1, np.uint8(1))"]
    assert notebook.read("random.getstate()", "np.random.get_state()[1].tobytes()") == state
    assert files(notebook.kernel.cwd) == before
    assert processes(notebook) == []


def test_p05_what_it_makes_belongs_to_the_live_session(notebook: Notebook) -> None:
    notebook.run(
        """
        class Place:
            def __init__(self, data):
                self.data = data
        scale = 3
        """,
        f"""
        class Inner:
            pass
        place = Place({value("places")})
        inner = Inner()
        inner.data = {value("inners")}
        def read():
            return scale * len(read.data)
        read.data = {value("reader")}
        """,
        "del place, read, inner",
    )
    damage(notebook, "places", "inners", "reader")
    report = notebook.move("undo")
    assert {name: report.word(name) for name in ("place", "read", "inner")} == dict.fromkeys(
        ("place", "read", "inner"), "rerun"
    )
    assert notebook.read(
        "type(place) is Place", "type(inner) is Inner", "read.__globals__ is globals()", "read()"
    ) == ["True", "True", "True", "720000"]
    notebook.run("scale = 1")
    assert notebook.read("read()") == ["240000"]


def test_random_numbers_are_drawn_as_they_were(notebook: Notebook) -> None:
    notebook.run(
        "import random, numpy as np\nrandom.seed(3)\nnp.random.seed(4)",
        f"draw = {value('random')} + random.randbytes(100) + np.random.bytes(100)",
        f"clock = {value('clocks')} + str(__import__('time').perf_counter_ns()).encode()",
        "first = bytes(draw[-200:])",
        "del draw, clock",
    )
    damage(notebook, "random", "clocks")
    report = notebook.move("undo")
    assert (report.word("draw"), report.word("clock")) == ("rerun", "not_identical")
    assert "run 4 now gives another value" in report.why("clock")
    assert report.at == "5a"
    assert notebook.read("bytes(draw[-200:]) == first") == ["True"]


def test_what_would_do_harm_is_lost_and_does_none(notebook: Notebook) -> None:
    notebook.run(
        f"writer = {value('writes')}\nopen('made.txt', 'w').close()",
        f"caller = {value('called')}\nimport socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].close()",
        f"asker = {value('asking')}\n__import__('subprocess').run(['true'])",
        "del writer, caller, asker",
    )
    (notebook.kernel.cwd / "made.txt").unlink()
    damage(notebook, "writes", "called", "asking")
    report = notebook.move("undo")
    assert {report.word(name) for name in ("writer", "caller", "asker")} == {"lost"}
    assert "the cell of run 2 raised PermissionError" in report.why("writer")
    assert "raised PermissionError" in report.why("caller")
    # A program was seen to be started: the cell can't be expected to do that again, and is not even tried.
    assert "raised" not in report.why("asker")
    assert "its cell started other programs, so Clew does not rerun it automatically" in report.why("asker")
    for name in ("writer", "caller", "asker"):
        assert report.why(name).endswith("`--rerun` reruns its cell")
    assert files(notebook.kernel.cwd) == {}
    assert report.at == "4a"


def test_with_consent_it_runs_here_where_it_can_t_run_there(notebook: Notebook) -> None:
    notebook.run(
        f"writer = {value('writes')}\nopen('made.txt', 'w').close()",
        f"plain = {value('plains')}",
        "squares = (n * n for n in range(3))",
        "del writer, plain, squares",
    )
    (notebook.kernel.cwd / "made.txt").unlink()
    damage(notebook, "writes", "plains")
    notebook.kernel.run("%unload_ext clew").raised()  # what is parked goes
    notebook.kernel.run("%load_ext clew").raised()
    planned = notebook.move("switch 4 --dry-run --rerun")
    assert planned.word("squares") == "rerun"
    assert planned.why("squares").endswith("its cell would be rerun in this kernel, as you allowed")
    assert processes(notebook) == []
    report = notebook.move("switch 4 --rerun")
    words = {name: report.word(name) for name in ("writer", "plain", "squares")}
    assert words == dict.fromkeys(words, "rerun"), report.words
    assert "raised PermissionError" in report.why("writer")
    assert notebook.read("list(squares)", "len(writer)") == ["[0, 1, 4]", "240000"]
    assert (notebook.kernel.cwd / "made.txt").exists(), "the user allowed it to run here"


def test_without_consent_a_generator_is_lost_and_says_what_to_type(opened: Callable[..., Notebook]) -> None:
    first = opened()
    first.run("squares = (n * n for n in range(3))")
    first.kill()
    second = opened()
    report = second.move("resume")
    assert report.word("squares") == "lost"
    assert report.why("squares") == "a suspended generator; `--rerun` reruns its cell"
    report = second.move("switch 2 --rerun")
    assert report.word("squares") == "rerun"
    assert second.read("list(squares)") == ["[0, 1, 4]"]


def test_where_the_sandbox_does_not_hold_nothing_runs_unasked(
    opened: Callable[..., Notebook], tmp_path: Path
) -> None:
    (tmp_path / "hole").mkdir()
    (tmp_path / "hole" / "sitecustomize.py").write_text(THREAD)
    notebook = opened(paths=[tmp_path / "hole"])
    notebook.run(f"x = {value('holeys')}\nopen('ran.txt', 'a').write('x')", "del x")
    (notebook.kernel.cwd / "ran.txt").unlink()
    damage(notebook, "holeys")
    report = notebook.move("undo")
    assert report.word("x") == "lost"
    assert (
        "no sandbox works here to rerun its cell in automatically (the interpreter had already started threads"
        in report.why("x")
    )
    assert report.why("x").endswith("`--rerun` reruns its cell")
    assert files(notebook.kernel.cwd) == {}
    assert notebook.move("switch 2 --rerun").word("x") == "rerun"


def test_p11_a_stranger_s_cell_is_not_run(opened: Callable[..., Notebook], tmp_path: Path) -> None:
    first = opened()
    first.run(f"x = {value('theirs')}", "y = 1")
    damage(first, "theirs")
    first.kill()
    second = opened(env={"XDG_CONFIG_HOME": str(tmp_path / "another")})
    for line in ("resume", "switch 2 --rerun"):
        report = second.move(line)
        assert report.word("x") == "lost"
        assert "is corrupted" in report.why("x")
        assert "`--rerun`" not in report.why("x")


def test_it_takes_no_longer_than_it_may(opened: Callable[..., Notebook]) -> None:
    notebook = opened(env={"CLEW_SCRATCH_SECONDS": "2"})
    notebook.run(
        STUCK.format(value=value("slowly")),
        f"y = {value('second')}",
        "del x, y",
    )
    damage(notebook, "slowly", "second")
    begun = time.monotonic()
    report = notebook.move("undo")
    assert time.monotonic() - begun < 20
    assert report.word("x") == "lost"
    assert "took longer than 2 s; `%clew config scratch.seconds` sets the limit" in report.why("x")
    assert report.word("y") == "lost", "one move has one limit"
    assert processes(notebook) == []


def test_it_takes_no_more_memory_than_it_may(opened: Callable[..., Notebook]) -> None:
    notebook = opened(env={"CLEW_SCRATCH_MEMORY": "1 GB"})
    notebook.run(
        f"import sys\nx = {value('hoards')}\nif 'clew.scratch' in sys.orig_argv: hoard = bytearray(2_000_000_000)",
        "del x",
    )
    damage(notebook, "hoards")
    report = notebook.move("undo")
    assert report.word("x") == "lost"
    assert "in a sandbox process the cell of run 2 raised MemoryError" in report.why("x")


def test_a_cell_runs_as_in_the_notebook(notebook: Notebook) -> None:
    """With what it waits for, and what it shows."""
    notebook.run(
        "import asyncio",
        f"""
        await asyncio.sleep(0)
        x = {value("awaits")}
        x
        """,
        "del x",
    )
    damage(notebook, "awaits")
    kept = notebook.move("undo")
    shown = next(root for root in kept.words if root.startswith("Out["))
    assert (kept.word("x"), kept.word(shown)) == ("rerun", "rerun")
    assert notebook.read(f"{shown} is x") == ["True"]


def test_p04_ctrl_c_gives_up_and_leaves_everything_as_it_was(notebook: Notebook) -> None:
    notebook.run(
        STUCK.format(value=value("slowly")),
        "x = [1]",
    )
    damage(notebook, "slowly")
    identity = notebook.identities(["x"])
    sent = notebook.kernel.send("%clew undo")
    reply = notebook.kernel.until_printed(sent, "Rerunning the cell of run 2 in a sandbox process ...")
    assert len(processes(notebook)) == 1
    notebook.kernel.interrupt()
    [reply] = notebook.kernel.collect([sent])
    assert "It was interrupted. Your variables are as they were." in reply.stderr
    assert notebook.identities(["x"]) == identity
    assert notebook.at() == "3"
    assert processes(notebook) == []


def test_magics_that_only_measure_or_show_run_where_no_ipython_does(notebook: Notebook) -> None:
    notebook.run(
        f"%config InlineBackend.figure_format = 'png'\n%time timed = {value('timed1')}",
        f"%%time\nwhole = {value('timed2')}\nwhole",
        f"listed = {value('listed')}\nlisting = %sx echo hello",
        "del timed, whole, listed",
    )
    damage(notebook, "timed1", "timed2", "listed")
    report = notebook.move("undo")
    assert (report.word("timed"), report.word("whole"), report.word("listed")) == (
        "rerun",
        "rerun",
        "lost",
    )
    assert "`" in report.why("listed") and "NoneType" not in report.why("listed"), report.why("listed")
    assert notebook.read("len(timed)", "whole[:6]") == ["240000", "bytearray(b'timed2')"]


def test_a_dry_run_reads_and_tells_what_is_damaged(notebook: Notebook) -> None:
    notebook.run(
        f"again = {value('again1')}",
        f"asker = {value('asking')}\n__import__('subprocess').run(['true'])",
        f"whole = {value('wholes')}",
        "del again, asker, whole",
    )
    damage(notebook, "again1", "asking")
    planned = notebook.move("undo --dry-run")
    words = [planned.word(name) for name in ("again", "asker", "whole")]
    assert words == ["rerun", "lost", "restored"], planned.words
    assert "is corrupted" in planned.why("again") and "would be rerun in a sandbox process" in planned.why(
        "again"
    )
    assert processes(notebook) == []
    done = notebook.move("undo")
    assert [done.word(name) for name in ("again", "asker", "whole")] == words


def test_a_dry_run_starts_nothing(notebook: Notebook) -> None:
    notebook.run(STUCK.format(value=value("slowly")), "del x")
    damage(notebook, "slowly")
    begun = time.monotonic()
    report = notebook.move("undo --dry-run")
    assert time.monotonic() - begun < 30, "the cell would go on for a minute"
    assert report.data["dry_run"] is True
    assert processes(notebook) == []
    assert "x" not in notebook.names()
