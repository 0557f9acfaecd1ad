"""One row of the table of settings, and the objects of the user's that settings hold."""

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
    """How one setting of the process is read and put back."""

    key: str
    #: Its value, of plain parts; `MISSING` where there is nothing to tell. Imports nothing and changes nothing.
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], None]
    #: The module without which there is no such setting.
    module: str | None = None
    #: Whether a name in code may mean that it is set there; `None` for what is read after every run.
    words: Callable[[str], Any] | None = None
    #: Its value where nobody set it; what is read first, without this.
    usual: Callable[[Any], Any] | None = None


def by_functions(
    key: str, module: str, get: str, put: str, *names: str, usual: Callable[[Any], Any] | None = None
) -> Setting:
    """A setting that two functions of a module read and write; `names` in code may mean that it is set."""

    def read(shell: Any) -> Any:
        return getattr(sys.modules[module], get)()

    def write(shell: Any, value: Any) -> None:
        getattr(sys.modules[module], put)(value)

    return Setting(key, read, write, module, words(*names) if names else None, usual)


def words(*names: str) -> Callable[[str], bool]:
    """Whether a name is one of these."""
    return frozenset(names).__contains__


def words_like(pattern: str) -> Callable[[str], Any]:
    """Whether a name has a part like this."""
    return re.compile(pattern, re.IGNORECASE).search


def nothing(shell: Any) -> Any:
    """The usual value of a setting that is told by what was added to it."""
    return ()


def is_users(value: Any) -> bool:
    """Whether an object is made of the notebook's own code: a function, a class, a method or an instance of such a class."""
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
    """Live objects that no store can bring back, under words that a store can hold.

    The word tells one from another in this process. Where a state of another process names one, it is made again or is lost.
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
        """Has `word` mean this object from now on."""
        self._objects[word], self._words[id(value)] = value, word
        return value

    def get(self, word: str) -> Any:
        """The object of that word; `MISSING` if another process had it."""
        return self._objects.get(word, MISSING)


class NotHere(Exception):
    """Something that only the process had which set it."""

    def __init__(self, what: Iterable[str]) -> None:
        super().__init__(f"only the kernel that set it had {', '.join(sorted(what))}")
