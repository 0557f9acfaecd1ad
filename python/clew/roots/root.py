"""Roots that are not variables, and the marker for a missing root."""

from __future__ import annotations

from typing import Any

Root = tuple[str, str, Any]
"""Kind (as the engine names it), key and value."""


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""Marks a root that the state to install does not have."""
