"""A setting of the process, and objects of the user in settings."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterable
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from clew.roots.root import MISSING


class Setting(NamedTuple):
    """How one setting of the process is read and restored."""

    key: str
    #: Reads its value, of plain parts; `MISSING` if there is nothing to record. Imports nothing and changes nothing.
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None]
    #: The module that must be imported for the setting to exist.
    module: str | None = None
    #: Returns whether a name in code may mean that the code changes the setting; `None` for settings that are read after every run.
    words: Callable[[str], Any] | None = None
    #: Reads its default value; without this function, the first value that is read is the default.
    usual: Callable[[Any], Any] | None = None


def by_functions(
    key: str, module: str, get: str, put: str, *names: str, usual: Callable[[Any], Any] | None = None
) -> Setting:
    """Returns a setting that two functions of a module read and write; `names` in code may mean that the code changes it."""

    def read(shell: Any) -> Any:
        return getattr(sys.modules[module], get)()

    def write(shell: Any, value: Any) -> None:
        getattr(sys.modules[module], put)(value)

    return Setting(key, read, write, module, words(*names) if names else None, usual)


def words(*names: str) -> Callable[[str], bool]:
    """Returns a predicate that is true for these names."""
    return frozenset(names).__contains__


def words_like(pattern: str) -> Callable[[str], Any]:
    """Returns a predicate that is true for names with a part that matches."""
    return re.compile(pattern, re.IGNORECASE).search


def nothing(shell: Any) -> Any:
    """Returns the default of a setting whose value is what was added to it."""
    return ()


def is_users(value: Any) -> bool:
    """Returns whether an object consists of the notebook's own code: a function, a class, a method or an instance of such a class."""
    while True:
        if type(value) is MethodType:
            value = value.__self__
        elif isinstance(value, functools.partial):
            value = value.func
        else:
            break
    if type(value) is FunctionType:
        return value.__globals__.get("__name__") == "__main__"
    kind = value if isinstance(value, type) else type(value)
    return vars(kind).get("__module__") == "__main__"


class Held:
    """Live objects that cannot be stored, with keys that can be stored in their place.

    A key identifies an object in this process. In another process, the object is created again, or is lost.
    """

    def __init__(self) -> None:
        self._objects: dict[str, Any] = {}
        self._words: dict[int, str] = {}

    def word(self, value: Any) -> str:
        if id(value) not in self._words:
            word = f"{type(value).__module__}.{type(value).__qualname__} {os.urandom(8).hex()}"
            self.keep(word, value)
        return self._words[id(value)]

    def keep(self, word: str, value: Any) -> Any:
        """Makes `word` the key of this object."""
        self._objects[word], self._words[id(value)] = value, word
        return value

    def get(self, word: str) -> Any:
        """Returns the object with that key; `MISSING` if it was in another process."""
        return self._objects.get(word, MISSING)


class NotHere(Exception):
    """Raised for an object that only existed in the process that set it."""

    def __init__(self, what: Iterable[str]) -> None:
        super().__init__(f"only the kernel that set it had {', '.join(sorted(what))}")
