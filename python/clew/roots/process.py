"""Settings of the process in a table: how each is read and restored.

A setting is part of the state only while it differs from its value when Clew was loaded (for a library, from its value after the import).
So a state from another process changes only settings that its own cells had changed. Settings that can be read quickly are read after every
run. Others are read once code of the notebook names something that sets them.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from clew.roots import finalizers, interpreter, ipython, logs, registries
from clew.roots.root import MISSING, Root
from clew.roots.setting import Setting
from clew.shell.warn import warn_failed

_TABLE: dict[str, Setting] = {
    setting.key: setting
    for setting in (
        *interpreter.SETTINGS,
        *logs.SETTINGS,
        *registries.SETTINGS,
        *ipython.SETTINGS,
        *finalizers.SETTINGS,
    )
}


class _Watched:
    """The known settings of one process."""

    def __init__(self) -> None:
        self.usual: dict[str, Any] = {}
        self.read = [setting for setting in _TABLE.values() if setting.words is None]
        #: Names in code that need not be checked again: they set nothing, or their settings are read already.
        self.judged = set[str]()
        #: Settings that could not be read, with a warning shown to the user.
        self.failed = set[str]()
        self.waiting = {setting.key: setting for setting in _TABLE.values() if setting.words is not None}

    def begin(self, setting: Setting, shell: Any) -> None:
        """Notes the value of a setting before the notebook's code changes it. From then on, the setting is read."""
        if setting.module is None or setting.module in sys.modules:
            self.usual_of(setting, shell)
        if self.waiting.pop(setting.key, None) is not None:
            self.read.append(setting)

    def fail(self, setting: Setting, error: Exception) -> None:
        """Warns that a setting cannot be read, once until it can be again. A library that is partly imported, or no longer has the setting,
        is no failure."""
        if setting.module is not None and isinstance(error, AttributeError):
            return
        if setting.key not in self.failed:
            self.failed.add(setting.key)
            warn_failed(f"read the setting {setting.key}", error)

    def usual_of(self, setting: Setting, shell: Any) -> Any:
        if setting.key not in self.usual:
            read = setting.read if setting.usual is None else setting.usual
            self.usual[setting.key] = read(shell)
        return self.usual[setting.key]


_watched: _Watched | None = None


def _of_process(shell: Any) -> _Watched:
    global _watched
    if _watched is None:
        _watched = _Watched()
        for setting in list(_watched.read):
            _watched.begin(setting, shell)
    return _watched


def collect(shell: Any) -> Iterator[Root]:
    if shell is None:
        return
    watched = _of_process(shell)
    for setting in watched.read:
        if setting.module is not None and setting.module not in sys.modules:
            continue
        try:
            value = setting.read(shell)
            usual = watched.usual_of(setting, shell)
        except Exception as error:
            watched.fail(setting, error)
            continue
        watched.failed.discard(setting.key)
        if value is not MISSING and value != usual:
            yield "setting", setting.key, value


def install(shell: Any, key: str, value: Any) -> None:
    """Restores one setting. One that the target state does not have gets its value from the beginning of this process."""
    setting = _TABLE[key]
    watched = _of_process(shell)
    if value is not MISSING and setting.module is not None:
        importlib.import_module(setting.module)
    watched.begin(setting, shell)
    if value is MISSING and (setting.module is None or setting.module in sys.modules):
        value = watched.usual_of(setting, shell)
    if value is not MISSING:
        setting.write(shell, value)


def is_row(key: str) -> bool:
    """Returns whether the table has a setting with this key."""
    return key in _TABLE


#: Names of IPython's functions for magics, and of functions that run texts: their effects depend on texts.
_TEXTS = frozenset(
    ("get_ipython", "exec", "eval", "run_line_magic", "run_cell_magic", "run_cell", "system", "getoutput")
)
_WORD = re.compile(r"\w+")


def foresee(codes: Iterable[CodeType], shell: Any) -> None:
    """Begins to read the settings that code which is about to run may change."""
    watched = _of_process(shell)
    for setting in watched.read:
        if setting.key not in watched.usual and setting.module in sys.modules:
            watched.begin(setting, shell)
    for code in codes:
        names: Iterable[str] = code.co_names
        if not _TEXTS.isdisjoint(code.co_names):
            names = {*code.co_names, *_words_of_texts(code.co_consts)}
        _foresee_names(watched, names, shell)


def foresee_module(module: ModuleType, shell: Any) -> None:
    """Does the same for one of the user's own modules, from the names that it and its functions use."""
    # Imported here because processes without cells do not need the analysis of code.
    from clew.analysis.bytecode import nested

    watched = _of_process(shell)
    for name, one in list(vars(module).items()):
        methods = vars(one).values() if isinstance(one, type) and one.__module__ == module.__name__ else ()
        for function in (one, *methods):
            if type(function) is FunctionType and function.__module__ == module.__name__:
                foresee(nested(function.__code__), shell)
        _foresee_names(watched, [name], shell)


def _foresee_names(watched: _Watched, names: Iterable[str], shell: Any) -> None:
    new = [name for name in names if name not in watched.judged]
    watched.judged.update(new)
    for setting in list(watched.waiting.values()) if new else ():
        if setting.words is not None and any(map(setting.words, new)):
            watched.begin(setting, shell)


def _words_of_texts(constants: Iterable[Any]) -> Iterator[str]:
    for constant in constants:
        if type(constant) is str:
            yield from _WORD.findall(constant)
        elif type(constant) is tuple:
            yield from _words_of_texts(constant)
