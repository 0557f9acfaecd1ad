"""The results of one peer with one workload, as values for the tables."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from bench.figures import Spread, added, spread, windows
from bench.peers import PEERS
from bench.raw import Raw, cell_name, reference_name
from bench.workloads import MAKERS

MOVES = [f"{mark} {way}" for mark in ("previous", "middle", "first") for way in ("there", "back")]


@dataclass(frozen=True)
class Return:
    """One restore, or a restart."""

    seconds: float
    check: float | None
    move: float | None
    right: bool
    #: Some of the wrong values.
    wrong: list[str]
    #: The minimal seconds on this machine; `None` for a restart.
    limit: float | None = None
    #: The inexact values that the peer itself reports.
    says: str = ""


@dataclass(frozen=True)
class Summary:
    """All values of a workload and a peer: milliseconds for cells, seconds for restores, bytes."""

    workload: str
    about: str
    peer: str
    title: str
    scale: float
    machine: dict[str, str]
    limits: dict[str, float]
    cells: int
    #: The number of cells that finished in time.
    done: int
    #: The number of cells that raised another exception than in a plain kernel.
    raised: int
    #: Errors that the peer displayed after cells, including those of the setup.
    troubles: list[str]
    reply: Spread | None
    next: Spread | None
    total: Spread | None
    curve: list[Spread]
    stored: int | None
    stored_after_gc: int | None
    memory: int | None
    moves: dict[str, Return]
    restart: Return | None
    verify: str | None
    right_at_end: bool
    changed: int
    touched: int
    failed: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Returns the values for the stored data."""
        return asdict(self)

    @property
    def remembers(self) -> bool:
        """Whether the peer stores states."""
        return PEERS[self.peer].remembers

    @property
    def restores(self) -> bool:
        """Whether every restore succeeded with the correct values."""
        return all(name in self.moves and self.moves[name].right for name in MOVES)

    @property
    def kept(self) -> int | None:
        """The stored bytes, after gc if the peer has one."""
        return self.stored if self.stored_after_gc is None else self.stored_after_gc

    @property
    def return_seconds(self) -> float | None:
        """The seconds of all restores together, if all succeeded."""
        there = [self.moves[name].seconds for name in MOVES if name in self.moves]
        return sum(there) if len(there) == len(MOVES) else None

    @property
    def record_limit(self) -> float:
        """The milliseconds for writing the changed blocks to the page cache."""
        return 1000 * self.changed / self.limits["disk_write"] if self.limits else 0.0

    @property
    def touch_limit(self) -> float:
        """The milliseconds for reading all values that the cells named."""
        return 1000 * self.touched / self.limits["memory_read"] if self.limits else 0.0


def summarise(raw: Raw) -> list[Summary]:
    """Returns all results, by workload and peer in their usual order."""
    found = []
    for workload in MAKERS:
        reference = raw.read(reference_name(workload))
        for peer in PEERS:
            course = raw.read(cell_name(workload, peer))
            if reference is not None and course is not None:
                found.append(summary(course, reference))
    return found


def summary(course: dict[str, Any], reference: dict[str, Any]) -> Summary:
    """Returns the values of one result."""
    plain, peer = (course.get("cells", {}).get(name, []) for name in ("plain", "peer"))
    count = min(len(plain), len(peer))
    parts = [added([cell[part] for cell in plain], [cell[part] for cell in peer]) for part in (0, 1)]
    totals = [reply + next for reply, next in zip(*parts, strict=True)]
    limits = course.get("limits", {})
    return Summary(
        workload=course["workload"],
        about=course["about"],
        peer=course["peer"],
        title=course["title"],
        scale=course["scale"],
        machine=course["machine"],
        limits=limits,
        cells=len(reference["changed"]),
        done=count,
        raised=raised(course, reference),
        troubles=course["troubles"]["peer"] if "troubles" in course else [],
        reply=spread(parts[0]) if count else None,
        next=spread(parts[1]) if count else None,
        total=spread(totals) if count else None,
        curve=windows(totals, max(1, count // 20)) if count >= 40 else [],
        stored=course.get("stored"),
        stored_after_gc=course.get("stored_after_gc"),
        memory=memory(course),
        moves=moves(course, reference, limits),
        restart=returned(course["restart"], None) if "restart" in course else None,
        verify=course.get("verify"),
        right_at_end=not course.get("right_at_end", {"wrong_count": 1})["wrong_count"],
        changed=sum(reference["changed"][:count]),
        touched=sum(reference["touched"][:count]),
        failed=course["failed"],
    )


def raised(course: dict[str, Any], reference: dict[str, Any]) -> int:
    """Counts the cells that raised another exception than in a plain kernel."""
    errors = course.get("errors", {}).get("peer", [])
    return sum(1 for ours, theirs in zip(errors, reference["errors"], strict=False) if ours != theirs)


def memory(course: dict[str, Any]) -> int | None:
    """Returns the peak memory while cells ran, minus that of the plain kernel; `None` if no cells ran."""
    if "peaks" not in course:
        return None
    plain, peer = course["peaks"]["cells"]
    return int(peer - plain)


def moves(course: dict[str, Any], reference: dict[str, Any], limits: dict[str, float]) -> dict[str, Return]:
    """Returns the executed restores, each with the minimal time for the bytes that differ between the states."""
    marks = {"previous": len(reference["changed"]) - 1, "middle": len(reference["changed"]) // 2, "first": 0}
    found = {}
    for name, told in course.get("moves", {}).items():
        mark, way = name.split()
        apart = reference["apart"][str(marks[mark])][way == "back"]
        found[name] = returned(told, apart / limits["memory_copy"])
    return found


def returned(told: dict[str, Any], limit: float | None) -> Return:
    """Returns one restore."""
    right = not told["wrong_count"]
    return Return(told["seconds"], told["check"], told["move"], right, told["wrong"][:5], limit, told["says"])
