"""Determines which names of the namespace are the user's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MODULE_NAMES = frozenset(
    [
        "__loader__",
        "__spec__",
        "__builtin__",
        "__builtins__",
        "__annotate__",
        "__annotations__",
        "__session__",
        "__conditional_annotations__",
        "__warningregistry__",
        # VS Code's, for the path of the notebook: a restore must not bring back the path of another place.
        "__vsc_ipynb_file__",
    ]
)
USABLE_NAMES = frozenset(["__name__", "__doc__", "__package__", "__file__", "__cached__", "__path__"])
"""Names of the module that are the user's as soon as a cell has bound them to something else."""


def user_names(shell: Any, names: Iterable[str]) -> list[str]:
    """Returns those of these names of the namespace that are the user's.

    A name of the shell (`In`, `_`, `_i3`, `exit`) is the user's as soon as the user has bound it to something else.
    """
    hidden, namespace = getattr(shell, "user_ns_hidden", {}), shell.user_ns
    return [name for name in names if _is_users(name, namespace.get(name), hidden)]


def is_users(shell: Any, name: str, value: Any) -> bool:
    """Returns whether a name with this value is the user's."""
    return _is_users(name, value, getattr(shell, "user_ns_hidden", {}))


def _is_users(name: Any, value: Any, hidden: dict[str, Any]) -> bool:
    return (
        type(name) is str
        and name not in MODULE_NAMES
        and not _is_shells(name, value, hidden)
        and (name.isascii() or _is_text(name))
    )


def _is_text(name: str) -> bool:
    """Returns whether a name can be encoded: one with a lone surrogate cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_shells(name: str, value: Any, hidden: dict[str, Any]) -> bool:
    if name in hidden and (name not in USABLE_NAMES or hidden[name] is value):
        return hidden[name] is value or name in ("In", "Out", "_ih", "_oh", "_dh")
    # While IPython starts and loads extensions, it has not marked these as hidden yet.
    if name in USABLE_NAMES:
        return value is None or (type(value) is str and value.startswith(_FIRST.get(name, "\0")))
    return name in ("_", "__", "___") and type(value) is str and not value


_FIRST = {"__name__": "__main__", "__doc__": "Automatically created module for IPython"}
