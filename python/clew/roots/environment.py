"""Environment variables that have changed since Clew was loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from clew.roots import process_settings
from clew.roots.root import MISSING, Root
from clew.secrets import is_secret, raw_environment

_BASELINE = dict(os.environ)
"""The environment when Clew was loaded. Only differences from it are state."""

START = _BASELINE | {process_settings.VARIABLE: process_settings.described()}
"""The environment of a sandbox process, which the engine reads: the initial one, and the settings that the process must not inherit in
their current state."""

RESTLESS = frozenset(
    {
        "COLUMNS",
        "LINES",
        "OLDPWD",
        "PWD",
        "SHLVL",
        "_",
        "PYTEST_CURRENT_TEST",
        "__DASK_PARENT_PID",
        "CLEW",
        "CLEW_HISTORY",
    }
)
"""Variables that change without the user's doing, and the one with which `clew run` disables Clew in its kernels until they are ready."""


def collect(shell: Any) -> list[Root]:
    global _changed_variables
    now = raw_environment()
    if _changed_variables is None or _changed_variables[0] != now:
        _changed_variables = (dict(now), list(_variables_that_differ()))
    return _changed_variables[1]


_changed_variables: tuple[dict[Any, Any], list[Root]] | None = None
"""The environment when it was compared last, and the resulting roots."""


def _variables_that_differ() -> Iterator[Root]:
    for name in sorted(os.environ.keys() | _BASELINE.keys()):
        now = os.environ.get(name)
        if now != _BASELINE.get(name) and name not in RESTLESS and is_secret(name, now) is None:
            yield "environment", name, now


def install(shell: Any, key: str, value: Any) -> None:
    wanted = _BASELINE.get(key) if value is MISSING else value
    if wanted is None:
        os.environ.pop(key, None)
    elif os.environ.get(key) != wanted:
        os.environ[key] = wanted
