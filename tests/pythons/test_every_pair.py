"""Every supported Python resumes what every other one recorded. `make between` installs Clew for all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from harness import REPOSITORY, Kernel

from pythons import definitions
from pythons.asking import NOTEBOOK, answers, as_texts, outcomes, unlike, with_texts

PYTHONS = {
    minor: str(REPOSITORY / f".venv-3.{minor}/bin/python") for minor in range(11, sys.version_info.minor + 1)
}
#: Made by `exec`, so that no cell has its source.
WITHOUT_SOURCE = "hidden"
#: Values beside definitions; models and frames are read by libraries of the same version.
VALUES = [
    "from sklearn.linear_model import LinearRegression\nmodel = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])",
    "frame = pd.DataFrame({'n': range(1000), 't': [f'text {i}' for i in range(1000)]}).set_index('n')\n"
    "blocks = {'a': np.arange(10**6), 'b': np.ones((3, 3), dtype='f4')}",
    "going = (i for i in range(3))",
]
#: Since 3.12. Its bound is read first where it arrives.
GENERIC = "Limit = int\ndef bounded[T: Limit, U: (int, str)](x: T) -> T:\n    return x\nLimit = float"
BOUNDS = {
    "its bounds": (
        "bounded(1), [(one.__bound__, one.__constraints__) for one in bounded.__type_params__]",
        (1, [(float, ()), (None, (int, str))]),
    )
}
ANSWERS = {
    "model": ("round(float(model.predict([[2.0]])[0]), 6)", 5.0),
    "frame": ("frame.shape, frame.t[999], int(blocks['a'].sum()), str(blocks['b'].dtype)", ((1000, 1), "text 999", 499999500000, "float32")),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize(("recorded", "resumed"), list(product(PYTHONS, PYTHONS)))
def test_p03_a_session_goes_from_each_python_to_each_other_one(
    kernels: Callable[..., Kernel], recorded: int, resumed: int
) -> None:
    for python in (PYTHONS[recorded], PYTHONS[resumed]):
        assert Path(python).exists(), "`make between` makes the environments"
    kernel = kernels(python=PYTHONS[recorded], notebook=NOTEBOOK)
    for cell in [*definitions.CELLS, *VALUES, *([GENERIC] if recorded >= 12 else [])]:
        kernel.run(cell).raised()
    kernel.clew("switch @").raised()
    kernel.close()

    kernel = kernels(python=PYTHONS[resumed], notebook=NOTEBOOK)
    told = outcomes(kernel, "resume --json")
    lost = {WITHOUT_SOURCE, "going"} if recorded != resumed else {"going"}
    texts = with_texts(told)
    lost |= {"bounded"} if recorded >= 12 > resumed else set()
    assert unlike(told) - texts == lost, {root: told[root] for root in (unlike(told) - texts) ^ lost}
    assert not texts or recorded >= 14 > resumed
    assert all(word == "lost" for word, _ in (told[root] for root in lost))
    if recorded != resumed:
        assert f"Python 3.{recorded} compiled its code" in told[WITHOUT_SOURCE][1]
    whole = len(told) - len(lost) - len(texts)
    print(
        f"3.{recorded} -> 3.{resumed}: {whole} restored, {len(texts)} with annotations as texts, lost: {sorted(lost)}"
    )
    asked = {**definitions.ANSWERS, **ANSWERS, **(BOUNDS if min(recorded, resumed) >= 12 else {})}
    # A class is a root of its own, without a name here.
    for root in (texts | ({"Annotated"} if texts else set())) & asked.keys():
        words, expected = asked[root]
        asked[root] = (words, as_texts(expected))
    assert answers(kernel, asked, but=WITHOUT_SOURCE if recorded != resumed else "") == {}
