"""What a root that is no name is, and what stands for one that is not there."""

from __future__ import annotations

from typing import Any

Root = tuple[str, str, Any]
"""Its kind in the engine's words, its key, and its value."""


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""Stands for a root that is not there in the state that is installed."""
