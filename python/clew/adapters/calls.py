"""Task cache for engines that submit one call at a time, not a graph: looks up each call, and counts the hits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from .. import tasks
from ..counts import Counts
from ..tasks import CALL, INPUT, KNOWN, NOWHERE, VALUE, Known, Place, known

#: Returns the key of the task whose result an argument stands for, or `None` if that has none. Raises `LookupError` if the argument is a
#: plain value.
KeyOf = Callable[[Any], bytes | None]


def itself(argument: Any) -> bytes | None:
    """Treats every argument as a value."""
    raise LookupError


@dataclass(frozen=True, slots=True)
class Asked:
    """The result of looking up a call."""

    key: bytes | None = None
    found: Known | None = None
    #: The files that are part of the key, and the keys of the calls whose results go into it.
    files: Sequence[str] = ()
    inputs: Sequence[bytes] = ()


@dataclass(slots=True)
class Calls:
    """The calls of one session of an engine."""

    counts: Counts = field(default_factory=Counts)
    _lock: Lock = field(default_factory=Lock)

    def ask(
        self,
        place: Place,
        function: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        key_of: KeyOf = itself,
        why: str | None = None,
    ) -> Asked:
        """Looks up a call's result, and counts the lookup. With a reason `why`, the call runs without a lookup."""
        made, files, inputs = keyed(function, args, kwargs, key_of) if why is None else (why, (), ())
        why = made if isinstance(made, str) else None
        asked = Asked(made, known(place, made), files, inputs) if isinstance(made, bytes) else Asked()
        with self._lock:
            if not self.counts.total:
                tasks.count(self.counts)
            is_found = asked.found is not None
            one = Counts(1, int(not is_found), int(is_found), {} if why is None else {why: 1})
            self.counts.add(one)
            tasks.count_for_run(one)
        return asked


def key(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], key_of: KeyOf = itself) -> bytes | str:
    """Returns the key of a call: the same key that a graph task with this function and these arguments has. A text is the reason why there
    is no key.

    A function whose key was computed before is represented by that key.
    """
    return keyed(function, args, kwargs, key_of)[0]


def keyed(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], key_of: KeyOf = itself
) -> tuple[bytes | str, Sequence[str], Sequence[bytes]]:
    """Returns the same key, the files that are part of it, and the keys of the calls whose results go into it."""
    if tasks.is_kept_out(function):
        return "it is excluded", (), ()
    described = Description(key_of)
    if isinstance(function, bytes):
        described.input(function)
    given = (
        [described.argument(one) for one in args],
        [(name, described.argument(kwargs[name])) for name in kwargs] if kwargs else None,
    )
    called = None if isinstance(function, bytes) else function
    keys, files = tasks.keyed([*described.items, (called, given, described.places)])
    inputs = [one for _, (kind, one), _ in described.items if kind == KNOWN]
    return keys[-1], files[-1], inputs


def function_key(function: Any) -> bytes | str:
    """Returns the key of a function as it is now, with everything that it refers to."""
    return "it is excluded" if tasks.is_kept_out(function) else tasks.keys([(function, None, [])])[0]


def value_key(value: Any) -> bytes | str:
    """Returns the key of a value as it is now."""
    return tasks.keys([(None, (VALUE, value), [])])[0]


class Description:
    """The arguments of a call, separated into values and references to results."""

    def __init__(self, key_of: KeyOf) -> None:
        self.key_of = key_of
        self.items: list[Any] = []
        self.places: list[int] = []

    def argument(self, one: Any) -> Any:
        try:
            return self.input(self.key_of(one))
        except LookupError:
            return self.value(one)

    def input(self, known_as: bytes | None) -> Any:
        if known_as is None:
            self.places.append(NOWHERE)
        else:
            self.items.append((None, (KNOWN, known_as), []))
            self.places.append(len(self.items) - 1)
        return (INPUT, len(self.places) - 1)

    def value(self, one: Any) -> Any:
        """Describes a value. If a list, tuple or dict contains a reference to a result, describes its members."""
        before = len(self.places)
        if type(one) in (list, tuple):
            parts: Any = [self.argument(part) for part in one]
        elif type(one) is dict:
            parts = [(self.argument(name), self.argument(part)) for name, part in one.items()]
        else:
            return (VALUE, one)
        return (CALL, type(one), parts) if len(self.places) > before else (VALUE, one)
