"""What code may have set in libraries: attributes of modules and classes, how they log, extensions of IPython. No state holds that, so
nobody brings it back.

Read off compiled code: what is set through a variable of a function, or by a library, is not seen.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any

from clew.shell.asks import is_own

_SETS = frozenset(("STORE_ATTR", "DELETE_ATTR"))
_SETTERS = frozenset(("setattr", "delattr"))
_LOADS = frozenset(("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"))
_SILENT = frozenset(("CACHE", "PUSH_NULL", "PRECALL", "NOP", "EXTENDED_ARG", "RESUME"))


#: Methods that say how something is logged.
_LOGGING = frozenset(
    ("basicConfig", "setLevel", "addHandler", "removeHandler", "dictConfig", "fileConfig", "addFilter")
)
#: Magics that load an extension, named behind them. Clew itself records, whoever loads it.
_LOADING, _OWN = frozenset(("load_ext", "reload_ext")), "clew"


def patched(codes: Iterable[CodeType], namespace: Mapping[str, Any]) -> set[str]:
    """What they may have set, by its full name (`pandas.DataFrame.f`); `namespace` is what the names mean."""
    found = set[str]()
    for code in codes:
        names = set(code.co_names)
        if "logging" in sys.modules:
            found |= {f"logging.{name}" for name in names & _LOGGING}
        if "run_line_magic" in names:
            found |= {f"IPython.{name}" for name in _extensions(code)}
        for path, attribute in _set_by(code):
            name = _library(_held(path, namespace))
            found |= {f"{name}.{attribute}"} if name is not None else set()
    return found


def _extensions(code: CodeType) -> set[str]:
    """Extensions that the magics of a cell load."""
    texts = [one for one in code.co_consts if isinstance(one, str)]
    is_loaded = not _LOADING.isdisjoint(texts)
    return {text for text in texts if is_loaded and text not in _LOADING and text != _OWN}


def _set_by(code: CodeType) -> Iterator[tuple[list[str], str]]:
    """Dotted names, and the attributes that are set of what they lead to."""
    steps = [one for one in dis.get_instructions(code) if one.opname not in _SILENT]
    for place, one in enumerate(steps):
        if one.opname in _SETS:
            yield _path_to(steps, _holder(steps, place)), one.argval
        elif one.opname in _LOADS and one.argval in _SETTERS:
            end = place + 1
            while end + 1 < len(steps) and steps[end + 1].opname == "LOAD_ATTR":
                end += 1
            named = steps[end + 1] if end + 1 < len(steps) else one
            if named.opname == "LOAD_CONST" and isinstance(named.argval, str):
                yield _path_to(steps, end), named.argval


def _holder(steps: list[dis.Instruction], place: int) -> int:
    """Where the object is loaded of which an attribute is set: before it, or, where it goes on from what it was (`+=`), before its copy."""
    if steps[place - 1].opname != "SWAP":
        return place - 1
    copies = (at for at in range(place - 1, 0, -1) if steps[at].opname == "COPY")
    return next(copies, place) - 1


def _path_to(steps: list[dis.Instruction], end: int) -> list[str]:
    """The dotted name that is loaded up to `end`; empty if it is anything else."""
    path: list[str] = []
    while end >= 0 and steps[end].opname == "LOAD_ATTR":
        path.insert(0, steps[end].argval)
        end -= 1
    return [steps[end].argval, *path] if end >= 0 and steps[end].opname in _LOADS else []


def _held(path: list[str], namespace: Mapping[str, Any]) -> object:
    """What a dotted name leads to through modules and classes; no code runs."""
    held: Any = namespace.get(path[0]) if path else None
    for name in path[1:]:
        if isinstance(held, ModuleType):
            held = ModuleType.__getattribute__(held, "__dict__").get(name)
        elif isinstance(held, type):
            held = next((one.__dict__[name] for one in type.mro(held) if name in one.__dict__), None)
        else:
            return None
    return held


def _library(held: object) -> str | None:
    """The name of a library's module or class; `None` for the user's own, which are part of a state, and for anything else."""
    name: object
    if isinstance(held, ModuleType):
        name = module = ModuleType.__getattribute__(held, "__dict__").get("__name__")
    elif isinstance(held, type):
        module = held.__module__
        name = f"{module}.{held.__qualname__}"
    else:
        return None
    if not isinstance(module, str) or module == "__main__" or is_own(module, sys.modules.get(module)):
        return None
    return str(name)
