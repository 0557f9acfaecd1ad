"""What is asked of a kernel that another Python's session comes to."""

from __future__ import annotations

import json
from typing import Any

from harness import Kernel

NOTEBOOK = "/work/flights.ipynb"


def answers(kernel: Kernel, asked: dict[str, tuple[str, object]], but: str) -> dict[str, Any]:
    """What differs from what is expected, by name."""
    told = {name: (kernel.value(words), expected) for name, (words, expected) in asked.items() if name != but}
    return {name: got for name, (got, expected) in told.items() if got != expected and got != repr(expected)}


def said(kernel: Kernel, words: str) -> dict[str, Any]:
    """What `%clew WORDS` answers, as data."""
    answer: dict[str, Any] = json.loads(kernel.clew(words).raised().stdout)
    return answer


def outcomes(kernel: Kernel, words: str) -> dict[str, tuple[str, str]]:
    """What became of each root, and why."""
    told = said(kernel, words)["outcomes"]
    return {each["root"]["key"]: (each["outcome"], each["why"] or "") for each in told}


def unlike(told: dict[str, tuple[str, str]]) -> set[str]:
    """The roots that are not there as they were."""
    return {root for root, (word, _) in told.items() if word not in ("unchanged", "restored")}


def with_texts(told: dict[str, tuple[str, str]]) -> set[str]:
    """The roots that are there but for annotations that Python 3.14 or later had not evaluated: these are texts."""
    said = "annotations are restored as texts"
    return {root for root, (word, why) in told.items() if word == "not_identical" and said in why}


def as_texts(expected: Any) -> Any:
    """The same answer, where annotations are the names of their types."""
    if isinstance(expected, dict):
        return {name: as_texts(value) for name, value in expected.items()}
    if isinstance(expected, tuple):
        return tuple(as_texts(value) for value in expected)
    return expected.__name__ if isinstance(expected, type) else expected
