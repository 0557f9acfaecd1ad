"""What a cell began that goes on after it: threads and tasks that run code of the notebook."""

from __future__ import annotations

import threading
from types import FunctionType, MethodType
from typing import Any

#: How evidence names it among what nobody brings back (`flow/patches.rs`).
THREADS = "threads"


def begun_threads(namespace: dict[str, Any]) -> set[int]:
    """Living threads that run, or will run, code of the notebook, by their numbers: a timer waits with none of it on its stack."""
    return {
        thread.ident
        for thread in threading.enumerate()
        if thread.ident is not None and _is_notebooks(thread, namespace)
    }


def _is_notebooks(thread: threading.Thread, namespace: dict[str, Any]) -> bool:
    if type(thread).__module__ == "__main__":
        return True
    held = thread.__dict__.get("_target") or thread.__dict__.get("function")
    while type(held) is MethodType:
        held = held.__func__
    return type(held) is FunctionType and held.__globals__ is namespace
