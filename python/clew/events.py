"""What Python's audit events say that somebody touched: files, sockets, processes.

They tell what Python does, not what libraries do below it. Nothing here proves that something did not happen.
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
"""So many different files, addresses and programs a run are kept."""

MOST_MODULES, MANY_MODULES = 300, "more modules than Clew records"
"""So many modules that a run looked for are noted, and what is said of one that looked for more."""

MOST_EXECUTED = 100
"""So many texts and files that were executed are looked at a run."""

CODE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".pth")
"""Files that importing opens; modules are evidence of their own. Whoever else opens one reads it as data."""

IMPORTING = (
    "<frozen importlib._bootstrap_external>",
    os.path.join("importlib", "metadata", "__init__.py"),  # noqa: PTH118
    os.path.join("importlib_metadata", "__init__.py"),  # noqa: PTH118
    os.path.join("pkg_resources", "__init__.py"),  # noqa: PTH118
)
"""Whose look into a folder is none of the cell's: what is installed is told otherwise."""

FROZEN = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
"""What imports."""

OF_LINES, SHOWING = "tokenize.py", ("linecache.py", "inspect.py")
"""What opens code by its encoding, and who asks it for lines of code that is there already."""

TOLD_OTHERWISE: set[str] = set()
"""How paths of code end that speaks to a process of its own, of which somebody else tells what it does for the cell."""

CORES, SYSTEM = (
    ("/sys/devices/system/cpu/online", "/sys/devices/system/cpu/present"),
    ("/proc/sys/kernel/osrelease", "/proc/sys/kernel/hostname"),
)
ASKING: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("lscpu", "nproc", "getconf"), CORES),
    **dict.fromkeys(("uname", "arch"), SYSTEM),
    **dict.fromkeys(("ldconfig", "fc-list", "fc-match", "lsb_release"), ()),
}
"""Programs that libraries start to learn something of the machine, and the files by which the answer is known. What is installed for the system
is no input, so there are none for that."""
FINDING, TELLING = os.path.join("ctypes", "util.py"), f"{os.sep}platform.py"  # noqa: PTH118
"""Code that starts programs for nothing else: to find libraries, with a compiler for example, and to tell what the system is."""
STARTING = ("subprocess.py", "os.py")
"""Code that starts programs for others."""

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
"""Environment variables that kernels set themselves when they start, and that Clew gives them."""

KEEPING = "tempfile"
"""The module of the standard library that keeps what it once was told of the environment."""

OWN = os.path.join(os.path.dirname(__file__), "")  # noqa: PTH118, PTH120
"""How paths of Clew's own code begin, which stands between whoever does something and who hears of it."""


class Touched:
    """What the hook saw somebody do."""

    def __init__(self) -> None:
        #: Files by their absolute paths and as they were given, where that was relative.
        self.read: dict[Given, None] = {}
        self.written: dict[Given, None] = {}
        #: Paths in the environment that no library read or wrote as its own.
        self.foreign = set[str]()
        self.sockets: dict[str, None] = {}
        self.processes: dict[str, None] = {}
        #: Environment variables, by name, that the notebook's code had somebody read.
        self.variables: dict[str, None] = {}
        #: Libraries that asked for them, by first word, each with their names.
        self.asking: dict[str, dict[str, None]] = {}
        #: Those that native code read.
        self.native_variables: dict[str, None] = {}
        #: Variables of the notebook, by name, that something was unpickled by.
        self.unpickled: dict[str, None] = {}
        #: Texts that the notebook's code had evaluated or executed, compiled.
        self.evaluated: dict[CodeType, None] = {}
        #: Modules, by name, that something was looked up in by a text: by an unpickler, or with `importlib`.
        self.looked_up_in: dict[str, None] = {}
        #: Modules, by name, that the notebook's code had somebody look for.
        self.modules: dict[str, None] = {}
        #: Folders in which it had somebody look for distributions, each with their names; an empty one stands for all.
        self.distributions: dict[str, set[str]] = {}
        #: Whether somebody may have had any variable of the notebook: functions that were unpickled, or more than are kept of the two beside.
        self.has_had_all = False
        #: Where the notebook's code was when somebody took a frame of it to look variables up: the code, and how far it had come.
        self.frames: dict[tuple[CodeType, int], None] = {}
        #: Code of the user's own files that was executed, and of texts.
        self.executed: list[CodeType] = []
        #: What was asked for that is another each time, in words.
        self.unrepeatable: dict[str, None] = {}
        #: Generators that the notebook's code had somebody make without a seed.
        self.unseeded = Unseeded()
        #: What went wrong while it was listened.
        self.trouble: BaseException | None = None

    def reads(self, path: Any) -> None:
        """Something is about to be read."""
        if (given := named(path)) is not None and not _is_of_import(given[0]):
            self._keep(self.read, given)

    def unpickles(self, name: str) -> None:
        """An unpickler looks a variable of the notebook up."""
        if _is_unpickled_by_users():
            keep(self.unpickled, name)

    def unpickles_from(self, module: str) -> None:
        """An unpickler looks something up in a module."""
        if module not in self.looked_up_in and _is_unpickled_by_users():
            keep(self.looked_up_in, module)

    def writes(self, path: Any, *, goes_on: bool = False) -> None:
        """Something is about to be written. One that `goes_on` from what it holds reads that, too."""
        if (given := named(path)) is not None and not _is_of_import(given[0]):
            self._keep(self.written, given)

    def seeds(self, generator: random.Random, seed: object) -> None:
        """A generator is about to be seeded, or made."""
        self.unseeded.seed(generator, seed)

    def _keep(self, kept: dict[Any, None], given: Given) -> None:
        keep(kept, given)
        path = given[0]
        if path.startswith(environment()) and path not in self.foreign and not _is_own_of_library(path):
            self.foreign.add(path)


def keep(kept: dict[Any, None], what: str | Given) -> None:
    """Keeps what was touched, as long as there is room."""
    if len(kept) < MOST:
        kept[what] = None


def begun_processes() -> str:
    """How many processes multiprocessing made, pools of others included: no event tells of those that are spawned."""
    module = sys.modules.get(f"{MULTIPROCESSING}.process")
    return repr(getattr(module, "_process_counter", "")) if module is not None else "count(1)"


def _opened(seen: Touched, args: tuple[Any, ...]) -> None:
    path, mode, flags = args
    if isinstance(path, str) and path.endswith(CODE) and _is_opened_as_code(path):
        return
    writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(flags & WRITING)
    if writes:
        # In place of what was there, at its end, or where nothing may be.
        seen.writes(path, goes_on=isinstance(mode, str) and "w" not in mode)
    else:
        seen.reads(path)


def _is_opened_as_code(path: str) -> bool:
    """Whether a file is opened by what imports, or by what shows lines of code that was imported. Others read it as they read any file:
    `%run`, `exec`, `runpy`."""
    # This one, `_opened`, the hook, and whoever opens.
    frame: FrameType | None = sys._getframe(3)
    if frame is not None and frame.f_code.co_filename.endswith(OF_LINES):
        # Of lines it is asked by somebody.
        frame = frame.f_back
    name = frame.f_code.co_filename if frame is not None else ""
    return (
        name in FROZEN
        or name.endswith(SHOWING)
        or (path.startswith(environment()) and _is_own_of_library(path))
    )


def _listed(seen: Touched, args: tuple[Any, ...]) -> None:
    folder = "." if args[0] is None else args[0]
    # This one, the hook, and whoever lists.
    lister = sys._getframe(2).f_code.co_filename
    if not lister.endswith(IMPORTING):
        if (given := named(folder)) is not None and _is_searched(given[0]):
            asks_distribution(seen, (given[0], ""))
        else:
            seen.reads(folder)
    elif lister not in FROZEN:
        asks_distribution(seen, (folder, ""))


def _is_searched(folder: str) -> bool:
    """Whether it is one of the environment's folders that modules are looked for in. Of these it counts which distributions lie there."""
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
    """Anybody may audit an event of this name, with whatever he likes."""
    return (args[place] for place in places if place < len(args))


def _goes_on(seen: Touched, args: tuple[Any, ...]) -> None:
    """A database is opened, which may be read and changed."""
    if args:
        seen.writes(args[0], goes_on=True)


def _copied(seen: Touched, args: tuple[Any, ...]) -> None:
    seen.reads(args[0])
    seen.writes(args[1])


def _connected(seen: Touched, args: tuple[Any, ...]) -> None:
    address = args[1]
    # This one, the hook, and whoever connects.
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
    """By which files it is known what a program answers that a library starts to learn something of the machine; `None` where it does more, or
    a cell starts it itself."""
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
    """Of a shell command only the program is kept: the rest may hold a password."""
    if is_importing_library():
        return
    words = [word for word in os.fsdecode(args[0]).split() if "=" not in word]
    keep(seen.processes, words[0] if words else "sh")


def is_importing_library() -> bool:
    """Whether a library is being imported that starts this program itself, to see which fonts there are for example. Like all else
    that importing does, that is known by the library's version, and done again where it is imported again."""
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
    """Whether it is one of the files in which a library that is being imported keeps its own work, lists of fonts for example."""
    return path.startswith(caches()) and is_importing_library()


def _is_own_of_library(path: str) -> bool:
    """Whether a library reads a file of the environment that it was installed with, or that importing takes: its version tells of that. What the
    notebook's code reads, or has another library read, is an input."""
    frame: FrameType | None = sys._getframe(1)
    standard = ("<frozen ", *standard_folders())
    while frame is not None:
        file = frame.f_code.co_filename
        if file == FROZEN[0] or file.endswith(IMPORTING[1:]):
            return True
        # What is installed lies below the standard library's folder.
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
    """The package or module that an installed file lies in; `None` for those that lie where no packages are."""
    for name in PACKAGES:
        _, found, rest = path.rpartition(f"{os.sep}{name}{os.sep}")
        if found:
            return rest.partition(os.sep)[0]
    return None


def asks_variable(seen: Touched, name: object) -> None:
    """The environment is asked for a variable by the notebook's code or the user's own modules, through whatever library. What a library
    reads while it is imported is known by its version, like all else that importing does."""
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    # This one, who hears of it, and the environment's own method, if it is not set or taken away.
    frame = sys._getframe(2)
    if not isinstance(name, str) or name in OF_KERNEL or frame.f_code.co_name != "__getitem__":
        return
    if _is_of_users(frame.f_back):
        keep(seen.variables, name)
        for library in _libraries_asking(frame.f_back):
            keep(seen.asking.setdefault(library, {}), name)


def _libraries_asking(frame: FrameType | None) -> Iterator[str]:
    """First words of libraries that ask the environment there, one for another, down to the notebook's code or the user's own: any of them may
    keep the answer. Of the standard library only one does."""
    main, others = sys.modules["__main__"].__dict__, libraries()
    while frame is not None and frame.f_globals is not main and frame.f_code.co_filename.startswith(others):
        name = frame.f_globals.get("__name__")
        top = name.partition(".")[0] if type(name) is str else ""
        if top == KEEPING or (top and not is_standard(top)):
            yield top
        frame = frame.f_back


def _is_of_users(frame: FrameType | None) -> bool:
    """Whether the notebook's code or the user's own modules had done what happens in a frame, by whatever library: but for what that does
    while it is imported."""
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
    # This one, the hook, who hears of it, and whoever seeds: one that is made seeds itself.
    frame = sys._getframe(3)
    maker = frame.f_back if frame.f_globals is random.__dict__ else frame
    # That makes names of files, which are none of the cell's values.
    is_of_names = maker is not None and maker.f_globals.get("__name__") == KEEPING
    if not is_of_names and _is_of_users(frame):
        seen.seeds(*args)


def _takes_number(seen: Touched, args: tuple[int]) -> None:
    frame = sys._getframe(3)
    if _is_of_users(frame):
        # Also where one is copied or unpickled, which gets its state next.
        is_copied = frame.f_globals.get("__name__") == "numpy.random._pickle"
        seen.unseeded.take(args[0], may_be_seeded=is_copied or "RandomState" in frame.f_code.co_names)


def asks_module(seen: Touched, name: object) -> None:
    """The notebook's code has a module looked for that is not loaded, by whatever name and library."""
    if type(name) is not str or name in seen.modules:
        return
    if not _is_looked_for_by_users():
        return
    if len(seen.modules) < MOST_MODULES:
        seen.modules[name] = None
    else:
        keep(seen.unrepeatable, MANY_MODULES)


HAVING_ALL = frozenset(("__main__", "builtins"))
"""Modules that have all variables of the notebook, or functions that give them."""


def looks_up(seen: Touched, name: object) -> None:
    """It has a module looked up by a text, which may be loaded."""
    if name in HAVING_ALL and _is_looked_for_by_users():
        seen.has_had_all = True
    if name in sys.modules and name not in seen.looked_up_in and _is_looked_for_by_users():
        keep(seen.looked_up_in, str(name))


def asks_distribution(seen: Touched, asked: tuple[str, str]) -> None:
    """It has somebody look which distributions are installed in a folder, or whether one of a name is."""
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
    # Down to whoever looks, it is Clew that listens.
    while frame is not None and frame.f_code.co_filename.startswith(OWN):
        frame = frame.f_back
    return _is_of_users(frame)


MAKING = frozenset(("_create_function", "_create_code"))
"""What dill makes functions with: these have the notebook's variables, which dill puts in without asking for them."""


GIVING = frozenset(("globals", "locals", "vars", "__import__"))
"""Built-in functions that give all variables, or the module that has them."""


def _unpickled(seen: Touched, args: tuple[Any, ...]) -> None:
    """An unpickler looks something up in a module. What it finds in the notebook's is a variable that the run reads."""
    if len(args) < 2 or not (type(args[0]) is type(args[1]) is str):
        return
    module, name = args[0], args[1].partition(".")[0]
    if (module == "dill._dill" and name in MAKING) or (module == "builtins" and name in GIVING):
        seen.has_had_all = seen.has_had_all or _is_unpickled_by_users()
    elif name not in seen.unpickled and sys.modules.get(module) is sys.modules["__main__"]:
        seen.unpickles(name)
    seen.unpickles_from(module)


def _is_unpickled_by_users() -> bool:
    """Whether it is not Clew that unpickles. Other threads do it for the notebook where no code of it is on their stack."""
    main = sys.modules["__main__"].__dict__
    frame: FrameType | None = sys._getframe(1)
    # Down to whoever called the hook, it is Clew that listens.
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
"""Who is told of code of the user's own files before it runs: of modules that are imported, and of scripts."""


def _executes(seen: Touched, args: tuple[Any, ...]) -> None:
    """Some code is executed as a module is. What is compiled from a text of the user's has no file. What the notebook's code has executed, by
    whatever name it called `eval`, reads its variables."""
    code = args[0] if args else None
    if type(code) is not CodeType or code.co_name != "<module>":
        return
    # This one, the hook, and who executes.
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
"""Whose code looks at frames, and at no variable by its name: what magics read is told otherwise."""


def _takes_frame(seen: Touched, args: tuple[Any, ...]) -> None:
    """Somebody takes a frame of the notebook's, and may look up any variable there by a text: pandas for queries, DuckDB for tables."""
    frame, taker = args
    # Native code takes the one that has called it.
    if taker is None or taker is frame or _looks_into_frames(taker.f_code):
        _keep_or_any(seen, seen.frames, (frame.f_code, frame.f_lasti))


def _keep_or_any(seen: Touched, kept: dict[Any, None], what: object) -> None:
    """Keeps what tells which variables were had; where there is no room it may have been any."""
    if len(kept) < MOST:
        kept[what] = None
    else:
        seen.has_had_all = True


@lru_cache(maxsize=MOST)
def _looks_into_frames(code: CodeType) -> bool:
    """Whether who takes a frame looks at variables in it. Others ask for the name of the module only, as who makes a class does."""
    if code.co_filename.startswith(OWN) or any(part in code.co_filename for part in HARMLESS):
        return False
    # Native code has it called, to go on to what it looks for.
    return (
        "f_locals" in code.co_names
        or code.co_name == "currentframe"
        or ("f_globals" in code.co_names and "__name__" not in code.co_consts)
    )


def _asks_attribute(seen: Touched, args: tuple[Any, ...]) -> None:
    """Extended attributes of files are in no description of these."""
    keep(seen.unrepeatable, "an extended attribute of a file")


VARIABLE = "clew: environment variable"
"""What is told of the environment, beside the interpreter's events."""
MODULE, LOOKUP, DISTRIBUTION = "clew: module", "clew: lookup", "clew: distribution"
"""The same of modules that are looked for, of those that are looked up by a text, and of distributions."""
SEED, NUMBER = "clew: seed", "clew: number"
"""The same of generators that are seeded, and of numbers that numpy takes from the system for one."""

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
