"""What `clew.session()` answers: the fields of docs/json.md as typed, frozen objects.

Each shows itself in a notebook as `%clew` would, and keeps all of the answer in `data`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """An answer: the text and HTML that people see, and all of it as data (docs/json.md)."""

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
    """The outcome of a restore for one root."""

    name: str
    """The name; of other roots what they are called in print (`Out[3]`, `random:numpy`)."""
    kind: str
    outcome: str
    """`unchanged`, `restored`, `rerun`, `not_identical`, `removed` or `lost`."""
    unverified: bool
    """Whether Clew had not finished checking the run for background changes of this value."""
    why: str | None


@dataclass(frozen=True)
class Run:
    """One run."""

    run: str
    """Its number as people write it: `14`, `14a`."""
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
    is_here: bool

    def __str__(self) -> str:
        """Its number, so that it can be given where a revision is asked for."""
        return self.run


@dataclass(frozen=True)
class Variable:
    """One name of a state, described without loading it."""

    name: str
    type_name: str
    shape: tuple[int, ...]
    size: int
    """Approximate bytes."""
    value: str
    """A short text of it."""
    changed_by: str | None
    last_seen: str | None
    """The run that last saw it, if it is *unverified*."""
    stored: str
    """`encoded`, `recipe`, `none` or `missing`."""
    is_proved: bool | None
    """Whether another process built it again from what is stored; `None` where nobody tried, or no code is needed to."""
    data: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Change:
    """One name that differs between two runs."""

    name: str
    change: str
    """`added`, `changed` or `removed`."""
    before: Variable | None
    after: Variable | None
    data: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, repr=False, eq=False)
class Report(Result):
    """What a mover did."""

    action: str
    source: str
    """The run it came from."""
    target: str
    """The run it was to go to."""
    at: str
    """Where the session is now: the target, or a run of its own if not everything is exact."""
    branch: str | None
    runs: tuple[str, ...]
    """Runs whose effects went or came, newest first."""
    keep: tuple[str, ...]
    """Variables that were to be left as they are."""
    left: str | None
    """The run at which the kernel was, if `resume` removed or replaced variables that it had."""
    beside: tuple[str, ...]
    """Where other kernels are that worked beside the one that `resume` takes up, newest first."""
    batch: str | None
    """Where a later `clew run` ended, whose state `resume` does not take up."""
    unreachable: str | None
    """Where the last session ended, if `resume` can't take that up since a record before is missing."""
    outside: str | None
    """The run that holds what had changed outside any cell, if something had."""
    along: tuple[str, ...]
    """Runs of what changed outside any cell that `undo` or `redo` took along, newest first."""
    dry_run: bool
    is_exact: bool
    outcomes: tuple[Outcome, ...]
    seconds: float

    def __getitem__(self, name: str) -> Outcome:
        """The outcome of one name."""
        for outcome in self.outcomes:
            if outcome.name == name:
                return outcome
        raise KeyError(name)

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

    run: Run
    values: tuple[Variable, ...]
    """What it left of what it changed."""


@dataclass(frozen=True, repr=False, eq=False)
class Vars(Result, Mapping[str, Variable]):
    """The names of a state."""

    run: str
    variables: tuple[Variable, ...]

    def __getitem__(self, name: str) -> Variable:
        for variable in self.variables:
            if variable.name == name:
                return variable
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter([variable.name for variable in self.variables])

    def __len__(self) -> int:
        return len(self.variables)


@dataclass(frozen=True, repr=False, eq=False)
class Diff(Result):
    """What lies between two runs."""

    before: str
    """The number of the older run."""
    after: str
    """The number of the newer run."""
    changes: tuple[Change, ...]
    """Names that differ; other roots too."""
    cells: tuple[dict[str, Any], ...]
    """Cells whose code differs: `cell`, `run`, `execution_count`, `before`, `after`."""

    def __getitem__(self, name: str) -> Change:
        for change in self.changes:
            if change.name == name:
                return change
        raise KeyError(name)


@dataclass(frozen=True, repr=False, eq=False)
class Status(Result):
    """Where a session is."""

    history: str
    at: Run | None
    branch: str | None
    is_recording: bool
    is_synced: bool
    unsaved: str | None
    """Why not everything that ran is saved; `None` where it is."""
    undo: int
    """Steps that can be undone."""
    redo: int
    """Steps that can be redone."""
    runs: int
    """Runs of the history, on all lines."""
    store_bytes: int | None
    """What the store's files take."""
    budget_bytes: int | None
    """What they may take; `None` without a limit."""
    free_bytes: int | None
    """What is free on the store's disk."""
    not_stored: tuple[str, ...]
    parked: tuple[str, ...]
    excluded: tuple[str, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Named(Result):
    """What a change of names did, or all names there are."""

    names: dict[str, str]
    """Names and the runs they point at, where they were asked for."""
    branch: str | None
    """The branch that the session is on, where it was changed."""


@dataclass(frozen=True, repr=False, eq=False)
class Script(Result):
    """The cells that made some names."""

    script: str
    runs: tuple[str, ...]
    """The runs whose cells are in it."""
    may_differ: bool
    """Whether what it makes may differ; the script says why."""
    is_proven: bool | None
    """Whether a scratch process made the same of it; `None` where that was not asked."""


@dataclass(frozen=True, repr=False, eq=False)
class Stale(Result):
    """Cells whose inputs changed since they ran."""

    runs: tuple[Run, ...]
    reasons: dict[str, tuple[dict[str, Any], ...]]
    """Of each run, why (docs/json.md)."""


@dataclass(frozen=True, repr=False, eq=False)
class Carried(Result):
    """How a state would get to another place."""

    run: str
    seconds: float
    bytes: int
    is_optimal: bool
    """Whether no plan takes less; else `data["proof"]` says what no plan takes less than."""
    sent: tuple[tuple[str, ...], ...]
    """The names of each value that is sent."""
    replayed: tuple[str, ...]
    """Runs, in the order in which they are replayed."""
    lost: dict[str, str]
    """Of each name that can't be had there, why."""


@dataclass(frozen=True, repr=False, eq=False)
class Evaluated(Result):
    """What an expression is in another state."""

    run: str
    value: str
    """What `repr` makes of it, cut where it is long."""
    type_name: str
    lost: tuple[dict[str, Any], ...]
    """What is not as the run left it."""


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
    last: datetime
    """When it was used last."""
    is_damaged: bool


@dataclass(frozen=True, repr=False, eq=False)
class Histories(Result):
    """All histories of a store, the one used last first."""

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
    """Something of the store that is missing or not as it was written."""

    place: str
    """The run, or the file."""
    what: str
    affects: tuple[str, ...]
    """What can't come back because of it."""


@dataclass(frozen=True, repr=False, eq=False)
class Verified(Result):
    """Whether what a history saved is there."""

    history: str
    is_sound: bool
    findings: tuple[Finding, ...]
    setbacks: tuple[str, ...]
    """What was seen of it before and is not there any more. Nothing of it is damaged."""
    unreachable: tuple[str, ...]
    """Runs that can't be gone to, since a record before is missing."""
    runs: int
    values: int
    forgotten: int
    """How many of the values were forgotten."""
    bytes_read: int


@dataclass(frozen=True)
class Check:
    """One thing that `doctor` looked at."""

    group: str
    """`environment`, `hooks`, `store` or `trust`."""
    what: str
    is_fine: bool
    found: str
    hint: str | None
    """What mends it."""


@dataclass(frozen=True, repr=False, eq=False)
class Examined(Result):
    """What `doctor` found."""

    version: str
    store: str
    checks: tuple[Check, ...]

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to mend."""
        return all(check.is_fine for check in self.checks)


@dataclass(frozen=True)
class Pieces:
    """Values, texts and runs in the files of a store."""

    pieces: int
    bytes: int


@dataclass(frozen=True, repr=False, eq=False)
class Garbage(Result):
    """What `gc` found and did."""

    dry_run: bool
    alive: Pieces
    """What is needed."""
    removed: Pieces
    """What went, or with `dry_run` would go."""
    found: Pieces
    """What was noted now, and goes later."""
    waiting: Pieces
    """What was noted before, and goes later."""
    freed: int
    """Bytes by which the files got fewer."""
    doubts: tuple[str, ...]
    """What can't be read; whatever may be needed for it stays."""


@dataclass(frozen=True, repr=False, eq=False)
class Forgotten(Result):
    """What was forgotten, or would be."""

    names: tuple[str, ...]
    is_done: bool
    dry_run: bool
    everywhere: bool
    values: int
    """How many values, in all histories that are meant."""
    removed: Pieces
    left: Pieces
    """What is forgotten and lies in files that a kernel is writing."""
    histories: tuple[dict[str, Any], ...]
    """Of each history, what goes with it and what stays (docs/json.md)."""
