"""Libraries that draw figures and pictures."""

from __future__ import annotations

import os
import sys
from functools import cache

from clew.codecs.library import Library


def _settings_files() -> list[str]:
    """Returns the files in which matplotlib looks for its settings at its import."""
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


LIBRARIES = (
    Library(
        "matplotlib",
        codecs={"matplotlib": "matplotlib"},
        opens_files="imread",
        opens_through_python=True,
        settings_files=_settings_files,
        options="rcParams",
        # The second returns matplotlib's own mapping, which callers can change.
        setters="addfont get_named_colors_mapping",
        restored_setters="register",
    ),
    Library("seaborn", opens_through_python=True, settings_files=_settings_files, keeps_no_settings=True),
    Library("plotly", codecs={"plotly": "plotly"}),
    Library("PIL", package="pillow", opens_through_python=True, opens_below_python="truetype load_path"),
    Library("fitz", package="pymupdf"),
)
