"""Stores of released formats open, and everything in them comes back (promise P13)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Kernel

from golden import session, stores

GOLDEN = [pytest.param(path, id=path.name) for path in stores.all_of_them()]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.mark.parametrize("golden", GOLDEN)
def test_p13_every_value_of_a_golden_store_comes_back(
    golden: Path, home: Path, kernels: Callable[..., Kernel]
) -> None:
    stores.unpack(golden, home)
    kernel = session.begin(kernels, home)
    # Functions are kept compiled: another Python than that of the store compiles their cells.
    resumed = kernel.clew("resume best").raised()
    assert "11 variables: 11 restored" in resumed.text
    at = "@"
    for state, expression, value in session.VALUES:
        if state != at:
            kernel.clew(f"switch {state}").raised()
            at = state
        assert kernel.value(expression) == value, f"{expression} at {state}"


@pytest.mark.parametrize("golden", GOLDEN)
def test_p13_a_golden_store_looks_as_it_did(golden: Path, home: Path, kernels: Callable[..., Kernel]) -> None:
    expected = stores.unpack(golden, home)
    kernel = kernels(home=home, load=False)
    looked = stores.looked(kernel)
    assert {
        words: stores.as_then(looked[words], said) for words, said in expected["looks"].items()
    } == expected["looks"]
    verified = kernel.terminal("verify", "--read-data")
    assert verified.exit == 0, verified.out


@pytest.mark.parametrize("golden", GOLDEN)
def test_p13_the_same_session_is_written_as_the_same_bytes(
    golden: Path, home: Path, tmp_path: Path, kernels: Callable[..., Kernel]
) -> None:
    """Who changes what a value is written as makes a new version of the fingerprint and a new golden store."""
    expected = stores.unpack(golden, tmp_path / "golden")
    kernel = session.begin(kernels, home)
    session.plain(kernel)
    kernel.close()
    written = set(expected["pieces"][stores.VERSION])
    missing = written - stores.pieces(home / "clew")
    assert not missing, f"{len(missing)} of {len(written)} pieces are others now"


def test_p13_there_is_a_golden_store_of_the_format_that_is_written() -> None:
    """The newest one says the format that this version writes; its name is the store's format."""
    assert GOLDEN
