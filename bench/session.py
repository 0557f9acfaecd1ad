"""Two kernels with the same session in them, one with Clew and one without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import Kernel

MEGABYTE = 2**20


@dataclass(frozen=True)
class Size:
    """How much there is in the session."""

    names: int
    array_bytes: int
    objects: int

    def __str__(self) -> str:
        return f"{self.names} names, {self.array_bytes / MEGABYTE:,.0f} MB of arrays, {self.objects:,} small objects"

    def cells(self) -> list[str]:
        """The cells that make the session; the memory is incompressible."""
        arrays = 20
        words = max(1, self.array_bytes // 8 // arrays)
        return [
            "import numpy as np\nrng = np.random.default_rng(0)",
            f"for _k in range({arrays}):\n    globals()[f'array_{{_k}}'] = rng.random({words})",
            f"many = [[n] for n in range({self.objects})]",
            f"for _k in range({max(0, self.names - arrays - 4)}):\n    globals()[f'name_{{_k}}'] = [_k, str(_k)]",
            "counter = 0\ndel _k",
        ]


@dataclass
class Pair:
    """The two kernels."""

    plain: Kernel
    clew: Kernel
    size: Size
    home: Path

    def each(self) -> tuple[Kernel, Kernel]:
        return self.plain, self.clew

    def stored(self) -> int:
        """Bytes in the store."""
        files = (self.home / "clew").rglob("*")
        return sum(path.stat().st_size for path in files if path.is_file())


@contextmanager
def pair(directory: Path, size: Size) -> Iterator[Pair]:
    """Starts both kernels and fills them, after warming the machine's memory."""
    warm(size.array_bytes * 3 + size.objects * 400)
    plain = Kernel(home=directory / "plain", load=False)
    clew = Kernel(home=directory / "clew", notebook=directory / "bench.ipynb")
    try:
        for kernel in (plain, clew):
            for cell in size.cells():
                kernel.run(cell, timeout=600).raised()
        yield Pair(plain, clew, size, directory / "clew")
    finally:
        plain.close()
        clew.close()


def warm(size: int) -> None:
    """Touches memory that the machine may never have used: the first touch costs seconds a gigabyte."""
    for _ in range(max(1, size // (256 * MEGABYTE))):
        held = bytearray(256 * MEGABYTE)
        held[::4096] = b"x" * len(held[::4096])


def resident(kernel: Kernel) -> int:
    """The kernel's resident memory in bytes."""
    status = Path(f"/proc/{kernel.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def report(kernel: Kernel, line: str) -> dict[str, Any]:
    """What a mover reports."""
    import json

    found: dict[str, Any] = json.loads(kernel.clew(f"{line} --json", timeout=600).text)
    assert "outcomes" in found, found
    return found
