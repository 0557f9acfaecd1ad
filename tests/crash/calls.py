"""The n-th system call of a recorded life fails, or kills it: for every n, of each call that touches the store."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crash.lives import Life, a_folder, ask, check, count, each, heard, program, some
from crash.tally import Tally

LIFE = Life(seed=3, cells=5, sync_every=2)
FAILURES = {
    "openat": ["EIO", "ENOSPC", "EMFILE"],
    "mkdir": ["EIO", "ENOSPC"],
    "write": ["EIO", "ENOSPC"],
    "pwrite64": ["EIO", "ENOSPC"],
    "ftruncate": ["EIO"],
    "fsync": ["EIO"],
    "fdatasync": ["EIO"],
    "rename": ["EIO", "ENOSPC"],
    "unlink": ["EIO"],
    "flock": ["EIO", "ENOLCK"],
    "pread64": ["EIO"],
    "read": ["EIO"],
    "statx": ["EIO"],
    "getdents64": ["EIO"],
}
"""Calls by which the engine touches files, and what may come of each besides being killed before it."""

CASES_IN_SHORT = 70


@dataclass(frozen=True)
class Case:
    """One call of one life."""

    call: str
    number: int
    failure: str | None

    @property
    def inject(self) -> str:
        how = f"error={self.failure}" if self.failure else "signal=SIGKILL"
        return f"inject={self.call}:{how}:when={self.number}"


def strace(*options: str) -> list[str]:
    return ["strace", "-f", "-qq", "--seccomp-bpf", *options]


def calls_of(command: Sequence[str], store: Path, trace: Path) -> dict[str, range]:
    """Of each call, which of them touch the store: those after the first that names it."""
    heard(command, strace("-o", str(trace), "-e", f"trace={','.join(FAILURES)}"))
    before: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    main, has_begun = None, False
    for line in trace.read_text().splitlines():
        found = re.match(r"(\d+) +(\w+)\(", line)
        if not found:
            continue
        main = main or found[1]
        has_begun |= str(store) in line
        # The count that a failure waits for is of one thread.
        if found[1] == main:
            numbers[found[2]] += 1
            before[found[2]] += not has_begun
    return {call: range(before[call] + 1, number + 1) for call, number in numbers.items()}


def cases(calls: dict[str, range]) -> list[Case]:
    return [
        Case(call, number, failure)
        for call, numbers in calls.items()
        for number in numbers
        for failure in [None, *FAILURES[call]]
    ]


def run(folder: Path) -> list[Tally]:
    if shutil.which("strace") is None:
        return [Tally("system calls", lacking=["strace is not installed"])]
    folder.mkdir()
    return [of_a_life(folder / "life"), of_a_collection(folder / "gc")]


def of_a_life(folder: Path) -> Tally:
    """A life that goes on after each failure as the recorder does, or is killed."""
    tally = Tally("system calls of a life")
    folder.mkdir()
    calls = calls_of(LIFE.command(folder / "traced"), folder / "traced", folder / "trace")

    def one(case: Case) -> None:
        with a_folder(folder, f"{case.call}-{case.number}-{case.failure}") as place:
            store = place / "store"
            said = heard(LIFE.command(store), strace("-o", "/dev/null", "-e", case.inject))
            judge(tally, case, store, said)

    each(one, some(cases(calls), CASES_IN_SHORT))
    return tally


def of_a_collection(folder: Path) -> Tally:
    """`gc` that fails half-way, or is killed."""
    tally = Tally("system calls of a gc")
    folder.mkdir()
    kept = folder / "unchanged"
    said = heard(LIFE.command(kept)) + heard(Life(seed=4, cells=4).command(kept))
    traced = folder / "traced"
    shutil.copytree(kept, traced)
    command = [str(program()), "collect"]
    calls = calls_of([*command, str(traced)], traced, folder / "trace")

    def one(case: Case) -> None:
        with a_folder(folder, f"{case.call}-{case.number}-{case.failure}") as place:
            store = place / "store"
            shutil.copytree(kept, store)
            heard([*command, str(store)], strace("-o", "/dev/null", "-e", case.inject))
            ask("collect", store)
            judge(tally, case, store, said)

    each(one, some(cases(calls), CASES_IN_SHORT // 2))
    return tally


def judge(tally: Tally, case: Case, store: Path, said: str) -> None:
    count(tally, "killed before the call" if case.failure is None else f"failed with {case.failure}")
    check(tally, store, said, f"{case.call} {case.number} {case.failure or 'killed'}")
