"""The table of promises: it fails where a proof failed, was not run, or does not exist."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NUMBERS = [
    int(found) for found in re.findall(r"^\| P(\d+) \|", (ROOT / "docs" / "promises.md").read_text(), re.M)
]
ALL_SHOWN = {f"p{number:02}_it_holds": "" for number in NUMBERS if number != 15}


def told(folder: Path, endings: Mapping[str, str], *missing: str) -> tuple[int, str]:
    """What the tool says of a report in which these tests ended in these ways."""
    cases = "".join(f'<testcase name="a::{name}">{ending}</testcase>' for name, ending in endings.items())
    (folder / "junit.xml").write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    reports = [str(folder / "junit.xml"), *(str(folder / name) for name in missing)]
    tool = [sys.executable, str(ROOT / "tools" / "promises.py"), *reports]
    ran = subprocess.run(tool, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout


def test_all_promises_kept_is_told_and_nothing_fails(tmp_path: Path) -> None:
    code, text = told(tmp_path, ALL_SHOWN)
    assert code == 0
    assert f"{len(NUMBERS)} of {len(NUMBERS)} promises kept; {len(ALL_SHOWN)} tests" in text
    assert "P3  No wrong value." in text and "pass  it holds" in text


@pytest.mark.parametrize("ending", ["<failure/>", "<error/>", "<skipped/>"])
def test_a_proof_that_did_not_pass_fails(tmp_path: Path, ending: str) -> None:
    code, text = told(tmp_path, ALL_SHOWN | {"test_p01_p03_it_breaks[one]": ending})
    assert code == 1
    assert text.count("FAIL  it breaks") == 2, "it counts for both"
    assert f"{len(NUMBERS) - 2} of {len(NUMBERS)} promises kept" in text


def test_a_promise_without_a_test_fails(tmp_path: Path) -> None:
    code, text = told(tmp_path, {name: "" for name in ALL_SHOWN if name != "p07_it_holds"})
    assert code == 1
    assert "P7  Clew never breaks nor disturbs the cell.  NO TEST SHOWS IT" in text


def test_a_report_that_is_missing_fails(tmp_path: Path) -> None:
    code, text = told(tmp_path, ALL_SHOWN, "python-3.13.xml")
    assert code == 1
    assert "FAIL  no report" in text


def test_what_cargo_test_prints_is_read(tmp_path: Path) -> None:
    printed = tmp_path / "rust.txt"
    printed.write_text("test store::p02_it_opens ... ok\ntest store::p02_it_opens_not ... FAILED\n")
    tool = [sys.executable, str(ROOT / "tools" / "promises.py"), str(printed)]
    text = subprocess.run(tool, capture_output=True, text=True, check=False).stdout
    assert "pass  it opens\n" in text and "FAIL  it opens not, 1 FAILED" in text
