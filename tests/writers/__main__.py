"""Ten kernels for `CLEW_SECONDS` (600): `make writers`. Ends with an error where anything was lost."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from writers.stress import Plan, a_desk, play


def main() -> int:
    seconds = float(os.environ.get("CLEW_SECONDS", 600))
    kernels, seed = int(os.environ.get("CLEW_WRITERS", 10)), int(os.environ.get("CLEW_SEED", 1))
    with tempfile.TemporaryDirectory(prefix="clew-kernels-") as folder:
        with a_desk(Path(folder)) as desk:
            plan = Plan(seconds, kernels, seed, longest_stop=min(30.0, seconds / 10), rest=0.2)
            counts = play(plan, desk)
    print(counts)
    return 0 if counts.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
