"""`gc` and `forget` through a real kernel: what was forgotten is searched for in the raw bytes of the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Kernel

#: Bytes that no compression shortens, so that they lie as they are; made by the cells, so that no source has them.
MADE = "b''.join(__import__('hashlib').sha256(bytes([i])).digest() for i in range({0}, {0} + 32))"
SECRET = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(0, 32))
OTHER = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(100, 132))


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(home=tmp_path / "home", notebook=tmp_path / "n.ipynb")
    yield kernel
    kernel.end()


def store(kernel: Kernel) -> Path:
    return Path(json.loads(kernel.clew("status --json").stdout)["store"])


def holds(where: Kernel | Path, value: bytes) -> list[str]:
    """Files of the store that hold a part of the value."""
    folder = where if isinstance(where, Path) else store(where)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    parts = [value[at : at + 64] for at in range(0, len(value), 64)]
    return [path.name for path in files if any(part in path.read_bytes() for part in parts)]


def test_p12_forget_really_removes(kernel: Kernel) -> None:
    kernel.queue(
        [f"note = {MADE.format(0)}", "other = list(range(5))", "note = 5", f"kept = {MADE.format(100)}"]
    )
    kernel.settle()
    assert holds(kernel, SECRET), "it was there"
    shown = kernel.clew("forget note --dry-run")
    assert "Would forget note" in shown.stdout and "Nothing was changed" in shown.stdout, shown
    # Nothing is wrong where somebody looks first: that is no error.
    asked = kernel.clew("forget note")
    assert "--yes" in asked.stdout and not asked.stderr and holds(kernel, SECRET), asked
    done = kernel.clew("forget note --yes").raised()
    assert "data is deleted" in done.stdout, done
    assert not holds(kernel, SECRET)
    assert holds(kernel, OTHER)
    assert "forgotten on" in kernel.clew("vars 2").text
    # The live variable stays, and what it gets from now on is recorded.
    assert kernel.value("note") == 5
    kernel.queue(["note = 'okapi-' * 5", "note = 7"])
    kernel.settle()
    moved = kernel.clew("undo")
    assert kernel.value("note") == "okapi-" * 5, moved
    moved = kernel.clew("switch 2").text
    assert "lost" in moved and "forgotten on" in moved, moved
    assert "forgotten" in kernel.clew("verify --read-data").stdout


def test_p12_forget_inside_a_cell_forgets_what_the_cell_made_so_far(kernel: Kernel) -> None:
    kernel.queue([f"note = {MADE.format(0)}\n%clew forget note --yes\nafter = 1", "note = after"])
    kernel.settle()
    assert not holds(kernel, SECRET)
    kernel.clew("switch 1").raised()
    assert "forgotten on" in kernel.clew("vars 2").text
    assert kernel.value("'after' in globals()") is False


def test_forget_names_what_has_the_same_data_and_not_what_has_the_same_shape(kernel: Kernel) -> None:
    kernel.queue(["import numpy as np\nf = np.zeros(1000)\ng = np.ones(1000)\nh = f.copy()"])
    kernel.settle()
    found = json.loads(kernel.clew("forget f --dry-run --json").raised().stdout)
    assert [shared["name"] for shared in found["also_in"]] == ["h"], found["also_in"]


def test_p08_what_is_forgotten_from_a_terminal_goes_when_the_kernel_has_ended(kernel: Kernel) -> None:
    kernel.queue([f"note = {MADE.format(0)}", f"kept = {MADE.format(100)}"])
    kernel.settle()
    folder = store(kernel)
    found = kernel.terminal("forget", "note", "--yes")
    assert found.exit == 1 and "a kernel is writing" in found.out, found
    assert holds(kernel, SECRET)
    kernel.run("kept = 1")
    kernel.settle()
    again = kernel.clew("forget note --yes")
    assert "Nothing new to forget" in again.stdout and "data is deleted" in again.stdout, again
    assert not holds(kernel, SECRET) and folder.exists()
    assert "forgotten on" in kernel.terminal("vars", "2").out


def test_p12_gc_removes_what_was_forgotten_after_the_kernel_was_killed(kernel: Kernel) -> None:
    kernel.queue([f"note = {MADE.format(0)}", f"kept = {MADE.format(100)}"])
    kernel.settle()
    folder = store(kernel)
    assert kernel.terminal("forget", "note", "--yes").exit == 1
    kernel.terminal("gc")
    assert holds(folder, SECRET), "a kernel is writing there"
    kernel.kill()
    told = kernel.terminal("gc")
    assert told.exit == 0 and "forgotten" in told.out, told
    assert not holds(folder, SECRET) and holds(folder, OTHER)
    assert not list(folder.rglob("*.lease"))
    found = kernel.terminal("verify", "--read-data")
    assert found.exit == 0 and "1 of them forgotten" in found.out, found


def test_p08_gc_takes_nothing_that_is_needed(kernel: Kernel) -> None:
    kernel.queue(["import numpy as np", "a = np.arange(200_000)", "a[3] = 7", "del a"])
    kernel.settle()
    for _ in range(2):
        told = kernel.clew("gc").raised()
        assert "Deleted" not in told.stdout, told
    found = kernel.terminal("gc", "--json")
    data = json.loads(found.out)
    assert found.exit == 0 and data["removed"]["pieces"] == 0 and data["unreadable"] == [], data
    kernel.clew("undo").raised()
    assert kernel.value("int(a[3]) + len(a)") == 200_007
    kernel.clew("undo").raised()
    assert kernel.value("int(a[3])") == 3
    assert "is intact" in kernel.clew("verify --read-data").stdout


def test_p08_what_keep_rules_dropped_is_said_so_and_made_again_only_as_may_be(kernel: Kernel) -> None:
    kernel.queue(
        [
            "import os",
            "a = list(range(5000))",
            "b = os.urandom(3000)",
            "a = 1; b = 2",
            "c = 3",
        ]
    )
    kernel.settle()
    kernel.kill()
    for words in [("config", "gc.grace", "0"), ("config", "gc.keep_runs", "2")]:
        assert kernel.terminal(*words).exit == 0
    shown = json.loads(kernel.terminal("gc", "--dry-run", "--json").out)
    assert {run["run"] for run in shown["dropped"]} >= {"3", "4"}, shown["dropped"]
    for _ in range(2):
        told = kernel.terminal("gc")
        assert told.exit == 0 and "the runs themselves stay" in told.out, told
    found = kernel.terminal("verify", "--read-data")
    assert found.exit == 0 and "deleted by gc" in found.out, found
    kernel.restart(load=True)
    moved = kernel.clew("resume").raised()
    assert kernel.value("(a, b, c)") == (1, 2, 3), moved
    # A run of which values were dropped is there, with source, types and sizes.
    assert "b = os.urandom(3000)" in kernel.clew("show 4").text
    assert "bytes" in kernel.clew("vars 4").text
    moved = kernel.clew("switch 4").text
    assert "deleted by gc on" in moved, moved
    # What its cell makes anew is another value, and said to differ; nothing else is handed over for it.
    assert "not identical: b" in moved or "lost: b" in moved, moved


def test_p08_a_limit_that_can_not_be_reached_is_said(kernel: Kernel) -> None:
    kernel.run("import os; noise = os.urandom(52_000_000)").raised()
    kernel.settle()
    said = kernel.clew("gc --dry-run --size 50MB").stdout
    assert "The store needs 2.0 MB more than its limit." in said and "--keep-runs" in said, said
    assert "more than its limit" not in kernel.clew("gc --dry-run --size 60MB").stdout


def test_p12_forget_removes_the_bytes_in_a_store_with_damage_elsewhere(kernel: Kernel) -> None:
    kernel.queue([f"note = {MADE.format(0)}", f"kept = {MADE.format(100)}", f"spoilt = {MADE.format(200)}"])
    kernel.settle()
    folder = store(kernel)
    kernel.kill()
    spoilt = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(200, 232))
    hit = 0
    for pack in folder.rglob("*.pack"):
        data = bytearray(pack.read_bytes())
        if (at := data.find(spoilt[:64])) >= 0:
            data[at + 5] ^= 1
            pack.write_bytes(bytes(data))
            hit += 1
    assert hit and kernel.terminal("verify", "--read-data").exit == 4
    done = kernel.terminal("forget", "note", "--yes")
    assert done.exit == 0 and "data is deleted" in done.out, done
    assert not holds(folder, SECRET) and holds(folder, OTHER)
    assert kernel.terminal("gc").exit == 0


def test_names_that_share_objects_are_named_and_go_together(kernel: Kernel) -> None:
    kernel.queue(["rows = [1, 2, 3]", "table = {'rows': rows}", "copy = list(rows)"])
    kernel.settle()
    shown = kernel.clew("forget rows --dry-run").stdout
    assert "Shares objects with it, and is forgotten too: table (run 3)" in shown, shown
    assert "the same data under other names: copy (run 4)" in shown, shown
    assert "the source and outputs of runs 2, 3 and 4" in shown, shown


def test_values_that_are_equal_by_chance_are_not_said_to_stay(kernel: Kernel) -> None:
    kernel.queue(
        [
            "import numpy as np",
            "done = True; count = 3; empty = np.zeros(50_000)",
            "other = True; three = 3; more = np.zeros((500, 300)); rows = []; ones = np.ones(90_000)",
            "twin = np.ones(20_000); same = ['a', 'b', 'c']; alike = list(same)",
        ]
    )
    kernel.settle()
    for name in ("done", "count", "empty", "ones"):
        shown = kernel.clew(f"forget {name} --dry-run").stdout
        assert "same data" not in shown, shown
    assert "same data under other names: alike (run" in kernel.clew("forget same --dry-run").stdout


def test_a_name_that_never_was_is_no_name_to_forget(kernel: Kernel) -> None:
    kernel.run("x = 1")
    kernel.settle()
    found = kernel.clew("forget y --yes")
    assert "No run of" in found.stderr and "`y`" in found.stderr, found
