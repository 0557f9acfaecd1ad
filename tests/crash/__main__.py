"""Runs the parts of the kit, those that are named or all: `python -m crash [images calls ...]`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from crash import calls, disks, images, kernels, planted, power, spoiled
from crash.tally import Tally, exit_code, table

PARTS: dict[str, Callable[[Path], list[Tally]]] = {
    "planted": planted.run,
    "images": images.run,
    "calls": calls.run,
    "kernels": kernels.run,
    "power": power.run,
    "disks": disks.run,
    "spoiled": spoiled.run,
}
APART = "CLEW_CRASH_APART"
WHERE_POSSIBLE = "--where-possible"
"""What this machine does not give (mounts, traces) is told and makes nothing red."""


def go_apart() -> None:
    """Into mounts of one's own, where nothing that is mounted is seen by others, and all of it goes with this process."""
    if APART in os.environ:
        return
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    unshare = ["unshare", *as_root, "--mount", "--propagation", "private"]
    can = shutil.which("unshare") and subprocess.run([*unshare, "true"], capture_output=True, check=False)
    if can and can.returncode == 0:
        command = [*unshare, sys.executable, "-m", "crash", *sys.argv[1:]]
        os.execvpe(command[0], command, os.environ | {APART: "1"})


def done(name: str, folder: Path) -> list[Tally]:
    """What a part found. One that broke off is red, and the others run all the same."""
    try:
        return PARTS[name](folder)
    except Exception:
        return [Tally(name, missing=[traceback.format_exc()])]


def main() -> int:
    go_apart()
    where_possible = WHERE_POSSIBLE in sys.argv[1:]
    names = [name for name in sys.argv[1:] if name != WHERE_POSSIBLE] or list(PARTS)
    tallies: list[Tally] = []
    with tempfile.TemporaryDirectory(prefix="clew-crash-") as folder:
        for name in names:
            begun = time.monotonic()
            found = done(name, Path(folder) / name)
            for tally in found:
                tally.seconds = (time.monotonic() - begun) / len(found)
            tallies += found
            print(
                f"{name}: {'as it should be' if exit_code(found, where_possible=where_possible) == 0 else 'RED'}",
                flush=True,
            )
    print(table(tallies))
    return exit_code(tallies, where_possible=where_possible)


if __name__ == "__main__":
    sys.exit(main())
