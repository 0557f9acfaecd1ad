"""Real kernels: killed while they record, and with a pack cut short under memory that they show."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from harness import Kernel
from kill.lives import Lives, kill_again_and_again

from crash.lives import IS_LONG
from crash.tally import Tally

KILLS = 500 if IS_LONG else 10
CUTS = 40 if IS_LONG else 3
SIZE = 400_000
"""Items of each array: 3.2 MB."""


def run(folder: Path) -> list[Tally]:
    return [killed(folder / "killed", KILLS), cut_short(folder / "cut", CUTS)]


def killed(folder: Path, kills: int, claims: dict[str, str] | None = None) -> Tally:
    """`claims` plants runs of which nobody ever said that they are saved."""
    tally = Tally("kill -9 of a kernel")
    seed = int(os.environ.get("CLEW_SEED", kills))
    lives = kill_again_and_again(folder, kills, seed)
    if claims is not None:
        lives.saved |= claims
        lives.wrong += lives.check(list(claims))
        assert lives.kernel is not None
        lives.kernel.close()
    tally.times["killed"] = lives.kills
    tally.expected, tally.compared = len(lives.saved), lives.compared
    sort_out(tally, lives)
    if len(lives.saved) <= lives.kills / 2:
        tally.missing.append("too few runs were saved for the kills to say anything")
    return tally


def sort_out(tally: Tally, lives: Lives) -> None:
    for wrong in lives.wrong:
        is_unopened = wrong.startswith("resume said")
        is_value = "found (" in wrong
        (tally.unopened if is_unopened else tally.wrong if is_value else tally.lost).append(wrong)


def cut_short(folder: Path, cuts: int) -> Tally:
    """Every array is touched after the cut: the kernel lives, what is not as it was is named, and no zeros are recorded."""
    tally = Tally("packs cut short under a mapping")
    choose = Random(cuts)
    for number in range(cuts):
        home = folder / str(number)
        with Kernel(home=home, notebook=home / "n.ipynb") as first:
            first.run("import numpy as np; a, b, c = (np.arange(400_000.0) + k for k in (1, 2, 3))").raised()
            first.run("d = {'a': a[::2], 'n': 1}").raised()
            first.clew("status")
        with Kernel(home=home, notebook=home / "n.ipynb") as kernel:
            kernel.clew("resume")
            touch(tally, kernel, choose.randrange(4096, 3 * 8 * SIZE), f"cut {number}")
    return tally


SUMS = "{name: float(array.sum()) for name, array in (('a', a), ('b', b), ('c', c))}"


def touch(tally: Tally, kernel: Kernel, length: int, what: str) -> None:
    whole = {name: (SIZE - 1) * SIZE / 2 + k * SIZE for name, k in (("a", 1), ("b", 2), ("c", 3))}
    largest = max(kernel.home.rglob("*.pack"), key=lambda path: path.stat().st_size)
    os.truncate(largest, length)
    tally.times["cut short"] += 1
    reply = kernel.run(f"sums = {SUMS}")
    if not reply.ok or not kernel.is_alive():
        tally.lost.append(f"{what}: the kernel did not survive it: {reply.ename}")
        return
    kernel.settle()
    found = kernel.value("sums")
    hit = {name for name in whole if found[name] != whole[name]}
    tally.expected += len(whole)
    tally.compared += len(whole)
    for name in hit:
        if f"memory of {name}" not in reply.stderr and f", {name}" not in reply.stderr:
            tally.unsaid.append(f"{what}: {name} lost some and nobody said so: {reply.stderr}")
    # Going there and back: what was lost comes back right or not at all.
    kernel.clew("undo")
    for name in whole:
        back = kernel.value(f"float({name}.sum()) if '{name}' in globals() else None")
        if back is not None and back != whole[name]:
            tally.wrong.append(f"{what}: {name} came back as {back}, not {whole[name]}")
