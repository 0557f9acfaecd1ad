"""The facts about a library that Clew needs beside its codecs. `clew.codecs.libraries` declares them for each library.

One fact is elsewhere: types that hold no data yet, only a plan to read it, are in `crates/clew-core/src/history/flow/lazy.rs`. The command
`clew` in a terminal uses that list where no Python runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Summary = tuple[list[int], int, list[str], str]
"""Shape, bytes, names of columns and a short text of a value."""

Names = Mapping[str, str]
"""Names of functions or classes, separated by spaces, by the module that contains them."""

_NONE: Mapping[str, Any] = MappingProxyType({})


class Generator(NamedTuple):
    """A random generator that a library has once for the whole process."""

    #: Reads its state as a plain value; `None` if the library is not imported yet.
    read: Callable[[], Any]
    write: Callable[[Any], None]
    #: Whether a state is the one that the library seeded itself, so that nothing was drawn.
    is_undrawn: Callable[[Any], bool]
    #: Functions after which its state does not depend on the state before, and functions that return its state.
    seeds: Names
    states: Names = _NONE


class Library(NamedTuple):
    """A library, by the name of its top-level module. Several names in one text are separated by spaces."""

    name: str
    #: The package to install, if its name is another.
    package: str = ""
    #: Modules that have another name in other versions.
    moved: Mapping[str, str] = _NONE

    # -- values --------------------------------------------------------------------------------------------

    #: The file of `clew.codecs` with the codecs for the types of a module. `libraries.NAME` is a declaration's own file; any other may
    #: import the library. A module inside the library has a file of its own if the walk would otherwise read instances itself: their types
    #: must be in its `CODECS` as soon as the module is imported.
    codecs: Mapping[str, str] = _NONE
    #: The file with the codec of a handle, which stands for something outside the session.
    handles: Mapping[str, str] = _NONE
    #: The file with the codec of objects that the library registers for a class, for as long as the class lives (decision 66).
    registered: Mapping[str, str] = _NONE
    #: The file with the codecs of Clew's own classes that stand in for the library's, by the beginning of their modules' names.
    stand_ins: Mapping[str, str] = _NONE
    #: Classes whose objects, and those of subclasses, have no value: the reason in words, and the full names of the classes.
    no_value: Mapping[str, str] = _NONE
    #: Functions that describe a value for `clew vars` and others, by the name of its type.
    summaries: Mapping[str, Callable[[Any], Summary]] = _NONE
    #: Types whose references the collector does not see, and the attributes that return the objects.
    references: Names = _NONE
    #: Whether keys and tokens in its objects are names of tasks, and no credentials.
    has_task_keys: bool = False

    # -- files ---------------------------------------------------------------------------------------------

    #: Functions that open a file by its path.
    opens_files: str = ""
    #: Functions that get a folder and read the files in it.
    reads_folders: str = ""
    #: Whether its native code opens files through Python only, apart from the functions in the next field. Any other library with native
    #: code may read files unseen.
    opens_through_python: bool = False
    opens_below_python: str = ""
    #: Returns the user's files in which it looks for its settings.
    settings_files: Callable[[], list[str]] | None = None

    # -- determinism ---------------------------------------------------------------------------------------

    #: Its process-wide random generators, by names that begin with its own.
    process_generators: Mapping[str, Generator] = _NONE
    #: Functions that are used beside those, and draw nothing.
    draws_nothing: str = ""
    #: Functions and classes that create or seed a generator with the seed as first argument, and those with the seed as a keyword.
    generators: Names = _NONE
    generators_by_name: Names = _NONE
    #: Modules in which every function draws random numbers.
    draws: str = ""
    #: Modules that draw from Python's generator for their housekeeping, each with the module that must have called it, if any.
    housekeeping_draws: Mapping[str, str | None] = _NONE
    #: Whether its own generators draw only the points at which it tests.
    draws_tests: bool = False
    #: Functions and classes that accept the text `"now"` as a time.
    takes_dates: str = ""
    #: Names that a task must not use if its result is cached; with `()`, only if it is called without arguments.
    unrepeatable: str = ""
    #: Whether its functions and classes return the state of the machine.
    tells_machine: bool = False
    #: Functions and attributes that read or set options, and modules in which every function does.
    options: str = ""
    options_modules: str = ""

    # -- variables of the notebook ---------------------------------------------------------------------------

    #: Functions that look up variables which the code does not name.
    looks_up: Names = _NONE
    #: Functions that look up the names in a formula.
    takes_formulas: str = ""
    #: Whether its queries read variables by the names of tables.
    queries_variables: bool = False
    #: Its code, as a path inside the library, that takes frames and looks up no variable in them; an empty path is the whole library.
    takes_frames: str | None = None
    #: Whether it reads all environment variables to find those that begin with its name.
    goes_over_environment: bool = False

    # -- settings ------------------------------------------------------------------------------------------

    #: Whether its settings are a part of the state, or its functions with names of setters change only their arguments.
    keeps_no_settings: bool = False
    #: Functions that set something for the whole library, beside those with names such as `set_…` and `register_…`.
    setters: str = ""
    #: Functions that set something in another library, and its full name.
    setters_elsewhere: Mapping[str, str] = _NONE
    #: The beginning of names of setters whose effect is a part of the state (`clew.roots`).
    restored_setters: str = ""
    #: Whether it changes other libraries until it is stopped.
    patches_others: bool = False


def is_being_imported(module: Any) -> bool:
    """Returns whether a module is still being imported."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))
