"""The sizes that `vars` shows, beside those that Python and pandas count."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Kernel

TEXTS = "[f'customer {i % 500} of town {i}' for i in range(20_000)]"
DEEP = "v.memory_usage(index=True, deep=True)"

MADE = {
    "a frame with object texts": (
        f"v = pd.DataFrame({{'n': range(20_000), 't': pd.Series({TEXTS}, dtype=object)}})",
        f"{DEEP}.sum()",
    ),
    "a series of object texts": (f"v = pd.Series({TEXTS}, dtype=object)", DEEP),
    "a frame with pandas' texts": (
        f"v = pd.DataFrame({{'t': pd.Series({TEXTS}, dtype='str')}})",
        f"{DEEP}.sum()",
    ),
    "a category": (f"v = pd.Series({TEXTS}, dtype='category')", "v.memory_usage(index=True)"),
    "an array of objects": (f"v = np.array({TEXTS}, dtype=object)", "v.nbytes + sum(map(sys.getsizeof, v))"),
    "a list of texts": (f"v = {TEXTS}", "sys.getsizeof(v) + sum(map(sys.getsizeof, v))"),
    "a tuple of numbers": (
        "v = tuple(float(i) for i in range(20_000))",
        "sys.getsizeof(v) + sum(map(sys.getsizeof, v))",
    ),
    "an array": ("v = np.arange(20_000.0)", "v.nbytes"),
}


@pytest.mark.parametrize("what", MADE)
def test_a_size_is_what_the_libraries_count(tmp_path: Path, what: str) -> None:
    code, counted = MADE[what]
    with Kernel(home=tmp_path) as kernel:
        kernel.run("import sys\nimport numpy as np\nimport pandas as pd").raised()
        kernel.run(code).raised()
        kernel.clew("status").raised()
        shown = next(one for one in kernel.terminal("vars", "--json").json["variables"] if one["key"] == "v")
        size, true = shown["size"], kernel.value(f"int({counted})")
    assert 0.9 * true < size < 1.15 * true, (size, true)
