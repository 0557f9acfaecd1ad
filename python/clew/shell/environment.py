"""What changed around a run: modules imported, environment variables set, memory used, files and sockets."""

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

try:
    import resource
except ImportError:  # Not on Windows.
    resource = None  # type: ignore[assignment]


#: So much of an environment variable is kept (characters).
LONGEST = 4096
#: Who reads more environment variables than these reads all of them.
MOST_ASKED = 40
#: Libraries that go over all variables for those that begin with their names, whenever they compile something or are configured.
LOOKING = having("goes_over_environment")
HIDDEN = "an environment variable that Clew does not record"


def directory() -> str | None:
    """The working directory; `None` if it is gone."""
    try:
        return os.getcwd()  # noqa: PTH109 (a path object costs more than the call)
    except Exception:  # or somebody replaced the function
        return None


class Surroundings:
    """Compares what a run found with what it left."""

    def __init__(self) -> None:
        self._modules = len(sys.modules)
        #: So many modules were told of by a run already.
        self._told = 0
        self._environment = dict(raw_environment())
        self._distributions = Distributions()
        self._own = OwnModules()
        self._directory = directory()

    def begin(self) -> None:
        """A run starts."""
        self._modules = len(sys.modules)
        self._environment = dict(raw_environment())
        self._directory = directory()
        _tasks()
        evidence.begin()

    def end(self, *, is_told: bool = True) -> Around:
        """The run is over. What came with one that is not told of (a cell that only resumes) the next one tells."""
        # New modules come last; a run that also took some away hides as many, and evidence proves nothing
        # anyway.
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
        """Watches nothing any more."""
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
    """What was found around one run, told once the reply has left."""

    #: What it did to files and others. Nothing is known of that where no run was watched.
    seen: Touched
    distributions: Distributions
    own: OwnModules
    #: Modules that it imported.
    imported: list[str]
    #: Modules that came since the run before, and that it did not import.
    found: list[str]
    #: All modules that came with it, those in packages among them, in their order.
    came: list[str]
    #: First words of the user's own modules that it made or made again, as a reload does.
    made: set[str]
    #: Whether no run of the session told anything before.
    is_first: bool
    #: Environment variables that it changed, by name.
    changed: list[str]
    #: The environment that it found, as the system has it.
    variables: dict[Any, Any]
    #: The working directory that it found, and where it left it, if elsewhere.
    directory: str | None
    went: str | None
    #: What became of tasks of distributed computations, where they are counted and there were any.
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
        """Fields of the engine's evidence; `named` are files that the run may have used, `asks` is what its code asks for, `imports` are
        modules that it imports, `submodules` tells of those that it found since other cells imported them (`clew.analysis.submodules`), `words` what
        stands in its code; any of the `libraries` may have asked for what native code read of the environment."""
        asks = asks or Dependencies()
        imports = set(imports)
        lacking = list(missing(imports, self.seen.modules))
        # Of what is installed the modules tell themselves.
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
        # What a kernel has when it begins is its own: to look for edits in all of that would take longer than a cell may.
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
            # What lies in no distribution nobody can install.
            "found": [one for one in found if "distribution" in one or "files" in one],
            # The engine takes it from the first run that is recorded.
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
        """Whether nobody saw which files native code opened."""
        return isinstance(self.seen, evidence.Seen) and self.seen.below.is_absent

    def looks_for_distributions(self) -> None:
        """It goes by all that are installed where modules are looked for."""
        for folder in sys.path:
            self.seen.distributions.setdefault(folder, set()).add("")

    def _asked_of_installed(self) -> list[Module]:
        """What is installed where it had somebody look for distributions."""
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
        """Of the modules that came with the run those in packages that its code names, since a library imports many others by itself, and those
        of the user's own; with them the packages that came, too. In their order."""
        within = (name for name in self.came if "." in name)
        brought = {
            name for name in within if words >= set(name.split(".")) or is_own(name, sys.modules.get(name))
        }
        packages = {name.partition(".")[0] for name in brought}
        return [name for name in self.came if name in brought or name in packages]

    def _asked(self) -> Set[str]:
        """Environment variables that were seen to be read; none of Python's where somebody read all, as who starts a program does."""
        asked, native = self.seen.variables.keys(), self.seen.native_variables.keys()
        return asked | native if len(asked) <= MOST_ASKED else native

    def _goes_over_all(self) -> bool:
        """Whether a library had all variables, and not to start a program, which is told otherwise: nobody records them all."""
        if self.seen.processes:
            return False
        asking = self.seen.asking.items()
        return any(len(names) > MOST_ASKED and library not in LOOKING for library, names in asking)

    def _kept(self, libraries: Iterable[str]) -> dict[str, list[str]]:
        """Environment variables that libraries asked for, each by its first word: it may keep what it was told."""
        asking = {library: set(names) for library, names in self.seen.asking.items()}
        for name in self.seen.native_variables:
            # `POLARS_FMT_MAX_ROWS` only polars asks for.
            first = name.partition("_")[0].lower()
            for library in [first] if first in sys.modules else libraries:
                asking.setdefault(library, set()).add(name)
        return {library: sorted(names) for library, names in sorted(asking.items())}

    def _read(self, names: Set[str], unrepeatable: Iterable[str], asked: Set[str] = frozenset()) -> Evidence:
        """Environment variables that were read, with what they were; of those that may be credentials only that its code reads them, as part
        of what is `unrepeatable`. What libraries ask for such ones of is left out."""
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
    """What was seen of files, addresses and programs, without credentials in their names."""
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
    """One module as evidence. Only plain modules are asked, since others may run code when asked."""
    module = sys.modules.get(name)
    # Own code is known by its files, whatever metadata lie beside it.
    if distribution is not None and not is_own(name, module):
        return {"name": name, "version": distribution.version, "distribution": distribution.name}
    version = module.__dict__.get("__version__") if type(module) is ModuleType else None
    told: Module = {"name": name, "version": version if type(version) is str else None}
    if found := own.files(name):
        told["files"] = found
        if (others := own.imports(name)) is not None:
            told["imports"] = others
    return told


#: The environment variables by which Python itself starts another way (crates/clew-core/src/history/flow/obstacles.rs).
STARTING = ("PYTHONPATH", "PYTHONWARNINGS")


def interpreter() -> Interpreter:
    """What runs here, on what, and whether for a batch or beside another kernel."""
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
    """The most memory this process held so far, in bytes; 0 where unknown."""
    if resource is None:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
