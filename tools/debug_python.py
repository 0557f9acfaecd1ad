"""Runs test suites on a debug build of CPython 3.11: `make debug-python`.

The debug build checks that callers use the C API correctly, fills freed memory, and detects writes beyond allocated memory. Since Python
3.8 it loads the same extension modules as a normal build. So the tested code is what users get: the wheel and all packages in .venv-3.11
(`tools/build.sh test 3.11` installs it).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALLED = ROOT / ".venv-3.11"
PLACE = ROOT / "target/debug-python"
TESTS = ["tests/engine", "tests/codecs", "tests/cases", "tests/scratch", "tests/faults"]
# numpy returns characters beyond the Unicode range for an array of such bytes. The debug build aborts there.
NOT_BORNE = [
    f"tests/cases/test_memory.py::{test}[Arrays of every kind of item]"
    for test in ("test_back_and_forth", "test_found_again")
]
NAME = "python3.11d"
HOW = f"{NAME} is missing (Debian: apt-get install python3.11-dbg)"


def environment(interpreter: str) -> Path:
    """Creates an environment of this interpreter with the packages of .venv-3.11."""
    shutil.rmtree(PLACE, ignore_errors=True)
    subprocess.run([interpreter, "-m", "venv", "--without-pip", str(PLACE)], check=True)
    packages = "lib/python3.11/site-packages"
    (PLACE / packages / "clew-debug.pth").write_text(f"{INSTALLED / packages}\n")
    (PLACE / "bin/clew").symlink_to(INSTALLED / "bin/clew")
    return PLACE / "bin/python"


def main() -> int:
    interpreter = shutil.which(NAME)
    if interpreter is None:
        print(HOW, file=sys.stderr)
        return 2
    python = environment(interpreter)
    checks = "import sys; assert hasattr(sys, 'gettotalrefcount'); import clew; print(sys.version)"
    subprocess.run([python, "-c", checks], cwd=PLACE, check=True)
    pytest: list[str | Path] = [python, "-m", "pytest"]
    pytest += ["-p", "no:cacheprovider", "-o", "timeout=0", *(f"--deselect={test}" for test in NOT_BORNE)]
    return subprocess.run([*pytest, *(sys.argv[1:] or TESTS)], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
