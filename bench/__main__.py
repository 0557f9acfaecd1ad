"""Measures everything, or one thing, and writes the report.

    python -m bench                      all workloads with all peers, all budgets, then docs/benchmarks
    python -m bench --list               lists the workloads and budgets
    python -m bench --only arrays        one workload; `--only restart` one budget; may be repeated; reported in .bench
    python -m bench --peer clew          one peer; may be repeated; reported in .bench
    python -m bench --small              a fiftieth of the full sizes: a trial, reported in .bench
    python -m bench --scale 0.1          another share of the full sizes
    python -m bench --fresh              repeats existing measurements
    python -m bench --report             writes the report again, without measuring

Results are stored in .bench/scale-SCALE/raw, one file each, so an interrupted benchmark continues where it stopped.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from bench import budgets, report
from bench.environments import ROOT
from bench.peers import PEERS
from bench.raw import Raw
from bench.suite import Suite, Wanted
from bench.workloads import MAKERS, workload


def main() -> None:
    options = parse()
    scale = 0.02 if options.small else options.scale
    folder = ROOT / ".bench" / f"scale-{scale:g}"
    # Published results must all come from one machine: a partial run would replace the other results.
    is_all = scale == 1.0 and not options.only and not options.peer
    output = options.output or (ROOT / "docs" / "benchmarks" if is_all else folder / "report")
    if options.list:
        return print(listed())
    raw = Raw(folder / "raw")
    if not options.report:
        measure(options, scale, raw, folder / "work")
    report.write(raw, output)
    print(f"The report is in {output}")


def measure(options: argparse.Namespace, scale: float, raw: Raw, scratch: Path) -> None:
    """Measures missing results. Temporary files of kernels are always deleted."""
    wanted = Wanted(
        scale,
        tuple(options.only),
        tuple(options.peer or PEERS),
        options.fresh,
        options.cell_seconds,
        options.course_seconds,
    )
    try:
        Suite(wanted, raw, scratch, lambda text: print(text, flush=True)).run()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def parse() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    names = [*MAKERS, *budgets.BUDGETS]
    parser.add_argument("--only", action="append", default=[], choices=names, metavar="NAME")
    parser.add_argument("--peer", action="append", default=[], choices=list(PEERS))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the stated sizes")
    parser.add_argument("--small", action="store_true", help="the same as --scale 0.02")
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured before")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument("--list", action="store_true", help="tell what there is")
    parser.add_argument("--output", type=Path, help="where the report goes")
    parser.add_argument(
        "--cell-seconds", type=float, default=600.0, help="the most a cell or a move may take"
    )
    parser.add_argument(
        "--course-seconds", type=float, default=1800.0, help="the most that all cells of a workload may take"
    )
    return parser.parse_args()


def listed() -> str:
    """Formats all workloads and budgets, one per line."""
    lines = ["Workloads:", *(f"  {name:28} {workload(name, 1.0).about}" for name in MAKERS)]
    lines += ["Budgets:", *(f"  {name:28} {about}" for name, about in budgets.abouts().items())]
    return "\n".join([*lines, "Peers:", *(f"  {name:28} {peer.title}" for name, peer in PEERS.items())])


if __name__ == "__main__":
    main()
