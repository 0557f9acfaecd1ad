"""The benchmarks: `python -m bench` measures Clew, its peers and a plain kernel; docs/benchmarks tells how to read it."""

import sys
from pathlib import Path

#: The kernel harness of the tests starts the kernels here, too.
TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))
