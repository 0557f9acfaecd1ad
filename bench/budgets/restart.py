"""A session of ten gigabytes of incompressible data in a new kernel, with a warm and a cold cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench import limit
from bench.budgets.session import Size, clew_kernel
from bench.budgets.table import Row, alone
from bench.peers.clew import Clew

BYTES = 10_000_000_000


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Kills a kernel and resumes in another one: once from the page cache, once from the disk."""
    size = Size(40, int(BYTES * scale), 1000)
    limit.warm(int(size.array_bytes * 1.5))
    folder.mkdir(parents=True, exist_ok=True)
    limits = limit.measure(folder)
    with clew_kernel(folder, size.cells()) as clew:
        clew.finish()
        before = sums(clew, size)
        before = sums(clew, size)
        say(f"{size} recorded")
        warm = resumed(clew, cold=False)
        say(f"warm: {warm:.2f} s")
        clew.kernel.terminal("config", "load.verify", "no")
        unchecked = resumed(clew, cold=False)
        say(f"warm, unchecked: {unchecked:.2f} s")
        clew.kernel.terminal("config", "load.verify", "yes")
        cold = resumed(clew, cold=True)
        say(f"cold: {cold:.2f} s")
        wrong = sum(1 for one, other in zip(before, sums(clew, size), strict=True) if one != other)
    return rows(size, limits, (warm, unchecked, cold), wrong)


def sums(clew: Clew, size: Size) -> list[float | None]:
    """Returns a checksum of every array; none for missing arrays."""
    one = "float(globals()[f'array_{n}'].sum()) if f'array_{n}' in globals() else None"
    found: list[float | None] = clew.silently("", expression=f"[{one} for n in range({size.arrays})]").value
    return found


def resumed(clew: Clew, *, cold: bool) -> float:
    """Returns the seconds for loading the extension and resuming in a new kernel."""
    clew.kernel.kill()
    if cold:
        limit.cool(path for path in (clew.home / "clew").rglob("*") if path.is_file())
    clew.kernel.restart()
    return clew.resume().seconds


def rows(size: Size, limits: limit.Limits, took: tuple[float, float, float], wrong: int) -> list[Row]:
    """Returns the results, compared with the limits of memory and disk."""
    gigabytes = size.array_bytes / 1e9
    warm, unchecked, cold = took
    return [
        alone(f"restart with {gigabytes:.1f} GB, warm cache, every hash checked", warm, None, "s"),
        alone(
            f"restart with {gigabytes:.1f} GB, warm cache, fingerprints alone compared",
            unchecked,
            2.0,
            "s",
            "`load.verify` off",
        ),
        alone(f"restart with {gigabytes:.1f} GB, cold cache, every hash checked", cold, None, "s"),
        alone("reading all of it once from memory takes", size.array_bytes / limits.memory_read, None, "s"),
        alone("reading all of it once from the disk takes", size.array_bytes / limits.disk_read, None, "s"),
        alone("arrays that are missing or wrong afterwards", wrong, 0.0, ""),
    ]
