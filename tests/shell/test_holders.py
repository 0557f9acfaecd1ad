"""Who still holds a replaced object: named when it is somebody else, never ourselves."""

from __future__ import annotations

import gc
import threading
import weakref

from clew.holders import holders


class Thing:
    """Something that can be watched going away."""


def test_nobody_holds_what_only_the_caller_has() -> None:
    assert holders([("x", Thing()), ("y", [1])], []) == []


def test_closures_methods_and_threads_are_named() -> None:
    item, other = [1], Thing()

    def closure() -> list[int]:
        return item

    method = Thing.__init__.__get__(other)
    started, stop = threading.Event(), threading.Event()

    def hold(held: object) -> None:
        started.set()
        stop.wait()

    thread = threading.Thread(target=hold, args=(other,), name="keeper")
    thread.start()
    started.wait()
    try:
        found = dict(holders([("item", item), ("other", other)], []))
    finally:
        stop.set()
        thread.join()
    assert "a closure" in found["item"] and closure() is item
    assert "keeper" in found["other"] and method.__self__ is other


def test_who_holds_what_never_changes_is_no_news() -> None:
    constants = [None, ..., 3, 2.5, 1j, "text", b"bytes", (), (1, "two"), frozenset(), range(3)]
    started, stop = threading.Event(), threading.Event()

    def hold(*_held: object) -> None:
        started.set()
        stop.wait()

    thread = threading.Thread(target=hold, args=constants, name="keeper")
    thread.start()
    started.wait()
    gc.collect()  # until then it tracks every tuple
    try:
        assert holders([(repr(constant), constant) for constant in constants], []) == []
    finally:
        stop.set()
        thread.join()


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
