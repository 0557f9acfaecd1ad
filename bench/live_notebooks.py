"""Run other people's notebooks in recording kernels, and compare Clew's reports with digests.

    python -m bench.live_notebooks examples/*.ipynb FOLDER… --count 10 --output .bench/live

All given files are run. From folders (checkouts of repositories), notebooks are drawn in turn. First, cells that fail here are removed.
Then each notebook is run completely, the kernel is restarted as JupyterLab does it, and the session is resumed. The script counts:

- variables that the report of `resume` lists as unverified;
- wrong entries in the change column: false ones (the digests before and after the cell are equal) and missing ones (they differ, but the
  run does not list the variable). `bench_probe` computes the digests between the cells. Modules, names with an underscore, names that
  IPython hides (`%pylab`), values without digests (figures) and cells with `%clew`, which are not recorded, are left out.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from bench.kernel import Kernel, Request, timed
from bench.public_notebooks import CELL_SECONDS, INSIDE, Place, Result, chosen, clean

DIGESTS = Request("", silent=True, expression="__import__('bench_probe').told(globals())")

#: A line with a command for Clew.
COMMAND = re.compile(r"^\s*%(clew|load_ext clew)\b", re.MULTILINE)


@dataclass
class Live:
    """The results of a notebook."""

    notebook: str
    cells: int = 0
    #: The variables of the resumed state, and the unverified ones among them.
    variables: int = 0
    unverified: list[str] = field(default_factory=list)
    #: The entries in the change column.
    entries: int = 0
    false: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failed: str | None = None


def play(source: Path, folder: Path) -> Live:
    """Runs a notebook in a recording kernel, and compares."""
    place = Place(folder, source)
    cleaned = Result(str(source))
    cells, plain = clean(place, source, cleaned)
    live = Live(str(source), cells=len(cells))
    if plain is None:
        live.failed = f"only {len(cells)} cells run here"
        return live
    place.restore()
    path = place.folder / source.name
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    with Kernel(home=folder / "home", notebook=path, cwd=place.folder, paths=[INSIDE]) as kernel:
        asked = [DIGESTS]
        for cell in cells:
            asked += [Request(cell["source"]), DIGESTS]
        done = timed(kernel, asked, limit=CELL_SECONDS)
        digests = [one.value for one in done[::2]]
        for cell, one in zip(cells, done[1::2], strict=True):
            if one.error is not None or one.trouble is not None:
                live.failed = f"{one.error or one.trouble}: {cell['source'][:100]}"
                return live
        # All cells are sent at once, as *Run All* does it: the kernel is never idle in between.
        kernel.restart(graceful=True)
        report = json.loads(kernel.clew("resume --json").raised().text)
        of_names = [one for one in report["outcomes"] if one["root"]["kind"] == "name"]
        live.variables = len(of_names)
        live.unverified = [one["root"]["key"] for one in of_names if one["unverified"]]
        runs = kernel.terminal("log", "--json", "--all", "-n", "0").json["runs"]
    compare(live, [run for run in reversed(runs) if run["kind"] == "cell"], cells, digests)
    return live


def compare(live: Live, runs: list[dict[str, Any]], cells: list[Any], digests: list[dict[str, str]]) -> None:
    """Compares the change column of each run with the digests before and after its cell."""
    by_source: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        by_source.setdefault((run["source"] or "").strip(), []).append(run)
    for cell, before, after in zip(cells, digests[:-1], digests[1:], strict=True):
        found = by_source.get(cell["source"].strip())
        if not found and COMMAND.search(cell["source"]):
            continue
        if not found:
            live.missing.append(f"no run: {cell['source'][:100]}")
            continue
        run = found.pop(0)
        listed = {
            sort: {root["key"] for root in run[sort] if root["kind"] == "name"}
            for sort in ("added", "changed")
        }
        live.entries += sum(map(len, listed.values()))
        both = before.keys() & after.keys()
        is_other = {name for name in both if before[name] != after[name]}
        where = f"run {run['run']}: {cell['source'][:100]!r}"
        live.false += [f"~{name}, {where}" for name in sorted(listed["changed"] & (both - is_other))]
        live.false += [f"+{name}, {where}" for name in sorted(listed["added"] & before.keys())]
        new = after.keys() - before.keys()
        live.missing += [
            # A variable that the digests see for the first time may have had a value without a digest.
            f"{name}, {where}"
            for name in sorted((is_other | new) - listed["changed"] - (new & listed["added"]))
        ]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.live_notebooks", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "sources", type=Path, nargs="+", help="notebooks, and checkouts of repositories with notebooks"
    )
    parser.add_argument("--count", type=int, default=10, help="how many notebooks to draw from the checkouts")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--output", type=Path, default=Path(".bench/live"), help="where results are kept")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    files = [source for source in options.sources if source.is_file()]
    drawn = chosen([source for source in options.sources if source.is_dir()], options.count, options.seed)
    results = []
    for number, source in enumerate([*files, *drawn]):
        work = (options.output / f"work-{number:03}").resolve()
        try:
            live = play(source.resolve(), work)
        except Exception:
            live = Live(str(source), failed=traceback.format_exc(limit=-2))
        finally:
            shutil.rmtree(work, ignore_errors=True)
        (options.output / f"{number:03}.json").write_text(json.dumps(asdict(live), indent=1))
        results.append(live)
        print(line(live), flush=True)
    ran = [live for live in results if not live.failed]
    print(f"{len(ran)} notebooks of {len(results)} ran, {sum(live.cells for live in ran)} cells")
    print(
        f"unverified: {sum(len(live.unverified) for live in ran)} of {sum(live.variables for live in ran)} variables"
    )
    false, missing = sum(len(live.false) for live in ran), sum(len(live.missing) for live in ran)
    print(f"change column: {sum(live.entries for live in ran)} entries, {false} false; {missing} missing")


def line(live: Live) -> str:
    """Formats a notebook in one line, followed by the errors."""
    if live.failed:
        return f"{live.notebook}: left out: {live.failed.strip().splitlines()[-1][:150]}"
    counts = f"unverified {len(live.unverified)} of {live.variables}; entries {live.entries}"
    wrong = [*(f"  false {one}" for one in live.false), *(f"  missing {one}" for one in live.missing)]
    return "\n".join([f"{live.notebook}: {live.cells} cells; {counts}", *wrong])


if __name__ == "__main__":
    main()
