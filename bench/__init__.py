"""What recording and moving cost, with and without Clew in one run: `python -m bench`."""

import sys
from pathlib import Path

# The kernel harness of the tests starts the kernels here, too.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
