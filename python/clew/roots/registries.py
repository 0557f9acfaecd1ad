"""Process-wide state of libraries: their configuration, and objects registered with them."""

from __future__ import annotations

import copyreg
import os
import sys
from collections.abc import Iterator
from typing import Any

from clew.roots.interpreter import entries
from clew.roots.root import MISSING
from clew.roots.setting import Setting, by_functions, is_users, nothing, words, words_like


class _Registered:
    """Entries that the notebook's code added to or removed from a dictionary of a library."""

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


def _registered(
    key: str, registry: Any, module: str | None, *names: str, is_users_only: bool = False
) -> Setting:
    kept = _Registered(registry, is_users_only=is_users_only)
    return Setting(key, kept.read, kept.write, module, words(*names), kept.begin)


# -- scikit-learn ----------------------------------------------------------------------------------------


def _sklearn(shell: Any) -> Any:
    """Returns scikit-learn's configuration in this thread, which scikit-learn creates at first use."""
    config = sys.modules["sklearn._config"].__dict__
    return dict(getattr(config["_threadlocal"], "global_config", config["_global_config"]))


def _write_sklearn(shell: Any, value: Any) -> None:
    sys.modules["sklearn._config"]._get_threadlocal_config().update(value)


# -- pandas ----------------------------------------------------------------------------------------------


def _accessors(shell: Any) -> Any:
    """Returns the notebook's accessors, by pandas class and name."""
    found = []
    for kind in ("DataFrame", "Series", "Index"):
        for name, one in list(vars(getattr(sys.modules["pandas"], kind)).items()):
            made = getattr(one, "_accessor", None) if type(one).__module__ == "pandas.core.accessor" else None
            if made is not None and is_users(made):
                found.append((kind, name, made))
    return tuple(found) or MISSING


def _write_accessors(shell: Any, value: Any) -> None:
    import pandas as pd
    from pandas.core import accessor

    wrapped: Any = getattr(accessor, "Accessor", None) or accessor.CachedAccessor
    for kind, name, _ in () if (now := _accessors(shell)) is MISSING else now:
        delattr(getattr(pd, kind), name)
        getattr(pd, kind)._accessors.discard(name)
    for kind, name, made in value:
        setattr(getattr(pd, kind), name, wrapped(name, made))
        getattr(pd, kind)._accessors.add(name)


# -- others ----------------------------------------------------------------------------------------------


def _error_call(shell: Any) -> Any:
    called = sys.modules["numpy"].geterrcall()
    return MISSING if called is None else (called,)


def _write_error_call(shell: Any, value: Any) -> None:
    sys.modules["numpy"].seterrcall(value[0] if value else None)


def _polynomials(shell: Any) -> Any:
    """Returns whether polynomials are printed in Unicode."""
    return sys.modules["numpy.polynomial._polybase"].ABCPolyBase._use_unicode


def _write_polynomials(shell: Any, value: Any) -> None:
    sys.modules["numpy.polynomial._polybase"].ABCPolyBase._use_unicode = value


SETTINGS = (
    Setting(
        "sklearn configuration",
        _sklearn,
        _write_sklearn,
        "sklearn._config",
        usual=lambda shell: dict(sys.modules["sklearn._config"].__dict__["_global_config"]),
    ),
    by_functions("numpy buffer size", "numpy", "getbufsize", "setbufsize", "setbufsize"),
    Setting(
        "numpy polynomials",
        _polynomials,
        _write_polynomials,
        "numpy.polynomial._polybase",
        # NumPy may import the module in the statement that sets this.
        usual=lambda shell: os.name != "nt",
    ),
    Setting("numpy error callback", _error_call, _write_error_call, "numpy", words("seterrcall"), nothing),
    by_functions(
        "matplotlib interactive", "matplotlib", "is_interactive", "interactive", "ion", "ioff", "interactive"
    ),
    _registered(
        "matplotlib colormaps",
        lambda: sys.modules["matplotlib"].colormaps._cmaps,
        "matplotlib.cm",
        "register",
        "unregister",
    ),
    entries(
        "pandas dtypes",
        lambda shell: sys.modules["pandas.core.dtypes.base"]._registry.dtypes,
        "register_extension_dtype",
        module="pandas.core.dtypes.base",
    ),
    Setting(
        "pandas accessors",
        _accessors,
        _write_accessors,
        "pandas.core.accessor",
        words_like("accessor"),
        nothing,
    ),
    _registered("copyreg", lambda: copyreg.dispatch_table, None, "copyreg", is_users_only=True),
)
