"""Prints every promise with its tests and their results. Fails if a test did not pass, or if a promise has no test.

    python tools/promises.py REPORT...

Promises are the rows of `docs/promises.md`. The name of a test begins with the numbers of the promises that it tests (`p01_p02_…`,
`test_p03_…`). Reports are JUnit XML, or the output of `cargo test`. Tests of a missing report count as not run.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| (P\d+) \| \*\*(.+?)\*\*", re.MULTILINE)
NUMBERED = re.compile(r"(?:^|::)(?:test_)?((?:p\d\d_)+)(\w+)")
PRINTED = re.compile(r"^test (\S+) \.\.\. (\w+)", re.MULTILINE)

#: Promises that are checked by a benchmark instead of a test.
BY_BENCHMARK = {"P15": "`make bench` measures it, `make ratios` holds the bounds"}

#: The results of a test, by its name as a sentence. One test has several results: for its cases, and for several Pythons.
Endings = dict[str, Counter[str]]


def promises() -> dict[str, str]:
    """Returns the promises by number."""
    return dict(ROW.findall((ROOT / "docs" / "promises.md").read_text()))


def tests(report: Path) -> Iterator[tuple[str, str]]:
    """Yields the name and the result of every test in a report."""
    if report.suffix != ".xml":
        for name, ending in PRINTED.findall(report.read_text()):
            yield name, "passed" if ending == "ok" else ending
        return
    for case in ElementTree.parse(report).iter("testcase"):
        ways = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        yield case.get("name", ""), ways[0] if ways else "passed"


def shown(reports: Iterable[Path]) -> dict[str, Endings]:
    """Returns the tests of every promise."""
    found: dict[str, Endings] = defaultdict(lambda: defaultdict(Counter))
    for report in reports:
        for name, ending in tests(report):
            if numbered := NUMBERED.search(name):
                sentence = numbered[2].replace("_", " ")
                for number in re.findall(r"\d\d", numbered[1]):
                    found[f"P{int(number)}"][sentence][ending] += 1
    return found


def lines(number: str, title: str, endings: Endings) -> Iterator[tuple[bool, str]]:
    """Yields a promise and its tests, each with whether it is kept."""
    if number in BY_BENCHMARK:
        yield True, f"{number}  {title} {BY_BENCHMARK[number]}."
        return
    yield bool(endings), f"{number}  {title}" + ("" if endings else "  NO TEST SHOWS IT")
    for sentence, ways in sorted(endings.items()):
        is_kept = set(ways) == {"passed"}
        times = f" ({ways['passed']} times)" if ways["passed"] > 1 else ""
        told = "pass" if is_kept else "FAIL"
        others = "".join(f", {count} {way}" for way, count in sorted(ways.items()) if way != "passed")
        yield is_kept, f"    {told}  {sentence}{times}{others}"


def main(arguments: list[str]) -> int:
    """Prints the table."""
    reports = [Path(argument) for argument in arguments]
    missing = [str(report) for report in reports if not report.is_file()]
    found = shown(report for report in reports if report.is_file())
    titles = promises()
    kept = 0
    for number, title in titles.items():
        told = list(lines(number, title, found.get(number, {})))
        kept += all(is_kept for is_kept, _ in told)
        print("\n".join(line for _, line in told))
    unknown = sorted(found.keys() - titles.keys())
    for what in (
        *(f"no report {path}" for path in missing),
        *(f"{number} is no promise" for number in unknown),
    ):
        print(f"FAIL  {what}")
    count = sum(ways.total() for endings in found.values() for ways in endings.values())
    names = sum(len(endings) for endings in found.values())
    print(f"{kept} of {len(titles)} promises kept; {names} tests, run {count} times")
    return int(bool(missing or unknown or kept < len(titles) or not reports))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
