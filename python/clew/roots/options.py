"""Options of libraries that differ from their defaults."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

from clew.roots.root import MISSING, Root
from clew.roots.setting import is_users


def _differs(value: Any, default: Any) -> bool:
    if value is default:
        return False
    try:
        return type(value) is not type(default) or bool(value != default)
    except Exception:  # a value that cannot be compared is not the default
        return True


def collect(shell: Any) -> Iterator[Root]:
    for library in (_pandas_options, _matplotlib_options):
        for key, value in library():
            yield "option", key, value


def functions_held() -> list[Any]:
    """Returns the notebook's functions with which pandas and NumPy format numbers: no other options of theirs contain functions."""
    config: Any = getattr(sys.modules.get("pandas._config.config"), "_global_config", {})
    numpy: Any = sys.modules.get("numpy")
    printing = numpy.get_printoptions() if hasattr(numpy, "get_printoptions") else {}
    held = [config.get("display", {}).get("float_format"), *(printing.get("formatter") or {}).values()]
    return [one for one in held if callable(one) and is_users(one)]


def _pandas_options() -> Iterator[tuple[str, Any]]:
    config = sys.modules.get("pandas._config.config")
    for name, option in list(getattr(config, "_registered_options", {}).items()):
        value: Any = config._global_config  # type: ignore[union-attr]
        for part in name.split("."):
            value = value[part]
        if _differs(value, option.defval):
            yield f"pandas: {name}", value


def _matplotlib_options() -> Iterator[tuple[str, Any]]:
    library = sys.modules.get("matplotlib")
    defaults = getattr(library, "rcParamsDefault", None)
    if defaults is None:
        return
    for name, value in list(dict.items(library.rcParams)):  # type: ignore[union-attr]
        if name not in _BACKEND and _differs(value, dict.get(defaults, name)):
            yield f"matplotlib: {name}", value
    usual, chosen = os.environ.get("MPLBACKEND"), dict.get(library.rcParams, "backend")  # type: ignore[union-attr]
    if usual is not None and type(chosen) is str and chosen.lower() != usual.lower():
        yield _CHOSEN, [chosen, dict.get(library.rcParams, "interactive")]  # type: ignore[union-attr]


#: The key for a backend that was chosen instead of the front end's own, and for interactive mode.
_CHOSEN = "matplotlib: backend"
_BACKEND = frozenset({"backend", "interactive"})


def install(shell: Any, key: str, value: Any) -> None:
    library, _, name = key.partition(": ")
    if library == "pandas":
        import pandas as pd
        from pandas._config import config

        pd.set_option(name, config._registered_options[name].defval if value is MISSING else value)
    elif key == _CHOSEN:
        _choose(shell, os.environ.get("MPLBACKEND") if value is MISSING else value[0])
        if value is not MISSING:
            sys.modules["matplotlib"].interactive(value[1])
    else:
        import matplotlib as mpl

        wanted = dict.__getitem__(mpl.rcParamsDefault, name) if value is MISSING else value
        dict.__setitem__(mpl.rcParams, name, wanted)


def _choose(shell: Any, backend: str | None) -> None:
    """Switches pyplot to a backend. Keeps the present one if the other is not available here (windows of another machine)."""
    import matplotlib as mpl

    if backend is not None:
        # `use` also forbids matplotlib to fall back to another backend.
        may_take_other = dict.get(mpl.rcParams, "backend_fallback")
        mpl.use(backend, force=False)
        dict.__setitem__(mpl.rcParams, "backend_fallback", may_take_other)
        inline = sys.modules.get("matplotlib_inline.backend_inline")
        if inline is not None and shell is not None:
            # The inline backend shows figures after each cell only if it was the backend at its import, or is configured explicitly.
            inline.configure_inline_support(shell, dict.get(mpl.rcParams, "backend"))
