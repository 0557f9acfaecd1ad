"""Disks that are full, of bytes or of files, and writes that a limit on the size of files cuts short."""

from __future__ import annotations

import resource
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from crash.lives import IS_LONG, Life, a_folder, check, count, each, heard, some
from crash.tally import Tally

LIFE = Life(seed=6, cells=8)
SIZES = range(8, 480, 4)
"""Of a tmpfs, in KiB: from one that holds no store to one that holds nearly all of it."""
FILES = range(2, 24)


def run(folder: Path) -> list[Tally]:
    folder.mkdir()
    return [full(folder / "full"), short(folder / "short")]


def mount(*words: str | Path) -> None:
    subprocess.run(["mount", *map(str, words)], check=True, capture_output=True, text=True)


def full(folder: Path) -> Tally:
    tally = Tally("full disks")
    folder.mkdir()
    limits = [(f"size={size}k", "no bytes left") for size in some(SIZES, 24)]
    limits += [(f"nr_inodes={files}", "no files left") for files in some(FILES, 22)]
    for option, what in limits:
        with a_folder(folder, option) as place:
            try:
                mount("-t", "tmpfs", "-o", f"{option}", "tmpfs", place)
            except subprocess.CalledProcessError as error:
                tally.lacking.append(f"a tmpfs can't be mounted: {error.stderr.strip()}")
                return tally
            try:
                fill(tally, place / "store", option, what)
            finally:
                subprocess.run(["umount", str(place)], check=True)
    return tally


def fill(tally: Tally, store: Path, option: str, what: str) -> None:
    said = heard(LIFE.command(store))
    if said.count("saved") < LIFE.cells:
        count(tally, what)
    # It can be read while it is full, and be recorded on once there is room.
    if store.exists():
        check(tally, store, said, f"full, {option}", goes_on=False)
    mount("-o", "remount,size=64m,nr_inodes=10000", store.parent)
    check(tally, store, said, f"full, {option}, then not")


def short(folder: Path) -> Tally:
    """With the signal ignored, as Python has it, a write is cut short and the next one fails; else the process dies."""
    tally = Tally("writes cut short")
    folder.mkdir()
    heard(LIFE.command(folder / "whole"))
    longest = max(path.stat().st_size for path in (folder / "whole").rglob("*") if path.is_file())
    limits = [*range(1, 4000, 97), *range(4000, longest + 1, 997)]

    def one(limit: int) -> None:
        for is_ignored in (True, False) if IS_LONG else (True,):
            with a_folder(folder, f"{limit}-{is_ignored}") as place:
                store = place / "store"
                said = heard(
                    LIFE.command(store), preexec_fn=limited(limit, is_ignored), restore_signals=False
                )
                count(tally, "cut short" if is_ignored else "killed by the limit")
                check(tally, store, said, f"files of {limit} bytes at most")

    each(one, some(limits, 24))
    return tally


def limited(limit: int, is_ignored: bool) -> Callable[[], None]:
    return partial(_limit, limit, is_ignored)


def _limit(limit: int, is_ignored: bool) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN if is_ignored else signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
