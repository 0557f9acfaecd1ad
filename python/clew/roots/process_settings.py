"""Settings that a process hands down to those that it starts: umask, priority, resource limits, ignored signals.

A scratch process is a child of the kernel, so it starts with those of now. A state has an entry only for settings that its cells had
changed; all others must be what they were when recording began. Their values travel to the scratch process in a variable of its environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable
from typing import Any

from clew.roots import interpreter

VARIABLE = "CLEW_FIRST_SETTINGS"
"""The environment variable of a scratch process that has the settings from when recording began."""

_given = os.environ.pop(VARIABLE, None)
"""Those settings, in a scratch process. No state has the variable."""

_NOT_RESTORED = frozenset(("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_OFILE"))
"""Limits that the sandbox sets (a lower one that the kernel set must hold in it), and another name of `RLIMIT_NOFILE`."""

_SIGNALS = [one for one in interpreter.SIGNALS if one != signal.SIGINT]
"""Signals that the kernel may ignore for good. For Ctrl+C it has a handler of its own during each cell."""


def described() -> str:
    """The settings of this process, for the environment of its scratch processes."""
    found: dict[str, Any] = {}
    for key, (read, _) in _ROWS.items():
        # What can't be read here, the scratch process leaves as it is.
        with contextlib.suppress(Exception):
            found[key] = read()
    return json.dumps(found)


def restore() -> list[tuple[str, str]]:
    """Restores the settings from when recording began, before the sandbox refuses to. Returns the key of each that could not be restored, and
    why."""
    failed = []
    for key, value in json.loads(_given or "{}").items():
        try:
            read, write = _ROWS[key]
            if _plain(read()) != value:
                write(value)
        except Exception as error:
            failed.append((key, f"it could not be restored: {type(error).__name__}: {error}"))
    return failed


def _plain(value: Any) -> Any:
    """A value as JSON brings it back."""
    return json.loads(json.dumps(value))


def _read_umask() -> int | None:
    umask = interpreter.read_umask(None)
    return umask if isinstance(umask, int) else None


def _write_umask(umask: int | None) -> None:
    if umask is not None:
        os.umask(umask)


def _read_priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def _write_priority(priority: int) -> None:
    # One that yields to others was given another priority than its parent has.
    if _read_priority() == os.getpriority(os.PRIO_PROCESS, os.getppid()):
        os.setpriority(os.PRIO_PROCESS, 0, priority)


def _read_limits() -> dict[str, tuple[int, int]]:
    import resource  # which IPython has imported, where there is one

    names = [name for name in vars(resource) if name.startswith("RLIMIT_") and name not in _NOT_RESTORED]
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}


def _write_limits(limits: dict[str, list[int]]) -> None:
    import resource

    refused = []
    for name, (soft, hard) in limits.items():
        which = getattr(resource, name)
        now, most = resource.getrlimit(which)
        if [now, most] == [soft, hard]:
            continue
        try:
            resource.setrlimit(which, (soft, hard))
        except (OSError, ValueError):
            refused.append(name)
            # The bound can't be raised again. The limit can, up to the bound.
            is_within = most == resource.RLIM_INFINITY or (soft != resource.RLIM_INFINITY and soft <= most)
            resource.setrlimit(which, (soft if is_within else most, most))
    if refused:
        raise PermissionError(f"the hard limit cannot be raised again: {', '.join(sorted(refused))}")


def _read_ignored() -> list[int]:
    return sorted(one for one in _SIGNALS if signal.getsignal(one) == signal.SIG_IGN)


def _write_ignored(ignored: list[int]) -> None:
    for one in _SIGNALS:
        is_ignored = signal.getsignal(one) == signal.SIG_IGN
        if is_ignored != (one in ignored):
            signal.signal(one, signal.SIG_DFL if is_ignored else signal.SIG_IGN)


_ROWS: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "os.umask": (_read_umask, _write_umask),
    "os.nice": (_read_priority, _write_priority),
    "resource limits": (_read_limits, _write_limits),
    "signal handlers": (_read_ignored, _write_ignored),
}
"""How each is read and restored, by the key that it has in a state."""
