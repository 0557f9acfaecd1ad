"""Searches for inputs that break a reader, with libFuzzer: `make fuzz`.

Each reader of `fuzz/src/readers.rs` runs for CLEW_SECONDS (60), in short turns, so an interrupted search has covered all of them.
Intermediate results are in the target folder, and the next search continues from them. `--keep` adds a minimal set of inputs that reach new
code to `fuzz/corpus`, where `make test` reads them again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz/corpus"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
WORK = TARGET / "fuzz-work"
#: The seconds of one turn.
TURN = 30
#: An input that takes more seconds, or more megabytes of memory, counts as a finding.
SLOWEST, LARGEST = 20, 2048
#: The maximal size of a reader's corpus in the repository in bytes, and the maximal number of its inputs.
KEPT_BYTES, KEPT_INPUTS = 48_000, 80
# The compiler flags of `cargo fuzz`, for a stable compiler. They instrument edges and comparisons in our crates and their dependencies.
COVERAGE = (
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions=on",
    "-Coverflow-checks=on",
    "-Ccodegen-units=16",
)


def host() -> str:
    """The target triple of this machine. It is passed explicitly, so that build scripts and macros are built without the flags."""
    said = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return next(line.split()[1] for line in said.splitlines() if line.startswith("host:"))


def build() -> Path:
    """Builds the fuzzer; returns its path."""
    environment = dict(os.environ, RUSTFLAGS=" ".join(COVERAGE), CARGO_TARGET_DIR=str(TARGET / "fuzz"))
    environment |= {"CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_PROFILE_RELEASE_DEBUG": "line-tables-only"}
    environment |= {"CARGO_PROFILE_RELEASE_STRIP": "none"}
    words = ["cargo", "build", "--locked", "--release", "--target", host(), "-p", "clew-fuzz"]
    subprocess.run([*words, "--features", "fuzzer", "--bin", "fuzz"], cwd=ROOT, env=environment, check=True)
    return TARGET / "fuzz" / host() / "release/fuzz"


def readers() -> dict[str, int]:
    """Returns the readers, with the maximal input length of each."""
    text = (ROOT / "fuzz/src/readers.rs").read_text()
    found = re.findall(r'^    of\(\s*"(\w+)",\s*"[^"]*",\s*([0-9 <]+),', text, re.M)
    return {name: shifted(longest) for name, longest in found}


def shifted(text: str) -> int:
    number, _, by = text.partition("<<")
    return int(number) << int(by or 0)


class Search:
    """The search for one reader: its inputs, and its results so far."""

    def __init__(self, program: Path, reader: str, longest: int) -> None:
        self.program, self.reader, self.longest = program, reader, longest
        self.folder = WORK / reader
        self.inputs = self.folder / "inputs"
        self.inputs.mkdir(parents=True, exist_ok=True)
        self.told: dict[str, Any] = {"seconds": 0.0, "executions": 0, "edges": 0, "features": 0, "peak": 0}
        self.told |= json.loads(self.state.read_text()) if self.state.exists() else {}

    @property
    def state(self) -> Path:
        return self.folder / "told.json"

    @property
    def findings(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("finding-*") if path.is_file())

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = dict(os.environ, CLEW_READER=self.reader, CLEW_NOTES=str(self.folder / "notes"))
        words = [str(self.program), *arguments, f"-max_len={self.longest}", f"-timeout={SLOWEST}"]
        words += [f"-report_slow_units={SLOWEST}", f"-rss_limit_mb={LARGEST}"]
        words += ["-print_final_stats=1", "-use_value_profile=1"]
        words += [f"-artifact_prefix={self.folder}/finding-"]
        return subprocess.run(
            words, env=environment, capture_output=True, text=True, errors="replace", cwd=self.folder
        )

    def turn(self, seconds: int, *more: str) -> bool:
        """Searches for this many seconds. Returns whether nothing was found."""
        began = time.monotonic()
        seeds = CORPUS / self.reader
        folders = [str(self.inputs), *([str(seeds)] if seeds.is_dir() else [])]
        done = self.run(*folders, f"-max_total_time={seconds}", *more)
        self.learn(done.stderr, time.monotonic() - began)
        if done.returncode == 0:
            return True
        (self.folder / "said.log").write_text(done.stderr[-20_000:])
        return self.was_only_busy()

    def was_only_busy(self) -> bool:
        """Reads slow inputs again. An input that was slow because the machine was busy is not a finding."""
        slow = [path for path in self.findings if path.name.startswith(("finding-timeout", "finding-slow"))]
        for path in slow:
            if self.run(str(path)).returncode == 0:
                path.rename(self.inputs / path.name)
        return bool(slow) and not self.findings

    def learn(self, said: str, seconds: float) -> None:
        told = self.told
        told["seconds"] += seconds
        for key, pattern in (("edges", r"cov: (\d+)"), ("features", r"ft: (\d+)")):
            told[key] = max([told[key], *map(int, re.findall(pattern, said))])
        units = re.findall(r"number_of_executed_units:\s+(\d+)", said) or re.findall(r"^#(\d+)", said, re.M)
        told["executions"] += int(units[-1]) if units else 0
        told["peak"] = max([told["peak"], *map(int, re.findall(r"peak_rss_mb:\s+(\d+)", said))])
        self.state.write_text(json.dumps(told))

    def row(self) -> list[str]:
        kept = [path for path in (CORPUS / self.reader).glob("*") if path.is_file()]
        notes = self.folder / "notes"
        slowest, most = notes.read_text().split() if notes.exists() else ("0", "0")
        told = self.told
        return [
            self.reader,
            f"{told['seconds']:.0f}",
            f"{told['executions']:,}",
            f"{told['edges']:,}",
            f"{told['features']:,}",
            f"{len(list(self.inputs.iterdir())):,}",
            f"{len(kept)} ({sum(path.stat().st_size for path in kept) / 1000:.0f} kB)",
            str(len(self.findings)),
            f"{int(slowest) / 1000:.1f} ms",
            f"{int(most) / 1e6:.1f} MB",
            f"{told['peak']} MB",
        ]

    def keep(self) -> None:
        """Adds inputs that reach new code to the repository."""
        merged = self.folder / "merged"
        shutil.rmtree(merged, ignore_errors=True)
        merged.mkdir()
        seeds = CORPUS / self.reader
        seeds.mkdir(parents=True, exist_ok=True)
        self.run("-merge=1", "-use_value_profile=0", str(merged), str(seeds), str(self.inputs))
        self.take(merged, seeds)

    def take(self, merged: Path, seeds: Path) -> None:
        """Adds inputs of all lengths to the existing ones, within the size limit."""
        kept = list(seeds.iterdir())
        left = KEPT_BYTES - sum(path.stat().st_size for path in kept)
        found = sorted(merged.iterdir(), key=lambda path: path.stat().st_size)
        room = max(KEPT_INPUTS - len(kept), 0)
        for path in found[:: len(found) // room + 1] if room else []:
            left -= path.stat().st_size
            if left >= 0:
                (seeds / path.name[:16]).write_bytes(path.read_bytes())


def notices(program: Path) -> bool:
    """Whether a search finds the planted defect."""
    search = Search(program, "planted", 64)
    shutil.rmtree(search.folder)
    search = Search(program, "planted", 64)
    found = not search.turn(60, "-seed=1") and bool(search.findings)
    print(
        f"planted panic: {'found' if found else 'NOT FOUND'} after {search.told['executions']:,} executions"
    )
    return found


HEADER = [
    "reader",
    "seconds",
    "executions",
    "edges",
    "features",
    "inputs",
    "kept",
    "findings",
    "slowest",
    "memory",
    "process",
]


def show(searches: list[Search]) -> None:
    rows = [HEADER, *(search.row() for search in searches)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("readers", nargs="*", help="only these")
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("CLEW_SECONDS", "60")))
    parser.add_argument("--keep", action="store_true", help="take what was found out into the repository")
    parser.add_argument("--anew", action="store_true", help="forget earlier searches")
    asked = parser.parse_args()
    program = build()
    if asked.anew:
        shutil.rmtree(WORK, ignore_errors=True)
    if not notices(program):
        return 2
    known = readers()
    searches = [Search(program, name, known[name]) for name in asked.readers or known]
    if asked.keep:
        for search in searches:
            search.keep()
    else:
        take_turns(searches, asked.seconds)
    show(searches)
    return 1 if any(search.findings for search in searches) else 0


def take_turns(searches: list[Search], seconds: int) -> None:
    """Runs each reader for its remaining seconds. A reader with a finding waits until the defect is fixed."""
    open_ones = list(searches)
    while open_ones:
        for search in list(open_ones):
            left = int(seconds - search.told["seconds"])
            if left <= 0 or search.findings or not search.turn(min(left, TURN)):
                open_ones.remove(search)
                if search.findings:
                    print(f"{search.reader}: {', '.join(map(str, search.findings))}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
