"""Runs the tests of the object walk, of building and of mapped memory under valgrind's memcheck: `make sanitize`.

memcheck checks every read and write, with a separate allocation for each Python object (PYTHONMALLOC=malloc). The run fails on errors with
our module on the stack, on every access outside of an allocation, and on failed tests. `tools/valgrind.supp` excludes known errors of the C
library. Uses of uninitialized values by the interpreter itself are only counted: they occur before our module is imported. Requires
valgrind, and Clew in .venv-3.11 (`tools/build.sh test 3.11`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ["tests/engine", "tests/codecs/test_numpy.py", "tests/codecs/test_pandas.py"]
OURS = "_engine"


def errors(log: str) -> list[str]:
    """Returns the errors that memcheck found, each with its stack."""
    lines = [re.sub(r"^==\d+== ?", "", line) for line in log.splitlines() if line.startswith("==")]
    blocks = "\n".join(lines).split("\n\n")
    return [block.strip() for block in blocks if "\n   at " in "\n" + block or " at 0x" in block]


def matters(error: str) -> bool:
    """Whether an error is caused by our module, or is an access outside of an allocation."""
    return OURS in error or error.startswith(("Invalid", "Mismatched", "Source and destination"))


def main() -> int:
    if shutil.which("valgrind") is None:
        print("valgrind is missing (Debian: apt-get install valgrind)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, PYTHONMALLOC="malloc", PYTHONHASHSEED="1", OPENBLAS_NUM_THREADS="1")
        valgrind = ["valgrind", "--quiet", "--leak-check=no", "--num-callers=40", "--fair-sched=yes"]
        valgrind += [f"--suppressions={ROOT}/tools/valgrind.supp", f"--log-file={folder}/%p.log"]
        python = [
            str(ROOT / ".venv-3.11/bin/python"),
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-o",
            "timeout=0",
            "-q",
        ]
        done = subprocess.run([*valgrind, *python, *(sys.argv[1:] or TESTS)], cwd=ROOT, env=environment)
        found = [
            error for log in Path(folder).glob("*.log") for error in errors(log.read_text(errors="replace"))
        ]
    bad = [error for error in found if matters(error)]
    print("\n\n".join(bad))
    print(
        f"valgrind: {len(bad)} errors, {len(found) - len(bad)} in the interpreter alone; tests ended with {done.returncode}"
    )
    return 1 if bad or done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
