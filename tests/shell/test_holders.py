"""Who still holds a replaced object: named when it is somebody else, never ourselves."""

from __future__ import annotations

import csv
import gc
import io
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from harness import Kernel

from clew.holders import holders, referred
from clew.trial import Trial


class Thing:
    """Something that can be watched going away."""


@contextmanager
def held_by_a_thread(item: object) -> Iterator[None]:
    """A thread called `keeper`, and nobody else here, has it in a local variable."""
    started, stop = threading.Event(), threading.Event()

    def hold(_held: object) -> None:
        started.set()
        stop.wait()

    thread = threading.Thread(target=hold, args=(item,), name="keeper")
    thread.start()
    started.wait()
    del item
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_nobody_holds_what_only_the_caller_has() -> None:
    assert holders([("x", Thing()), ("y", [1])], []) == []


def test_closures_methods_and_threads_are_named() -> None:
    item, other = [1], Thing()

    def closure() -> list[int]:
        return item

    method = Thing.__init__.__get__(other)
    with held_by_a_thread(other):
        found = dict(holders([("item", item), ("other", other)], []))
    assert "a closure" in found["item"] and closure() is item
    assert "keeper" in found["other"] and method.__self__ is other


def test_what_live_objects_refer_to_is_found_and_nothing_by_way_of_the_namespace() -> None:
    buffer, items, other = io.StringIO(), [1, 2], [3]
    writer = csv.writer(buffer)
    numbers = (item for item in items)
    next(numbers)
    names = {"writer": writer, "numbers": numbers, "other": other}
    around = [names]
    assert referred([writer, numbers, around], [buffer, items, other], names) == [(0, 0), (1, 1)]


def test_a_live_object_that_refers_to_what_everybody_shares_is_not_told() -> None:
    shared = [1, 1000003, None, True, "text", "", b"", (), (1, "two"), 2.5, frozenset(), int, csv, len]
    shared += [csv.DictWriter, threading.Thread, threading.Thread.start, contextmanager, ...]
    live = iter(list(shared))
    assert referred([live], shared, {}) == []
    others = [([],), [1], {1}]
    live = iter([*others, *shared])
    assert sorted(referred([live], others, {})) == [(0, 0), (0, 1), (0, 2)]


def test_who_holds_what_never_changes_is_no_news() -> None:
    constants = [None, ..., 3, 2.5, 1j, "text", b"bytes", (), (1, "two"), frozenset(), range(3)]
    with held_by_a_thread(tuple(constants)):
        gc.collect()  # until then it tracks every tuple
        assert holders([(repr(constant), constant) for constant in constants], []) == []


def test_asking_keeps_nothing_alive() -> None:
    item = Thing()
    gone = weakref.ref(item)
    gc.disable()
    try:
        holders([("item", item)], [])
        del item
        assert gone() is None
    finally:
        gc.enable()


#: Counts how often, and for how many objects, all that lives is gone through.
COUNTING = """
import types
import clew.holders as module

module.searched = []

def search(*items, real=module.gc.get_referrers):
    module.searched.append(len(items))
    return real(*items)

module.gc = types.SimpleNamespace(
    get_referrers=search, get_referents=module.gc.get_referents, is_tracked=module.gc.is_tracked
)
"""
SEARCHED = "__import__('clew.holders').holders.searched"
CLOSURE = "(lambda held: lambda: held)"


def test_what_lives_is_gone_through_only_for_what_somebody_else_refers_to(kernel: Kernel) -> None:
    kernel.run(f"exec({COUNTING!r}, {{}})").raised()
    kernel.run("x, y, z = [1], {'a': [2]}, [x for x in range(3)]").raised()
    kernel.run("x, y, z = [2], {'a': [3]}, [4]; same = x").raised()
    moved = kernel.clew("undo").raised()
    assert kernel.value(SEARCHED) == [] and "held" not in moved.text
    kernel.run(
        f"__import__('atexit').register({CLOSURE}(x)); __import__('atexit').register({CLOSURE}(y))"
    ).raised()
    kernel.run("x.append(5); y['b'] = 6; z.append(7)").raised()
    moved = kernel.clew("undo").raised()
    assert kernel.value("x, y") == ([1], {"a": [2]})
    assert kernel.value(SEARCHED) == [2], "both at once, and not the third"
    assert "x, y: restored, the old object is still held by a closure" in moved.text


def test_clew_is_not_named_as_a_holder_and_its_own_objects_are_not_reported() -> None:
    item, trial = Thing(), Trial()
    method = vars(Trial)["keep"].__get__(item)
    leaving = trial.__exit__
    with held_by_a_thread(trial):
        assert holders([("item", item), ("trial", trial)], []) == []
    assert method.__self__ is item and leaving.__self__ is trial


def test_what_a_library_registered_with_itself_is_no_news(kernel: Kernel) -> None:
    """Each figure of Matplotlib is known to callbacks of its own; a method of the user's that somebody holds is named."""
    kernel.run("import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt").raised()
    kernel.run("fig, ax = plt.subplots()\nax.hist([1, 2, 2])").raised()
    assert "still held" not in kernel.clew("undo").text
    kernel.run("import atexit\nclass Timer:\n    def tick(self): pass").raised()
    kernel.run("timer = Timer()\natexit.register(timer.tick)").raised()
    said = kernel.clew("undo").text
    assert "the method Timer.tick" in said, said
