"""Bits that flip in every kind of record, and files cut short everywhere: what is damaged is named, the rest is equal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from crash.lives import IS_LONG, Life, ask, heard, program
from crash.tally import Tally

LIVES = [Life(seed=1, cells=4, sync_every=2), Life(seed=2, cells=3)]
EVERY = {"flip": 1, "cut": 1} if IS_LONG else {"flip": 6, "cut": 9}
NOTHING_HANGS_ON = {"file", "garbage", "number"}
"""The frame that says which format a store has (every other one says its version, too); what gc noted and will find again;
the count of how often packs were taken away (who finds another one than it knows goes over the packs again)."""
SECRET = bytes([7] * 32)
"""`clew_testing::life::SECRET`: the key that lives sign with."""


def run(folder: Path) -> list[Tally]:
    folder.mkdir()
    store = folder / "store"
    said = "".join(heard(life.command(store)) for life in LIVES)
    ask("collect", store)
    return [
        spoil(store, said, "flip", "bit flips"),
        spoil(store, said, "cut", "files cut short"),
        advice(folder, store),
    ]


def spoil(store: Path, said: str, how: str, name: str) -> Tally:
    counts, findings, kinds = ask("spoil", store, how, str(EVERY[how]), said=said)
    tally = Tally(name)
    for kind in kinds:
        tally.times[f"in records of kind {kind['kind']}"] += int(kind["times"])
    for found, what in ((tally.unopened, "unopened"), (tally.wrong, "wrong"), (tally.unsaid, "unsaid")):
        found += findings[: counts[what]] or [what] * counts[what]
        findings = findings[counts[what] :]
    return tally


def advice(folder: Path, store: Path) -> Tally:
    """A flip in each kind of record: `verify --read-data` or `doctor` names it, and `doctor` has a next step for it."""
    tally = Tally("what verify and doctor say")
    config = folder / "home" / ".config" / "clew"
    config.mkdir(parents=True, mode=0o700)
    key = os.open(config / "signing.key", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    os.write(key, SECRET)
    os.close(key)
    for line in subprocess.run(
        [str(program()), "places", str(store)], check=True, capture_output=True, text=True
    ).stdout.splitlines():
        kind, at, path = line.split(" ", 2)
        copy = folder / "copy"
        shutil.copytree(store, copy)
        flip(copy / Path(path).relative_to(store), int(at))
        tally.times[kind] += 1
        verified, examined = (
            clew(folder, copy, *words) for words in (("verify", "--read-data"), ("doctor",))
        )
        advice = [check["hint"] for check in examined["checks"] if not check["is_fine"]]
        if not all(advice) or (verified["findings"] and not advice):
            tally.unsaid.append(f"{kind}: verify names {verified['findings'][:1]}, doctor advises nothing")
        if not verified["findings"] and not advice and kind not in NOTHING_HANGS_ON:
            tally.unsaid.append(f"{kind}: a flipped bit in {path} at {at} is named by nobody")
        shutil.rmtree(copy)
    return tally


def flip(path: Path, at: int) -> None:
    spoilt = bytearray(path.read_bytes())
    if spoilt:
        spoilt[min(at, len(spoilt) - 1)] ^= 1
    path.write_bytes(spoilt)


def clew(folder: Path, store: Path, *words: str) -> dict[str, Any]:
    """What the native command answers as data."""
    home = folder / "home"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "CLEW_HOME": str(store)}
    command = Path(sys.executable).parent / "clew"
    done = subprocess.run(
        [str(command), *words, "--json"],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
