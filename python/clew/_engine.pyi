"""The compiled engine, as the Python shell sees it."""

from collections.abc import Callable, Mapping, Sequence, Set
from types import CodeType
from typing import Any, Literal, NotRequired, TypedDict

from clew.run.environment import Environment

__version__: str

class Notebook(TypedDict):
    """Which notebook this is, as far as the front end tells."""

    path: str | None
    id: str | None
    name: str | None
    history: NotRequired[str | None]
    run: NotRequired[str | None]
    kernel: NotRequired[dict[str, Any]]

class File(TypedDict):
    """A file that a run may have touched, as it was right after the run. `size` (bytes) and `modified` (ns) are `None` where nothing lies."""

    path: str
    size: int | None
    modified: int | None
    digest: str | None
    mark: NotRequired[str | None]
    given: NotRequired[str]
    of_environment: NotRequired[bool]

class Module(TypedDict):
    """A module that a run imported or looked for."""

    name: str
    version: str | None
    distribution: NotRequired[str]
    digest: NotRequired[str]
    files: NotRequired[list[File]]
    imports: NotRequired[list[str]]

class Interpreter(TypedDict):
    """In what a session runs."""

    version: str
    implementation: str
    platform: str
    machine: str
    byte_order: str
    batch: NotRequired[bool]
    fork: NotRequired[bool]
    started_with: NotRequired[dict[str, str]]

class TaskCounts(TypedDict):
    """What became of tasks of distributed computations."""

    total: int
    known: int
    run: int
    keyless: dict[str, int]

class Evidence(TypedDict, total=False):
    """What a run may have touched outside the session; fields that are left out are empty (`clew_core::format::Evidence`)."""

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
    variables: dict[str, str | None]
    kept: dict[str, list[str]]
    tasks: TaskCounts
    peak_memory: int
    importing: int

class Run(TypedDict):
    """What is known of a run when it ended."""

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
    """Names it may have touched; `None` where nobody can tell."""
    optional: NotRequired[bool]
    """Whether it is a run only if something changed."""
    output: NotRequired[str | None]
    """What it showed, as a JSON array of nbformat outputs."""

class Begun(TypedDict):
    """What is known of a cell when it begins."""

    source: str | None
    """What may be kept of its source."""
    masked: list[str]
    """What was taken out of it."""
    cell: str | None
    execution_count: int | None
    started: int
    """Nanoseconds since the Unix epoch."""

class Hidden(TypedDict):
    """What must not be recorded."""

    named: list[str]
    """Those of the words asked about that are excluded."""
    names: list[str]
    """Names of the session that are excluded or look like secrets."""

class Captured(TypedDict):
    """What became of a capture."""

    run: str | None
    saved: bool
    warnings: list[str]
    nanoseconds: dict[str, int]

class Answer(TypedDict):
    """What a command says."""

    exit: int
    text: str
    html: str | None
    json: Any
    interrupted: NotRequired[bool]
    """Whether Ctrl+C came when a move could not be stopped any more."""
    is_problem: NotRequired[bool]
    """Whether the text says why nothing was done."""

ReusedRun = tuple[str, str, str | None, int | None, str | None]
"""A run to be taken for a cell: its id, the id of its history, the cell's id, its `In [n]`, the directory that it would have found."""

class Through(TypedDict):
    """Where a command was typed, if not in the notebook."""

    interface: Literal["terminal", "python"]
    width: NotRequired[int]
    is_coloured: NotRequired[bool]

def judged_secret(name: str, text: str) -> str | None:
    """Why a text under this name is a credential; `None` if neither speaks for it."""

def panicked_at() -> str | None:
    """Where the engine panicked last, for whoever tells of it; told once."""

def panic_at(step: str | None) -> bool:
    """Has the engine panic once, where this step begins next; with `None` nowhere any more. Whether the last one came."""

def panic_wanted() -> str | None:
    """The step at which it is still to panic."""

def panic_steps() -> list[str]:
    """The steps at which it can: for tests."""

def secret_within(name: str, value: object) -> str | None:
    """Why a value that is no text must not be stored under this name; `None` if nothing in it speaks against that."""

def secrets_within(name: str, value: object) -> list[str]:
    """The texts in such a value that must not be shown."""

def credentials_in(name: str, text: str) -> list[str]:
    """The credentials in a text under this name, as far as each says enough to be known again."""

def is_distinct(text: str) -> bool:
    """Whether a text is so much by itself that it is a credential wherever it stands."""

def holds_known(text: str, known: Sequence[str]) -> bool:
    """Whether one of the `known` texts stands in a text."""

def asks_for_credential(prompt: str) -> bool:
    """Whether a prompt asks for a credential."""

def given_names(source: str) -> list[str]:
    """Names that a source binds to what hands out credentials."""

def secret_variables() -> list[str]:
    """Values of environment variables that look like credentials."""

def redacted(text: str, known: Sequence[str]) -> str:
    """A text that was shown without what looks like a credential or is one of the `known` texts."""

def masked(source: str, known: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """A cell's source without those, what was taken out in words, and the texts of it that are known again elsewhere."""

def left_out(taken: Sequence[str]) -> str:
    """Says that something was left out, as a sentence begins with it."""

class Buffer:
    """Memory of an object, handed to the engine by a codec."""

    def __init__(self, exporter: Any, column: int = 0, copies_on_write: bool = False) -> None:
        """`exporter` shows contiguous memory; `column` is the bytes of one column; `copies_on_write` as pandas does."""

def pack_texts(items: list[Any], missing: tuple[Any, ...]) -> tuple[bytes, bytes, bytes] | None:
    """Codes (int32), offsets (int32) and data (UTF-8) of a list of texts of 64 bytes at most and objects of `missing`, which get the codes -1, -2
    and so on; `None` where there is anything else among them. The collector no longer looks at a list that was packed."""

def unpack_texts(codes: Any, offsets: Any, data: Any, missing: tuple[Any, ...]) -> list[Any]:
    """The objects that `pack_texts` packed, from the memory of its three results.

    Raises `ValueError` where they do not fit together.
    """

def items_of(array: Any) -> list[Any]:
    """The objects of a contiguous array of objects, as `tolist` gives them."""

def put_items(array: Any, items: list[Any]) -> None:
    """Puts the objects of a list into a contiguous array of as many objects."""

def are_items(array: Any, items: list[Any]) -> bool:
    """Whether a contiguous array of objects refers to the very objects of a list, in its order."""

def words_of(objects: list[Any], addresses: set[int]) -> set[int]:
    """Which of these addresses stand in the structures of objects, of those whose length does not vary."""

def runs_elsewhere(namespace: dict[str, Any]) -> bool:
    """Whether another thread runs code of a namespace."""

def locals_elsewhere() -> dict[int, list[tuple[dict[str, Any], set[int]]]]:
    """The frames of the other threads, innermost first, by the threads' numbers: globals, and ids of what the local variables hold."""

class Whereabouts:
    """Where something that lives elsewhere can be reached: part of a value, and nothing that a run depends on."""

    text: str
    def __init__(self, text: str) -> None: ...

def hang_audit_hook(events: list[str], told: Callable[[str, tuple[Any, ...]], object]) -> None:
    """Has `told` called for these audit events while they are watched. The first call decides."""

def watch_events(on: bool) -> None:
    """Turns that on or off."""

def codes_within(
    objects: list[Any], namespace: dict[str, Any], packed: dict[int, Any]
) -> tuple[list[CodeType], list[Any], bool, list[Any]]:
    """What `objects` reach: codes of the functions over `namespace`; what else may look names up: functions of libraries, calls of methods by
    their names, `namespace` itself; whether the search saw all of them; and annotations of those functions and of the notebook's classes. Arrays
    that hold the same texts as when these were `packed` are not looked through again."""

class Fired:
    """Notes the codes that an event of `sys.monitoring` is told of, each once."""

    def __init__(self, disable: object) -> None: ...
    def __call__(self, code: CodeType, *rest: object) -> object: ...
    def codes(self) -> list[CodeType]: ...
    def clear(self) -> None: ...

class Listened:
    """A function; of each call somebody is told before, while events are watched. It has no frame of its own."""

    function: Callable[..., Any]
    def __init__(self, function: Callable[..., Any], told: Callable[..., object]) -> None: ...
    def __call__(self, *arguments: Any, **named: Any) -> Any: ...

class Held:
    """A `with` block in which Ctrl+C is noted instead of delivered."""

    at: float | None
    """When it came, in seconds since the epoch; known when the block has ended."""

    def __enter__(self) -> Held: ...
    def __exit__(self, *_: object) -> None: ...

class NotebookCell(TypedDict):
    """A code cell of a notebook."""

    id: str | None
    source: str
    number: int
    """Its `In [n]` where all cells run."""
    tags: Sequence[str]
    traits: list[str]
    """What its code may do that no record tells (`CodeTrait` in `clew_cli::cell_reuse`), in snake case."""
    imports: list[str]
    macros: list[str]

class NotebookFacts(TypedDict):
    """What is known of a notebook and of the machine before the first decision."""

    path: str
    id: str | None
    history: str | None
    """The one that it was packed with."""
    directory: str
    python: str
    variables: dict[str, str]
    builtins: Set[str]
    standard_modules: Set[str]

class CellDecision(TypedDict):
    """What is to be done about a cell, and why."""

    outcome: Literal["executed", "restored"]
    why: list[str]
    run: str | None
    """The run that is reused, or that an executed cell is to be compared with."""
    end: dict[str, str] | None
    output: str | None
    """What that run showed, as a JSON array of nbformat outputs."""
    duration: int | None
    """Nanoseconds; of an executed cell those of its last run."""

class Needed(TypedDict):
    """What a kernel needs before a cell is executed, or what cannot be restored, and why."""

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
        """`notebook` may be a reason why no record of it can be used.

        # Errors
        `RuntimeError` if the store can't be read.
        """

    def look_ahead(self) -> None:
        """Decides on all cells once, where what is decided on one depends on those behind it; then goes back to before the first."""

    def decide(self, number: int) -> CellDecision:
        """What is to be done about the cell with this `In [n]`."""

    def before_execution(self, number: int) -> Needed:
        """What a kernel needs before the cell with this `In [n]` is executed."""

    def pending(self) -> list[ReusedRun]:
        """Runs that were reused since a kernel was given some last."""

    def begin_again(self, lost: Sequence[tuple[str, str]]) -> list[int]:
        """Has cells executed whose runs cannot be restored (`lost`, with why), and goes back to before the first cell, for a new kernel; the
        `In [n]` of these cells. If there are none, nothing is done."""

    def stand_at(self, run: str, directory: str | None = None) -> None:
        """The kernel is at this run now, in this directory: the next cell finds what that left."""

    def executed(self, number: int, at: str | None = None) -> list[str] | None:
        """The cell with this `In [n]` was executed. In what the run that the kernel is `at` differs from the one that it is to be compared
        with; `None` if it is to be compared with none."""

class Engine:
    """One session of one history. Not to be entered by two threads at a time."""

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
        """Notes that a cell begins, so that what is known of it outlives this process."""

    def ends(self, duration: int, ending: Any) -> None:
        """Notes that it has ended, after so many nanoseconds: what it left is still to be captured."""

    def capture(self, run: Run) -> Captured:
        """Looks at what a run left and stores what changed."""

    def excludes(self) -> bool:
        """Whether names or patterns are excluded."""

    def excluded(self, words: Sequence[str]) -> list[str]:
        """Those of the words that are excluded."""

    def hidden(self, words: Sequence[str], touched: Sequence[str] | None = None) -> Hidden:
        """What must not be recorded now. With `touched` only these names are looked at, and what the last look found."""

    def command(self, argv: Sequence[str], busy: bool = False, through: Through | None = None) -> Answer:
        """Answers one command line, looking or moving. A usage error is an answer, not an exception.

        Where `busy`, a cell runs and nothing is moved."""

    def complete(self, line: str) -> tuple[str, list[str]]:
        """What may come next on a line after `%clew `: the piece that it stands for, and the words."""

    def setting(self, key: str) -> bool | int | str | list[str] | None:
        """What a setting is (`record.outputs`); `None` if there is none of that key."""

    def idle(
        self, descriptors: Sequence[int] = (), is_awaited: bool = False, is_ending: bool = False
    ) -> bool:
        """Looks for changes that no cell made.

        Gives up, and says so, where it takes long and somebody waits: from the start (`is_awaited`), or once one of
        these file descriptors can be read. A kernel that ends (`is_ending`) waits a second.
        """

    def untold(self) -> list[str]:
        """What looks found beside runs that the user has to know, once."""

    def reuse(self, runs: Sequence[ReusedRun]) -> str | None:
        """Takes what recorded runs left for what their cells would leave: writes that down behind where the session is.

        Each is a run's id, the cell's id and its `In [n]`. The id of the last, to switch to; `None` if there were none."""

    def bring(self, run: str | None, needed: Sequence[str] | None, at_least: int) -> list[tuple[str, str]]:
        """Goes to a run, or stays where the session is, and brings of what it has there what is `needed` by name, and all that is smaller than
        `at_least` bytes or more than data; all where `needed` is `None`. What can't be had as it was, and why.

        # Errors
        `RuntimeError` if the run can't be gone to.
        """

    def left(self) -> list[str]:
        """Names of what the session has and only the store holds."""

    def cells(self) -> list[tuple[int | None, str]]:
        """`In [n]` and source of the history's cells, nearest to the session's state first. Cells of people who are not trusted are not among
        them; the source is empty where it was not kept whole."""

    def prove(self) -> None:
        """Has values that need a library's code built again in another process. Returns at once; the next run tells."""

    def store(self) -> str:
        """The store's folder."""

    def history(self) -> str | None:
        """The id of the history that is recorded, if one is."""

    def sync(self) -> None:
        """Flushes what is saved to the disk."""

    def close(self) -> None:
        """Syncs, and lets go of files, threads and parked objects."""

    def abandon(self) -> None:
        """Lets go without writing: in the child of a fork, where only the parent writes."""

class Visit:
    """A history that is only read, and the namespace that its states are loaded into."""

    def __init__(
        self, namespace: dict[str, Any], main: Any, shell: Any, store: str, config: str, history: str
    ) -> None: ...
    def load(
        self, run: str, roots: Sequence[tuple[str, str]] | None, again: Sequence[str]
    ) -> list[tuple[str, str, str, str]]:
        """Loads roots of what a run left, by kind and key, with what shares objects with them and their classes, or all; what is not stored of
        the names in `again` is made by running its cell again. Variables that an earlier call loaded stay as they are.

        Of each root that was not simply loaded: kind, key, `lost`, `differs` or `replayed`, and why."""

    def roots(self, run: str) -> list[tuple[str, str]]:
        """The roots that a run left, by kind and key."""

    def prove(self, run: str, roots: Sequence[tuple[str, str]]) -> list[tuple[str, str, str, str]]:
        """Builds roots of a run, by kind and key, and holds them against their fingerprints; told as by `load`."""

    def prepare(self, run: str) -> tuple[str, int | None]:
        """Loads what the cell of a run may read, as the run before it left it, or as a cell made it that ran here before.

        The cell's source, and the `n` of its `In [n]`."""

    def ran(self, run: str) -> None:
        """Says that the cell that was prepared ran to its end."""

    def hand_over(
        self, run: str, roots: Sequence[tuple[str, str]], file: str, key: Sequence[int]
    ) -> str | None:
        """Writes what the cell of a run made of roots, by kind and key, together into a file; why that can't be, else `None`."""

def map_paths(maps: list[tuple[str, str]], folder: str) -> str | None:
    """Has this process find at a path what lies at another one; why that can't be. `folder` is an empty one of its own."""

def lacks_frames() -> None:
    """Says that a traceback is decoded, which has no variables of its frames then."""

def notice(why: str) -> None:
    """Says why what a codec makes differs from what was stored."""

def mark_of(path: str) -> str | None:
    """By what this user, and nobody else, knows a small file again; `None` where it can't be read, or there is no key yet."""

def digest_of(path: str) -> str | None:
    """The hash of a file's bytes; `None` where it can't be read."""

def enter_sandbox(folder: str, memory: int, seconds: int) -> list[str]:
    """Locks this process in for good; says which layers of the sandbox this machine can't give."""

class Intent(TypedDict):
    """What a command is about to do."""

    words: list[str]
    """The command, as it was typed."""
    moves: bool
    """Whether it changes what is live."""
    waits: bool
    """Whether it waits for another cell that runs."""
    seals: bool
    """Whether it is about what the running cell did so far, which is a run of its own before it."""
    asks: bool
    """Whether a scratch process answers."""
    sets: bool
    """Whether it reads or changes settings."""
    carries: bool
    """Whether it goes to other places, which the native command does."""

def intent(words: Sequence[str]) -> Intent:
    """What words are about to do."""

def read_line(line: str) -> Intent:
    """The words of the line after `%clew`, and what they are about to do. Raises ValueError where a quote is not closed."""

def fingerprint(namespace: dict[str, Any], main: Any, names: Sequence[str]) -> str | None:
    """What names hash to together; `None` where one is not there or has no value that could be compared."""

def task_keys(
    tasks: list[tuple[Any, Any, list[int]]],
    main: object,
    version_of: Callable[[str], str | None],
    named_by: Callable[[Any], Any],
    unrepeatable: Set[str],
    doubts: Sequence[Callable[..., Any]],
) -> tuple[list[bytes | str], tuple[list[list[str]], list[int]]]:
    """The keys of the tasks of a graph, inputs first; a text says why one has none. And sets of files that count in them, as they are
    named, with the place of each task's set."""

def open_tasks(store: str, config: str, keep_days: int) -> None:
    """Makes the store and the user's key where they are not there yet, and drops results that are older."""

def doubt_tasks(store: str, config: str, keys: Sequence[bytes]) -> None:
    """Has results of these tasks used no more: running them did more than their keys tell of."""

def doubts_any(store: str, keys: Sequence[bytes]) -> bool:
    """Whether one of these tasks is doubted; false where there is no store."""

def keep_task(
    store: str,
    config: str,
    key: bytes,
    seconds: float,
    is_last: bool,
    limits: tuple[float, int],
    dump: Callable[[], bytes],
) -> Literal["kept", "quick", "large"]:
    """Keeps what a task came to, if that is worth it."""

def task_result(store: str, config: str, key: bytes) -> bytes | None:
    """What a task came to, held against length, hash and signature."""

def has_task(store: str, config: str, key: bytes) -> bool:
    """Whether the result of a task is there, as far as that can be told without reading it."""

def task_settings() -> tuple[str, str, float, int, int]:
    """The folders of the store and of the settings, from how many seconds on a task's result is kept though nobody asked for it, the
    most bytes of a result, and for how many days results are kept."""
