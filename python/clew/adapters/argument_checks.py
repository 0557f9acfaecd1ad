"""Whether functions of tasks are given what they need of their arguments: seeds where they begin generators, paths where they open files."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from clew.adapters.file_opens import BUILDS, NEEDS_PATH, OPENS, is_known


def settled(function: Any, needing: list[tuple[FunctionType, list[str]]], given: Any) -> str | None:
    """Why nobody can tell what comes of a task that calls something with what `clew.tasks` describes, though its functions' needs are known."""
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
    """Whether a key knows what is opened: of what others hand on, unless some code puts texts together."""
    return is_known(arguments[name]) if name in arguments else not is_called and not builds


def _given(function: FunctionType, given: Any) -> dict[str, Any]:
    """A function's arguments that are values, with those it takes by default."""
    code = function.__code__
    places, named = given or ((), None)
    names = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    found = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True)) | (
        function.__kwdefaults__ or {}
    )
    for name, one in [*zip(names, places, strict=False), *(named or ())]:
        found.pop(name, None)
        # The first part of a description says that it is a value.
        if one[0] == 0:
            found[name] = one[1]
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or type(value).__module__ == "numpy"
