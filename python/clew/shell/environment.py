"""What changed around a run: imported modules, environment variables, memory, files and sockets."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Set
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from clew import distribution_index, evidence
from clew.analysis.dependencies import Dependencies
from clew.analysis.imports import OwnModules, missing
from clew.analysis.nondeterminism import ENVIRONMENT
from clew.analysis.own_modules import is_own
from clew.analysis.paths import Named
from clew.codecs.libraries import having
from clew.events import Touched
from clew.installation import environment as installed
from clew.installation import is_standard
from clew.secrets import is_secret, raw_environment, redacted
from clew.shell import identity
from clew.shell.distributions import Distribution, Distributions

if TYPE_CHECKING:
    from clew._engine import Evidence, Interpreter, Module, TaskCounts

if sys.platform != "win32":
    import resource


#: The maximal recorded length of an environment variable (characters).
LONGEST = 4096
#: Code that reads more environment variables than this is assumed to read all.
MOST_ASKED = 40
#: Libraries that search all variables for those with their prefix when they compile something or are configured.
LOOKING = having("goes_over_environment")
HIDDEN = "an environment variable that Clew does not record"


def directory() -> str | None:
    """Returns the working directory; `None` if it does not exist."""
    try:
        return os.getcwd()  # noqa: PTH109 (a path object costs more than the call)
    except Exception:  # or the function was replaced
        return None


class Surroundings:
    """Compares the surroundings before and after a run."""

    def __init__(self) -> None:
        self._modules = len(sys.modules)
        #: The number of modules that earlier runs reported.
        self._told = 0
        self._environment = dict(raw_environment())
        self._distributions = Distributions()
        self._own = OwnModules()
        self._directory = directory()

    def begin(self) -> None:
        """Begins a run."""
        self._modules = len(sys.modules)
        self._environment = dict(raw_environment())
        self._directory = directory()
        _tasks()
        evidence.begin()

    def end(self, *, is_told: bool = True) -> Around:
        """Ends the run. If it is not reported (not `is_told`: a cell that only resumes), the next run reports its modules."""
        # New modules come last. If a run also removed modules, as many new ones are missed; evidence is incomplete anyway.
        modules = list(sys.modules)
        found = [name for name in modules[self._told : self._modules] if "." not in name]
        came = modules[self._modules :]
        is_first, self._told = self._told == 0, len(sys.modules) if is_told else self._told
        now, changed, seen = directory(), self._changed_variables(), evidence.take()
        return Around(
            seen or Touched(),
            self._distributions,
            self._own,
            imported=[name for name in came if "." not in name],
            found=found,
            came=came,
            made=self._own.look() - set(found),
            is_first=is_first,
            changed=changed,
            variables=self._environment,
            directory=self._directory,
            went=now if now != self._directory else None,
            tasks=_tasks(),
        )

    def close(self) -> None:
        """Stops watching."""
        evidence.stop()

    def _changed_variables(self) -> list[str]:
        now, before = raw_environment(), self._environment
        if now == before:
            return []
        names = now.keys() | before.keys()
        return sorted(os.fsdecode(name) for name in names if now.get(name) != before.get(name))


def _tasks() -> TaskCounts | None:
    counting = sys.modules.get("clew.tasks")
    counted = counting.of_run() if counting is not None else None
    return counted.described() if counted is not None else None


@dataclass
class Around:
    """The observations around one run, which are evaluated after the reply was sent."""

    #: Its accesses to files and others. Unknown if the run was not watched.
    seen: Touched
    distributions: Distributions
    own: OwnModules
    #: Modules that it imported.
    imported: list[str]
    #: Modules that were loaded since the previous run, not by this run.
    found: list[str]
    #: All modules that were loaded with it, including submodules, in order.
    came: list[str]
    #: Top-level names of the user's own modules that it loaded or reloaded.
    made: set[str]
    #: Whether it is the first run of the session that reports anything.
    is_first: bool
    #: Environment variables that it changed, by name.
    changed: list[str]
    #: The undecoded environment at its beginning.
    variables: dict[Any, Any]
    #: The working directory at its beginning, and at its end if that differs.
    directory: str | None
    went: str | None
    #: Counts of tasks of distributed computations, if they were counted and there were any.
    tasks: TaskCounts | None

    def described(
        self,
        named: Named | None = None,
        asks: Dependencies | None = None,
        imports: Iterable[str] = (),
        submodules: Iterable[Module] = (),
        words: Set[str] = frozenset(),
        libraries: Iterable[str] = (),
    ) -> Evidence:
        """Returns fields of the engine's evidence. `named` are files that the run may have used; `asks` are the dependencies of its code;
        `imports` are modules that it imports; `submodules` are those that it found because other cells imported them
        (`clew.analysis.submodules`); `words` are the words in its code; any of the `libraries` may have read the environment variables that
        native code read."""
        asks = asks or Dependencies()
        imports = set(imports)
        lacking = list(missing(imports, self.seen.modules))
        # Installed modules are identified in the list of modules.
        places = [
            (place, None) for one in lacking for place in one.places if not place.startswith(installed())
        ]
        files = [*(named.files if named is not None else ()), *places]
        listings = named.listings if named is not None else frozenset()
        checked = named.files if named is not None and (named.is_checking or asks.paths_checked) else ()
        told: Evidence = {}
        if isinstance(self.seen, evidence.Seen):
            told = without_credentials(self.seen.described(files, listings, checked, asks.file_properties))
        again = ({name.partition(".")[0] for name in imports} | self.made) - set(self.imported)
        imported = [
            *self.imported,
            *sorted(one for one in again & sys.modules.keys() if not is_standard(one)),
        ]
        all_asked = [ENVIRONMENT] if self._goes_over_all() else []
        known = self.distributions.of(imported + self.found)
        modules = [self._module(name, known[name]) for name in imported]
        # Modules from the kernel's start belong to the kernel: searching all of these for edits would take longer than a cell may.
        as_found = (described(name, known[name], self.own) for name in self.found)
        found = [*as_found] if self.is_first else [self._module(name, known[name]) for name in self.found]
        told |= {
            "modules": [
                *modules,
                *(one.told() for one in lacking),
                *self._asked_of_installed(),
                *submodules,
            ],
            "submodules": self._brought(words),
            "environment": self.changed,
            "peak_memory": peak_memory(),
            # A module without distribution and files cannot be installed.
            "found": [one for one in found if "distribution" in one or "files" in one],
            # The engine takes it from the first recorded run.
            "interpreter": interpreter() | {"started_with": self._started_with()},
            "directory": self.directory,
            "placed": asks.uses_directory,
            "kept": self._kept(libraries),
        }
        told |= self._read(
            asks.environment_variables, [*told.get("unrepeatable", []), *all_asked], self._asked()
        )
        if self.went is not None:
            told["went"] = self.went
        if self.tasks is not None:
            told["tasks"] = self.tasks
        return told

    def _started_with(self) -> dict[str, str]:
        found = ((name, self.variables.get(os.fsencode(name))) for name in STARTING)
        return {name: os.fsdecode(value) for name, value in found if value is not None}

    @property
    def is_unobserved(self) -> bool:
        """Returns whether files opened by native code were not observed."""
        return isinstance(self.seen, evidence.Seen) and self.seen.below.is_absent

    def looks_for_distributions(self) -> None:
        """Notes that it depends on all distributions on the search path."""
        for folder in sys.path:
            self.seen.distributions.setdefault(folder, set()).add("")

    def _asked_of_installed(self) -> list[Module]:
        """Returns the installed distributions in folders where it looked for some."""
        asked = self.seen.distributions.items()
        known = [distribution_index.asked_in(folder, names) for folder, names in asked]
        return (
            [{"name": distribution_index.INSTALLED, "version": "as recorded", "imports": known}]
            if known
            else []
        )

    def _module(self, name: str, distribution: Distribution | None) -> Module:
        told = described(name, distribution, self.own)
        if "distribution" not in told:
            files = [] if "files" in told else self.distributions.unlisted(name)
            return told | ({"files": files, "imports": []} if files else {})
        if files := self.distributions.files(name):
            return told | {"files": files, "imports": []}
        edited = self.distributions.edited(name)
        return told if edited is None else told | {"digest": edited}

    def _brought(self, words: Set[str]) -> list[str]:
        """Returns the loaded modules inside packages that its code names, because a library imports many others internally, and those of
        the user's own; with their packages, in order."""
        within = (name for name in self.came if "." in name)
        brought = {
            name for name in within if words >= set(name.split(".")) or is_own(name, sys.modules.get(name))
        }
        packages = {name.partition(".")[0] for name in brought}
        return [name for name in self.came if name in brought or name in packages]

    def _asked(self) -> Set[str]:
        """Returns environment variables that were observed to be read; none of Python's if all were read, as for starting a program."""
        asked, native = self.seen.variables.keys(), self.seen.native_variables.keys()
        return asked | native if len(asked) <= MOST_ASKED else native

    def _goes_over_all(self) -> bool:
        """Returns whether a library read all variables, other than to start a program, which is recorded separately: then they are not
        recorded."""
        if self.seen.processes:
            return False
        asking = self.seen.asking.items()
        return any(len(names) > MOST_ASKED and library not in LOOKING for library, names in asking)

    def _kept(self, libraries: Iterable[str]) -> dict[str, list[str]]:
        """Returns environment variables that libraries read, by the library's top-level name: a library may cache a value."""
        asking = {library: set(names) for library, names in self.seen.asking.items()}
        for name in self.seen.native_variables:
            # Only polars reads `POLARS_FMT_MAX_ROWS`.
            first = name.partition("_")[0].lower()
            for library in [first] if first in sys.modules else libraries:
                asking.setdefault(library, set()).add(name)
        return {library: sorted(names) for library, names in sorted(asking.items())}

    def _read(self, names: Set[str], unrepeatable: Iterable[str], asked: Set[str] = frozenset()) -> Evidence:
        """Returns environment variables that were read, with their values. For variables that may be credentials, only notes in
        `unrepeatable` that the code reads them. Those that libraries read are left out."""
        found: dict[str, str | None] = {}
        hidden = False
        for name in sorted(names | asked):
            value = self.variables.get(os.fsencode(name))
            text = None if value is None else os.fsdecode(value)
            is_kept = text is None or (len(text) <= LONGEST and is_secret(name, text) is None)
            if is_kept:
                found[name] = text
            hidden |= not is_kept and name in names
        words = [*unrepeatable, *([HIDDEN] if hidden else [])]
        return {"variables": found, "unrepeatable": words} if words else {"variables": found}


def without_credentials(seen: Evidence) -> Evidence:
    """Returns observed files, addresses and programs with credentials in their names redacted."""
    files = [*seen.get("files_read", []), *seen.get("files_written", [])]
    named = [text for file in files for text in (file["path"], file.get("given")) if text]
    sockets, processes = seen.get("sockets", []), seen.get("processes", [])
    together = "\n".join([*named, *sockets, *processes])
    if redacted(together) == together:
        return seen
    for file in files:
        file["path"] = redacted(file["path"])
        if "given" in file:
            file["given"] = redacted(file["given"])
    return seen | {"sockets": list(map(redacted, sockets)), "processes": list(map(redacted, processes))}


def described(name: str, distribution: Distribution | None, own: OwnModules) -> Module:
    """Describes one module as evidence. Only plain modules are read, because others may run code."""
    module = sys.modules.get(name)
    # The user's own modules are identified by their files, even if there are metadata beside them.
    if distribution is not None and not is_own(name, module):
        return {"name": name, "version": distribution.version, "distribution": distribution.name}
    version = module.__dict__.get("__version__") if type(module) is ModuleType else None
    told: Module = {"name": name, "version": version if type(version) is str else None}
    if found := own.files(name):
        told["files"] = found
        if (others := own.imports(name)) is not None:
            told["imports"] = others
    return told


#: Environment variables that change how Python itself starts (crates/clew-core/src/history/flow/obstacles.rs).
STARTING = ("PYTHONPATH", "PYTHONWARNINGS")


def interpreter() -> Interpreter:
    """Describes the interpreter and the machine, and whether this is a batch run or a second kernel."""
    is_batch = identity.in_batch and not identity.in_place
    return {
        "version": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": sys.platform,
        "machine": platform.machine(),
        "byte_order": sys.byteorder,
        "batch": is_batch,
        "fork": identity.is_fork,
    }


def peak_memory() -> int:
    """Returns the peak memory of this process in bytes; 0 if unknown."""
    if sys.platform != "win32":
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return 0
