"""Prints the cases that must be restored correctly, one sentence each, with pass or fail.

    python tools/cases.py [pytest arguments]

The cases are the tests in `tests/cases`, which use real kernels. There is one file for each subject.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WORDS = {"passed": "pass", "failed": "FAIL", "error": "FAIL", "skipped": "NOT RUN"}


class Cases:
    """A pytest plugin that collects the result of each test."""

    def __init__(self) -> None:
        self.by_file: dict[str, dict[str, str]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file, _, name = report.nodeid.partition("::")
        ending = "error" if report.failed and report.when != "call" else report.outcome
        if report.when == "call" or ending != "passed":
            self.by_file[file][name] = WORDS[ending]


TABLES = {
    "test_back_and_forth": "",
    "test_found_again": ", in a new kernel after kill -9",
}
"""Texts that are added to the cases of parametrized tests. The case itself is the sentence."""


def sentence(name: str) -> str:
    """Formats `Class::test_undo_gives_back[a]` for people. The number of a promise stays in front."""
    plain, bracket, case = name.rpartition("::")[2].partition("[")
    if plain in TABLES:
        return case[:-1] + TABLES[plain]
    words = plain.removeprefix("test_").replace("_", " ")
    words = re.sub(r"^p(\d\d)\b", lambda match: f"P{int(match[1])}:", words)
    return words + (f" ({case[:-1]})" if bracket else "")


def main(arguments: list[str]) -> int:
    cases = Cases()
    chosen = arguments or [str(ROOT / "tests" / "cases")]
    code = pytest.main(
        ["-q", "--no-header", "--runxfail", "-p", "no:cacheprovider", *chosen], plugins=[cases]
    )
    totals: Counter[str] = Counter()
    for file, results in sorted(cases.by_file.items()):
        print(f"\n{Path(file).stem.removeprefix('test_').replace('_', ' ').capitalize()}")
        for name, result in results.items():
            totals[result] += 1
            print(f"  {result:8} {sentence(name)}")
    print("\n" + (", ".join(f"{count} {word}" for word, count in sorted(totals.items())) or "No cases"))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
