"""Beautiful Soup: documents as object graphs. Their own pickle support writes the text and parses it again: elements in other variables
would no longer belong to the document."""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup

from . import Codec, keyed
from .subclasses import instances


def _encode(soup: Any) -> dict[str, Any]:
    """Replaces a builder that holds a parser by its class: a new builder has no state to keep."""
    own = dict(vars(soup))
    builder = own.get("builder")
    if builder is not None and not isinstance(builder, type) and not builder.picklable:
        own["builder"] = type(builder)
    return own


def _fill(soup: Any, own: dict[str, Any]) -> None:
    vars(soup).update(own)
    if isinstance(soup.builder, type):
        soup.builder = soup.builder()


_CODEC = instances("bs4.soup", _encode, _fill)
NAMED = keyed(_CODEC)
CODECS: dict[type, Codec] = {BeautifulSoup: _CODEC}
