"""Threads and tasks that a cell starts, and that continue to run code of the notebook after it."""

from __future__ import annotations

import threading
from types import FunctionType, MethodType
from typing import Any

#: The name for it in the evidence, among effects that cannot be restored (`crates/clew-core/src/history/flow/patches.rs`).
THREADS = "threads"


def begun_threads(namespace: dict[str, Any]) -> set[int]:
    """Returns the ids of live threads that run, or will run, code of the notebook: a waiting timer has none of it on its stack."""
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
