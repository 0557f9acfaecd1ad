"""papermill's own tests of what executes notebooks, with Clew as the engine where none is named: what papermill passes Clew passes."""

from __future__ import annotations

from pathlib import Path

import papermill.tests
import pytest
from desk import Desk

TESTS = Path(papermill.tests.__file__).parent
NAMES = ("test_execute.py", "test_autosave.py")
PYTEST = "import sys, pytest\nsys.exit(pytest.main(sys.argv[1:]))"
#: There are fewer only if papermill took some out.
LEAST = 29


def outcomes(desk: Desk, engine: str, *only: str) -> dict[str, str]:
    """What becomes of each test with that engine: of all, or of some only."""
    desk.search = [*desk.search, Path(__file__).parent]
    written = desk.folder / f"{engine}.txt"
    words = ["-q", "-c", "/dev/null", "-p", "no:cacheprovider", "-p", "default_engine"]
    words += [str(TESTS / name) for name in only or NAMES]
    typed = desk.python(PYTEST, *words, env={"ENGINE": engine, "OUTCOMES": str(written)})
    assert typed.exit in (0, 1), typed
    told = (line.split(" ", 1) for line in written.read_text().splitlines())
    return {name: outcome for outcome, name in told}


@pytest.mark.long
def test_papermills_own_tests_pass_with_clew_as_the_default_engine(desk: Desk) -> None:
    ours = outcomes(desk, "clew")
    assert len(ours) >= LEAST
    failed = {name for name, outcome in ours.items() if outcome == "failed"}
    # One needs a matplotlib that shows figures by itself, as older ones did. What fails is put to papermill's own engine.
    theirs = outcomes(desk, "papermill", *failed) if failed else {}
    assert {name for name in failed if theirs.get(name) != "failed"} == set()
