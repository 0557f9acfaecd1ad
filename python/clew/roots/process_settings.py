"""Settings that child processes inherit: umask, priority, resource limits, ignored signals.

A sandbox process is a child of the kernel, so it starts with the current settings. A state contains only settings that its cells had
changed. All others must have their values from the beginning of recording. An environment variable passes these values to the sandbox
process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from clew.roots import interpreter

VARIABLE = "CLEW_FIRST_SETTINGS"
"""The environment variable with the settings from the beginning of recording, for a sandbox process."""

_given = os.environ.pop(VARIABLE, None)
"""Those settings, in a sandbox process. The variable is not part of any state."""

_NOT_RESTORED = frozenset(("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_OFILE"))
"""Limits that the sandbox sets (a lower limit of the kernel must stay in force), and an alias of `RLIMIT_NOFILE`."""

_SIGNALS = [one for one in interpreter.SIGNALS if one != signal.SIGINT]
"""Signals that the kernel may ignore permanently. It sets its own handler for Ctrl+C during each cell."""


def described() -> str:
    """Returns the settings of this process, for the environment of its sandbox processes."""
    found: dict[str, Any] = {}
    for key, (read, _) in _ROWS.items():
        # The sandbox process keeps settings that cannot be read here.
        with contextlib.suppress(Exception):
            found[key] = read()
    return json.dumps(found)


def restore() -> list[tuple[str, str]]:
    """Restores the settings from the beginning of recording, before the sandbox forbids it. Returns the key of each that could not be
    restored, with the reason."""
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
    """Returns a value as it is after a round trip through JSON."""
    return json.loads(json.dumps(value))


def _read_umask() -> int | None:
    umask = interpreter.read_umask(None)
    return umask if isinstance(umask, int) else None


def _write_umask(umask: int | None) -> None:
    if umask is not None:
        os.umask(umask)


def _read_priority() -> int:
    if sys.platform == "win32":
        raise NotImplementedError  # `described` leaves out settings that cannot be read
    return os.getpriority(os.PRIO_PROCESS, 0)


def _write_priority(priority: int) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    # A different priority than the parent's was set for this process on purpose, to yield to others.
    if _read_priority() == os.getpriority(os.PRIO_PROCESS, os.getppid()):
        os.setpriority(os.PRIO_PROCESS, 0, priority)


def _read_limits() -> dict[str, tuple[int, int]]:
    if sys.platform == "win32":
        raise NotImplementedError  # `described` leaves out settings that cannot be read
    import resource  # IPython has imported it already, if IPython is in use

    names = [name for name in vars(resource) if name.startswith("RLIMIT_") and name not in _NOT_RESTORED]
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}


def _write_limits(limits: dict[str, list[int]]) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
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
            # The hard limit cannot be raised again. The soft limit can, up to the hard limit.
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
"""The functions that read and restore each setting, by its key in a state."""
