"""Summaries of values for inspection: type, shape, size and a short text, created without calling the user's code.

Attributes are read only from exact types of the interpreter and of well-known libraries. For every other object, only the type's name is
returned. The text never comes from a ``__repr__`` of the user.
"""

from __future__ import annotations

import sys
from typing import Any

from clew.codecs.libraries import ALL
from clew.codecs.library import Summary
from clew.codecs.summaries import ATOMS, TEXTS, count, members_size

TEXT_LIMIT = 200

_OF_LIBRARIES = {name: describe for one in ALL for name, describe in one.summaries.items()}
_CONTAINERS = (list, tuple, dict, set, frozenset)


def summarize(value: object) -> tuple[str, list[int], int, list[str], str]:
    """Describes ``value`` as (type name, shape, bytes, column names, text)."""
    kind = type(value)
    name = type_name(kind)
    try:
        shape, size, columns, text = _details(value, kind, name)
    except Exception:  # a library's attribute may raise anything; the name alone is still true
        shape, size, columns, text = [], 0, [], ""
    return name, shape, size, columns, _plain(text)


def type_name(kind: type) -> str:
    """Returns the qualified name of a type, as users write it."""
    module = type.__getattribute__(kind, "__module__")
    qualname = type.__getattribute__(kind, "__qualname__")
    if not isinstance(module, str) or module in ("builtins", "__main__"):
        return str(qualname)
    return f"{module.split('.')[0]}.{qualname}"


def _details(value: Any, kind: type, name: str) -> Summary:
    if kind in ATOMS:
        text = repr(value) if kind is not int or abs(value) < 10**TEXT_LIMIT else "a large int"
        return [], sys.getsizeof(value), [], text
    if kind in TEXTS:
        text = repr(value[:TEXT_LIMIT]) + ("..." if len(value) > TEXT_LIMIT else "")
        return [len(value)], sys.getsizeof(value), [], text
    if kind in _CONTAINERS:
        size = sys.getsizeof(value) + members_size(value)
        return [len(value)], size, [], _container_text(value, kind)
    if name in _OF_LIBRARIES:
        return _OF_LIBRARIES[name](value)
    if kind.__name__ == "function" and kind.__module__ == "builtins":
        return [], 0, [], f"def {value.__qualname__}"
    if isinstance(value, type):
        return [], 0, [], f"class {type.__getattribute__(value, '__qualname__')}"
    if kind.__name__ == "module" and kind.__module__ == "builtins":
        return [], 0, [], f"module {value.__name__}"
    return [], 0, [], ""


def _container_text(value: Any, kind: type) -> str:
    """Returns the members, if there are few and all of them are atoms or texts; else their number."""
    if len(value) > 20:
        return count(len(value), "member")
    members = [*value.keys(), *value.values()] if kind is dict else list(value)
    if all(type(member) in (*ATOMS, str) for member in members):
        return repr(value)
    return count(len(value), "member")


def _plain(text: str) -> str:
    """Returns ``text`` with control characters removed, cut to the limit."""
    text = "".join(letter if letter.isprintable() else " " for letter in text[: TEXT_LIMIT * 2])
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 3] + "..."
