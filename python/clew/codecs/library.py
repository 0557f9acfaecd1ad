"""What Clew knows of a library beside its codec. `clew.codecs.libraries` has one declaration for each library.

Types that hold no data yet, only a plan to read it, stand in `crates/clew-core/src/history/flow/lazy.rs`: `clew` in a terminal goes by them
where no Python runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from clew.roots.setting import Setting

Summary = tuple[list[int], int, list[str], str]
"""Shape, bytes, names of columns and a short text of a value."""

Names = Mapping[str, str]
"""Names of functions or classes, separated by spaces, by the module that has them."""

_NONE: Mapping[str, Any] = MappingProxyType({})


class Generator(NamedTuple):
    """A random generator of which a library has one for the whole process."""

    #: Its state as a plain value; `None` where the library is not there yet.
    read: Callable[[], Any]
    write: Callable[[Any], None]
    #: Whether it stands in this state as the library seeded it, so that nothing was drawn from it.
    is_undrawn: Callable[[Any], bool]
    #: What puts it into a state that does not depend on the one before, and what gives its state.
    seeds: Names
    states: Names = _NONE


class Library(NamedTuple):
    """A library, by the name of its top-level module. Names stand in one text, separated by spaces."""

    name: str
    #: The package to install, where its name is another.
    package: str = ""
    #: Modules that go by another name in other versions.
    moved: Mapping[str, str] = _NONE

    # -- values --------------------------------------------------------------------------------------------

    #: Which file of `clew.codecs` has the codecs for the types of a module: `libraries.NAME` if they stand beside the declaration, else another
    #: that may import the library. A module within the library has a file where instances are meant that the walk would read by itself: their
    #: types must stand in its `CODECS`, and are there once the module is.
    codecs: Mapping[str, str] = _NONE
    #: Which file has the codec of a handle: a stand-in for something that lives outside the session.
    handles: Mapping[str, str] = _NONE
    #: Which file has the codec of what the library registers for a class, for as long as the class lives (decision 66).
    registered: Mapping[str, str] = _NONE
    #: Which file has the codecs of Clew's own classes that stand in for the library's, by how the names of their modules begin.
    stand_ins: Mapping[str, str] = _NONE
    #: Why objects of classes, and of their subclasses, have no value, in words, and the classes by their full names.
    no_value: Mapping[str, str] = _NONE
    #: What is shown of a value, by the name of its type.
    summaries: Mapping[str, Callable[[Any], Summary]] = _NONE
    #: Types that refer to objects unseen by the collector, and the attributes that give these.
    references: Names = _NONE
    #: Whether keys and tokens in its objects are names of tasks, which open nothing.
    has_task_keys: bool = False

    # -- files ---------------------------------------------------------------------------------------------

    #: Functions that open the file whose path they are given.
    opens_files: str = ""
    #: Functions that are given a folder and read what lies in it.
    reads_folders: str = ""
    #: Whether its native code opens files through Python only, but for some functions. Else any use of it may read files unseen.
    opens_through_python: bool = False
    opens_below_python: str = ""
    #: The user's files in which it looks for its settings.
    settings_files: Callable[[], list[str]] | None = None

    # -- determinism ---------------------------------------------------------------------------------------

    #: Its process-wide random generators, by names that begin with its own.
    process_generators: Mapping[str, Generator] = _NONE
    #: Functions that are used with those, and draw nothing.
    draws_nothing: str = ""
    #: What begins a random generator of its own, and needs a seed given first; and the same with the seed given by name.
    generators: Names = _NONE
    generators_by_name: Names = _NONE
    #: Modules of which all functions draw random numbers.
    draws: str = ""
    #: Modules that draw from Python's generator for their housekeeping, and the one that must have called them for it, if any.
    housekeeping_draws: Mapping[str, str | None] = _NONE
    #: Whether it draws only the points at which it tests from generators of its own.
    draws_tests: bool = False
    #: What takes the text `"now"` for the time.
    takes_dates: str = ""
    #: What no task may use whose result is cached; with `()`, if it is called with nothing.
    unrepeatable: str = ""
    #: Whether its functions and classes tell the state of the machine.
    tells_machine: bool = False
    #: Functions and attributes that read or set options, and modules of which all functions do.
    options: str = ""
    options_modules: str = ""

    # -- names of the notebook -----------------------------------------------------------------------------

    #: What looks up variables of the notebook that no code names.
    looks_up: Names = _NONE
    #: Functions that look up the names in a formula.
    takes_formulas: str = ""
    #: Whether its queries take the names of tables for variables.
    queries_variables: bool = False
    #: Its code, as a path within it, that takes frames and looks at no variable by its name; the whole library with an empty path.
    takes_frames: str | None = None
    #: Whether it goes over all environment variables for those that begin with its name.
    goes_over_environment: bool = False

    # -- settings ------------------------------------------------------------------------------------------

    #: Settings that it keeps for the whole process.
    settings: Callable[[], tuple[Setting, ...]] | None = None
    #: Its options that differ from their defaults, by name, and what sets one for a shell, or to its default where the value is `MISSING`.
    changed_options: Callable[[], Iterable[tuple[str, Any]]] | None = None
    set_option: Callable[[Any, str, Any], None] | None = None
    #: Functions in its options by which it shows values.
    formatters: Callable[[], Iterable[Any]] | None = None
    #: Whether what it sets is a part of the state, or its functions with names of setters work on what they are given.
    keeps_no_settings: bool = False
    #: Functions that set something for the whole library, beside those that are named so (`set_…`, `register_…`).
    setters: str = ""
    #: The same, where they set it in another library.
    setters_elsewhere: Mapping[str, str] = _NONE
    #: How names of setters begin whose effect is a part of the state (`clew.roots`).
    restored_setters: str = ""
    #: Whether it sets something in other libraries until it is told to stop.
    patches_others: bool = False


def is_being_imported(module: Any) -> bool:
    """Whether a module is not complete yet."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))
