"""The environment of the notebook's kernel: its Python version and installed packages. It may differ from this process's."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from functools import cached_property
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any

from clew import distribution_index, files
from clew.analysis.imports import is_installed
from clew.installation import edited, version_of

#: The code that another interpreter runs to report its version, distributions and modules.
QUESTION = (
    "import importlib.metadata as m, json, platform; "
    "every = [*m.distributions()][::-1]; "
    "print(json.dumps([platform.python_version(), {d.name: d.version for d in every}, [*m.packages_distributions()], "
    "{d.name: str(getattr(d, '_path', '')) for d in every}]))"
)
#: The time in seconds that it has for an answer.
PATIENCE = 30.0
#: The kernel of Jupyter's own Python, and its alternative name in jupyter_client.
DEFAULT, NATIVE = "python3", "python"


class Environment:
    """The environment of a kernel by name. It is examined only when needed."""

    def __init__(self, kernel: str | None) -> None:
        self._kernel = started_as(kernel or DEFAULT)
        self._edited: dict[str, str | None] = {}

    @cached_property
    def _other(self) -> tuple[str, dict[str, str], list[str], dict[str, str]] | None:
        """Returns the report of another interpreter; `None` if the kernel runs in this one."""
        program = interpreter_of(self._kernel)
        if program is None or Path(program).parent == Path(sys.executable).parent:
            return None
        try:
            done = subprocess.run(
                [program, "-c", QUESTION],
                capture_output=True,
                timeout=PATIENCE,
                check=True,
                stdin=subprocess.DEVNULL,
            )
            python, installed, modules, places = json.loads(done.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise Unknown(self._kernel) from error
        by_name = ({name.lower(): found for name, found in told.items()} for told in (installed, places))
        return python, next(by_name), modules, next(by_name)

    @property
    def python(self) -> str:
        """Returns Python's version (`3.13.1`).

        # Errors
        `Unknown` if the kernel's interpreter cannot be asked.
        """
        return platform.python_version() if self._other is None else self._other[0]

    def installed(self, distribution: str) -> str:
        """Returns the version of a distribution; empty if it is not installed."""
        if self._other is not None:
            return self._other[1].get(distribution.lower(), "")
        return version_of(distribution) or ""

    def edited(self, distribution: str) -> str | None:
        """Returns what identifies those of its files that differ from their installed state; `None` if none does."""
        if distribution not in self._edited:
            self._edited[distribution] = self._look_for_edits(distribution)
        return self._edited[distribution]

    def _look_for_edits(self, distribution: str) -> str | None:
        if self._other is not None:
            place = self._other[3].get(distribution.lower(), "")
        else:
            try:
                place = str(getattr(Distribution.from_name(distribution), "_path", ""))
            except PackageNotFoundError:
                return None
        return edited(place) if place else None

    def has_module(self, name: str) -> bool:
        """Returns whether a module is installed. For another interpreter only top-level modules are known, so submodules count as not
        installed."""
        return is_installed(name) if self._other is None else name in self._other[2]

    def may_have_module(self, name: str) -> bool:
        """Does the same, but a submodule counts as its package does if submodules are not known."""
        return self.has_module(name if self._other is None else name.partition(".")[0])

    #: Returns whether a folder still has the distributions of this description.
    has_distributions = staticmethod(distribution_index.is_as_asked)
    #: Returns the current mark of a file.
    mark_now = staticmethod(files.mark_now)


class Unknown(Exception):
    """Raised if the environment of a kernel cannot be determined."""


def started_as(kernel: str) -> str:
    """Returns the name under which jupyter_client looks up a kernel."""
    return DEFAULT if kernel == NATIVE else kernel


def interpreter_of(kernel: str) -> str | None:
    """Returns the program that a kernel starts, as Jupyter finds it; `None` for this interpreter.

    # Errors
    `Unknown` if there is no such kernel, or its specification cannot be read.
    """
    from jupyter_core.paths import jupyter_path

    for folder in jupyter_path("kernels"):
        path = Path(folder, kernel, "kernel.json")
        if path.is_file():
            return _program(kernel, path)
    if kernel == DEFAULT:
        return None
    raise Unknown(kernel)


def _program(kernel: str, path: Path) -> str | None:
    try:
        spec: Any = json.loads(path.read_text(encoding="utf-8"))
        first = spec["argv"][0]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise Unknown(kernel) from error
    # Jupyter replaces these by its own interpreter.
    is_own = first in ("python", "python3", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    return None if is_own else os.path.abspath(first)  # noqa: PTH100 (links name environments)
