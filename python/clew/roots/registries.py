"""What is registered with libraries for the whole process."""

from __future__ import annotations

import copyreg
from collections.abc import Iterator
from typing import Any

from clew.roots.root import MISSING
from clew.roots.setting import Setting, is_users, words


class _Registered:
    """Entries that the notebook's code added to a library's dictionary, or took away from it."""

    def __init__(self, registry: Any, *, is_users_only: bool = False) -> None:
        self._registry = registry
        self._is_users_only = is_users_only
        self._usual: dict[Any, Any] = {}

    def begin(self, shell: Any) -> Any:
        self._usual = dict(self._registry())
        return ()

    def read(self, shell: Any) -> Any:
        now = self._registry()
        added = list(self._added(now))
        gone = [(key, None) for key in self._usual if key not in now]
        return tuple(added + gone) or MISSING

    def write(self, shell: Any, value: Any) -> None:
        now = self._registry()
        for key, _ in list(self._added(now)):
            del now[key]
        now.update(self._usual)
        for key, one in value:
            if one is None:
                now.pop(key, None)
            else:
                now[key] = one

    def _added(self, now: dict[Any, Any]) -> Iterator[tuple[Any, Any]]:
        for key, one in now.items():
            is_meant = not self._is_users_only or is_users(key) or is_users(one)
            if self._usual.get(key) is not one and is_meant:
                yield key, one


def registered(
    key: str, registry: Any, module: str | None, *names: str, is_users_only: bool = False
) -> Setting:
    """A setting that is told by such entries, made for a library's module by functions of these names."""
    kept = _Registered(registry, is_users_only=is_users_only)
    return Setting(key, kept.read, kept.write, module, words(*names), kept.begin)


SETTINGS = (registered("copyreg", lambda: copyreg.dispatch_table, None, "copyreg", is_users_only=True),)
