"""The compiled engine (`clew._engine`): its Python interface."""

from collections.abc import Callable, Mapping, Sequence, Set
from types import CodeType
from typing import Any, Literal, NotRequired, TypedDict

from clew.run.environment import Environment

__version__: str

class Notebook(TypedDict):
    """The identity of the notebook, as far as the front end reports it."""

    path: str | None
    id: str | None
    name: str | None
    history: NotRequired[str | None]
    run: NotRequired[str | None]
    kernel: NotRequired[dict[str, Any]]

class File(TypedDict):
    """A file that a run may have used, as it was right after the run. `size` (bytes) and `modified` (ns) are `None` if the file does not
    exist."""

    path: str
    size: int | None
    modified: int | None
    digest: str | None
    mark: NotRequired[str | None]
    given: NotRequired[str]
    of_environment: NotRequired[bool]

class Module(TypedDict):
    """A module that a run imported or tried to import."""

    name: str
    version: str | None
    distribution: NotRequired[str]
    digest: NotRequired[str]
    files: NotRequired[list[File]]
    imports: NotRequired[list[str]]

class Interpreter(TypedDict):
    """The interpreter and machine of a session."""

    version: str
    implementation: str
    platform: str
    machine: str
    byte_order: str
    batch: NotRequired[bool]
    fork: NotRequired[bool]
    started_with: NotRequired[dict[str, str]]

class TaskCounts(TypedDict):
    """Counts of tasks of distributed computations: all, those with a cached result, those that ran, and those without a key, by reason."""

    total: int
    known: int
    run: int
    keyless: dict[str, int]

class Evidence(TypedDict, total=False):
    """What a run may have used outside the session. Missing fields are empty (`clew_core::format::Evidence`)."""

    reads: list[str]
    writes: list[str]
    binds: list[str]
    later: list[str]
    touched_all: bool
    reads_known: bool
    files_read: list[File]
    files_written: list[File]
    environment: list[str]
    sockets: list[str]
    processes: list[str]
    random: dict[str, tuple[str, str]]
    seeded: list[str]
    undrawn: list[str]
    modules: list[Module]
    found: list[Module]
    submodules: list[str]
    interpreter: Interpreter
    set_by_imports: list[str]
    libraries: list[str]
    patched: list[str]
    unrestored: list[str]
    masked: list[str]
    unrepeatable: list[str]
    directory: str | None
    went: str
    placed: bool
    transformed: bool
    variables: dict[str, str | None]
    kept: dict[str, list[str]]
    tasks: TaskCounts
    peak_memory: int
    importing: int

class Run(TypedDict):
    """A finished run, as the recorder describes it."""

    source: str
    cell: str | None
    execution_count: int | None
    started: int
    """Nanoseconds since the Unix epoch."""
    duration: int
    """Nanoseconds."""
    ending: Literal["done", "interrupted"] | dict[Literal["failed"], str]
    evidence: Evidence
    touched: list[str] | None
    """Names that it may have touched; `None` if they cannot be determined."""
    optional: NotRequired[bool]
    """Whether to record it only if something changed."""
    output: NotRequired[str | None]
    """Its outputs, as a JSON array of nbformat outputs."""

class Begun(TypedDict):
    """A cell that begins, as the recorder describes it."""

    source: str | None
    """Its source without credentials; `None` if the source must not be stored."""
    masked: list[str]
    """Descriptions of the credentials that were removed from it."""
    cell: str | None
    execution_count: int | None
    started: int
    """Nanoseconds since the Unix epoch."""

class Hidden(TypedDict):
    """What must not be recorded."""

    named: list[str]
    """The excluded ones among the given words."""
    names: list[str]
    """Names of the session that are excluded or whose values look like secrets."""

class Captured(TypedDict):
    """The result of a capture."""

    run: str | None
    saved: bool
    warnings: list[str]
    nanoseconds: dict[str, int]

class Answer(TypedDict):
    """The result of a command."""

    exit: int
    text: str
    html: str | None
    json: Any
    interrupted: NotRequired[bool]
    """Whether Ctrl+C arrived when the move could no longer be stopped."""
    is_problem: NotRequired[bool]
    """Whether the text explains why nothing was done."""

ReusedRun = tuple[str, str, str | None, int | None, str | None]
"""A run to reuse for a cell: its id, the id of its history, the cell's id, its `In [n]`, and the directory that the cell would have
found."""

class Through(TypedDict):
    """Where a command was typed, if not in the notebook."""

    interface: Literal["terminal", "python"]
    width: NotRequired[int]
    is_coloured: NotRequired[bool]

def judged_secret(name: str, text: str) -> str | None:
    """Returns why a text with this name is a credential; `None` if neither name nor text suggests one."""

def panicked_at() -> str | None:
    """Returns where the engine panicked last. Each panic is returned once."""

def panic_at(step: str | None) -> bool:
    """Makes the engine panic once, when this step begins next; `None` cancels. Returns whether the previously requested panic has
    happened."""

def panic_wanted() -> str | None:
    """Returns the step at which a requested panic is still to happen."""

def panic_steps() -> list[str]:
    """Returns the steps at which `panic_at` can panic: for tests."""

def secret_within(name: str, value: object) -> str | None:
    """Returns why a value that is not a text must not be stored under this name; `None` if it may be stored."""

def secrets_within(name: str, value: object) -> list[str]:
    """Returns the texts in such a value that must not be shown."""

def credentials_in(name: str, text: str) -> list[str]:
    """Returns the credentials in a text with this name that are distinctive enough to be recognized elsewhere."""

def is_distinct(text: str) -> bool:
    """Returns whether a text is so distinctive that it is a credential wherever it occurs."""

def holds_known(text: str, known: Sequence[str]) -> bool:
    """Returns whether one of the `known` texts occurs in a text."""

def asks_for_credential(prompt: str) -> bool:
    """Returns whether a prompt asks for a credential."""

def given_names(source: str) -> list[str]:
    """Returns the names that a source binds to functions that return credentials."""

def secret_variables() -> list[str]:
    """Returns the values of environment variables that look like credentials."""

def redacted(text: str, known: Sequence[str]) -> str:
    """Returns a displayed text without credentials and without the `known` texts."""

def masked(source: str, known: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """Returns a cell's source without credentials and `known` texts, descriptions of the removed ones, and those removed texts that are
    distinctive enough to be recognized elsewhere."""

def left_out(taken: Sequence[str]) -> str:
    """Returns the beginning of a sentence that reports what was removed."""

class Buffer:
    """Memory of an object, passed to the engine by a codec."""

    def __init__(self, exporter: Any, column: int = 0, copies_on_write: bool = False) -> None:
        """`exporter` exposes contiguous memory; `column` is the size of one column in bytes; `copies_on_write` marks memory that is copied
        on write, as in pandas."""

def pack_texts(items: list[Any], missing: tuple[Any, ...]) -> tuple[bytes, bytes, bytes] | None:
    """Packs a list of texts of at most 64 bytes and of objects of `missing` into codes (int32), offsets (int32) and data (UTF-8). The
    objects of `missing` get the codes -1, -2 and so on. Returns `None` if the list contains anything else. Afterwards the garbage collector
    no longer tracks the list."""

def unpack_texts(codes: Any, offsets: Any, data: Any, missing: tuple[Any, ...]) -> list[Any]:
    """Returns the objects that `pack_texts` packed, from the memory of its three results.

    Raises `ValueError` if the three do not fit together.
    """

def items_of(array: Any) -> list[Any]:
    """Returns the objects of a contiguous object array, as `tolist` does."""

def put_items(array: Any, items: list[Any]) -> None:
    """Writes the objects of a list into a contiguous object array of the same length."""

def are_items(array: Any, items: list[Any]) -> bool:
    """Returns whether a contiguous object array refers to exactly the objects of a list, in its order."""

def words_of(objects: list[Any], addresses: set[int]) -> set[int]:
    """Returns which of these addresses occur as words in the memory of objects. Objects of variable length are not searched."""

def runs_elsewhere(namespace: dict[str, Any]) -> bool:
    """Returns whether another thread runs code of a namespace."""

def locals_elsewhere() -> dict[int, list[tuple[dict[str, Any], set[int]]]]:
    """Returns the frames of the other threads by thread id, innermost first: their globals, and the ids of the objects in their local
    variables."""

class Whereabouts:
    """The address of something outside the session. It is part of a value, but runs do not depend on it."""

    text: str
    def __init__(self, text: str) -> None: ...

def hang_audit_hook(events: list[str], told: Callable[[str, tuple[Any, ...]], object]) -> None:
    """Installs an audit hook that calls `told` for these events while `watch_events` is on. Later calls have no effect."""

def watch_events(on: bool) -> None:
    """Turns the audit hook on or off."""

def codes_within(
    objects: list[Any], namespace: dict[str, Any], packed: dict[int, Any]
) -> tuple[list[CodeType], list[Any], bool, list[Any]]:
    """Searches everything reachable from `objects`. Returns the code objects of functions over `namespace`; other objects that may look up
    names (functions of libraries, calls of methods by name, `namespace` itself); whether the search was complete; and annotations of these
    functions and of the notebook's classes. Arrays that hold the same texts as when they were `packed` are not searched again."""

class Fired:
    """A callback for `sys.monitoring` that collects the code objects it is called with, each once."""

    def __init__(self, disable: object) -> None: ...
    def __call__(self, code: CodeType, *rest: object) -> object: ...
    def codes(self) -> list[CodeType]: ...
    def clear(self) -> None: ...

class Listened:
    """A function wrapper that calls `told` before each call while events are watched. It has no Python frame of its own."""

    function: Callable[..., Any]
    def __init__(self, function: Callable[..., Any], told: Callable[..., object]) -> None: ...
    def __call__(self, *arguments: Any, **named: Any) -> Any: ...

class Held:
    """A context manager that defers Ctrl+C: the interrupt is noted instead of raised."""

    at: float | None
    """When it arrived, in seconds since the epoch; set when the block has ended."""

    def __enter__(self) -> Held: ...
    def __exit__(self, *_: object) -> None: ...

class NotebookCell(TypedDict):
    """A code cell of a notebook."""

    id: str | None
    source: str
    number: int
    """Its `In [n]` if all cells run."""
    tags: Sequence[str]
    traits: list[str]
    """Properties of its code that no record shows (`CodeTrait` in `clew_cli::cell_reuse`), in snake case."""
    imports: list[str]
    macros: list[str]

class NotebookFacts(TypedDict):
    """Facts about a notebook and the machine, collected before the first decision."""

    path: str
    id: str | None
    history: str | None
    """The history that the notebook was packaged with."""
    directory: str
    python: str
    variables: dict[str, str]
    builtins: Set[str]
    standard_modules: Set[str]

class CellDecision(TypedDict):
    """Whether a cell is executed or restored, and why."""

    outcome: Literal["executed", "restored"]
    why: list[str]
    run: str | None
    """The run that is reused, or that an executed cell is compared with."""
    end: dict[str, str] | None
    output: str | None
    """The outputs of that run, as a JSON array of nbformat outputs."""
    duration: int | None
    """Nanoseconds; for an executed cell, those of its last run."""

class Needed(TypedDict):
    """What a kernel needs before a cell is executed. `lost` lists what cannot be restored, and why."""

    runs: list[ReusedRun]
    texts: list[str]
    imports: list[str]
    lost: list[tuple[str, str]]

class CellReuse:
    """The decisions of `clew run` about the cells of a notebook."""

    def __init__(
        self,
        cells: Sequence[NotebookCell],
        notebook: NotebookFacts | str | None,
        environment: Environment | None,
        same_code: Callable[[str, str], bool],
        first: str | None = None,
        only_stale: bool = False,
        verify: bool = False,
    ) -> None:
        """`notebook` may be a text: the reason why no record of the notebook can be used.

        # Errors
        `RuntimeError` if the store cannot be read.
        """

    def look_ahead(self) -> None:
        """Decides on all cells once, because a decision may depend on later cells. Then goes back to before the first cell."""

    def decide(self, number: int) -> CellDecision:
        """Decides what to do with the cell with this `In [n]`."""

    def before_execution(self, number: int) -> Needed:
        """Returns what a kernel needs before the cell with this `In [n]` is executed."""

    def pending(self) -> list[ReusedRun]:
        """Returns the runs that were reused since the last ones were passed to a kernel."""

    def begin_again(self, lost: Sequence[tuple[str, str]]) -> list[int]:
        """Marks the cells whose runs cannot be restored (`lost`, with the reasons) for execution, and goes back to before the first cell,
        for a new kernel. Returns the `In [n]` of these cells. Does nothing if there are none."""

    def stand_at(self, run: str, directory: str | None = None) -> None:
        """Notes that the kernel's state is now this run's, in this directory: the next cell finds that state."""

    def executed(self, number: int, at: str | None = None) -> list[str] | None:
        """Notes that the cell with this `In [n]` was executed, and that the kernel is `at` a run. Returns how that run differs from the run
        that it is compared with; `None` if there is none to compare with."""

class Engine:
    """One session of one history. It must not be used by two threads at a time."""

    def __init__(
        self,
        namespace: dict[str, Any],
        store: str | None = None,
        config: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None: ...
    def attach(self, notebook: Notebook) -> dict[str, Any]:
        """Opens the history and records what exists as the starting state."""

    def begins(self, cell: Begun) -> None:
        """Notes that a cell begins. The note survives a crash of this process."""

    def ends(self, duration: int, ending: Any) -> None:
        """Notes that the cell has ended after `duration` nanoseconds. Its results are not captured yet."""

    def capture(self, run: Run) -> Captured:
        """Examines what a run changed, and stores it."""

    def excludes(self) -> bool:
        """Returns whether any names or patterns are excluded."""

    def excluded(self, words: Sequence[str]) -> list[str]:
        """Returns which of the words are excluded."""

    def hidden(self, words: Sequence[str], touched: Sequence[str] | None = None) -> Hidden:
        """Returns what must not be recorded now. With `touched`, checks only these names and those that the last check found."""

    def command(self, argv: Sequence[str], busy: bool = False, through: Through | None = None) -> Answer:
        """Executes one command line. A usage error is returned as an answer, not raised.

        If `busy`, a cell is running, and commands that change the session are refused."""

    def complete(self, line: str) -> tuple[str, list[str]]:
        """Completes a line after `%clew `: returns the part to replace, and the candidates."""

    def setting(self, key: str) -> bool | int | str | list[str] | None:
        """Returns the value of a setting (such as `record.outputs`); `None` if the key does not exist."""

    def idle(
        self, descriptors: Sequence[int] = (), is_awaited: bool = False, is_ending: bool = False
    ) -> bool:
        """Looks for changes that were not made by a cell.

        If the check takes long while a request waits, it stops and returns false. A request waits from the start (`is_awaited`), or as soon
        as one of these file descriptors is readable. A kernel that ends (`is_ending`) waits up to one second.
        """

    def untold(self) -> list[str]:
        """Returns findings of background checks that the user has to know. Each is returned once."""

    def reuse(self, runs: Sequence[ReusedRun]) -> str | None:
        """Reuses recorded runs for cells: records them as runs after the session's current one.

        `runs` are in the order of the cells. Returns the id of the last new run, to switch to; `None` if there were none."""

    def bring(self, run: str | None, needed: Sequence[str] | None, at_least: int) -> list[tuple[str, str]]:
        """Switches to a run, or stays at the current one, and loads the variables of it that are `needed`, all that are smaller than
        `at_least` bytes, and all that are more than data. Loads all if `needed` is `None`. Returns what cannot be restored exactly, and
        why.

        # Errors
        `RuntimeError` if switching to the run is not possible.
        """

    def left(self) -> list[str]:
        """Returns the names of variables that are only in the store, not loaded."""

    def cells(self) -> list[tuple[int | None, str]]:
        """Returns `In [n]` and source of the history's cells, those nearest to the session's state first. Cells of untrusted authors are
        not included. The source is empty if it was not stored completely."""

    def prove(self) -> None:
        """Starts a test build, in another process, of values that need a library's code. Returns at once; the next run reports the
        result."""

    def store(self) -> str:
        """Returns the store's folder."""

    def history(self) -> str | None:
        """Returns the id of the recorded history, if there is one."""

    def sync(self) -> None:
        """Flushes saved data to disk."""

    def close(self) -> None:
        """Syncs, and releases files, threads and objects that were set aside."""

    def abandon(self) -> None:
        """Closes without writing: for the child of a fork, since only the parent writes."""

class Visit:
    """A history that is opened read-only, and the namespace into which its states are loaded."""

    def __init__(
        self, namespace: dict[str, Any], main: Any, shell: Any, store: str, config: str, history: str
    ) -> None: ...
    def load(
        self, run: str, roots: Sequence[tuple[str, str]] | None, again: Sequence[str]
    ) -> list[tuple[str, str, str, str]]:
        """Loads roots of a run's state by kind and key, or all, together with their classes and the roots that share objects with them.
        Names in `again` that are not stored are recreated: their cells run again. Variables that an earlier call loaded stay as they are.

        Returns, for each root that was not simply loaded: kind, key, `lost`, `differs` or `replayed`, and the reason."""

    def roots(self, run: str) -> list[tuple[str, str]]:
        """Returns the roots of a run's state, by kind and key."""

    def prove(self, run: str, roots: Sequence[tuple[str, str]]) -> list[tuple[str, str, str, str]]:
        """Builds roots of a run, by kind and key, and compares them with their fingerprints. Returns the same as `load`."""

    def prepare(self, run: str) -> tuple[str, int | None]:
        """Loads what the cell of a run may read: as the run before it left it, or as a cell created it that ran here before.

        Returns the cell's source, and the `n` of its `In [n]`."""

    def ran(self, run: str) -> None:
        """Notes that the prepared cell ran to its end."""

    def hand_over(
        self, run: str, roots: Sequence[tuple[str, str]], file: str, key: Sequence[int]
    ) -> str | None:
        """Writes the values that the cell of a run gave to roots, by kind and key, into one encrypted file. Returns the reason if it
        cannot."""

def map_paths(maps: list[tuple[str, str]], folder: str) -> str | None:
    """Mounts the second path of each pair at the first, for this process. Returns the reason if it cannot. `folder` is an empty folder for
    this use."""

def lacks_frames() -> None:
    """Notes that a traceback is being decoded, whose frames have no variables."""

def notice(why: str) -> None:
    """Notes why the value that a codec builds differs from the stored one."""

def mark_of(path: str) -> str | None:
    """Returns a keyed hash by which only this user recognizes a small file; `None` if the file cannot be read, or there is no key yet."""

def digest_of(path: str) -> str | None:
    """Returns the hash of a file's bytes; `None` if it cannot be read."""

def enter_sandbox(folder: str, memory: int, seconds: int) -> list[str]:
    """Enters the sandbox for the rest of this process. Returns the layers of the sandbox that this machine does not support."""

class Intent(TypedDict):
    """The effects of a command, determined before it is executed."""

    words: list[str]
    """The words of the command, as typed."""
    moves: bool
    """Whether it changes the state of the live session."""
    waits: bool
    """Whether it waits until no other cell is running."""
    seals: bool
    """Whether it needs the changes that the running cell has made so far. They are recorded as a separate run before the command."""
    asks: bool
    """Whether a sandbox process executes it."""
    sets: bool
    """Whether it reads or changes settings."""
    carries: bool
    """Whether it transfers data to or from a remote, which the native command does."""

def intent(words: Sequence[str]) -> Intent:
    """Determines the effects of the command with these words."""

def read_line(line: str) -> Intent:
    """Splits the line after `%clew` into words, and determines the effects of the command. Raises `ValueError` if a quote is not closed or
    the line ends in a backslash."""

def fingerprint(namespace: dict[str, Any], main: Any, names: Sequence[str]) -> str | None:
    """Returns the common fingerprint of names; `None` if one does not exist or cannot be compared."""

def task_keys(
    tasks: list[tuple[Any, Any, list[int]]],
    main: object,
    version_of: Callable[[str], str | None],
    named_by: Callable[[Any], Any],
    unrepeatable: Set[str],
    doubts: Sequence[Callable[..., Any]],
) -> tuple[list[bytes | str], tuple[list[list[str]], list[int]]]:
    """Returns the keys of the tasks of a graph, inputs first; a text instead of a key is the reason why there is none. Also returns the
    sets of files (paths as given) that are part of the keys, and for each task the index of its set."""

def open_tasks(store: str, config: str, keep_days: int) -> None:
    """Creates the store and the user's key if they do not exist, and deletes results older than `keep_days`."""

def doubt_tasks(store: str, config: str, keys: Sequence[bytes]) -> None:
    """Marks tasks as doubtful: their cached results are no longer used, because the tasks did more than their keys cover."""

def doubts_any(store: str, keys: Sequence[bytes]) -> bool:
    """Returns whether one of these tasks is marked as doubtful; false if there is no store."""

def keep_task(
    store: str,
    config: str,
    key: bytes,
    seconds: float,
    is_last: bool,
    limits: tuple[float, int],
    dump: Callable[[], bytes],
) -> Literal["kept", "quick", "large"]:
    """Stores the result of a task, if that is worthwhile."""

def task_result(store: str, config: str, key: bytes) -> bytes | None:
    """Returns the result of a task, after checking length, hash and signature."""

def has_task(store: str, config: str, key: bytes) -> bool:
    """Returns whether the result of a task exists, as far as that can be determined without reading it."""

def task_settings() -> tuple[str, str, float, int, int]:
    """Returns the folders of the store and of the settings; the seconds from which a task's result is stored although it was not requested;
    the maximal size of a result in bytes; and the days for which results are kept."""
