"""The values that functions hold: attributes, closure variables, default arguments."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any

#: The places where a function holds values.
ATTRIBUTE, CLOSURE, DEFAULT = "", "closure", "default"


def held_by(function: FunctionType) -> Iterator[tuple[str, str, Any]]:
    """Yields all values that a function holds: the place, the name there, the value."""
    yield from ((ATTRIBUTE, name, value) for name, value in list(vars(function).items()))
    yield from ((CLOSURE, name, value) for name, value in closed_over(function))
    yield from ((DEFAULT, name, value) for name, value in defaults_of(function).items())


def closed_over(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            # The variable is not bound yet.
            continue


def defaults_of(function: FunctionType) -> dict[str, Any]:
    return dict(_positional(function)) | (function.__kwdefaults__ or {})


def _positional(function: FunctionType) -> list[tuple[str, Any]]:
    code, defaults = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
    return list(zip(names, defaults, strict=True))


def hold(function: FunctionType, place: str, name: str, value: Any) -> None:
    """Replaces a value that a function holds."""
    if place == ATTRIBUTE:
        vars(function)[name] = value
    elif place == CLOSURE:
        (function.__closure__ or ())[function.__code__.co_freevars.index(name)].cell_contents = value
    elif name in (keywords := function.__kwdefaults__ or {}):
        keywords[name] = value
    else:
        function.__defaults__ = tuple(
            value if name == other else held for other, held in _positional(function)
        )
