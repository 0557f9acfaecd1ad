"""What stands for a missing text comes back with its column, whatever the new kernel has loaded."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cases.story import Notebook

MISSING = {"None": "None", "nan": "np.nan", "NA": "pd.NA"}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_text_comes_back_where_nothing_else_loads_pandas(
    kernels: Callable[..., Notebook], name: str
) -> None:
    first = kernels("missing")
    first.run(
        "import numpy as np, pandas as pd",
        f"texts = np.array(['x', {MISSING[name]}] * 1000, dtype=object)",
        "del pd",
    )
    first.kill()
    second = kernels("missing")
    assert second.move("resume").word("texts") == "restored"
    same = MISSING[name].replace("pd", "__import__('pandas')")
    assert second.read(f"texts[0], texts[1] is {same}, len(texts)") == ["('x', True, 2000)"]
