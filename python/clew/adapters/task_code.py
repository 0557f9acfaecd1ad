"""The names that the code of a task's function uses. They go into the task's key (`crates/clew-python/src/tasks/keys.rs`)."""

from __future__ import annotations

from itertools import islice
from types import FunctionType
from typing import NamedTuple

from clew.analysis.bytecode import Step, imports_in, mentions, names_of, nested, steps_of


class Way(NamedTuple):
    """A dotted name in code: it begins with a global or an import, and continues with attributes."""

    is_imported: bool
    #: A global, a built-in, or the dotted name of an imported object.
    root: str
    attributes: tuple[str, ...]
    #: Whether the object at its end is called without arguments.
    is_called_bare: bool


class Named(NamedTuple):
    """The names that the code of a function uses, including nested code."""

    #: Globals that it reads.
    globals: set[str]
    #: Modules that it imports, with their full names.
    imports: set[str]
    #: Attributes of any object.
    attributes: set[str]
    ways: list[Way]


def named_by(function: FunctionType) -> Named:
    """Reads the code of a function."""
    package = function.__globals__.get("__package__")
    found, ways = Named(set(), set(), set(), []), set[Way]()
    for code in nested(function.__code__):
        steps, imported = steps_of(code), dict[str, str]()
        found.globals.update(names_of(code).loaded)
        found.attributes.update(code.co_names)
        for one in imports_in(steps, package if isinstance(package, str) else ""):
            found.imports.add(one.module or ".")
            imported |= one.bound
        for mention in mentions(steps):
            root, *attributes = mention.path
            path = imported.get(root, "") if mention.is_local else root
            if path:
                is_bare = _is_called_bare(steps, mention.place)
                ways.add(Way(mention.is_local, path, tuple(attributes), is_bare))
    found.ways.extend(sorted(ways))
    return found


def _is_called_bare(steps: tuple[Step, ...], place: int) -> bool:
    after = (one for one in islice(steps, place + 1, place + 4) if one.opname not in ("PUSH_NULL", "PRECALL"))
    then = next(after, None)
    return then is not None and then.opname == "CALL" and not then.arg
