"""Starts recording: by hand (`%load_ext clew`), or at the start of a kernel after `clew enable`.

A kernel starts even if Clew fails. Messages at the kernel's start are not shown to the user, so they are printed with the first cell.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from clew.shell.warn import describe, guarded_at_end, warn

#: One of these values disables Clew in a kernel.
VARIABLE = "CLEW"
OFF = frozenset(["off", "no", "false", "0"])


def is_on() -> bool:
    """Returns whether Clew may record in this process."""
    return os.environ.get(VARIABLE, "").strip().lower() not in OFF


def start(shell: Any) -> None:
    """Starts recording, or prints one line with the reason why that failed."""
    try:
        if not is_on():
            return
        if shell is None:
            warn(
                "this session is not recorded: Clew records IPython and Jupyter kernels, and this process has no IPython."
            )
            return
        from clew.shell import session

        session.load(shell)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # Includes a panic of the engine.
        what = f"this session is not recorded: {describe(error)}. Your session is unchanged"
        tell(shell, warn, f"{what}; run `clew doctor` in a terminal to find the cause.")


def stop() -> None:
    """Ends recording, if it is on."""
    if guarded_at_end("determine whether Clew records here", is_on) is not False:
        from clew.shell import session

        guarded_at_end("end the session", session.unload)


def tell(shell: Any, say: Callable[[str], object], text: str) -> None:
    """Prints a message now, or with the first cell if no request is being handled yet."""
    if is_heard(shell):
        say(text)
    else:
        tell_later(shell, say, text)


def tell_later(shell: Any, say: Callable[[str], object], text: str) -> None:
    """Prints a message with the next cell that runs."""

    def later(*_: object) -> None:
        shell.events.unregister("pre_run_cell", later)
        say(text)

    shell.events.register("pre_run_cell", later)


def is_heard(shell: Any) -> bool:
    """Returns whether printed text reaches a front end now. In a terminal it always does."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return True
    try:
        return bool(kernel.get_parent("shell"))
    except LookupError:
        return False
