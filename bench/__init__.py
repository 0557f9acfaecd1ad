"""The benchmarks: `python -m bench` measures Clew, other tools ("peers") and a plain kernel. docs/benchmarks explains the results."""

import sys
from pathlib import Path

#: The benchmarks use the kernel harness of the tests.
TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))
