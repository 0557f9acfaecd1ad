"""Text columns of a large pandas frame, for each way in which pandas stores text: cells, commands, moves, memory and bytes on disk."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bench import limit
from bench.budgets.session import kernels, must, time_command
from bench.budgets.table import Row, alone, compared, figure
from bench.kernel import peak
from bench.limit import MEGABYTE
from bench.peers.clew import Clew
from bench.peers.peer import Move, Peer
from bench.peers.plain import Plain

ROWS = (2_000_000, 6_000_000)

#: Bytes per row if every text is a Python object.
ROW_BYTES = 260

#: Quick steps are measured so often; the median counts.
TIMES = 3

#: The dtype of the text columns, and pandas' storage of `str`. Without pyarrow pandas stores Python objects (`python`).
KINDS = {
    "str without pyarrow": ("str", "python"),
    "object": ("object", "python"),
    "str in pyarrow": ("str", "pyarrow"),
    "categorical": ("category", "pyarrow"),
}

IMPORTS = """
import numpy as np
import pandas as pd
pd.set_option('mode.string_storage', '{storage}')
rng = np.random.default_rng(0)
""".strip()

#: Each text is an object of its own, as in a frame that was read from a file.
FRAME = """
def texts(what, different):
    return pd.Series([f'{{what}} {{n}}' for n in rng.integers(0, different, {rows})], dtype='{dtype}')
df = pd.DataFrame({{
    'customer': texts('customer', {rows} // 4),
    'city': texts('city', 1000),
    'comment': texts('what somebody said, text', {rows} // 10),
    'amount': rng.random({rows}),
    'quantity': rng.integers(0, 100, {rows}),
    'when': pd.date_range('2020-01-01', periods={rows}, freq='s'),
}})
""".strip()

READ = "total = df['amount'].sum()"

#: Cells that run in both kernels: the title of the row, the code, the number of runs, and the aim in milliseconds.
DAY = (
    ("reading numbers", READ, TIMES, 300.0),
    ("adding a column of numbers", "df['double'] = df['amount'] * 2", 1, 300.0),
    ("sorting the rows", "df = df.sort_values('amount')", 1, 1000.0),
    ("reading numbers for the first time since", READ, 1, 300.0),
    ("setting a number", "mark = 0", 1, 300.0),
)
RUNS = sum(times for _, _, times, _ in DAY)

#: A checksum of the frame.
DIGEST = "int(pd.util.hash_pandas_object(df).sum())"

#: Times `code` inside a kernel; `made` is an object that it uses.
TIMED = "import pickle as _p, time as _t\n_made = {made}\n_start = _t.perf_counter()\n_it = {code}\n_took = _t.perf_counter() - _start\ndel _made, _it"


@dataclass(frozen=True)
class Limits:
    """Physical limits: the bytes of the frame's values, and milliseconds for the same work without Clew."""

    size: int
    read: float
    copied: float
    built: float
    started: float
    imported: float

    def __str__(self) -> str:
        return f"{self.size / MEGABYTE:,.0f} MB of values"


def measure(folder: Path, scale: float, say: Callable[[str], None]) -> list[Row]:
    """Measures frames of both sizes with every kind of text."""
    return [
        row
        for rows in ROWS
        for kind in KINDS
        for row in measure_frame(folder / f"{kind} {rows}".replace(" ", "_"), kind, int(rows * scale), say)
    ]


def measure_frame(folder: Path, kind: str, rows: int, say: Callable[[str], None]) -> list[Row]:
    """Measures one kind of text in a frame of `rows` rows."""
    dtype, storage = KINDS[kind]
    limit.warm(rows * ROW_BYTES * 3)
    with kernels(folder, [IMPORTS.format(storage=storage), FRAME.format(rows=rows, dtype=dtype)]) as (
        plain,
        clew,
    ):
        first = digest(plain)
        limits = measure_limits(plain, folder)
        say(f"{kind}, {rows:,} rows, {limits}: the frame exists")
        found = measure_cells(plain, clew, limits)
        say("the cells ran")
        found += measure_commands(clew, limits)
        say("the commands ran")
        found += measure_moves(clew, (first, digest(plain)), limits)
    return [replace(row, what=f"{kind}, {rows / 1e6:g} M: {row.what}") for row in found]


def digest(peer: Peer) -> object:
    """Computes a checksum of the frame in a kernel."""
    return peer.silently("", expression=DIGEST).value


def measure_limits(plain: Plain, folder: Path) -> Limits:
    """Measures the limits in the plain kernel and with its interpreter."""

    def took(code: str, made: str = "0") -> float:
        return 1000 * float(plain.silently(TIMED.format(made=made, code=code), expression="_took").value)

    def program(code: str) -> float:
        command = [plain.kernel.python, "-c", code]
        return 1000 * limit.best(lambda: subprocess.run(command, check=True), TIMES)

    size = int(plain.silently("", expression="int(df.memory_usage(deep=True).sum())").value)
    return Limits(
        size=size,
        read=1000 * size / limit.measure(folder).memory_read,
        copied=took("df.copy(deep=True)"),
        built=took("_p.loads(_made)", made="_p.dumps(df, 5)"),
        started=program("pass"),
        imported=program("import pandas"),
    )


def measure_cells(plain: Plain, clew: Clew, limits: Limits) -> list[Row]:
    """Measures the delay of the next cell after each cell, then peak memory and stored bytes."""
    rows = []
    for peer in (plain, clew):
        peak(peer.kernel, again=True)
    clew.begin(RUNS)
    for what, cell, times, aim in DAY:
        turns = [(must(plain, cell), must(clew, cell)) for _ in range(times)]
        without, with_clew = (statistics.median(took) for took in zip(*turns, strict=True))
        row = compared(f"next cell after {what}", without, with_clew, aim, "ms")
        rows.append(replace(row, note=f"reading all values takes {figure(limits.read)} ms"))
    without, with_clew = (peak(peer.kernel) / MEGABYTE for peer in (plain, clew))
    most = compared("peak memory during these cells", without, with_clew, None, "MB")
    clew.finish()
    stored = alone("stored for these cells", clew.stored() / MEGABYTE, None, "MB", str(limits))
    return [*rows, replace(most, note=str(limits)), stored]


def measure_commands(clew: Clew, limits: Limits) -> list[Row]:
    """Measures commands that restore nothing: in the kernel after a cell that reads the frame, and in a terminal."""
    first, last = clew.runs[0], clew.runs[-1]
    rows = []
    for command in ("status", "stale", "log", "show @"):
        took = []
        for _ in range(TIMES):
            must(clew, READ)
            took.append(clew.typed(f"%clew {command}").total)
        rows.append(alone(f"`%clew {command}`", statistics.median(took), 50.0, "ms"))
    compared_in = clew.typed(f"%clew diff {first} {last}").total
    rows.append(alone("`%clew diff` of the first and the last state", compared_in, 1000.0, "ms"))
    for expression, least, least_ms in (
        ("1+1", "starting Python", limits.started),
        ("len(df)", "importing pandas", limits.imported),
    ):
        took = [time_command(clew, "eval", "@", expression) for _ in range(TIMES)]
        note = f"the first {figure(took[0])} ms; {least} takes {figure(least_ms)} ms"
        rows.append(alone(f"`clew eval @ '{expression}'`", statistics.median(took), 1000.0, "ms", note))
    searched = time_command(clew, "bisect", "'double' in df", "--from", str(first), "--to", str(last))
    rows.append(alone(f"`clew bisect` over {RUNS} runs", searched, 3000.0, "ms"))
    return rows


def measure_moves(clew: Clew, right: tuple[object, object], limits: Limits) -> list[Row]:
    """Measures undo, switch and resume. `right` has the checksums of the first and the last state."""
    built = f"unpickling the frame takes {figure(limits.built)} ms"
    copied = f"copying the frame takes {figure(limits.copied)} ms"
    peak(clew.kernel, again=True)
    rows = [
        row_of_moves("undo of setting a number", undo_often(clew, "mark = {number}"), 50.0),
        row_of_moves(
            "undo of adding a column of numbers",
            undo_often(clew, "df['third'] = df['amount'] * {number}"),
            None,
        ),
        row_of_moves("switch to the first state", [clew.told(0)], 3000.0, f"{copied}, {built}"),
        row_of_moves("switch back to the sorted frame", [clew.told(RUNS)], 3000.0, f"{copied}, {built}"),
        alone("peak memory during these moves", peak(clew.kernel) / MEGABYTE, None, "MB", str(limits)),
    ]
    clew.kernel.restart()
    attached = clew.attach()
    there = clew.moved("resume")
    there = replace(there, seconds=there.seconds + attached)
    note = f"importing pandas takes {figure(limits.imported)} ms, {built}"
    rows.append(row_of_moves("resume in a new kernel", [there], 3000.0, note))
    wrong = int(digest(clew) != right[1])
    rows.append(row_of_moves("switch to the first state in the new kernel", [clew.told(0)], 3000.0, built))
    wrong += int(digest(clew) != right[0])
    most = peak(clew.kernel) / MEGABYTE
    return [
        *rows,
        alone("peak memory of the new kernel", most, None, "MB", str(limits)),
        alone("frames with wrong values", wrong, 0.0, ""),
    ]


def undo_often(clew: Clew, cell: str) -> list[Move]:
    """Runs a cell and undoes it, several times."""
    moves = []
    for number in range(1, TIMES + 1):
        must(clew, cell.format(number=number))
        moves.append(clew.moved("undo"))
    return moves


def row_of_moves(what: str, moves: list[Move], aim: float | None, note: str = "") -> Row:
    """The median of some restores: the time until the next cell could start, and the two parts that Clew reports."""
    typical = sorted(moves, key=lambda move: move.seconds)[len(moves) // 2]
    parts = f"look {figure(1000 * (typical.check or 0))} ms, move {figure(1000 * (typical.move or 0))} ms"
    return alone(what, 1000 * typical.seconds, aim, "ms", "; ".join(filter(None, (parts, note))))
