"""Of what cells left that were not executed, the kernel of a batch has what the next one may touch; the store has the rest, and the session all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Kernel

CELLS = (
    "import numpy as np",
    "large = np.arange(1_000_000.)",
    "table = np.ones((500, 500))\nkept = [table]",
    "held = np.full(300_000, 7.)\ndef first(): return held[0]",
    "small = float(large[:10].sum())",
)
LARGE = {"large", "table", "kept", "held"}


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A new kernel of a notebook, all of whose cells ran in the one before."""
    kernel = Kernel(home=tmp_path, notebook=tmp_path / "book.ipynb", env={"CLEW_RESUME_ON_START": "never"})
    for cell in CELLS:
        assert kernel.run(cell).ok
    kernel.settle()
    last = json.loads(kernel.clew("show @ --json").stdout)["id"]
    kernel.restart()
    kernel.last = last  # type: ignore[attr-defined]
    yield kernel
    kernel.end()


def brought(kernel: Kernel, run: str | None, source: str) -> set[str]:
    """Has the kernel ready for a cell; which of the large values are live then, and that the session has the others."""
    session = "__import__('clew.shell.session', fromlist=['_']).current()"
    assert kernel.value(f"{session}.bring({run!r}, {source!r}, 1 << 20)") == []
    live = set(kernel.value(f"[name for name in {sorted(LARGE)!r} if name in get_ipython().user_ns]"))
    assert set(kernel.value(f"{session}.recorder.stored_only()")) == LARGE - live
    return live


def test_p03_a_cell_finds_all_that_it_may_touch_and_the_session_has_the_rest(kernel: Kernel) -> None:
    # A function that is live names one of them, so anything might call it.
    assert brought(kernel, kernel.last, "print(small)") == {"held"}  # type: ignore[attr-defined]
    assert kernel.run("more = small + 1").ok and kernel.value("more") == 46.0
    assert brought(kernel, None, "more") == {"held"}
    # What shares memory comes together.
    assert brought(kernel, None, "kept[0].sum()") == {"held", "table", "kept"}
    assert kernel.value("kept[0] is table")
    assert kernel.run("more += kept[0].sum()").ok
    assert brought(kernel, None, "# nothing") == {"held", "table", "kept"}
    assert brought(kernel, None, "[n for n in dir()]") == LARGE
    assert kernel.value("(float(large.sum()), float(more))") == (499999500000.0, 250046.0)
    kernel.restart()
    assert kernel.clew("resume").ok
    assert kernel.value("tuple(float(x) for x in (large.sum(), table.sum(), first(), more))") == (
        499999500000.0,
        250000.0,
        7.0,
        250046.0,
    )


def test_p03_what_only_the_store_holds_goes_along_with_moves(kernel: Kernel) -> None:
    brought(kernel, kernel.last, "small")  # type: ignore[attr-defined]
    kernel.run("small = 5")
    # Bound anew by code that names it, as no batch would have it run: the names that shared it are gone with it.
    kernel.run("table = 3")
    assert '"kept"' not in kernel.clew("show @ --json").stdout
    assert kernel.clew("undo 2").ok
    assert brought(kernel, None, "small") == LARGE
    assert kernel.value("(small, kept[0] is table, float(large[-1]))") == (45.0, True, 999999.0)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a + b.c('d e')", {"a", "b", "c", "d", "e"}),
        ("%matplotlib inline\nx", {"x"}),
        ("f(1)", {"f", "g", "deep"}),
        ("getattr(a, 'b')", None),
        ("import sys; sys.modules['x']", None),
        ("!ls", None),
        ("_", None),
        ("Out[1]", None),
        ("1 +", None),
        ("await x", {"x"}),
    ],
)
def test_names_that_code_may_touch(source: str, names: set[str] | None) -> None:
    from IPython.core.inputtransformer2 import TransformerManager

    from clew.shell.required_names import needed
    from clew.shell.watch import Watch

    namespace: dict[str, object] = {}
    exec("deep = [1]\ndef g(): return deep\ndef f(x): return g()", namespace)
    found = needed(source, TransformerManager(), Watch(namespace))
    assert found is None if names is None else found is not None and names <= found


def test_a_transformer_that_raises_says_nothing_of_names() -> None:
    from IPython.core.inputtransformer2 import TransformerManager

    from clew.shell.required_names import needed
    from clew.shell.watch import Watch

    def raises(lines: list[str]) -> list[str]:
        raise RuntimeError("the user's own")

    transformers = TransformerManager()
    transformers.cleanup_transforms.append(raises)
    assert needed("a = 1", transformers, Watch({})) is None
