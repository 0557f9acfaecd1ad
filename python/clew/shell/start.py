"""The way in: by hand (`%load_ext clew`), or at the start of a kernel for which `clew enable` was typed.

A kernel starts whatever is wrong with Clew. While it starts nobody listens: what there is to say is said when the
first cell runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from clew.shell.warn import describe, guarded_at_end, warn

#: Set to one of these, it keeps Clew out of a kernel.
VARIABLE = "CLEW"
OFF = frozenset(["off", "no", "false", "0"])


def is_on() -> bool:
    """Whether Clew may record in this process."""
    return os.environ.get(VARIABLE, "").strip().lower() not in OFF


def start(shell: Any) -> None:
    """Starts recording, or says in one line why that can't be."""
    try:
        if not is_on():
            return
        from clew.shell import session

        session.load(shell)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # A panic of the engine is one, too.
        what = f"this session is not recorded: {describe(error)}. Your session is unchanged"
        tell(shell, warn, f"{what}; run `clew doctor` in a terminal to find the cause.")


def stop() -> None:
    """Ends recording, if there is any."""
    if guarded_at_end("determine whether Clew records here", is_on) is not False:
        from clew.shell import session

        guarded_at_end("end the session", session.unload)


def tell(shell: Any, say: Callable[[str], object], text: str) -> None:
    """Says something now, or with the first cell where no request is being answered yet."""
    if is_heard(shell):
        say(text)
    else:
        tell_later(shell, say, text)


def tell_later(shell: Any, say: Callable[[str], object], text: str) -> None:
    """Says something with the first cell that is run from now on."""

    def later(*_: object) -> None:
        shell.events.unregister("pre_run_cell", later)
        say(text)

    shell.events.register("pre_run_cell", later)


def is_heard(shell: Any) -> bool:
    """Whether what is printed now reaches a front end. In a terminal it always does."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return True
    try:
        return bool(kernel.get_parent("shell"))
    except LookupError:
        return False
