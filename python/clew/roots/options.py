"""Options of libraries that differ from their defaults. Which there are, and how they are set, each library declares (`clew.codecs.libraries`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clew.codecs.libraries import ALL
from clew.roots.root import Root
from clew.roots.setting import is_users


def differs(value: Any, default: Any) -> bool:
    """Whether an option has another value than its default."""
    if value is default:
        return False
    try:
        return type(value) is not type(default) or bool(value != default)
    except Exception:  # a value that can't be compared is no default
        return True


def collect(shell: Any) -> Iterator[Root]:
    for library in ALL:
        for name, value in library.changed_options() if library.changed_options is not None else ():
            yield "option", f"{library.name}: {name}", value


def functions_held() -> list[Any]:
    """Functions of the notebook's by which libraries show values: of all their options only these hold functions."""
    held = (one for library in ALL if library.formatters is not None for one in library.formatters())
    return [one for one in held if callable(one) and is_users(one)]


def install(shell: Any, key: str, value: Any) -> None:
    name, _, option = key.partition(": ")
    set_option = next(one.set_option for one in ALL if one.name == name)
    assert set_option is not None
    set_option(shell, option, value)
