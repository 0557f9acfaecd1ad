"""The physical limits of this machine, measured together with everything else: the bandwidths of memory and disk."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

MEGABYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """Bandwidths in bytes per second."""

    memory_read: float
    memory_copy: float
    #: Writing to the page cache, without waiting for the disk.
    disk_write: float
    #: Writing with a flush.
    disk_sync: float
    disk_read_cached: float
    disk_read: float

    def as_dict(self) -> dict[str, float]:
        """Returns the values for the raw data."""
        return asdict(self)


def measure(folder: Path, megabytes: int = 256) -> Limits:
    """Measures each a few times, with a file in `folder`; the best counts."""
    import numpy

    block = numpy.random.default_rng(0).integers(0, 255, megabytes * MEGABYTE, dtype=numpy.uint8)
    numbers, target, path = block.view(numpy.float64), numpy.empty_like(block), folder / "limit"

    def bandwidth(work: Callable[[], object], times: int = 3) -> float:
        return float(block.nbytes / best(work, times))

    try:
        return Limits(
            memory_read=bandwidth(lambda: numpy.add.reduce(block.view(numpy.int64))),
            memory_copy=bandwidth(lambda: numpy.copyto(target, block)),
            disk_write=bandwidth(lambda: write(path, numbers.data, sync=False)),
            disk_sync=bandwidth(lambda: write(path, numbers.data, sync=True), 2),
            disk_read_cached=bandwidth(lambda: read(path)),
            disk_read=bandwidth(lambda: read(path), 1) if cool([path]) else 0.0,
        )
    finally:
        path.unlink(missing_ok=True)


def best(work: Callable[[], object], times: int) -> float:
    """Returns the shortest of some times, in seconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def write(path: Path, data: memoryview, *, sync: bool) -> None:
    """Writes a file over the existing contents."""
    with path.open("r+b" if path.exists() else "wb", buffering=0) as file:
        view = data.cast("B")
        while len(view):
            view = view[file.write(view) :]
        if sync:
            os.fsync(file.fileno())


def read(path: Path) -> None:
    """Reads a file and discards its contents."""
    buffer = bytearray(8 * MEGABYTE)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def cool(paths: Iterable[Path]) -> bool:
    """Removes files from the page cache. Returns whether the system supports that."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def warm(size: int) -> None:
    """Touches memory that the machine may never have used before: the first access costs seconds per gigabyte."""
    held = []
    for _ in range(max(1, size // (256 * MEGABYTE))):
        held.append(bytearray(256 * MEGABYTE))
        held[-1][::4096] = b"x" * len(held[-1][::4096])


def machine() -> dict[str, str]:
    """Describes the machine of the measurements."""
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Clew": clew_version(),
    }


def clew_version() -> str:
    """Returns the measured version of Clew."""
    try:
        return version("clew")
    except PackageNotFoundError:
        return "unknown"


def processor() -> str:
    """Returns the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
