"""Which objects are asked whether they are credentials, so that they are never stored.

What a text is, the engine says (crates/clew-cli/src/secrets.rs): by its name and by its shape. Here is what texts are in
question: exact texts and bytes, and those in small dicts, lists and tuples, in the attributes of instances and in what is
written in functions. What instances and functions hold comes from the engine, which runs no code for it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from clew import _engine

LONGEST = 64 * 1024
"""Texts longer than this are data, however they begin; only private keys are looked for in their heads."""


class Attributes(dict[str, Any]):
    """What an instance or a function holds, by the names of the attributes."""


CONTAINERS = (dict, list, tuple, Attributes)
MAPPINGS = (dict, Attributes)
LARGEST_CONTAINER = 64
"""Containers of more members are data."""
MOST_MEMBERS = 256
"""Members that are looked at in all, in a container and those in it."""
SHORTEST_SHAPE = 16
"""The shortest text that has the shape of a credential."""
LONGEST_MEMBER = 4096
"""Longer members of lists are data."""


def is_secret(name: str, value: Any) -> str | None:
    """Why this value must not be stored, for people; `None` if nothing speaks against it.

    Only exact texts and bytes are looked at, and small dicts, lists, tuples and attributes of them. Cheap: a text costs
    microseconds, anything else nothing.
    """
    if type(value) in CONTAINERS:
        return _in_container(value)
    text = _text(value)
    if not text:
        return None
    why = _judged(name, text) if len(text) <= SHORT else _engine.judged_secret(name, text)
    if why is not None:
        return why
    return "equal to a secret environment variable" if text in secret_variables() else None


SHORT = 1024
"""Texts up to this length are judged once: every run asks about every name that has one."""

_judged = lru_cache(maxsize=2048)(_engine.judged_secret)


def redacted(text: str, known: Collection[str] = ()) -> str:
    """A text that was shown, with what looks like a credential or is one of the `known` texts taken out."""
    return _engine.redacted(text, [*known, *secret_variables()])


def masked(source: str, known: Collection[str] = ()) -> tuple[str, list[str]]:
    """A cell's source with what looks like a credential taken out, and what that was, in words."""
    return _engine.masked(source, [*known, *secret_variables()])


def has_writing(source: str) -> bool:
    """Whether a source may say something that it does not compute."""
    return any(mark in source for mark in "'\"#%!")


def texts_of(values: Iterable[tuple[str, Any]]) -> set[str]:
    """The texts that must not be shown, from names with their values: as they are, and as `repr` writes them."""
    found: set[str] = set()
    for name, value in values:
        # A container is hidden for some of its entries, a text for all of it.
        entries = _entries(value) if type(value) in CONTAINERS else [(name, value)]
        secret = [item for key, item in entries if item is value or is_secret(str(key), item)]
        texts = (_text(item) for item in secret)
        found |= {form for text in texts if text for form in (text.strip(), repr(text)[1:-1])}
    return {text for text in found if len(text) >= SHORTEST}


SHORTEST = 4
"""Shorter texts are everywhere in what a session shows; to take them out would hide nothing."""


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


def _in_container(value: Any) -> str | None:
    """The first credential among the texts of a container and of those in it, as far as they are small."""
    for container, within in _containers(value):
        found = _in_dict(container) if type(container) in MAPPINGS else _in_list(container)
        if found is not None:
            why, at = found
            return f"{why} (at {within}{_step(container, at)})"
    return None


def _containers(value: Any) -> Iterator[tuple[Any, str]]:
    """A container and those in it, as far as they are small, each with where it is."""
    open_containers, seen = [(value, "")], 0
    while open_containers and seen < MOST_MEMBERS:
        container, within = open_containers.pop()
        if len(container) > LARGEST_CONTAINER:
            continue
        seen += len(container) + 1
        inner = ((key, item) for key, item in _members(container) if type(item) in CONTAINERS)
        open_containers += [(item, within + _step(container, key)) for key, item in inner]
        yield container, within


def _members(container: Any) -> Iterable[tuple[Any, Any]]:
    return container.items() if type(container) in MAPPINGS else enumerate(container)


def _step(container: Any, key: Any) -> str:
    """How a member is written."""
    return f".{key}" if type(container) is Attributes else f"[{key!r}]"


def _entries(value: Any) -> list[tuple[Any, Any]]:
    """All texts of a container and of those in it, each with its key; a place in a list is no name."""
    return [
        (key if type(container) in MAPPINGS else "", item)
        for container, _ in _containers(value)
        for key, item in _members(container)
        if type(item) not in CONTAINERS
    ]


def _in_dict(entries: dict[Any, Any]) -> tuple[str, Any] | None:
    """The first entry that is a credential, by its key or its shape: why, and where."""
    for key, item in entries.items():
        if type(item) in (str, bytes) and type(key) is str:
            why = is_secret(key, item) or _first_shape([f"{key}: {_text(item)}"])[0]
            if why is not None:
                return why, key
    return None


def _in_list(members: Collection[Any]) -> tuple[str, Any] | None:
    """The first member that has the shape of a credential: why, and where."""
    texts = {
        at: _text(item) or ""
        for at, item in enumerate(members)
        if type(item) in (str, bytes) and SHORTEST_SHAPE <= len(item) <= LONGEST_MEMBER
    }
    why, place = _first_shape(list(texts.values()))
    return None if why is None else (why, list(texts)[place])


def _first_shape(texts: list[str]) -> tuple[str | None, int]:
    """The kind of the first text that has the shape of a credential, and its place."""
    return (_engine.secret_shape(texts) if texts else None) or (None, 0)


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
