"""Runs the benchmarks one after the other and prints a table of each.

    python -m bench                 the full size: 200 names, 1 GB of arrays, a million small objects
    python -m bench --small         a twentieth of it, for a quick look and for CI
    python -m bench --json FILE     the figures for machines, too

Figures are kernel-side: the times stamped on Jupyter's messages, and processor time measured inside the cells. Both
kernels, with Clew and without, live at the same time and take turns, so that a busy machine is unfair to neither.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from bench import light, loops, moves
from bench.session import Size, pair
from bench.table import Row, render


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--small", action="store_true", help="a twentieth of the full size")
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--names", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=100, help="light cells timed")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    share = 0.05 if options.small else 1.0
    size = Size(options.names, int(options.gigabytes * share * 2**30), int(options.objects * share))
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="clew-bench-") as directory,
        pair(Path(directory), size) as kernels,
    ):
        print(f"{size}\n", flush=True)
        for measure in [light.measure, loops.measure, moves.measure]:
            found = measure(kernels, options.repeat)
            rows += found
            print(render(found), flush=True)
    if options.json:
        options.json.write_text(json.dumps([row.as_dict() for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
