"""What is Python's own or installed for it, by where it lies: none of it is an input of a cell, its version is."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from functools import cache

OF_PREFIX = ("bin", "lib", "lib64", "share", "etc", "ssl", "include", "Lib", "DLLs")
"""What an environment has of folders. Its own may be a project's, with data beside them."""

OF_SYSTEM = ("/usr/", "/etc/")
"""How paths begin of what belongs to the system: time zones, fonts, settings."""


@cache
def environment() -> tuple[str, ...]:
    """How paths begin of files of Python's, and of what is installed for it."""
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    folders = {os.path.join(prefix, part) for prefix in prefixes for part in OF_PREFIX}  # noqa: PTH118
    folders |= {path for name, path in sysconfig.get_paths().items() if name.endswith(("lib", "stdlib"))}
    folders.add(site.getusersitepackages())
    files = (os.path.join(prefix, "pyvenv.cfg") for prefix in prefixes)  # noqa: PTH118
    return (*(os.path.abspath(folder) + os.sep for folder in sorted(folders)), *files, *OF_SYSTEM)  # noqa: PTH100


@cache
def caches() -> tuple[str, ...]:
    """How paths begin of what libraries keep of their own work, and do again where it is gone."""
    home = os.path.expanduser("~")  # noqa: PTH111
    folders = (os.environ.get("XDG_CACHE_HOME"), f"{home}/.cache", f"{home}/Library/Caches")
    return tuple(os.path.abspath(folder) + os.sep for folder in folders if folder)  # noqa: PTH100


@cache
def libraries() -> tuple[str, ...]:
    """How paths begin of the code that is Python's own, or installed for it."""
    return ("<frozen ", *(path for path in environment() if path not in OF_SYSTEM))
