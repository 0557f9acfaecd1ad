"""Libraries that draw figures and pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from clew.codecs.library import Library

if TYPE_CHECKING:
    from clew.roots.setting import Setting


def _settings_files() -> list[str]:
    """Where matplotlib looks for its settings while it is imported."""
    if "matplotlib" not in sys.modules:
        return []
    return [path for path in ("matplotlibrc", _users_settings()) if path is not None]


@cache
def _users_settings() -> str | None:
    try:
        folder: str = sys.modules["matplotlib"].get_configdir()
    except Exception:
        return None
    return os.path.join(folder, "matplotlibrc")  # noqa: PTH118


def _settings() -> tuple[Setting, ...]:
    from clew.roots.registries import registered
    from clew.roots.setting import Setting, words

    return (
        Setting(
            "matplotlib interactive",
            lambda shell: sys.modules["matplotlib"].is_interactive(),
            lambda shell, value: sys.modules["matplotlib"].interactive(value),
            "matplotlib",
            words("ion", "ioff", "interactive"),
        ),
        registered(
            "matplotlib colormaps",
            lambda: sys.modules["matplotlib"].colormaps._cmaps,
            "matplotlib.cm",
            "register",
            "unregister",
        ),
    )


#: The backend that somebody chose instead of the front end's own, and whether figures are drawn at once.
_BACKEND, _INTERACTIVE = "backend", "interactive"


def _changed_options() -> Iterator[tuple[str, Any]]:
    from clew.roots.options import differs

    library: Any = sys.modules.get("matplotlib")
    defaults = getattr(library, "rcParamsDefault", None)
    if defaults is None:
        return
    for name, value in list(dict.items(library.rcParams)):
        if name not in (_BACKEND, _INTERACTIVE) and differs(value, dict.get(defaults, name)):
            yield name, value
    usual, chosen = os.environ.get("MPLBACKEND"), dict.get(library.rcParams, _BACKEND)
    if usual is not None and type(chosen) is str and chosen.lower() != usual.lower():
        yield _BACKEND, [chosen, dict.get(library.rcParams, _INTERACTIVE)]


def _set_option(shell: Any, name: str, value: Any) -> None:
    import matplotlib as mpl

    from clew.roots.root import MISSING

    if name == _BACKEND:
        _choose_backend(shell, os.environ.get("MPLBACKEND") if value is MISSING else value[0])
        if value is not MISSING:
            mpl.interactive(value[1])
    else:
        wanted = dict.__getitem__(mpl.rcParamsDefault, name) if value is MISSING else value
        dict.__setitem__(mpl.rcParams, name, wanted)


def _choose_backend(shell: Any, backend: str | None) -> None:
    """Has pyplot draw with a backend; with the one that it has, where that can't be had here (windows of another machine)."""
    import matplotlib as mpl

    if backend is not None:
        # Choosing one also says that pyplot may take no other.
        may_take_other = dict.get(mpl.rcParams, "backend_fallback")
        mpl.use(backend, force=False)
        dict.__setitem__(mpl.rcParams, "backend_fallback", may_take_other)
        inline = sys.modules.get("matplotlib_inline.backend_inline")
        if inline is not None and shell is not None:
            # It shows figures behind each cell only if it is the backend while it is imported, or is told.
            inline.configure_inline_support(shell, dict.get(mpl.rcParams, _BACKEND))


LIBRARIES = (
    Library(
        "matplotlib",
        codecs={"matplotlib": "matplotlib"},
        opens_files="imread",
        opens_through_python=True,
        settings_files=_settings_files,
        options="rcParams",
        settings=_settings,
        changed_options=_changed_options,
        set_option=_set_option,
        # The second gives what it keeps, for changes.
        setters="addfont get_named_colors_mapping",
        restored_setters="register",
    ),
    Library("seaborn", opens_through_python=True, settings_files=_settings_files, keeps_no_settings=True),
    Library("plotly", codecs={"plotly": "plotly"}),
    Library("PIL", package="pillow", opens_through_python=True, opens_below_python="truetype load_path"),
    Library("fitz", package="pymupdf"),
)
