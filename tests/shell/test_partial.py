"""Sessions that are dear to look at: after a run only what it may have touched is, and what was bound anew."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from harness import Kernel, wait_for

#: More objects than any machine goes through in the time of a cheap look.
DEAR = "many = [[number] for number in range(1_000_000)]"


BEGUN = (DEAR, "x = [1]; y = x; z = {'k': 1}; w = 'text'", "globals()", "globals()")
"""A session in which both looks that count were dear."""


@pytest.fixture
def dear(kernel: Kernel) -> Kernel:
    """A kernel with such a session."""
    for cell in BEGUN:
        kernel.run(cell).raised()
    return kernel


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = Kernel(home=tmp_path_factory.mktemp("begun"))
    for cell in BEGUN:
        kernel.run(cell).raised()
    yield kernel
    kernel.end()


@pytest.fixture
def shared(begun: Kernel) -> Kernel:
    """One such kernel for many, back where it began."""
    begun.clew("switch 3").raised()
    for cell in BEGUN[2:]:
        begun.run(cell).raised()
    return begun


def changed(kernel: Kernel) -> str:
    """What the last run changed, as `log` tells it."""
    line = kernel.clew("log -n 1").raised().text.splitlines()[0]
    return " ".join(re.findall(r"(?:^|\s)([+~-][\w\[\]]+)", line))


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("x.append(2)", "~x ~y"),
        ("new = [x]", "+new"),
        ("new = 1", "+new"),
        ("del z", "-z"),
        ("del x", "-x"),
        ("w = w + '!'; del z", "~w -z"),
        ("z['k'] = 2; many_too = [len(many)]", "+many_too ~z"),
        ("z, x = x, z", "~x ~z"),
        ("for name in 'abc':\n    del z\n    z = name", "+name ~z"),
    ],
)
def test_what_a_run_changed_is_seen_and_nothing_else(shared: Kernel, cell: str, told: str) -> None:
    shared.run(cell).raised()
    assert set(changed(shared).split()) == set(told.split())
    shared.clew("undo").raised()
    assert shared.value("x, y is x, z, w, 'new' in globals()") == ([1], True, {"k": 1}, "text", False)
    shared.clew("redo").raised()
    assert shared.value("len(many)") == 1_000_000


@pytest.mark.parametrize(
    "made",
    ["''.join(['ab', 'c'])", "b'x' * 3", "(1, 2)", "12345678", "float('1.5')", "[1, 2]", "frozenset({1})"],
)
def test_what_is_the_same_object_as_an_earlier_name_belongs_to_it_at_once(shared: Kernel, made: str) -> None:
    """Its cell does not name that one; a later look would take the two for changed by no cell."""
    for cell in (f"cfg = {{'k': {made}}}", "first = cfg['k']", "cfg['k']", "second = cfg['k']", "cfg['k']"):
        shared.run(cell).raised()
    before = json.loads(shared.clew("log -n 5 --json").raised().stdout)["runs"]
    seen = [run["source"] for run in before]
    shared.run("globals()").raised()
    shared.run("globals()").raised()
    after = json.loads(shared.clew("log -n 7 --json").raised().stdout)["runs"]
    assert [run["source"] for run in after] == ["globals()", "globals()", *seen]
    shared.clew("undo").raised()
    shared.clew("redo").raised()
    assert shared.value("first is second")


HELD = (
    "many = [[number] for number in range(200_000)]",
    "inner = [2]; x = [1, inner]; y = {'k': x}; held = [y, many]; none = None",
    "import numpy as np; raw = np.arange(9); part = raw[2:6]; held.append(raw)",
    "len(x), len(part)",
    "len(x), len(part)",
)
"""A session in which much belongs together with lists and arrays that can't reach it."""


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = Kernel(home=tmp_path_factory.mktemp("holding"))
    for cell in HELD:
        kernel.run(cell).raised()
    yield kernel
    kernel.end()


@pytest.mark.parametrize(
    ("cell", "added", "changed"),
    [
        ("len(x)", set(), set()),
        ("new = len(x), list(part)", {"new"}, set()),
        ("x.append(2)", set(), {"x", "y", "held"}),
        ("x[1].append(2)", set(), {"inner", "x", "y", "held"}),
        ("part[0] = 7", set(), {"part", "raw", "held"}),
        # Equal to what was there, and another one.
        ("x[1] = [2]", set(), set()),
        ("x = [1, inner]", set(), set()),
        # What it reaches is what it was, and belongs together with more.
        ("new = [x]", {"new"}, set()),
        ("none = x[1]", set(), {"none"}),
        ("new = part[1:3]", {"new"}, set()),
        ("del part", set(), set()),
    ],
)
def test_what_is_read_is_looked_at_without_what_holds_it(
    holding: Kernel, cell: str, added: set[str], changed: set[str]
) -> None:
    parts = "[x, inner, y, many[:2], list(part), list(raw), part.base is raw, held[1] is many, x[1] is inner]"
    before = holding.value(parts)
    holding.run(cell).raised()
    shown = json.loads(holding.clew("show @ --json").raised().text)
    names = {
        part: {root["key"] for root in shown[part] if root["kind"] == "name"} for part in ("added", "changed")
    }
    assert names == {"added": added, "changed": changed}
    # Nothing is left for a look at everything.
    assert holding.value("__import__('clew').shell.session.current().recorder.look()") is None
    assert "outside" not in holding.clew("log -n 1").raised().text
    holding.clew("switch @-").raised()
    assert holding.value(parts) == before


def test_an_output_goes_and_comes_back(shared: Kernel) -> None:
    shared.run("kept = [w, 1]\nkept").raised()
    shared.run("kept.append(2)").raised()
    shared.clew("undo").raised()
    assert shared.value("kept, kept is Out[max(Out)], kept is _") == (["text", 1], True, True)
    shared.clew("undo").raised()
    assert shared.value("[out for out in Out.values() if out == ['text', 1]]") == []
    shared.clew("redo 2").raised()
    assert shared.value("Out[max(Out)]") == ["text", 1, 2]


def test_p12_a_credential_that_comes_up_among_much_else_is_kept_out(dear: Kernel, tmp_path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    dear.run(f"token = {secret!r}").raised()
    dear.run("again = token; z['t'] = 1").raised()
    dear.run("held = {'password': token}").raised()
    dear.run("x.append(3)").raised()
    dear.clew("switch @").raised()
    kept = [path for path in dear.home.rglob("*") if path.is_file() and "clew" in path.parts]
    assert kept
    assert not [path for path in kept if secret.encode() in path.read_bytes()]
    assert dear.value("again is token, x") == (True, [1, 3])


def test_names_that_are_excluded_later_are_kept_out_from_then_on(dear: Kernel) -> None:
    dear.run("x.append(2)").raised()
    dear.clew("exclude z").raised()
    dear.run("z['k'] = 'left out'").raised()
    dear.run("x.append(3)").raised()
    dear.clew("undo").raised()
    assert dear.value("x, z['k']") == ([1, 2], "left out")


def test_p03_what_a_thread_bound_is_found_with_the_next_run(dear: Kernel) -> None:
    dear.run("import threading\ngo = threading.Event()").raised()
    dear.run(
        "def bind():\n    go.wait()\n    globals()['z'] = 'bound'\nthread = threading.Thread(target=bind); thread.start()"
    ).raised()
    dear.run("go.set(); thread.join()").raised()
    dear.run("w = 'other'").raised()
    dear.clew("switch @").raised()
    assert dear.value("z, w") == ("bound", "other")


WAIT = """
import os
from clew.shell import hooks, session
hooks.REST = hooks.LONG_REST = 1e6  # nobody else looks meanwhile
look, (end, other) = session.current().recorder._engine.idle, os.pipe()
"""


def test_a_look_is_given_up_where_a_request_waits(dear: Kernel) -> None:
    dear.run(WAIT).raised()
    assert dear.value("look([end])") is True
    assert dear.value("os.write(other, b'x'), look([end])") == (1, False)
    assert dear.value("os.read(end, 1), look([end]), look([-1, 99999])") == (b"x", True, True)
    assert dear.value("look([], True)") is False


def test_after_a_look_that_was_given_up_a_run_looks_at_no_more_than_before(dear: Kernel) -> None:
    dear.run(WAIT).raised()
    for number in range(9):
        # What no run touched and no name tells of is seen by a look at everything only.
        assert dear.value("many.append(0)") is None
        dear.run(f"w = 'first {number}'").raised()
        assert changed(dear) == "~w"
        assert dear.value("look([], True)") is False
        dear.run(f"w = 'second {number}'").raised()
        assert changed(dear) == "~w"
        # On a busy machine a request may take so long that such a look follows by right. Not every time.
        if "outside" not in dear.clew("log -n 3").raised().text:
            break
    dear.run("globals()").raised()
    assert "~many" in changed(dear)


def test_a_look_that_takes_no_time_is_not_given_up(kernel: Kernel) -> None:
    kernel.run(WAIT).raised()
    assert kernel.value("[look([], True) for _ in range(9)].count(True) > 0") is True


RESTS = """
import asyncio, select, sys
from clew.shell import session
descriptors, heard = session.current().recorder.descriptors, []
def wait():
    print('waits', file=sys.stderr, flush=True)
    heard.append(bool(select.select(descriptors, [], [], 20)[0]))
_ = asyncio.get_event_loop().call_later(0.1, wait)
"""
"""Waits at the descriptors once the session rests, as an idle look asks them."""


def test_the_doors_are_where_requests_come_in(kernel: Kernel) -> None:
    kernel.run(RESTS).raised()
    wait_for(lambda: (kernel.take(), "waits" in kernel.heard())[1], "nobody waits at the descriptors")
    assert kernel.value("len(descriptors), heard") in [(1, [True]), (2, [True])]
