"""Interprets Python's audit events: which files, sockets and processes code uses.

Audit events cover what Python does, not what libraries do in native code. The absence of an event proves nothing.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

from clew.codecs.libraries import ALL
from clew.files import Given, named
from clew.generator_events import Unseeded
from clew.installation import PACKAGES, caches, environment, is_standard, libraries, standard_folders

MOST = 1000
"""The maximal number of files, addresses and programs, of each kind, that are recorded for a run."""

MOST_MODULES, MANY_MODULES = 300, "more modules than Clew records"
"""The maximal number of modules noted that a run looked for, and the note for a run that looked for more."""

MOST_EXECUTED = 100
"""The maximal number of executed texts and files that are examined for a run."""

CODE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".pth")
"""Files that imports open; modules have evidence of their own. Other code that opens one reads it as data."""

IMPORTING = (
    "<frozen importlib._bootstrap_external>",
    os.path.join("importlib", "metadata", "__init__.py"),  # noqa: PTH118
    os.path.join("importlib_metadata", "__init__.py"),  # noqa: PTH118
    os.path.join("pkg_resources", "__init__.py"),  # noqa: PTH118
)
"""Code whose directory listings are not the cell's: installed packages are recorded in another way."""

FROZEN = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
"""The import system."""

OF_LINES, SHOWING = "tokenize.py", ("linecache.py", "inspect.py")
"""The module that opens source files by their encoding, and the modules that read source lines of loaded code through it."""

TOLD_OTHERWISE: set[str] = set()
"""Path suffixes of code that connects to its own process, whose work for the cell is observed in another way."""

CORES, SYSTEM = (
    ("/sys/devices/system/cpu/online", "/sys/devices/system/cpu/present"),
    ("/proc/sys/kernel/osrelease", "/proc/sys/kernel/hostname"),
)
ASKING: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("lscpu", "nproc", "getconf"), CORES),
    **dict.fromkeys(("uname", "arch"), SYSTEM),
    **dict.fromkeys(("ldconfig", "fc-list", "fc-match", "lsb_release"), ()),
}
"""Programs that libraries start to get information about the machine, and the files that determine the answer. System installations are not
inputs, so there are no files for those."""
FINDING, TELLING = os.path.join("ctypes", "util.py"), f"{os.sep}platform.py"  # noqa: PTH118
"""Code that only starts programs to find libraries (with a compiler, for example), and to identify the system."""
STARTING = ("subprocess.py", "os.py")
"""Code that starts programs for other code."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

MULTIPROCESSING = "multiprocessing"

OF_KERNEL = frozenset(
    (
        "TERM",
        "CLICOLOR",
        "FORCE_COLOR",
        "CLICOLOR_FORCE",
        "PAGER",
        "GIT_PAGER",
        "MPLBACKEND",
        "JPY_PARENT_PID",
        "PYDEVD_USE_FRAME_EVAL",
        "JPY_SESSION_NAME",
        "LD_PRELOAD",
        "CLEW",
        "CLEW_OBSERVER",
        "CLEW_RESUME_ON_START",
    )
)
"""Environment variables that kernels set themselves at their start, and that Clew sets for them."""

KEEPING = "tempfile"
"""The module of the standard library that caches what it reads from the environment."""

OWN = os.path.join(os.path.dirname(__file__), "")  # noqa: PTH118, PTH120
"""The path prefix of Clew's own code, which is on the stack between the code that acts and the code that is notified."""


class Touched:
    """The accesses that the hook observed."""

    def __init__(self) -> None:
        #: Files by absolute path, with the path as given if that was relative.
        self.read: dict[Given, None] = {}
        self.written: dict[Given, None] = {}
        #: Paths in the environment that were not read or written by a library as its own files.
        self.foreign = set[str]()
        self.sockets: dict[str, None] = {}
        self.processes: dict[str, None] = {}
        #: Environment variables, by name, that were read for the notebook's code.
        self.variables: dict[str, None] = {}
        #: The libraries that read them, by top-level name, each with the names of the variables.
        self.asking: dict[str, dict[str, None]] = {}
        #: Environment variables that native code read.
        self.native_variables: dict[str, None] = {}
        #: Variables of the notebook, by name, that an unpickler looked up.
        self.unpickled: dict[str, None] = {}
        #: Compiled texts that the notebook's code evaluated or executed.
        self.evaluated: dict[CodeType, None] = {}
        #: Modules in which something was looked up by a text: by an unpickler, or with `importlib`.
        self.looked_up_in: dict[str, None] = {}
        #: Modules, by name, that were looked for on behalf of the notebook's code.
        self.modules: dict[str, None] = {}
        #: Folders in which distributions were looked for on its behalf, each with their names; an empty name stands for all.
        self.distributions: dict[str, set[str]] = {}
        #: Whether code may have accessed any variable of the notebook: through unpickled functions, or because one of the sets for that is
        #: full.
        self.has_had_all = False
        #: The positions of the notebook's code when a frame of it was taken to look up variables: the code object and the offset.
        self.frames: dict[tuple[CodeType, int], None] = {}
        #: Executed code from the user's own files, and from texts.
        self.executed: list[CodeType] = []
        #: Descriptions of accesses whose results differ each time.
        self.unrepeatable: dict[str, None] = {}
        #: Generators that were created without a seed on behalf of the notebook's code.
        self.unseeded = Unseeded()
        #: The exception that a watcher raised.
        self.trouble: BaseException | None = None

    def reads(self, path: Any) -> None:
        """Notes that a file is about to be read."""
        if (given := named(path)) is not None and not _is_of_import(given[0]):
            self._keep(self.read, given)

    def unpickles(self, name: str) -> None:
        """Notes that an unpickler looks up a variable of the notebook."""
        if _is_unpickled_by_users():
            keep(self.unpickled, name)

    def unpickles_from(self, module: str) -> None:
        """Notes that an unpickler looks up something in a module."""
        if module not in self.looked_up_in and _is_unpickled_by_users():
            keep(self.looked_up_in, module)

    def writes(self, path: Any, *, goes_on: bool = False) -> None:
        """Notes that a file is about to be written. If writing `goes_on` from the present contents, these are read, too."""
        if (given := named(path)) is not None and not _is_of_import(given[0]):
            self._keep(self.written, given)

    def seeds(self, generator: random.Random, seed: object) -> None:
        """Notes that a generator is about to be seeded, or created."""
        self.unseeded.seed(generator, seed)

    def _keep(self, kept: dict[Any, None], given: Given) -> None:
        keep(kept, given)
        path = given[0]
        if path.startswith(environment()) and path not in self.foreign and not _is_own_of_library(path):
            self.foreign.add(path)


def keep(kept: dict[Any, None], what: str | Given) -> None:
    """Adds an entry if there is room."""
    if len(kept) < MOST:
        kept[what] = None


def begun_processes() -> str:
    """Returns a counter of the processes that multiprocessing created, also for pools of libraries: spawned processes raise no event."""
    module = sys.modules.get(f"{MULTIPROCESSING}.process")
    return repr(getattr(module, "_process_counter", "")) if module is not None else "count(1)"


def _opened(seen: Touched, args: tuple[Any, ...]) -> None:
    path, mode, flags = args
    if isinstance(path, str) and path.endswith(CODE) and _is_opened_as_code(path):
        return
    writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(flags & WRITING)
    if writes:
        # The modes replace the contents, append, or require that there is no file.
        seen.writes(path, goes_on=isinstance(mode, str) and "w" not in mode)
    else:
        seen.reads(path)


def _is_opened_as_code(path: str) -> bool:
    """Returns whether a file is opened by the import system, or by code that shows source lines of loaded code. Other code reads it like
    any file: `%run`, `exec`, `runpy`."""
    # Frames: this one, `_opened`, the hook, the opener.
    frame: FrameType | None = sys._getframe(3)
    if frame is not None and frame.f_code.co_filename.endswith(OF_LINES):
        # `tokenize` opens the file for its caller.
        frame = frame.f_back
    name = frame.f_code.co_filename if frame is not None else ""
    return (
        name in FROZEN
        or name.endswith(SHOWING)
        or (path.startswith(environment()) and _is_own_of_library(path))
    )


def _listed(seen: Touched, args: tuple[Any, ...]) -> None:
    folder = "." if args[0] is None else args[0]
    # Frames: this one, the hook, the code that lists.
    lister = sys._getframe(2).f_code.co_filename
    if not lister.endswith(IMPORTING):
        if (given := named(folder)) is not None and _is_searched(given[0]):
            asks_distribution(seen, (given[0], ""))
        else:
            seen.reads(folder)
    elif lister not in FROZEN:
        asks_distribution(seen, (folder, ""))


def _is_searched(folder: str) -> bool:
    """Returns whether a folder is in the environment and on the search path. For such a folder, the installed distributions in it count."""
    if not f"{folder}{os.sep}".startswith(environment()):
        return False
    searched = (path for path in sys.path if type(path) is str)
    return os.path.realpath(folder) in map(os.path.realpath, searched)


def _reads(*places: int) -> Callable[[Touched, tuple[Any, ...]], None]:
    def read(seen: Touched, args: tuple[Any, ...]) -> None:
        for path in _at(places, args):
            seen.reads(path)

    return read


def _writes(*places: int) -> Callable[[Touched, tuple[Any, ...]], None]:
    def written(seen: Touched, args: tuple[Any, ...]) -> None:
        for path in _at(places, args):
            seen.writes(path)

    return written


def _at(places: tuple[int, ...], args: tuple[Any, ...]) -> Iterator[Any]:
    """Yields the arguments at these positions. Any code can raise an event of this name, with any arguments."""
    return (args[place] for place in places if place < len(args))


def _goes_on(seen: Touched, args: tuple[Any, ...]) -> None:
    """Handles the opening of a database, which may be read and changed."""
    if args:
        seen.writes(args[0], goes_on=True)


def _copied(seen: Touched, args: tuple[Any, ...]) -> None:
    seen.reads(args[0])
    seen.writes(args[1])


def _connected(seen: Touched, args: tuple[Any, ...]) -> None:
    address = args[1]
    # Frames: this one, the hook, the code that connects.
    if TOLD_OTHERWISE and sys._getframe(2).f_code.co_filename.endswith(tuple(TOLD_OTHERWISE)):
        return
    if isinstance(address, tuple) and len(address) >= 2:
        address = f"{address[0]}:{address[1]}"
    keep(seen.sockets, os.fsdecode(address) if isinstance(address, bytes) else str(address))


def _started(seen: Touched, args: tuple[Any, ...]) -> None:
    if is_importing_library():
        return
    words = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else args[1:2]
    program = args[0] if args[0] is not None else words[0]
    asked = _asked_of_machine(program, words)
    if asked is None:
        keep(seen.processes, os.fsdecode(program))
    else:
        for path in asked:
            keep(seen.read, (path, None))


def _asked_of_machine(program: Any, words: Any) -> tuple[str, ...] | None:
    """Returns the files that determine the output of a program that a library starts to get information about the machine; `None` if the
    program does more, or a cell starts it itself."""
    frame: FrameType | None = sys._getframe(1)
    standard = tuple(os.path.join(os.path.dirname(os.__file__), name) for name in STARTING)  # noqa: PTH118, PTH120
    while frame is not None and frame.f_code.co_filename.startswith((OWN, *standard)):
        frame = frame.f_back
    starter = frame.f_code.co_filename if frame is not None else ""
    if not starter.startswith(libraries()):
        return None
    if starter.endswith(TELLING):
        return SYSTEM
    if "/proc/cpuinfo" in words:
        return CORES
    return () if starter.endswith(FINDING) else ASKING.get(os.path.basename(os.fsdecode(program)))  # noqa: PTH119


def _commanded(seen: Touched, args: tuple[Any, ...]) -> None:
    """Notes only the program of a shell command: the rest may contain a password."""
    if is_importing_library():
        return
    words = [word for word in os.fsdecode(args[0]).split() if "=" not in word]
    keep(seen.processes, words[0] if words else "sh")


def is_importing_library() -> bool:
    """Returns whether a library that is being imported starts this program itself, for example to list the fonts. Like all effects of an
    import, this is determined by the library's version, and repeated by the next import."""
    frame: FrameType | None = sys._getframe(1)
    others = OWN, *libraries()
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(others):
            return False
        if (
            code.co_name == "<module>"
            and frame.f_back is not None
            and frame.f_back.f_code.co_filename in FROZEN
        ):
            return True
        frame = frame.f_back
    return False


def _is_of_import(path: str) -> bool:
    """Returns whether a library that is being imported accesses its own cache, for example a list of fonts."""
    return path.startswith(caches()) and is_importing_library()


def _is_own_of_library(path: str) -> bool:
    """Returns whether a library reads a file of the environment that belongs to its installation, or is read by an import: its version
    determines the contents. A file that the notebook's code reads, or lets another library read, is an input."""
    frame: FrameType | None = sys._getframe(1)
    standard = ("<frozen ", *standard_folders())
    while frame is not None:
        file = frame.f_code.co_filename
        if file == FROZEN[0] or file.endswith(IMPORTING[1:]):
            return True
        # Installed packages are in a folder below the standard library's.
        is_standards = file.startswith(standard) and _package_of(file) is None
        if not (is_standards or file.startswith(OWN)):
            break
        frame = frame.f_back
    if (
        frame is None
        or frame.f_globals is sys.modules["__main__"].__dict__
        or not file.startswith(libraries())
    ):
        return False
    package = _package_of(path)
    return (package is not None and package == _package_of(file)) or is_importing_library()


def _package_of(path: str) -> str | None:
    """Returns the package or module of an installed file; `None` for files outside of package folders."""
    for name in PACKAGES:
        _, found, rest = path.rpartition(f"{os.sep}{name}{os.sep}")
        if found:
            return rest.partition(os.sep)[0]
    return None


def asks_variable(seen: Touched, name: object) -> None:
    """Notes that the notebook's code or the user's own modules read an environment variable, directly or through a library. Variables that
    a library reads at its import are determined by its version, like all effects of an import."""
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    # Frames: this one, the hook, and the environment's own method, unless the variable is set or deleted.
    frame = sys._getframe(2)
    if not isinstance(name, str) or name in OF_KERNEL or frame.f_code.co_name != "__getitem__":
        return
    if _is_of_users(frame.f_back):
        keep(seen.variables, name)
        for library in _libraries_asking(frame.f_back):
            keep(seen.asking.setdefault(library, {}), name)


def _libraries_asking(frame: FrameType | None) -> Iterator[str]:
    """Yields the top-level names of the libraries on the stack between the reader and the notebook's code or the user's own modules: each
    may cache the value. In the standard library only one module does."""
    main, others = sys.modules["__main__"].__dict__, libraries()
    while frame is not None and frame.f_globals is not main and frame.f_code.co_filename.startswith(others):
        name = frame.f_globals.get("__name__")
        top = name.partition(".")[0] if type(name) is str else ""
        if top == KEEPING or (top and not is_standard(top)):
            yield top
        frame = frame.f_back


def _is_of_users(frame: FrameType | None) -> bool:
    """Returns whether the notebook's code or the user's own modules caused the action in a frame, through any library, except through its
    import."""
    main, others = sys.modules["__main__"].__dict__, (*libraries(), *FROZEN)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(OWN):
            return False
        if frame.f_globals is main or not file.startswith(others):
            return True
        if frame.f_code.co_name == "<module>" and frame.f_back and frame.f_back.f_code.co_filename in FROZEN:
            return False
        frame = frame.f_back
    return False


def _seeds(seen: Touched, args: tuple[random.Random, object]) -> None:
    # Frames: this one, the hook, its caller, the code that seeds. A generator seeds itself when it is created.
    frame = sys._getframe(3)
    maker = frame.f_back if frame.f_globals is random.__dict__ else frame
    # `tempfile` creates names of files, which are not part of the cell's results.
    is_of_names = maker is not None and maker.f_globals.get("__name__") == KEEPING
    if not is_of_names and _is_of_users(frame):
        seen.seeds(*args)


def _takes_number(seen: Touched, args: tuple[int]) -> None:
    frame = sys._getframe(3)
    if _is_of_users(frame):
        # A generator that is copied or unpickled gets its state next.
        is_copied = frame.f_globals.get("__name__") == "numpy.random._pickle"
        seen.unseeded.take(args[0], may_be_seeded=is_copied or "RandomState" in frame.f_code.co_names)


def asks_module(seen: Touched, name: object) -> None:
    """Notes that the notebook's code, through any library, looks for a module that is not loaded."""
    if type(name) is not str or name in seen.modules:
        return
    if not _is_looked_for_by_users():
        return
    if len(seen.modules) < MOST_MODULES:
        seen.modules[name] = None
    else:
        keep(seen.unrepeatable, MANY_MODULES)


HAVING_ALL = frozenset(("__main__", "builtins"))
"""Modules that contain all variables of the notebook, or functions that return them."""


def looks_up(seen: Touched, name: object) -> None:
    """Notes that it looks up a module by a text; the module may be loaded already."""
    if name in HAVING_ALL and _is_looked_for_by_users():
        seen.has_had_all = True
    if name in sys.modules and name not in seen.looked_up_in and _is_looked_for_by_users():
        keep(seen.looked_up_in, str(name))


def asks_distribution(seen: Touched, asked: tuple[str, str]) -> None:
    """Notes that it lists the installed distributions of a folder, or looks one up by name."""
    folder, name = asked
    names = seen.distributions.get(folder, set())
    if name in names or not _is_looked_for_by_users():
        return
    if len(names) < MOST_MODULES or not name:
        seen.distributions.setdefault(folder, names).add(name)
    else:
        keep(seen.unrepeatable, MANY_MODULES)


def _is_looked_for_by_users() -> bool:
    frame: FrameType | None = sys._getframe(1)
    # Skip Clew's own frames, which are only listening.
    while frame is not None and frame.f_code.co_filename.startswith(OWN):
        frame = frame.f_back
    return _is_of_users(frame)


MAKING = frozenset(("_create_function", "_create_code"))
"""Functions with which dill creates functions. dill gives these the notebook's namespace, without a lookup."""


GIVING = frozenset(("globals", "locals", "vars", "__import__"))
"""Built-in functions that return all variables, or the module that contains them."""


def _unpickled(seen: Touched, args: tuple[Any, ...]) -> None:
    """Notes that an unpickler looks up something in a module. In the notebook's module, that is a variable that the run reads."""
    if len(args) < 2 or not (type(args[0]) is type(args[1]) is str):
        return
    module, name = args[0], args[1].partition(".")[0]
    if (module == "dill._dill" and name in MAKING) or (module == "builtins" and name in GIVING):
        seen.has_had_all = seen.has_had_all or _is_unpickled_by_users()
    elif name not in seen.unpickled and sys.modules.get(module) is sys.modules["__main__"]:
        seen.unpickles(name)
    seen.unpickles_from(module)


def _is_unpickled_by_users() -> bool:
    """Returns whether the unpickling is not Clew's own. If no Clew code is on the stack of another thread, that thread works for the
    notebook."""
    main = sys.modules["__main__"].__dict__
    frame: FrameType | None = sys._getframe(1)
    # Skip Clew's own frames up to the hook, which are only listening.
    while frame is not None and frame.f_code.co_name != "_hook":
        frame = frame.f_back
    frame = frame.f_back if frame is not None else None
    while frame is not None and frame.f_globals is not main:
        if frame.f_code.co_filename.startswith(OWN):
            return False
        frame = frame.f_back
    return True


def _forked(seen: Touched, args: tuple[Any, ...]) -> None:
    keep(seen.processes, "fork")


about_to_run: list[Callable[[CodeType], None]] = []
"""Callbacks that are called before code of the user's own files runs: of imported modules and of scripts."""


def _executes(seen: Touched, args: tuple[Any, ...]) -> None:
    """Notes that code is executed as a module. Code compiled from a text of the user has no file. Code that the notebook's code executes
    reads its variables, by whatever name `eval` is called."""
    code = args[0] if args else None
    if type(code) is not CodeType or code.co_name != "<module>":
        return
    # Frames: this one, the hook, the code that executes.
    if sys._getframe(2).f_globals is sys.modules["__main__"].__dict__:
        _keep_or_any(seen, seen.evaluated, code)
    name = code.co_filename
    is_users = name == "<string>" or (name.startswith(os.sep) and not name.startswith((OWN, *libraries())))
    if is_users and len(seen.executed) < MOST_EXECUTED:
        seen.executed.append(code)
        for told in about_to_run:
            told(code)


HARMLESS = tuple(
    os.path.join("", one.name, *one.takes_frames.split("/"))  # noqa: PTH118
    for one in ALL
    if one.takes_frames is not None
)
"""Code that looks at frames, but not at variables by name: the reads of magics are determined in another way."""


def _takes_frame(seen: Touched, args: tuple[Any, ...]) -> None:
    """Notes that code takes a frame of the notebook and may look up any variable in it by a text: pandas for queries, DuckDB for tables."""
    frame, taker = args
    # Native code takes the frame that called it.
    if taker is None or taker is frame or _looks_into_frames(taker.f_code):
        _keep_or_any(seen, seen.frames, (frame.f_code, frame.f_lasti))


def _keep_or_any(seen: Touched, kept: dict[Any, None], what: object) -> None:
    """Adds an entry about accessed variables. If there is no room, any variable may have been accessed."""
    if len(kept) < MOST:
        kept[what] = None
    else:
        seen.has_had_all = True


@lru_cache(maxsize=MOST)
def _looks_into_frames(code: CodeType) -> bool:
    """Returns whether code that takes a frame looks at the variables in it. Other code only reads the module's name, as class factories
    do."""
    if code.co_filename.startswith(OWN) or any(part in code.co_filename for part in HARMLESS):
        return False
    # Native code calls `currentframe` to go on to the frame that it looks for.
    return (
        "f_locals" in code.co_names
        or code.co_name == "currentframe"
        or ("f_globals" in code.co_names and "__name__" not in code.co_consts)
    )


def _asks_attribute(seen: Touched, args: tuple[Any, ...]) -> None:
    """Notes an access to extended attributes: descriptions of files do not contain these."""
    keep(seen.unrepeatable, "an extended attribute of a file")


VARIABLE = "clew: environment variable"
"""The event for reads of the environment, besides the interpreter's own events."""
MODULE, LOOKUP, DISTRIBUTION = "clew: module", "clew: lookup", "clew: distribution"
"""The events for modules that are looked for, for modules that are looked up by a text, and for distributions."""
SEED, NUMBER = "clew: seed", "clew: number"
"""The events for generators that are seeded, and for numbers that numpy takes from the system for a generator."""

WATCHERS: dict[str, Callable[[Touched, Any], None]] = {
    VARIABLE: asks_variable,
    MODULE: asks_module,
    LOOKUP: looks_up,
    DISTRIBUTION: asks_distribution,
    SEED: _seeds,
    NUMBER: _takes_number,
    "open": _opened,
    "os.listdir": _listed,
    "os.scandir": _listed,
    "glob.glob": _reads(0),
    "os.remove": _writes(0),
    "os.rename": _writes(0, 1),
    "os.mkdir": _writes(0),
    "os.rmdir": _writes(0),
    "os.truncate": _writes(0),
    "os.link": _writes(1),
    "os.symlink": _writes(1),
    "os.chmod": _writes(0),
    "os.utime": _writes(0),
    "shutil.copyfile": _copied,
    "shutil.move": _writes(0, 1),
    "shutil.rmtree": _writes(0),
    "shutil.make_archive": _writes(0),
    "sqlite3.connect": _goes_on,
    "socket.connect": _connected,
    "subprocess.Popen": _started,
    "os.posix_spawn": _started,
    "os.exec": _started,
    "os.spawn": lambda seen, args: _started(seen, args[1:]),
    "os.startfile": _started,
    "os.system": _commanded,
    "pickle.find_class": _unpickled,
    "exec": _executes,
    "sys._getframe": _takes_frame,
    "os.getxattr": _asks_attribute,
    "os.setxattr": _writes(0),
    "os.removexattr": _writes(0),
    "os.fork": _forked,
    "os.forkpty": _forked,
}
