"""Determines which modules the code of a run imports: loaded ones, and the places where missing ones would be found.

Importing a module that is already loaded still uses it. An import that fails keeps failing only until the module is installed or written.
Reads compiled code, and runs nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import PathFinder
from struct import error as StructError
from struct import unpack
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from clew import evidence
from clew.analysis.bytecode import IMPORTS, does_any, imports_in, nested, steps_of, texts_of
from clew.analysis.ipython_calls import running_shell
from clew.analysis.own_modules import is_own, others_of, own_modules
from clew.files import EDITED, LONGEST, described_files
from clew.installation import environment, is_standard

if TYPE_CHECKING:
    from clew._engine import File, Module

#: Functions that import or look for a module given as text.
_BY_TEXT = frozenset(
    ("import_module", "__import__", "find_spec", "find_loader", "reload", "run_module", "importorskip")
)
#: The maximal number of missing modules that are reported for a run.
MOST = 50

INSTALLED = "installed"
"""The mark of a module that a run did not load although it is installed."""


def imported_modules(codes: Iterable[CodeType], package: str = "") -> set[str]:
    """Returns the dotted names of modules that code imports. A name after `from … import` may be a module, too. `package` is the package of
    the code."""
    codes = list(codes)
    found = imported_by_statements(codes, package)
    for code in codes:
        if not _BY_TEXT.isdisjoint(code.co_names):
            found.update(filter(is_module_name, texts_of(code)))
    return found


def imported_by_statements(codes: Iterable[CodeType], package: str = "") -> set[str]:
    """Returns the same, without modules that are named in texts."""
    importing = (code for code in codes if does_any(code, IMPORTS))
    every = (one for code in importing for one in imports_in(steps_of(code), package) if one.module)
    return {
        name
        for one in every
        for name in (one.module, *(f"{one.module}.{name}" for name in one.taken if name != "*"))
    }


def is_module_name(text: str) -> bool:
    """Returns whether a text can be the dotted name of a module."""
    return len(text) < LONGEST and all(part.isidentifier() for part in text.split("."))


class Missing(NamedTuple):
    """A module that is not loaded: the first part of its name that is not."""

    name: str
    #: The paths outside the environment where it is looked for, up to the one that exists.
    places: list[str]
    #: Whether it is installed, but not imported yet.
    is_installed: bool

    def told(self) -> Module:
        """Returns it as evidence: both "not installed" and "installed" count."""
        told: Module = {"name": self.name, "version": ""}
        if self.is_installed:
            told["digest"] = INSTALLED
        return told


def missing(names: Iterable[str], looked_for: Iterable[str] = ()) -> Iterator[Missing]:
    """Yields those of the modules that are not loaded. An attribute of a loaded module need not be a module, unless it was `looked_for` as
    one."""
    seen, sure = set[str](), set(looked_for)
    for name in (*sorted(sure), *sorted(set(names) - sure)):
        first, folders = _first_missing(name, is_sure=name in sure)
        if first and first not in seen and (name in sure or len(seen) < MOST):
            seen.add(first)
            yield Missing(first, list(_places(first.rpartition(".")[2], folders)), is_installed(first))


def is_installed(name: str) -> bool:
    """Returns whether a module is installed in the environment of this process."""
    *above, last = name.split(".")
    folders = [path for path in sys.path if type(path) is str and f"{path}{os.sep}".startswith(environment())]
    with evidence.unwatched():
        return PathFinder.find_spec(last, [os.path.join(path, *above) for path in folders]) is not None  # noqa: PTH118


def _first_missing(name: str, *, is_sure: bool = False) -> tuple[str, list[str]]:
    parts = name.split(".")
    if is_standard(parts[0]):
        return "", []
    folders: Any = sys.path
    for many in range(1, len(parts) + 1):
        module = sys.modules.get(whole := ".".join(parts[:many]))
        if module is None:
            return whole, [folder for folder in folders if type(folder) is str]
        held = module.__dict__ if type(module) is ModuleType else {}
        folders = portions(parts[many - 1], folders, held)
        if folders is None or (many < len(parts) and parts[many] in held and not is_sure):
            return "", []
    return "", []


def portions(name: str, above: Iterable[Any], held: Mapping[str, Any]) -> list[Any] | None:
    """Returns the folders that may contain modules of a package. `held` is the package's namespace. For a namespace package these are all
    folders of that name, including those that do not exist yet, in `above`, the folders that may contain the package itself. `None` if it
    is not a package."""
    path = held.get("__path__")
    if path is None or held.get("__file__") is not None:
        return path
    possible = [os.path.join(folder, name) for folder in above if type(folder) is str]  # noqa: PTH118
    return list(dict.fromkeys([*possible, *path]))


def _places(name: str, folders: Iterable[str]) -> Iterator[str]:
    """Yields the paths of a module or package of that name, up to the first that exists."""
    for folder in folders:
        there = os.path.abspath(folder)  # noqa: PTH100
        if (there + os.sep).startswith(environment()):
            continue
        module, package = os.path.join(there, f"{name}.py"), os.path.join(there, name)  # noqa: PTH118
        yield module
        yield package
        if os.path.exists(module) or os.path.exists(package):  # noqa: PTH110
            return


class OwnModules:
    """The source files of the user's own modules, as they were at the import. The files may change later, while the loaded modules stay the
    same."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def look(self) -> set[str]:
        """Examines modules that were loaded or reloaded since the last call, while their files are unchanged. Returns their top-level
        names."""
        made = {key for key in own_modules() if self._is_made_since(key)}
        for key in made:
            self._of_one(key)
        return {key.partition(".")[0] for key in made}

    def files(self, name: str) -> list[File]:
        """Returns the files of one of the user's modules and its submodules; nothing for standard and installed modules."""
        if is_standard(name) or name == "__main__":
            return []
        start = f"{name}."
        held = [key for key in list(sys.modules) if key == name or key.startswith(start)]
        found = [file for key in held for file in self._of_one(key)]
        # A file that several modules come from is listed once.
        return list({file["path"]: file for file in found}.values())

    def imports(self, name: str) -> list[str] | None:
        """Returns the top-level names of the user's own modules that it imports; `None` if its code may reach any module."""
        found = [others_of(key) for key in sorted(own_modules()) if key == name or key.startswith(f"{name}.")]
        if any(one is None for one in found):
            return None
        return sorted(set[str]().union(*(one for one in found if one is not None)) - {name})

    def _of_one(self, key: str) -> list[File]:
        module = sys.modules.get(key)
        if module is None or not is_own(key, module):
            return []
        if self._is_made_since(key):
            is_edited, before = _is_edited(module), self._known.get(key)
            codes = list(_code_of(key, module))
            # `%autoreload` compiles functions one by one, and reports what it could not update.
            is_by_itself = before is not None and _reloaded(key) not in (None, before.reloaded)
            is_as_read = is_by_itself or (not is_edited and _is_made_of(codes, module))
            # After a failed reload, the module is unchanged.
            files = (
                before.files
                if before is not None and not is_as_read
                else list(_described(key, module, codes))
            )
            if before is None and not is_as_read:
                files[0] |= {"modified": EDITED, "digest": None, "mark": None}
            self._known[key] = _Known(module.__dict__.get("__spec__"), _reloaded(key), files)
        return self._known[key].files

    def _is_made_since(self, key: str) -> bool:
        known, module = self._known.get(key), sys.modules.get(key)
        if known is None or module is None or known.spec is not module.__dict__.get("__spec__"):
            return True
        reloaded = _reloaded(key)
        if known.reloaded is None:
            # The module is examined for the first time since its import.
            self._known[key] = known._replace(reloaded=reloaded)
        return reloaded not in (None, self._known[key].reloaded)


class _Known(NamedTuple):
    """The recorded state of a module."""

    #: The specification that it was loaded from. A reload creates a new one.
    spec: object
    #: The modification time of its file when `%autoreload` read it. `%autoreload` may leave the specification as it is.
    reloaded: float | None
    #: Its evidence.
    files: list[File]


def _reloaded(key: str) -> float | None:
    if "IPython.extensions.autoreload" not in sys.modules:
        return None
    magics = running_shell().magics_manager.registry.get("AutoreloadMagics")
    if magics is None:
        return None
    reloader = magics._reloader
    time = reloader.modules_mtimes.get(key)
    has_failed = time is not None and time in reloader.failed.values()
    return None if has_failed else time


def _is_edited(module: ModuleType) -> bool:
    """Returns whether a module's file has changed since the import, judging by the header of its compiled file (`.pyc`)."""
    file, cached = module.__dict__["__file__"], getattr(module.__dict__.get("__spec__"), "cached", None)
    if sys.dont_write_bytecode or type(cached) is not str or not os.access(os.path.dirname(cached), os.W_OK):  # noqa: PTH120
        return False
    with evidence.unwatched():
        try:
            with open(cached, "rb") as compiled:  # noqa: PTH123
                _, kind, time, size = unpack("<4sIII", compiled.read(16))
            found = os.stat(file)  # noqa: PTH116
        except (OSError, StructError):
            return False
    is_by_time = kind == 0
    return is_by_time and (time, size) != (int(found.st_mtime) & 0xFFFFFFFF, found.st_size & 0xFFFFFFFF)


def _is_made_of(codes: list[CodeType], module: ModuleType) -> bool:
    """Returns whether a module's functions come from this code. They do not if the file was edited before it was read, or if a reload
    failed."""
    file, called = module.__dict__["__file__"], dict[str, list[CodeType]]()
    for code in codes:
        called.setdefault(code.co_name, []).append(code)
    functions = [one for one in list(module.__dict__.values()) if type(one) is FunctionType]
    own = [one.__code__ for one in functions if one.__code__.co_filename == file]
    # A reload keeps functions that are no longer in the file.
    return all(code in called[code.co_name] for code in own if code.co_name in called)


def _described(key: str, module: ModuleType, codes: list[CodeType]) -> Iterator[File]:
    file = os.path.abspath(module.__dict__["__file__"])  # noqa: PTH100
    # For a module in an archive, the archive is the file.
    archive = getattr(getattr(module.__dict__.get("__spec__"), "loader", None), "archive", None)
    yield from described_files([os.path.abspath(archive) if type(archive) is str else file])  # noqa: PTH100
    absent = list(_before(key, file, "__path__" in module.__dict__)) if "." not in key else []
    for one in missing(imported_modules(codes, _package(key, module))):
        absent += [place for place in one.places if not os.path.exists(place)]  # noqa: PTH110
    for place in absent:
        yield {"path": place, "size": None, "modified": None, "digest": None}


def _before(name: str, file: str, is_package: bool) -> Iterator[str]:
    """Yields the paths where another module of that name would take precedence over this one."""
    home = os.path.dirname(os.path.dirname(file) if is_package else file)  # noqa: PTH120
    folders = [os.path.abspath(folder) for folder in sys.path if type(folder) is str]  # noqa: PTH100
    if home not in folders:
        return
    for folder in dict.fromkeys(folders):
        package = os.path.join(folder, name, "__init__.py")  # noqa: PTH118
        if folder == home:
            if not is_package:
                yield package
            return
        if not (folder + os.sep).startswith(environment()):
            yield package
            yield os.path.join(folder, f"{name}.py")  # noqa: PTH118


def _package(key: str, module: ModuleType) -> str:
    return key if "__path__" in module.__dict__ else key.rpartition(".")[0]


def _code_of(key: str, module: ModuleType) -> Iterable[CodeType]:
    """Returns a module's code from its compiled file."""
    loader = getattr(module.__dict__.get("__spec__"), "loader", None)
    if type(loader).__module__ not in ("_frozen_importlib_external", "importlib._bootstrap_external"):
        return ()
    with evidence.unwatched():
        try:
            code = loader.get_code(key)  # type: ignore[union-attr]
        except (ImportError, SyntaxError, OSError):
            return ()
    return nested(code) if isinstance(code, CodeType) else ()
