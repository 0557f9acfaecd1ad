"""`Out[n]`, with the variables that the shell binds to it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from clew.roots.root import MISSING, Root
from clew.secrets import is_secret


def collect(shell: Any) -> Iterator[Root]:
    if shell is None:
        return
    outputs = shell.user_ns.get("_oh")
    for number, value in list(outputs.items()) if type(outputs) is dict else []:
        if type(number) is int and is_secret("", value) is None:
            yield "out", str(number), value


def install(shell: Any, key: str, value: Any) -> None:
    """Restores `Out[n]` and the shell's variables for it: `_n`, and `_`, `__`, `___` for the last three."""
    outputs, number = shell.user_ns["_oh"], int(key)
    if value is MISSING:
        outputs.pop(number, None)
        _unbind_hidden(shell, f"_{number}")
    else:
        later = _later(outputs, number) if number not in outputs else []
        outputs[number] = value
        # Keeps the outputs in the order in which the cells ran.
        outputs.update((one, outputs.pop(one)) for one in later)
        _bind_hidden(shell, f"_{number}", value)
    hook = getattr(shell, "displayhook", None)
    if hook is not None:
        _rebind_last(shell, hook, outputs)


def _later(outputs: dict[int, Any], number: int) -> list[int]:
    """Returns the outputs that belong after a new one: those of later cells at the end, in their order."""
    found = list[int]()
    for other in reversed(outputs):
        if type(other) is not int or other < number:
            break
        found.append(other)
    return found[::-1]


def _rebind_last(shell: Any, hook: Any, outputs: dict[int, Any]) -> None:
    names = ("_", "__", "___")
    if any(shell.user_ns.get(name, MISSING) is not getattr(hook, name, MISSING) for name in names):
        return  # The user has bound one of them; then the shell does not update any of the three.
    last = [outputs[number] for number in heapq.nlargest(3, outputs)]
    for name, value in zip(names, last + [""] * (3 - len(last)), strict=True):
        setattr(hook, name, value)
        _bind_hidden(shell, name, value)


def _bind_hidden(shell: Any, name: str, value: Any) -> None:
    if name not in shell.user_ns or shell.user_ns_hidden.get(name, MISSING) is shell.user_ns[name]:
        shell.user_ns[name] = shell.user_ns_hidden[name] = value


def _unbind_hidden(shell: Any, name: str) -> None:
    if name in shell.user_ns and shell.user_ns_hidden.get(name, MISSING) is shell.user_ns[name]:
        del shell.user_ns[name]
        del shell.user_ns_hidden[name]
