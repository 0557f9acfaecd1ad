"""A disk of a few megabytes, in a namespace of its own: what is typed there finds it full, as it finds a real one."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from journeys.person import Person
from journeys.terminal import Terminal

HOLD = 'mount -t tmpfs -o size="$1" tmpfs "$0" && echo mounted && exec cat'


class SmallDisk(Terminal):
    """A tmpfs at `place`, and a terminal of a person's who sees it there. Others see an empty folder."""

    def __init__(self, place: Path, holder: subprocess.Popen[str], person: Person) -> None:
        super().__init__(person.folders)
        self.place = place
        self._holder = holder
        self._enters = ("nsenter", "--preserve-credentials", "-U", "-m", "-t", str(holder.pid))
        #: What lies on it, seen from outside.
        self.seen = Path(f"/proc/{holder.pid}/root{place}")

    def of(self, person: Person) -> SmallDisk:
        """The same disk, for a person with other folders."""
        return SmallDisk(self.place, self._holder, person)

    def typed(self, command: list[str]) -> list[str]:
        return [*self._enters, *super().typed(command)]

    def holds(self, megabytes: int) -> None:
        """Makes it larger, or smaller."""
        words = ["mount", "-o", f"remount,size={megabytes}m", str(self.place)]
        subprocess.run([*self._enters, *words], check=True)

    def left(self) -> int:
        """Bytes that fit on it yet."""
        found = os.statvfs(self.seen)
        return found.f_bavail * found.f_bsize

    def files(self, folder: str) -> dict[str, bytes]:
        """What lies below a folder of it."""
        return {
            str(path.relative_to(self.seen)): path.read_bytes()
            for path in sorted((self.seen / folder).rglob("*"))
            if path.is_file()
        }


@contextmanager
def small_disk(person: Person, place: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mounts one for as long as it is needed."""
    place.mkdir(parents=True)
    words = ["unshare", "--map-root-user", "--mount", "sh", "-c", HOLD, str(place), f"{megabytes}m"]
    pipe = subprocess.PIPE
    with tempfile.TemporaryFile("w+") as errors:
        holder = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=errors, text=True)
        try:
            assert holder.stdout is not None
            if holder.stdout.readline() != "mounted\n":
                errors.seek(0)
                pytest.skip(f"A disk can't be mounted in a namespace here: {errors.read().strip()}")
            yield SmallDisk(place, holder, person)
        finally:
            holder.communicate()
