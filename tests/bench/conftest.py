"""The benchmarks' own logic, on canned figures: no kernel, no clock."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench" / "inside")]
