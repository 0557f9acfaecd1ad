"""Determines what a run may have touched: the names in its code, and in every notebook function that ran.

The result is a hint; fingerprints decide. If it cannot be determined (`exec`, magics, other threads), the result is *everything*. User code
runs at full speed, because nothing is traced. On Python 3.12 and later, each function that starts, resumes or loops raises one event per
run. On 3.11, the functions that names can reach are determined afterwards.
"""

from __future__ import annotations

import asyncio
import builtins
import sys
import weakref
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from clew import unseen_reads
from clew._engine import Fired, codes_within, runs_elsewhere
from clew.analysis import Callees, Effects, effects
from clew.analysis.bytecode import asserts, constants, nested
from clew.analysis.dependencies import Dependencies, dependencies_of
from clew.analysis.implicit_reads import are_texts_given, in_annotations, reach_back
from clew.analysis.imports import imported_by_statements, imported_modules
from clew.analysis.ipython_calls import SHELL, modules_of_magics, running_shell, start_files
from clew.analysis.names import mentioned, read_and_written
from clew.analysis.nondeterminism import looks_up, outdate
from clew.analysis.own_modules import OwnCode, module_of, namespace_of, objects_used
from clew.analysis.patches import patched
from clew.analysis.paths import looked_at, named_files, settings_files
from clew.analysis.resolvers import by_text, lists_installed, within_texts
from clew.analysis.seeds import Seeding, names_seed
from clew.analysis.submodules import found_of, note_imported, words_of
from clew.evidence import SYSTEM, random_fingerprints
from clew.installation import is_standard
from clew.roots.interpreter import handlers
from clew.roots.names import USABLE_NAMES
from clew.roots.options import functions_held
from clew.shell.background_work import THREADS, begun_threads
from clew.shell.environment import Around, Surroundings
from clew.shell.import_timing import Importing
from clew.shell.library_classes import MadeThere
from clew.shell.unrestorable import unrestored
from clew.shell.warn import guarded
from clew.sources import is_transformed

if TYPE_CHECKING:
    from clew._engine import Evidence


@dataclass(eq=False)
class Seen:
    """The observations of one run. They are evaluated on demand, after the reply was sent."""

    watch: Watch | None = None
    namespace: dict[str, Any] = field(default_factory=dict)
    #: The statements of the cell, and the notebook functions that ran.
    codes: list[CodeType] = field(default_factory=list)
    ran: list[CodeType] = field(default_factory=list)
    around: Around | None = None
    #: The duration of its import statements (nanoseconds), and the environment variables that they set.
    importing: int = 0
    set_by_imports: list[str] = field(default_factory=list)
    #: Whether threads or tasks that it started continue.
    goes_on: bool = False
    seeding: Seeding = field(default_factory=Seeding)
    #: Classes that it let libraries create.
    made_there: list[str] = field(default_factory=list)
    #: Whether its code is not what its source says.
    is_transformed: bool = False
    _touched: list[str] | None = field(default=None, init=False)
    _is_known: bool = field(default=False, init=False)
    _reaching: bool | None = field(default=None, init=False)

    def touched(self) -> list[str] | None:
        """Returns names that may have been touched; `None` for all."""
        if not self._is_known:
            self._touched = guarded("determine what this run used", self._find_touched)
            self._is_known = True
        return self._touched

    def _find_touched(self) -> list[str] | None:
        if self.watch is None:
            return None
        everything = self._everything()
        found = [mentioned(code) for code in everything]
        if any(names is None for names in found) or self._reaches_back(everything):
            return None
        if self._has_had_any(everything):
            return None
        names = set[str]().union(self._looked_up(), *(names for names in found if names is not None))
        reached = self.watch.names_reached(names, everything)
        return None if reached is None else sorted(names | reached)

    def evidence(self, *, is_whole: bool = True) -> Evidence:
        """Returns fields of the engine's evidence that the Python side can fill.

        Unless the cell `is_whole`, its last statement may not have completed.
        """
        live, everything = self.namespace, self._everything()
        # Does not consider which variables were looked up before the cell bound them.
        found = effects(
            self.codes,
            live,
            ran=self.ran,
            find_callees=self._find_callees,
            read=self._looked_up(),
            is_whole=is_whole,
        )
        asks, inside = found.dependencies, found.inside
        if self._reaching is None:
            self._reaching = found.reaches_back
        asks.looks_up_variables |= self._has_had_any(everything + found.called)
        read = set[str]().union(*(read_and_written(one)[0] for one in everything + inside))
        around = self._described_around([*found.codes, *inside], read, asks, found.own)
        if self.around is not None and self.around.is_unobserved:
            asks.unrepeatable |= {
                f"files that {name} may open unobserved" for name in self._unseen_readers(found)
            }
        seeds = self.seeding.seeded(live) | set(around.get("seeded", ()))
        if asks.generator_states:
            seeds -= {name for name in asks.generator_states & seeds if not self._is_seeded_first(name)}
            around["random"] = _states_of(asks.generator_states) | around.get("random", {})
        # All states that do not come from any cell count as equal. So code that reads the state depends on something unknown.
        is_free = self.seeding.is_decided_anew or (
            "random" in asks.generator_states and self.seeding.was_undecided
        )
        if asks.draws_unseeded or (is_free and "random" not in seeds):
            around["random"] = around.get("random", {}) | {SYSTEM: ("", "")}
        set_there = list(dict.fromkeys([*found.patches, *self._set_by_executed(), *self.made_there]))
        return around | {
            "reads": sorted(filter(self._is_name, found.reads)),
            "writes": sorted(found.writes),
            "binds": sorted(found.binds),
            "later": sorted(filter(self._is_name, found.later)),
            "unrepeatable": sorted(asks.unrepeatable | set(around.get("unrepeatable", ()))),
            "seeded": sorted(seeds),
            "patched": set_there + [THREADS] * self.goes_on,
            "unrestored": unrestored(set_there),
            "libraries": sorted(_libraries([*found.codes, *inside], found.own)),
            "touched_all": asks.looks_up_variables or self.touched() is None,
            "reads_known": self.watch is not None and not self._reaching and found.are_reads_known,
            "importing": self.importing,
            "set_by_imports": [f"environment:{key}" for key in self.set_by_imports],
            "transformed": self.is_transformed,
        }

    def _find_callees(self, loads: Set[str], writes: Set[str], codes: list[CodeType]) -> Callees:
        """Returns the functions that variables lead to, as far as they were not observed to run."""
        annotated = in_annotations(self._annotations_made(writes))
        if self.watch is None:
            return Callees([], annotated)
        called, is_looking_up, annotations = self.watch.codes_reached(loads, codes)
        return Callees(called, annotated | in_annotations(annotations), is_looking_up)

    def _set_by_executed(self) -> list[str]:
        """Returns attributes of libraries that executed modules and scripts may have set."""
        known = {id(code) for code in self.codes}
        executed = self.around.seen.executed if self.around is not None else ()
        every = (code for code in executed if id(code) not in known)
        return [name for code in every for name in patched([code], namespace_of(code, self.namespace))]

    def _annotations_made(self, names: Set[str]) -> list[Any]:
        """Returns annotations of the functions and classes that the run bound to these names."""
        values = (self.namespace.get(name) for name in names)
        made = [one for one in values if type(one) is FunctionType or issubclass(type(one), type)]
        return codes_within(made, self.namespace, {})[3] if made else []

    def _looked_up(self) -> Set[str]:
        """Returns variables that were read without its code naming them: by an unpickler, or by an evaluated text."""
        if self.around is None:
            return set[str]()
        codes = [inner for code in self.around.seen.evaluated for inner in nested(code)]
        return self.around.seen.unpickled.keys() | set[str]().union(
            *(read_and_written(one)[0] for one in codes)
        )

    def _has_had_any(self, codes: list[CodeType]) -> bool:
        """Returns whether any variable may have been looked up: through a frame of the notebook, by code that was not called with known
        texts."""
        if self.around is None:
            return False
        seen = self.around.seen
        return seen.has_had_all or not are_texts_given(seen.frames, codes, self.namespace)

    def _unseen_readers(self, found: Effects) -> set[str]:
        """Returns libraries that may have read files unobserved, if nothing is observed below Python."""
        if self.touched() is None:
            return unseen_reads.loaded()
        inner = [one for code in self.codes for one in nested(code)]
        # Functions that a cell only defines read nothing.
        is_run = [one for one in inner if not one.co_name.isidentifier() or one.co_name in found.loads]
        return unseen_reads.readers([*self.codes, *is_run, *self.ran, *found.called], self.namespace)

    def _reaches_back(self, codes: list[CodeType]) -> bool:
        """Returns whether modules of the user's own may access any name. Computed once, for the code of the first call."""
        if self._reaching is None:
            self._reaching = reach_back(codes, self.namespace)
        return self._reaching

    def _described_around(
        self, codes: list[CodeType], read: set[str], asks: Dependencies, own: Iterable[OwnCode]
    ) -> Evidence:
        """Returns the observations around the run, given the code that it may have executed and the names that were `read`; `own` is the
        code of the user's own modules that these reach."""
        if self.around is None:
            return {}
        live = self.namespace
        values = [live[name] for name in sorted(read) if name in live]
        used = [one for code in codes for one in constants(code)]
        shell = running_shell()
        # A long session has many hidden names, and the run read few names.
        if not getattr(shell, "user_ns_hidden", {}).keys().isdisjoint(read):
            # Variables from before the first cell depend on the files that IPython ran at its start.
            used += start_files(shell)
        names = set[str]().union(*(code.co_names for code in codes))
        if "path" in names and "sys" in names:
            asks.environment_variables.add("PYTHONPATH")
        if asks.file_properties:
            asks.paths_checked |= looked_at(values)
        named = named_files(values, used, asks.paths_checked, names)
        # Imports in texts are not noted as imports of a cell, because it is not known whether the texts ran.
        every = [*codes, *within_texts(codes, live)]
        imported = imported_modules(every)
        own = list(own)
        if sys.flags.optimize or any(map(asserts, (*codes, *(one.code for one in own)))):
            asks.environment_variables.add("PYTHONOPTIMIZE")
        submodules = found_of(codes, live, imported, own)
        imported |= (
            by_text(every, live, own) | self.around.seen.looked_up_in.keys() | modules_of_magics(codes)
        )
        if lists_installed(every, live, own):
            self.around.looks_for_distributions()
        note_imported(imported_by_statements(codes))
        words: Set[str] = frozenset()
        if any("." in name for name in self.around.came):
            executed = [inner for code in self.around.seen.executed for inner in nested(code)]
            words = words_of([*codes, *executed, *(one.code for one in own)])
        tops = {module_of(value).partition(".")[0] for value in values} | _libraries(codes, own)
        libraries = sorted(top for top in tops - {"", "builtins", "__main__"} if not is_standard(top))
        named = named._replace(files=[*named.files, *settings_files(libraries)])
        return self.around.described(named, asks, imported, submodules, words, libraries)

    def _is_seeded_first(self, generator: str) -> bool:
        """Returns whether a cell seeds a generator before it reads its state."""
        for code in self.codes:
            inner = list(nested(code))
            if generator in dependencies_of(inner, self.namespace).generator_states:
                return False
            if any(names_seed(generator, one, self.namespace) for one in inner):
                return True
        return False

    def _is_name(self, name: str) -> bool:
        """Returns whether a name that was read is the user's, or was before the run deleted it."""
        is_builtin = name in builtins.__dict__ or (name.startswith("__") and name not in USABLE_NAMES)
        return name in self.namespace or not is_builtin

    def _everything(self) -> list[CodeType]:
        return [inner for code in self.codes for inner in nested(code)] + self.ran


def _states_of(generators: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Returns the states of generators that a run read and did not change."""
    now = random_fingerprints()
    return {name: (now[name], now[name]) for name in generators if name in now}


#: The observations of a run of which nothing was seen.
EVERYTHING = Seen()


class Watch:
    """Observes what runs.

    This class, for Python 3.11, only sees the code of cells, and follows functions by name.
    """

    #: Whether it sees which functions are called by modules of the user's own.
    _sees_calls = False

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self._codes: list[CodeType] = []
        self._known: dict[int, weakref.ref[CodeType]] = {}
        self._is_within = False
        self._others_ran = False
        self._threads = set[int]()
        self._made_there = MadeThere()
        self._surroundings = Surroundings()
        self._importing = Importing()
        self._seeding = Seeding()
        self._is_transformed = False

    def begin(self, *, is_within: bool = False) -> None:
        """Begins a run; with `is_within`, one that continues in the middle of a statement."""
        self._is_within = is_within
        self._codes = self._codes[-1:] if is_within else []
        self._others_ran = others_run(self.namespace)
        self._threads = begun_threads(self.namespace)
        self._surroundings.begin()
        self._importing.begin()
        self._seeding = Seeding()
        self._seeding.begin()
        self._made_there.begin(self.namespace)
        found = guarded("determine what changes the code of cells", is_transformed, running_shell())
        self._is_transformed = found is not False

    def note(self, code: CodeType) -> None:
        """Notes that one statement of a cell is about to run."""
        self._importing.note(code)
        guarded("determine what this run seeds", self._seeding.note, code, self.namespace)
        self._codes.append(code)
        for inner in nested(code):
            self.know(inner)

    def end(self, *, is_empty: bool = False, is_told: bool = True) -> Seen:
        """Ends the run. It may have touched everything in three cases: other threads or tasks ran meanwhile; no statement was observed,
        unless it `is_empty` and has none; it began within a statement, because functions that continued may no longer be bound. A run that
        is not recorded is not reported."""
        importing = self._importing.end()
        outdate()
        guarded("determine what this run seeds", self._seeding.close)
        around = self._surroundings.end(is_told=is_told)
        others_run_now = others_run(self.namespace)
        is_seen = (is_empty or bool(self._codes)) and not self._is_within
        is_alone = not self._others_ran and not others_run_now and is_seen
        goes_on = others_run_now and not self._others_ran
        goes_on |= not begun_threads(self.namespace) <= self._threads
        return Seen(
            self if is_alone else None,
            self.namespace,
            list(self._codes),
            self._functions_that_ran(),
            around,
            importing,
            self._importing.environment(),
            goes_on,
            self._seeding,
            self._made_there.end(),
            self._is_transformed,
        )

    def moved(self) -> None:
        """Notes that a move restored functions that no cell defined."""

    def names_reached(self, names: set[str], codes: list[CodeType]) -> set[str] | None:
        """Returns names in functions that ran unobserved; `None` for all. `names` are those in the observed `codes`."""
        return self.names_within_reach(names, codes)

    def names_within_reach(self, names: set[str], codes: list[CodeType]) -> set[str] | None:
        """Returns names in every function that `names` can reach, directly or indirectly, and that modules of the user's own may call for
        `codes`; `None` if these may look up any name."""
        reached, waiting = set[str](), set(names)
        found, used = {id(code): code for code in codes}, set[int]()
        objects, is_held_by_modules = self._objects(waiting) + functions_held(), False
        while objects or not is_held_by_modules:
            behind, is_looking_up, _ = self._codes_behind(objects, is_held_by_modules=is_held_by_modules)
            inner = {id(one): one for code in behind for one in nested(code)}
            mentions = [mentioned(one) for one in inner.values()]
            if is_looking_up or any(one is None for one in mentions):
                return None
            found |= inner
            reached |= waiting
            waiting = set[str]().union(*(one for one in mentions if one is not None)) - reached
            objects = self._objects(waiting)
            if is_held_by_modules := not objects:
                objects = self._held_by_modules(found, used)
        return reached | waiting

    def codes_reached(self, names: Set[str], codes: list[CodeType]) -> tuple[list[CodeType], bool, list[Any]]:
        """Returns code of the functions that `names` can reach, directly or through names that these read, and that modules of the user's
        own may call for `codes`; whether anything reached may look up any name; and annotations of those functions and of classes. Used
        even if functions that run here are observed: a function that is passed to a task engine runs in another process, or not at all if
        its result is known."""
        found, reached, waiting = dict[int, CodeType](), set[str](), set(names)
        used, looks_up_any, annotations = set[int](), False, list[Any]()
        objects, is_held_by_modules = self._objects(waiting) + functions_held(), False
        while objects or not is_held_by_modules:
            behind, is_looking_up, annotated = self._codes_behind(
                objects, is_held_by_modules=is_held_by_modules
            )
            looks_up_any = looks_up_any or is_looking_up
            annotations += annotated
            reached |= waiting
            inner = {id(one): one for code in behind for one in nested(code)}
            reads = [read_and_written(one)[0] for key, one in inner.items() if key not in found]
            waiting = set[str]().union(*reads) - reached
            found |= inner
            objects = self._objects(waiting)
            if is_held_by_modules := not objects:
                known = {} if self._sees_calls else {id(code): code for code in codes} | found
                objects = self._held_by_modules(known, used)
        return list(found.values()), looks_up_any, annotations

    def _objects(self, names: set[str]) -> list[object]:
        # Uses of the shell under its own name are determined from the code.
        found = [self.namespace[name] for name in names if name in self.namespace and name != SHELL]
        if any(map(_may_signal, found)):
            found += handlers()
        return found

    def _held_by_modules(self, codes: dict[int, CodeType], used: set[int]) -> list[object]:
        """Returns objects of the user's own modules that code may use, except those in `used`. Adds them and the code to `used`."""
        if codes.keys() <= used:
            return []
        found = [one for one in objects_used(list(codes.values()), self.namespace) if id(one) not in used]
        used |= {id(one) for one in found} | codes.keys()
        return found

    def _codes_behind(
        self, objects: list[object], *, is_held_by_modules: bool
    ) -> tuple[list[CodeType], bool, list[Any]]:
        """Returns code of the functions that objects reach, whether these may look up any name, and annotations of these and of classes.
        Objects in modules of the user's own may look up any name only if they have a reference to the notebook's namespace."""
        codes, others, is_complete, annotations = codes_within(objects, self.namespace, _packed_texts())
        if not is_complete:
            codes += self._all_known()
        if is_held_by_modules:
            return codes, any(one is self.namespace for one in others), annotations
        return codes, any(map(looks_up, others)) or any(map(_has_all_names, objects)), annotations

    def know(self, code: CodeType) -> None:
        """Remembers code of the notebook while it lives."""
        if id(code) not in self._known:
            known, key = self._known, id(code)
            known[key] = weakref.ref(code, lambda _: known.pop(key, None))

    def close(self) -> None:
        """Releases all references."""
        self._known.clear()
        self._codes = []
        self._surroundings.close()

    def _all_known(self) -> list[CodeType]:
        return [
            code for code in (reference() for reference in list(self._known.values())) if code is not None
        ]

    def _functions_that_ran(self) -> list[CodeType]:
        return []


if sys.version_info >= (3, 12):
    from sys import monitoring

    _EVENTS = monitoring.events.PY_START | monitoring.events.PY_RESUME | monitoring.events.JUMP
    #: Tool ids 3 and 4 are free; the others are reserved for debuggers, coverage, profilers and optimizers.
    _TOOLS = (4, 3)

    class MonitoringWatch(Watch):
        """Observes which notebook functions ran.

        Each function raises an event when it starts, resumes or jumps back, once per run. So a thread that has been looping since an
        earlier run is observed, too.
        """

        _sees_calls = True

        def __init__(self, namespace: dict[str, Any], tool: int) -> None:
            super().__init__(namespace)
            self._tool = tool
            self._fired = Fired(monitoring.DISABLE)
            self._has_unknown = True
            self._last = EVERYTHING
            for event in (monitoring.events.PY_START, monitoring.events.PY_RESUME, monitoring.events.JUMP):
                monitoring.register_callback(tool, event, self._fired)

        def begin(self, *, is_within: bool = False) -> None:
            super().begin(is_within=is_within)
            # Code created by `exec`, a magic or a move was not observed when it was compiled.
            if self._has_unknown or self._last.touched() is None:
                objects = list(self.namespace.values())
                for code in codes_within(objects, self.namespace, _packed_texts())[0]:
                    for inner in nested(code):
                        self.know(inner)
                self._has_unknown = False
            self._fired.clear()
            monitoring.restart_events()

        def end(self, *, is_empty: bool = False, is_told: bool = True) -> Seen:
            self._last = super().end(is_empty=is_empty, is_told=is_told)
            return self._last

        def moved(self) -> None:
            self._has_unknown = True

        def names_reached(self, names: set[str], codes: list[CodeType]) -> set[str] | None:
            return set()

        def know(self, code: CodeType) -> None:
            if id(code) not in self._known:
                super().know(code)
                monitoring.set_local_events(self._tool, code, _EVENTS)

        def close(self) -> None:
            for code in self._all_known():
                monitoring.set_local_events(self._tool, code, 0)
            super().close()
            for event in (monitoring.events.PY_START, monitoring.events.PY_RESUME, monitoring.events.JUMP):
                monitoring.register_callback(self._tool, event, None)
            monitoring.free_tool_id(self._tool)
            self._fired.clear()

        def _functions_that_ran(self) -> list[CodeType]:
            return self._fired.codes()


def watch_for(namespace: dict[str, Any]) -> Watch:
    """Returns the best watch for this interpreter."""
    if sys.version_info >= (3, 12):
        for tool in _TOOLS:
            try:
                monitoring.use_tool_id(tool, "clew")
            except ValueError:
                continue  # Taken by another tool.
            return MonitoringWatch(namespace, tool)
    return Watch(namespace)


def _libraries(codes: list[CodeType], own: list[OwnCode]) -> set[str]:
    """Returns libraries that code imports itself, and that modules of the user's own name or import."""
    found = imported_by_statements([*codes, *(one.code for one in own)])
    for one in own:
        found.update(map(module_of, (one.namespace.get(name) for name in one.code.co_names)))
    return {name.partition(".")[0] for name in found}


def _may_signal(value: object) -> bool:
    """Returns whether the value may send a signal, for which the notebook may have a handler."""
    return module_of(value) in ("signal", "_signal", "os", "posix")


def _packed_texts() -> dict[int, Any]:
    """Returns texts that are known to be in arrays, if numpy is loaded."""
    codec = sys.modules.get("clew.codecs.numpy")
    return {} if codec is None else codec.packed


def _has_all_names(value: object) -> bool:
    """Returns whether a value leads to every variable of the notebook: all modules, the shell, the classes that return the shell."""
    shell = running_shell()
    if value is sys.modules or shell is None:
        return value is sys.modules
    return value is shell or any(value is kind and hasattr(kind, "instance") for kind in type(shell).__mro__)


def others_run(namespace: dict[str, Any]) -> bool:
    """Returns whether another thread or task has a frame of the notebook."""
    if runs_elsewhere(namespace):
        return True
    try:
        tasks, current = asyncio.all_tasks(), asyncio.current_task()
    except RuntimeError:
        return False  # No event loop is running here, so no task is.
    return any(task is not current and awaits_in(task.get_coro(), namespace) for task in tasks)


def awaits_in(coroutine: object, namespace: dict[str, Any]) -> bool:
    """Returns whether a coroutine, or one that it awaits, is code of the notebook."""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None and frame.f_globals is namespace:
            return True
        coroutine = getattr(coroutine, "cr_await", None)
    return False
