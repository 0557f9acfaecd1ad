"""The power goes: a file system of its own (ext4 in a file) is shut down under a life, as a power cut would leave it."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from random import Random

from crash.disks import mount
from crash.lives import IS_LONG, Life, check, count, whole_lines
from crash.tally import Tally

SHUT_DOWN = 0x8004587D
"""`EXT4_IOC_SHUTDOWN`."""
HOW = {2: "journal lost (NOLOGFLUSH)", 1: "journal written (LOGFLUSH)"}
"""With the first nothing survives that was not synced; with the second names do, and what they name may be empty."""
CUTS = 200 if IS_LONG else 6
"""Of each kind."""
LIVES_OF_A_DISK = 5


def run(folder: Path) -> list[Tally]:
    return [cuts(folder, CUTS)]


def cuts(folder: Path, most: int, flags: Sequence[int] = tuple(HOW), lie: Sequence[str] = ()) -> Tally:
    tally = Tally("power cuts (ext4)")
    needed = [name for name in ("mkfs.ext4", "mount", "umount") if shutil.which(name, path=PATH) is None]
    if needed:
        tally.lacking.append(f"not installed: {', '.join(needed)}")
        return tally
    folder.mkdir(exist_ok=True)
    choose = Random(most)
    for flag in flags:
        for number in range(most):
            if number % LIVES_OF_A_DISK == 0:
                disk, said = Disk(folder), ""
            try:
                disk.mount()
            except subprocess.CalledProcessError as error:
                tally.lacking.append(f"ext4 can't be mounted here (it takes root): {error.stderr.strip()}")
                return tally
            life = Life(seed=number % LIVES_OF_A_DISK + 1, sync_every=choose.randint(1, 4))
            said += cut(disk, life, flag, choose, lie)
            disk.mount()
            count(tally, HOW[flag])
            check(tally, disk.store, said, f"{HOW[flag]}, cut {number}", how="unplugged")
            disk.unmount()
    return tally


PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


class Disk:
    """An ext4 in a file."""

    def __init__(self, folder: Path) -> None:
        self.image = folder / "image"
        self.place = folder / "disk"
        self.place.mkdir(exist_ok=True)
        self.image.unlink(missing_ok=True)
        with self.image.open("wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-Fq", str(self.image)], check=True, env=os.environ | {"PATH": PATH})

    @property
    def store(self) -> Path:
        return self.place / "store"

    def mount(self) -> None:
        mount("-o", "loop", self.image, self.place)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.place)], check=True)


def cut(disk: Disk, life: Life, flag: int, choose: Random, lie: Sequence[str]) -> str:
    """Shuts the disk down when the life has said so many lines, wherever it is by then. Gives all that it said."""
    process = subprocess.Popen(
        life.command(disk.store, *lie), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    said = ""
    for _ in range(choose.randint(1, life.cells + 3)):
        said += process.stdout.readline()
    root = os.open(disk.place, os.O_RDONLY)
    fcntl.ioctl(root, SHUT_DOWN, struct.pack("I", flag))
    os.close(root)
    # What it says afterwards nobody would hear: with the power its processor goes, too. Here a flush that is under way
    # while the disk is shut down may yet say that it succeeded.
    process.kill()
    process.stdout.close()
    process.wait()
    disk.unmount()
    return whole_lines(said)
