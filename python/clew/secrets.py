"""Detects credentials, so that they are never stored.

The engine decides whether a text is a credential (crates/clew-cli/src/secrets.rs), by its name and its shape. It also searches inside
values, without running code (crates/clew-python/src/kernel/credential_search.rs). This module handles values that are texts or bytes
themselves.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from clew import _engine
from clew.codecs.libraries import having

#: Packages whose objects have harmless keys and tokens: names of tasks. Values that look like credentials still count.
OTHERWISE_CALLED = having("has_task_keys") | {"clew"}

LONGEST = 64 * 1024
"""Longer texts are treated as data. Only their beginnings are searched, for private keys."""


def is_secret(name: str, value: Any) -> str | None:
    """Returns why this value must not be stored, for users; `None` if it may be."""
    text = _text(value)
    if text is None:
        return _engine.secret_within(name, value)
    if not text:
        return None
    why = _judged(name, text) if len(text) <= SHORT else _engine.judged_secret(name, text)
    if why is not None:
        remember(_engine.credentials_in(name, text))
        return why
    if text in secret_variables():
        return "equal to a secret environment variable"
    return "equal to a credential of this session" if _is_known(text) else None


SHORT = 1024
"""Texts up to this length are judged once and cached, because every run checks all names with texts."""

_judged = lru_cache(maxsize=2048)(_engine.judged_secret)


# -- credentials of this session -----------------------------------------------------------------------------

MOST_REMEMBERED = 500
"""The maximal number of remembered credentials of a session. The oldest are dropped first."""

_met: dict[str, bool] | None = None
"""The credentials found in this session, and whether each counts wherever it occurs; `None` if no session is recorded. They are only in the
kernel's memory, like the values themselves."""


def begin() -> None:
    """Begins a session."""
    global _met
    _met = {}


def end() -> None:
    """Ends the session."""
    global _met
    _met = None


def remember(texts: Iterable[str], *, is_given: bool = False) -> None:
    """Remembers texts as credentials, wherever they occur from now on. A text that was typed or looked up as a credential (`is_given`)
    counts even if it does not look like one."""
    if _met is None:
        return
    for text in texts:
        if text in _met or not SHORTEST <= len(text) <= LONGEST_REMEMBERED:
            continue
        while len(_met) >= MOST_REMEMBERED:
            del _met[next(iter(_met))]
        is_mixed = len(text) >= MIXED and not text.isalpha() and not text.isdigit()
        _met[text] = is_given or is_mixed or _engine.is_distinct(text)


def remember_given(values: Iterable[Any]) -> None:
    """Remembers values that were looked up as credentials: texts, and texts under telling names in other values."""
    for value in values:
        text = _text(value)
        if text is None:
            remember(_engine.secrets_within("", value))
        elif len(text) <= LONGEST_REMEMBERED:
            remember([text.strip()], is_given=True)


def note_typed(prompt: Any, typed: Any, *, is_hidden: bool) -> None:
    """Remembers input as a credential if it was hidden, or if the prompt asked for a credential."""
    if type(typed) is str and (is_hidden or _engine.asks_for_credential(str(prompt))):
        remember([typed], is_given=True)


def known() -> tuple[list[str], set[str]]:
    """Returns the texts that are credentials wherever they occur, and those that are only if they are the whole text."""
    variables = secret_variables()
    if not _met and not variables:
        return [], set()
    met = _met or {}
    return [text for text, anywhere in met.items() if anywhere], {*met, *variables}


def _is_known(text: str) -> bool:
    if not _met:
        return False
    return text in _met or _engine.holds_known(text, [one for one, anywhere in _met.items() if anywhere])


def _all_known(known: Collection[str]) -> list[str]:
    met = [text for text, anywhere in _met.items() if anywhere] if _met else []
    return [*known, *met, *secret_variables()]


# -- texts ---------------------------------------------------------------------------------------------------


def redacted(text: str, known: Collection[str] = ()) -> str:
    """Returns a displayed text without credentials and without the `known` texts."""
    return _engine.redacted(text, _all_known(known))


def masked(source: str, known: Collection[str] = ()) -> tuple[str, list[str]]:
    """Returns a cell's source without credentials, and descriptions of the removed ones."""
    kept, taken, texts = _engine.masked(source, _all_known(known))
    remember(texts)
    return kept, taken


def has_writing(source: str) -> bool:
    """Returns whether a source may contain text besides code: strings, comments, magics."""
    return any(mark in source for mark in "'\"#%!")


def texts_of(values: Iterable[Any]) -> set[str]:
    """Returns the texts that must not be shown, from excluded values: as they are, and as `repr` writes them."""
    found: set[str] = set()
    for value in values:
        # A container is excluded because of some of its texts, a text as a whole.
        text = _text(value)
        texts = [text] if text is not None else _engine.secrets_within("", value)
        found |= {form for text in texts for form in (text.strip(), repr(text)[1:-1])}
    return {text for text in found if len(text) >= SHORTEST}


SHORTEST = 4
"""Shorter texts occur everywhere in a session's output; removing them would hide nothing."""

MIXED = 8
"""Passwords of letters and digits with at least this length do not occur in other texts by chance."""

LONGEST_REMEMBERED = 8192
"""Longer texts are recognized by their shape, or not at all."""


def raw_environment() -> Mapping[Any, Any]:
    """Returns the undecoded environment: comparing it takes a tenth of the time of decoding it."""
    raw: Mapping[Any, Any] = getattr(os.environ, "_data", os.environ)
    return raw


_known: tuple[dict[Any, Any], frozenset[str]] = ({}, frozenset())


def secret_variables() -> frozenset[str]:
    """Returns the values of environment variables that look like credentials. Cached until the environment changes."""
    global _known
    now = raw_environment()
    if _known[0] != now:
        _known = (dict(now), frozenset(_engine.secret_variables()))
    return _known[1]


def _text(value: Any) -> str | None:
    if type(value) is bytes or type(value) is bytearray:
        return (
            value[:LONGEST].decode("latin-1")
            if len(value) <= LONGEST
            else _head(value[:100].decode("latin-1"))
        )
    if type(value) is str:
        return value if len(value) <= LONGEST else _head(value[:100])
    return None


def _head(text: str) -> str | None:
    return text if "-----BEGIN" in text else None
