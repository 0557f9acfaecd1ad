"""Checks that tasks pass the required arguments to functions: seeds for generators, paths for files that they open."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from clew.adapters.file_opens import BUILDS, NEEDS_PATH, OPENS, is_known


def settled(function: Any, needing: list[tuple[FunctionType, list[str]]], given: Any) -> str | None:
    """Returns why the result of a task that makes this call is not determined by its key, although the needs of its functions are known
    (see `clew.tasks`)."""
    builds = any(BUILDS in needs for _, needs in needing)
    for one, needs in needing:
        arguments = _given(one, given) if one is function else {}
        for need in needs:
            if not need.startswith(NEEDS_PATH):
                if not _is_number(arguments.get(need)):
                    return f"`{one.__name__}` may create a random generator without a seed"
            elif need != BUILDS and not _is_path(
                one is function, arguments, need.removeprefix(NEEDS_PATH), builds
            ):
                return OPENS
    return None


def _is_path(is_called: bool, arguments: dict[str, Any], name: str, builds: bool) -> bool:
    """Returns whether the key covers the file that is opened. Paths passed on by other functions are covered, unless some code builds
    texts."""
    return is_known(arguments[name]) if name in arguments else not is_called and not builds


def _given(function: FunctionType, given: Any) -> dict[str, Any]:
    """Returns the arguments of a function that are values, including its defaults."""
    code = function.__code__
    places, named = given or ((), None)
    names = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    found = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True)) | (
        function.__kwdefaults__ or {}
    )
    for name, one in [*zip(names, places, strict=False), *(named or ())]:
        found.pop(name, None)
        # The first item of a description is 0 for a value.
        if one[0] == 0:
            found[name] = one[1]
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or type(value).__module__ == "numpy"
