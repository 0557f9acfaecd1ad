"""Which objects are asked whether they are credentials, so that they are never stored.

What a text is, the engine says (crates/clew-cli/src/secrets.rs): by its name and by its shape. So it does of what lies inside
a value, for which it runs no code (crates/clew-python/src/kernel/credential_search.rs). Here is what exact texts and bytes are asked.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from clew import _engine
from clew.codecs.libraries import having

#: Packages whose objects have keys and tokens of their own, which open nothing: names of tasks. What looks like a credential there still
#: is one.
OTHERWISE_CALLED = having("has_task_keys") | {"clew"}

LONGEST = 64 * 1024
"""Texts longer than this are data, however they begin; only private keys are looked for in their heads."""


def is_secret(name: str, value: Any) -> str | None:
    """Why this value must not be stored, for people; `None` if nothing speaks against it."""
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
"""Texts up to this length are judged once: every run asks about every name that has one."""

_judged = lru_cache(maxsize=2048)(_engine.judged_secret)


# -- what is known of this session ---------------------------------------------------------------------------

MOST_REMEMBERED = 500
"""So many credentials of a session are known again; whoever has more lets go of the oldest."""

_met: dict[str, bool] | None = None
"""Credentials that this session has met, and whether each is one wherever it stands; `None` where no session records. They lie in the
memory of the kernel only, as the values themselves do."""


def begin() -> None:
    """A session begins."""
    global _met
    _met = {}


def end() -> None:
    """It has ended."""
    global _met
    _met = None


def remember(texts: Iterable[str], *, is_given: bool = False) -> None:
    """These are credentials, wherever they come up from now on. What somebody typed or looked up as one `is_given`: it counts however
    little it looks like one."""
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
    """The same of what was looked up as a credential: a text, or what has some by names that tell."""
    for value in values:
        text = _text(value)
        if text is None:
            remember(_engine.secrets_within("", value))
        elif len(text) <= LONGEST_REMEMBERED:
            remember([text.strip()], is_given=True)


def note_typed(prompt: Any, typed: Any, *, is_hidden: bool) -> None:
    """What somebody typed where it is not shown, or was asked for as a credential, is one."""
    if type(typed) is str and (is_hidden or _engine.asks_for_credential(str(prompt))):
        remember([typed], is_given=True)


def known() -> tuple[list[str], set[str]]:
    """Texts that are credentials wherever they stand, and those that are where they are all of a text."""
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
    """A text that was shown, with what looks like a credential or is one of the `known` texts taken out."""
    return _engine.redacted(text, _all_known(known))


def masked(source: str, known: Collection[str] = ()) -> tuple[str, list[str]]:
    """A cell's source with what looks like a credential taken out, and what that was, in words."""
    kept, taken, texts = _engine.masked(source, _all_known(known))
    remember(texts)
    return kept, taken


def has_writing(source: str) -> bool:
    """Whether a source may say something that it does not compute."""
    return any(mark in source for mark in "'\"#%!")


def texts_of(values: Iterable[Any]) -> set[str]:
    """The texts that must not be shown, from values that are kept out: as they are, and as `repr` writes them."""
    found: set[str] = set()
    for value in values:
        # A container is hidden for some of its texts, a text for all of it.
        text = _text(value)
        texts = [text] if text is not None else _engine.secrets_within("", value)
        found |= {form for text in texts for form in (text.strip(), repr(text)[1:-1])}
    return {text for text in found if len(text) >= SHORTEST}


SHORTEST = 4
"""Shorter texts are everywhere in what a session shows; to take them out would hide nothing."""

MIXED = 8
"""Passwords of letters and digits that are as long stand in no other text by chance."""

LONGEST_REMEMBERED = 8192
"""Longer texts are told by their shape or not at all."""


def raw_environment() -> Mapping[Any, Any]:
    """The environment as the system has it: to compare it costs a tenth of decoding it."""
    raw: Mapping[Any, Any] = getattr(os.environ, "_data", os.environ)
    return raw


_known: tuple[dict[Any, Any], frozenset[str]] = ({}, frozenset())


def secret_variables() -> frozenset[str]:
    """Values of environment variables that look like credentials. Kept until the environment changes."""
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
