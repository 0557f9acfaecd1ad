"""Lives of the engine: a child process that records and says what is saved and synced, and one that compares."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TypeVar

from crash.tally import Tally

T = TypeVar("T")

REPOSITORY = Path(__file__).resolve().parents[2]
IS_LONG = "CLEW_LONG" in os.environ
AT_ONCE = 2
_LOCK = Lock()


def program() -> Path:
    """`clew-crash`, which `make crash` builds."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return target / "debug" / "clew-crash"


@dataclass(frozen=True)
class Life:
    """The same seed records the same cells."""

    seed: int
    cells: int = 8
    sync_every: int = 3

    def command(self, store: Path, *lie: str) -> list[str]:
        numbers = [str(number) for number in (self.seed, self.cells, self.sync_every)]
        return [str(program()), "write", str(store), *numbers, *lie]


def heard(command: Sequence[str], around: Sequence[str] = (), **options: object) -> str:
    """What a life said before it ended, however it ended. A line that was cut off is none."""
    done = subprocess.run(
        [*around, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
        **options,
    )  # type: ignore[call-overload]
    return whole_lines(done.stdout)


def whole_lines(said: str) -> str:
    return said[: said.rfind("\n") + 1]


def ask(*words: str | Path, said: str = "") -> tuple[dict[str, int], list[str], list[dict[str, str]]]:
    """Asks `clew-crash`: its counts, its findings, and its further lines."""
    done = subprocess.run(
        [str(program()), *map(str, words)], input=said, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}: {done.stderr}"
    first, *rest = done.stdout.splitlines() or [""]
    counts = {key: int(value) for key, value in pairs(first).items()}
    findings = [line.removeprefix("! ") for line in rest if line.startswith("! ")]
    return counts, findings, [pairs(line) for line in rest if not line.startswith("! ")]


def pairs(line: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in line.split(" ") if "=" in part)


def check(
    tally: Tally, store: Path, said: str, what: str, *, how: str = "killed", goes_on: bool = True
) -> None:
    """Compares a store with what lives said of it, and records on in it."""
    counts, findings, _ = ask("check", store, how, *(["go-on"] if goes_on else []), said=said)
    with _LOCK:
        tally.expected += counts["expected"]
        tally.compared += counts["compared"]
        found = [f"{what}: {finding}" for finding in findings] or [what]
        if not counts["opened"]:
            tally.unopened.append(found[0])
        tally.lost += found[: counts["lost"]] if counts["opened"] else []
        tally.wrong += found[-counts["wrong"] :] if counts["wrong"] else []


def count(tally: Tally, what: str) -> None:
    with _LOCK:
        tally.times[what] += 1


@contextmanager
def a_folder(inside: Path, name: str) -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = inside / name
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def each(work: Callable[[T], None], among: Iterable[T]) -> None:
    """Does it for all of them, some at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, among))


def some(among: Sequence[T], most: int) -> Sequence[T]:
    """All in the long form; else about so many, spread over them."""
    return among if IS_LONG else among[:: max(1, -(-len(among) // most))]
