"""The search for credentials within values, in this process: `make sanitize` and `make debug-python` look at every access."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest
from hiding_places import KINDS, PLACES

from clew._engine import secret_within, secrets_within

KEY = "gh" + "p_" + "a1B2" * 9


def made(place: str, key: str) -> Any:
    """A value that holds `key` there; its classes are a notebook's."""
    space: dict[str, Any] = {"__name__": "__main__", "KEY": key}
    exec(KINDS, space)
    return eval(PLACES[place], space)


@pytest.mark.parametrize("place", PLACES)
def test_p12_a_text_is_found_wherever_it_lies(place: str) -> None:
    value = made(place, KEY)
    assert secret_within("x", value) is not None
    assert any(KEY in text for text in secrets_within("x", value))
    assert secret_within("x", made(place, "a text like any other")) is None


def test_a_search_holds_on_to_nothing() -> None:
    values = [made(place, KEY) for place in PLACES]
    held = [sys.getrefcount(value) for value in values]
    for index in range(len(values)):
        secrets_within("x", values[index])
    gc.collect()
    assert [sys.getrefcount(value) for value in values] == held
