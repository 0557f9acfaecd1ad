"""The results of `clew.session()`: the fields of docs/json.md as typed, frozen objects.

Each displays in a notebook as the answer of `%clew` does, and keeps the whole answer in `data`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

KEY = "key"
"""The metadata entry with the key of a field's value in the answer, if it differs from the field's name. `root.kind` is a key in a nested
object. An empty key means the whole answer."""


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """An answer: its text, its HTML, and all of it as data (docs/json.md)."""

    text: str
    html: str | None
    data: dict[str, Any]

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        bundle = {"text/plain": self.text}
        return bundle if self.html is None else bundle | {"text/html": self.html}


@dataclass(frozen=True)
class Outcome:
    """The outcome of a restore for one variable, or for other session state."""

    name: str = field(metadata={KEY: "root"})
    """The variable, or the printed name of other session state (`Out[3]`, `random:numpy`)."""
    kind: str = field(metadata={KEY: "root.kind"})
    outcome: str
    """`unchanged`, `restored`, `rerun`, `not_identical`, `removed` or `lost`."""
    unverified: bool
    """Whether Clew had not finished checking the run for background changes of this value."""
    why: str | None


@dataclass(frozen=True)
class Run:
    """One run."""

    run: str
    """Its number: `14`, `14a`."""
    id: str
    parent: str | None
    kind: str
    execution_count: int | None
    cell: str | None
    started: datetime
    seconds: float
    ending: str
    """`done`, `failed` or `interrupted`."""
    exception: str | None
    source: str | None
    description: str | None
    added: tuple[str, ...]
    changed: tuple[str, ...]
    shared: tuple[str, ...]
    """Variables that kept their values and share objects with another one since this run."""
    removed: tuple[str, ...]
    names: tuple[str, ...]
    """Branches and tags that point at it."""
    is_current: bool

    def __str__(self) -> str:
        """Its number, so that a run can be passed as a revision."""
        return self.run


@dataclass(frozen=True)
class Variable:
    """One variable of a state, described without loading it."""

    name: str = field(metadata={KEY: ""})
    type_name: str
    shape: tuple[int, ...]
    size: int
    """Approximate bytes."""
    value: str
    """A short text of its value."""
    changed_by: str | None
    last_checked: str | None
    """The last run at which Clew checked it, if it is *unverified*."""
    stored: str
    """`encoded`, `recipe`, `none` or `missing`."""
    is_proved: bool | None
    """Whether another process rebuilt it from the store; `None` if that was not tested, or needs no code."""
    data: dict[str, Any] = field(repr=False, metadata={KEY: ""})


@dataclass(frozen=True)
class Change:
    """One variable that differs between two runs."""

    name: str
    change: str
    """`added`, `changed` or `removed`."""
    before: Variable | None
    after: Variable | None
    data: dict[str, Any] = field(repr=False, metadata={KEY: ""})


N = TypeVar("N", Outcome, Variable, Change)


def _by_name(items: tuple[N, ...], name: str) -> N:
    found = next((one for one in items if one.name == name), None)
    if found is None:
        raise KeyError(name)
    return found


@dataclass(frozen=True, repr=False, eq=False)
class Report(Result):
    """The result of a command that restores a state (`undo`, `redo`, `switch`, `restore`, `resume`)."""

    action: str
    source: str = field(metadata={KEY: "from"})
    """The run at which the session was before."""
    target: str = field(metadata={KEY: "to"})
    """The run whose state the command was to restore."""
    at: str
    """The current run now: the target, or a new run if the session's state differs from that of the target."""
    branch: str | None
    runs: tuple[str, ...]
    """Runs whose effects were undone or redone, newest first."""
    keep: tuple[str, ...]
    """Variables that were kept as they are, as requested."""
    left_run: str | None
    """The run at which the kernel was, if `resume` removed or replaced variables that it had."""
    other_kernels: tuple[str, ...]
    """The current runs of other kernels that worked in parallel to the one that `resume` continues, newest first."""
    batch_run: str | None
    """The last run of a later `clew run`, whose state `resume` does not restore."""
    unreachable: str | None
    """The last run of the last session, if `resume` cannot restore it because a record is missing."""
    missing: str | None
    """The run whose record is missing: `unreachable` itself, or one before it."""
    external_change: str | None
    """The run of external changes since the last run, if there were any."""
    included_changes: tuple[str, ...]
    """Runs of external changes that `undo` or `redo` included, newest first."""
    dry_run: bool
    is_exact: bool
    outcomes: tuple[Outcome, ...]
    seconds: float

    def __getitem__(self, name: str) -> Outcome:
        """The outcome of one variable."""
        return _by_name(self.outcomes, name)

    def names(self, outcome: str) -> tuple[str, ...]:
        """The variables with this outcome, such as `lost`."""
        return tuple(one.name for one in self.outcomes if one.outcome == outcome and one.kind == "name")


@dataclass(frozen=True, repr=False, eq=False)
class Log(Result):
    """Runs, newest first."""

    history: str
    total: int
    runs: tuple[Run, ...]

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, index: int) -> Run:
        return self.runs[index]


@dataclass(frozen=True, repr=False, eq=False)
class Shown(Result):
    """One run in full."""

    run: Run = field(metadata={KEY: ""})
    values: tuple[Variable, ...]
    """The variables that it changed, with their values after the run."""


@dataclass(frozen=True, repr=False, eq=False)
class Vars(Result, Mapping[str, Variable]):
    """The variables of a state."""

    run: str
    variables: tuple[Variable, ...]

    def __getitem__(self, name: str) -> Variable:
        return _by_name(self.variables, name)

    def __iter__(self) -> Iterator[str]:
        return iter([variable.name for variable in self.variables])

    def __len__(self) -> int:
        return len(self.variables)


@dataclass(frozen=True, repr=False, eq=False)
class Diff(Result):
    """The differences between two runs."""

    before: str = field(metadata={KEY: "from"})
    """The number of the older run."""
    after: str = field(metadata={KEY: "to"})
    """The number of the newer run."""
    changes: tuple[Change, ...] = field(metadata={KEY: "state"})
    """Variables and other session state that differ."""
    cells: tuple[dict[str, Any], ...] = field(metadata={KEY: "code"})
    """Cells whose code differs: `cell`, `run`, `execution_count`, `before`, `after`."""

    def __getitem__(self, name: str) -> Change:
        return _by_name(self.changes, name)


@dataclass(frozen=True, repr=False, eq=False)
class Status(Result):
    """The state of a session: its current run, and what is saved."""

    history: str
    at: Run | None
    branch: str | None
    is_recording: bool
    is_synced: bool
    unsaved: str | None
    """Why some runs are not saved; `None` if all are."""
    undo: int
    """Steps that can be undone."""
    redo: int
    """Steps that can be redone."""
    runs: int
    """All runs of the history."""
    store_bytes: int | None
    """The size of the store's files."""
    budget_bytes: int | None
    """The maximum size of the store; `None` without a limit."""
    free_bytes: int | None
    """The free space on the store's disk."""
    not_stored: tuple[str, ...]
    set_aside: tuple[str, ...]
    excluded: tuple[str, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Named(Result):
    """The result of a change of branches, tags or descriptions, or a list of them."""

    names: dict[str, str]
    """Branches or tags and the runs that they point at, if they were listed."""
    branch: str | None
    """The branch that the session is on, if it was changed."""


@dataclass(frozen=True, repr=False, eq=False)
class Script(Result):
    """A script with the cells that created some variables."""

    script: str
    runs: tuple[str, ...]
    """The runs whose cells are in it."""
    may_differ: bool
    """Whether its results may differ. If so, a comment in the script explains why."""
    is_proven: bool | None
    """Whether the variables were the same in a sandbox process; `None` if that was not checked."""


@dataclass(frozen=True, repr=False, eq=False)
class Stale(Result):
    """Cells whose inputs changed since they ran."""

    runs: tuple[Run, ...] = field(metadata={KEY: "stale"})
    reasons: dict[str, tuple[dict[str, Any], ...]]
    """The reasons for each run (docs/json.md)."""


@dataclass(frozen=True, repr=False, eq=False)
class Carried(Result):
    """A plan to send a state to another machine."""

    run: str
    seconds: float
    bytes: int
    is_optimal: bool
    """Whether no plan takes less time; otherwise `data["proof"]` has a lower bound for all plans."""
    sent: tuple[tuple[str, ...], ...]
    """The variables of each value that is sent."""
    rerun: tuple[str, ...]
    """Runs, in the order in which they are rerun."""
    lost: dict[str, str]
    """Variables that cannot be restored there, with the reason for each."""


@dataclass(frozen=True, repr=False, eq=False)
class Evaluated(Result):
    """The value of an expression in another state."""

    run: str
    value: str
    """Its `repr`, shortened if it is long."""
    type_name: str
    not_restored: tuple[dict[str, Any], ...]
    """Variables and other session state that the process could not restore exactly."""


@dataclass(frozen=True, repr=False, eq=False)
class Bisected(Result):
    """The first run after which an expression is true."""

    run: str | None
    verdict: str
    """`found`, `never` or `always`."""
    tried: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class History:
    """One history of a store."""

    history: str
    """Its name."""
    id: str
    notebook: str | None
    kernel: str
    runs: int
    sessions: int
    last_used: datetime
    """When it was last used."""
    is_corrupted: bool


@dataclass(frozen=True, repr=False, eq=False)
class Histories(Result):
    """All histories of a store, most recently used first."""

    store: str
    is_encrypted: bool
    histories: tuple[History, ...]

    def __iter__(self) -> Iterator[History]:
        return iter(self.histories)

    def __len__(self) -> int:
        return len(self.histories)

    def __getitem__(self, index: int) -> History:
        return self.histories[index]


@dataclass(frozen=True)
class Finding:
    """One item of the store that is missing or corrupted."""

    place: str
    """The run, or the file."""
    what: str
    affects: tuple[str, ...]
    """Variables that cannot be restored because of it."""


@dataclass(frozen=True, repr=False, eq=False)
class Verified(Result):
    """The result of the integrity check of a history."""

    history: str
    is_sound: bool
    findings: tuple[Finding, ...]
    rolled_back: tuple[str, ...]
    """Parts of the history that Clew saw before and that are missing now. The rest is not corrupted."""
    unreachable: tuple[str, ...]
    """Runs that cannot be restored, because an earlier record is missing."""
    runs: int
    values: int
    forgotten: int
    """The number of values that were deleted with `forget`."""
    bytes_read: int


@dataclass(frozen=True)
class Check:
    """One check of `doctor`."""

    group: str
    """`environment`, `hooks`, `store` or `trust`."""
    what: str
    is_fine: bool
    found: str
    hint: str | None
    """How to fix a problem."""


@dataclass(frozen=True, repr=False, eq=False)
class Examined(Result):
    """The results of `doctor`."""

    version: str
    store: str
    checks: tuple[Check, ...]

    @property
    def is_well(self) -> bool:
        """Whether `doctor` found no problem."""
        return all(check.is_fine for check in self.checks)


@dataclass(frozen=True)
class Pieces:
    """A number of stored values, texts and runs, and their size in a store's files."""

    pieces: int
    bytes: int


@dataclass(frozen=True, repr=False, eq=False)
class Garbage(Result):
    """What `gc` found and did."""

    dry_run: bool
    needed: Pieces
    """Data that is needed."""
    removed: Pieces
    """Data that was deleted, or with `dry_run` would be."""
    marked: Pieces
    """Data that was marked now, and is deleted later."""
    waiting: Pieces
    """Data that was marked before, and is deleted later."""
    freed_bytes: int
    """Bytes that were freed."""
    unreadable: tuple[str, ...]
    """Items that cannot be read. Clew keeps all data that they may need."""


@dataclass(frozen=True, repr=False, eq=False)
class Forgotten(Result):
    """The data that `forget` deleted, or with `dry_run` would delete."""

    variables: tuple[str, ...]
    is_done: bool
    dry_run: bool
    everywhere: bool
    values: int
    """The number of values, in all affected histories."""
    removed: Pieces
    remaining: Pieces
    """Forgotten data in files that a kernel is still writing."""
    histories: tuple[dict[str, Any], ...]
    """For each history, the data that is deleted and the data that stays (docs/json.md)."""
