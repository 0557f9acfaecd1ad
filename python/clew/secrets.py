"""Tells credentials from ordinary values, by name and by shape, so that they are never stored.

A name alone is not enough: `key = "a"` and a frame called `tokens` are data. A telling name needs a text that could be
a credential; a telling shape is enough by itself.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

LONGEST = 64 * 1024
"""Texts longer than this are data, however they begin; only private keys are looked for in their heads."""

NAMES = re.compile(
    r"(?:^|[_\W\d])"
    r"(?:api_?key|access_?key|private_?key|secret_?key|signing_?key|auth_?key|token|secret|passwd|password|pwd|"
    r"passphrase|credential|authorization|bearer)s?"
    r"(?:$|[_\W\d](?!(?:counts?|paths?|files?|ids?|hash(?:es)?|names?|types?|urls?|lengths?|len|sizes?|index|indices|"
    r"limits?|columns?|cols?|dirs?|folders?|expir\w*|ttl|masks?|embeddings?|positions?|min|max)(?:$|[_\W\d])))"
)
"""Names of variables that hold credentials, in lower case with `_` between words."""

VAGUE_NAMES = re.compile(r"(?:^|[_\W\d])(?:key|auth|cookie|session_?id)s?(?:$|[_\W\d])")
"""Names that hold credentials now and then; only long random texts under them are taken for one."""

SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        ("a private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
        ("an AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
        ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,255}\b"),
        ("a GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{60,255}\b"),
        ("a GitLab token", r"\bgl(?:pat|ptt|rt|cbt)-[A-Za-z0-9_-]{20,}"),
        ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{20,}"),
        (
            "a Slack webhook",
            r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/+_-]{20,}",
        ),
        ("an API key", r"\bsk-(?=[A-Za-z_-]{0,60}\d)[A-Za-z0-9_-]{20,}"),
        ("a Stripe key", r"\b[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
        ("a Google API key", r"\bAIza[A-Za-z0-9_-]{35}\b"),
        ("a Google token", r"\bya29\.[A-Za-z0-9_-]{20,}"),
        ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}\b"),
        ("a package index token", r"\bpypi-[A-Za-z0-9_-]{50,}|\bnpm_[A-Za-z0-9]{36}\b"),
        ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
        ("a signed token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
        (
            "a storage key",
            r"\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{32,}={0,2}",
        ),
        (
            "an address with a password",
            r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@'\"]{0,100}:[^\s/@'\"]{3,200}@[^\s/]",
        ),
        (
            "an authorization header",
            r"(?i)\bauthorization['\"]?\s*[:=]\s*['\"]?(?:bearer|basic|token)\s+[A-Za-z0-9+/=._-]{8,}",
        ),
        (
            "a password in a text",  # IN_WORDS
            r"(?i)\b(?:password|passwd|pwd|secret|api[_-]?key|token)\s?=\s?[^\s;,'\"&)({\[]{6,200}(?:;|&|$)",
        ),
    )
)
"""What credentials look like."""

CONTAINERS = (dict, list, tuple)
LARGEST_CONTAINER = 64
"""Containers of more members are data."""
MOST_MEMBERS = 256
"""Members that are looked at in all, in a container and those in it."""
SHORTEST_SHAPE = 16
"""The shortest text that has the shape of a credential."""
LONGEST_MEMBER = 4096
"""Longer members of lists are data."""

TRACES = [
    "private key",
    "akia",
    "asia",
    "abia",
    "acca",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "glptt-",
    "glrt-",
    "glcbt-",
    "xox",
    "xapp-",
    "hooks.slack",
    "sk-",
    "k_live_",
    "k_test_",
    "aiza",
    "ya29.",
    "hf_",
    "pypi-",
    "npm_",
    "sg.",
    "eyj",
    "accountkey=",
    "accesskey=",
    "://",
    "authorization",
    "passw",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
]
"""What stands, but for the case of letters, in every text of these shapes: looking for it is much cheaper."""

PLACEHOLDERS = re.compile(
    r"(?i)[<{\[(].*[>}\])]|x{4,}|\*{3,}|\.{3,}|changeme|example|your[_-]|placeholder|none|null"
)


PLAIN = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ][\d:.,+Z-]+)?|(?:[\w.-]+/)*[\w.-]+\.(?:csv|tsv|parquet|json|jsonl|txt|md|py|ipynb|db|sqlite|"
    r"h5|npy|npz|pkl|zip|gz|png|jpe?g|pdf|xlsx?|ya?ml|toml|log|html?)"
)
"""Dates, and paths of files."""


def is_secret(name: str, value: Any) -> str | None:
    """Why this value must not be stored, for people; `None` if nothing speaks against it.

    Only exact texts and bytes are looked at, and small dicts, lists and tuples of them. Cheap: a text costs microseconds,
    anything else nothing.
    """
    if type(value) in CONTAINERS:
        return _in_container(value)
    text = _text(value)
    if not text:
        return None
    judge = _judged if len(text) <= SHORT else _judged.__wrapped__
    why = judge(name, text)
    if why is not None:
        return why
    return "equal to a secret environment variable" if text in secret_variables() else None


SHORT = 1024
"""Texts up to this length are judged once: every run asks about every name that has one."""


@lru_cache(maxsize=2048)
def _judged(name: str, text: str) -> str | None:
    """Why a text under this name is a credential, as far as the two of them tell."""
    shape = shape_of(text)
    if shape is not None:
        return shape
    return "its name says so" if _named_like_one(name, text) else None


def _named_like_one(name: str, text: str) -> bool:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()
    if NAMES.search(words):
        return could_be_one(text)
    return VAGUE_NAMES.search(words) is not None and not _is_words(text) and could_be_one(text)


def _is_words(text: str) -> bool:
    """Whether a text is short, or the name of a column, a file and the like: words and small numbers."""
    return len(text) < 20 or all(WORD.fullmatch(part) for part in re.split(r"[_. -]", text[:4096]))


WORD = re.compile(r"[A-Za-z]*\d{0,4}")


def shape_of(text: str) -> str | None:
    """What kind of credential stands in the text."""
    lowered = text.lower()
    if not any(trace in lowered for trace in TRACES):
        return None
    return next((what for what, pattern in SHAPES if pattern.search(text)), None)


def could_be_one(text: str) -> bool:
    """Whether a text under a telling name is a credential and no ordinary word, sentence or placeholder."""
    text = text.strip()
    if not 8 <= len(text) <= 4096 or any(character.isspace() for character in text) or "/" in text[:1]:
        return False
    if PLACEHOLDERS.search(text) or PLAIN.fullmatch(text):
        return False
    kinds = [
        any(map(test, text))
        for test in (str.islower, str.isupper, str.isdigit, lambda character: not character.isalnum())
    ]
    return sum(kinds) >= 3 or (kinds[2] and sum(kinds) >= 2 and len(text) >= 16 and _entropy(text) >= 2.75)


def redacted(text: str, known: Collection[str] = ()) -> str:
    """A text that was shown, with what looks like a credential or is one of the `known` texts taken out.

    Looked at whole, however long it is: one printed key must not reach the disk.
    """
    for secret in sorted({*known, *secret_variables()}, key=len, reverse=True):
        if secret in text:
            text = _whole(secret).sub(MARK.format("a secret"), text)
    lowered = text.lower()
    if any(trace in lowered for trace in TRACES):
        text = KEY_BLOCK.sub(MARK.format("a private key"), text)
        text = KEY_REST.sub(MARK.format("a private key"), text)
        for what, pattern in SHAPES:
            text = pattern.sub(MARK.format(what), text)
    if any(trace in lowered for trace in ASSIGNED_TRACES):
        text = ASSIGNED.sub(_without_value, text)
    return text


def _whole(secret: str) -> re.Pattern[str]:
    """Where a text stands by itself: `prod` is no part of `products`."""
    return re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)" if secret.isalnum() else re.escape(secret))


def masked(source: str, known: Collection[str] = ()) -> tuple[str, list[str]]:
    """A cell's source with what looks like a credential taken out, and what that was, in words.

    Code is no output: `token = tokenizer.Encode1(x)` shows nothing. So only what is written out counts: texts in quotes,
    comments, lines for the shell, and shapes that no code has.
    """
    hidden = {*known, *secret_variables()}
    if not _is_suspect(source, hidden):
        return source, []
    kept = source
    if any(trace in source.lower() for trace in TRACES):
        kept = KEY_BLOCK.sub(MARK.format("a private key"), kept)
        for what, pattern in SHAPES:
            if what != IN_WORDS:
                kept = pattern.sub(MARK.format(what), kept)
    kept = ASSIGNED_TEXT.sub(_without_value, kept)
    if kept.lstrip().startswith("%%"):
        kept = redacted(kept, known)
    else:
        kept = WRITTEN_OUT.sub(lambda found: _masked_piece(found[0], hidden), kept)
    taken = Counter(MARKED.findall(kept)) - Counter(MARKED.findall(source))
    return kept, sorted(taken)


def has_writing(source: str) -> bool:
    """Whether a source may say something that it does not compute."""
    return any(mark in source for mark in "'\"#%!")


def _masked_piece(piece: str, hidden: Collection[str]) -> str:
    """A text in quotes, a comment or a line for the shell, without its secrets. Quotes stay."""
    if not _is_suspect(piece, hidden):
        return piece
    quotes = piece[:3] if piece[:3] in ('"""', "'''") else piece[0] if piece[0] in "\"'" else ""
    inner = piece[len(quotes) : len(piece) - len(quotes)]
    return f"{quotes}{redacted(inner, hidden)}{quotes}"


def _is_suspect(text: str, hidden: Collection[str]) -> bool:
    """Whether a text may hold a credential: a cheap look before the dear ones."""
    lowered = text.lower()
    if any(trace in lowered for trace in TRACES) or any(trace in lowered for trace in ASSIGNED_TRACES):
        return True
    return any(secret in text for secret in hidden)


def texts_of(values: Iterable[tuple[str, Any]]) -> set[str]:
    """The texts that must not be shown, from names with their values: as they are, and as `repr` writes them."""
    found: set[str] = set()
    for name, value in values:
        items = value.items() if type(value) is dict else [(name, value)]
        # A dict is hidden for some of its entries.
        secret = [item for key, item in items if item is value or is_secret(str(key), item)]
        texts = (_text(item) for item in secret)
        found |= {form for text in texts if text for form in (text.strip(), repr(text)[1:-1])}
    return {text for text in found if len(text) >= SHORTEST}


SHORTEST = 4
"""Shorter texts are everywhere in what a session shows; to take them out would hide nothing."""

MARK = "[not kept: {}]"
MARKED = re.compile(r"\[not kept: ([^\]]*)\]")

IN_WORDS = "a password in a text"
"""The one shape that code has, too: `password = ask(); ...`."""

WRITTEN_OUT = re.compile(
    r"""'''(?s:.*?)'''|\"\"\"(?s:.*?)\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\#[^\n]*|^[ \t]*[%!][^\n]*""",
    re.MULTILINE,
)
"""What a source says and does not compute."""

ASSIGNED_TEXT = re.compile(
    r"(?<![\w.-])([\w.-]{1,60})(['\"]?\]?(?:\s{0,3}:\s{0,3}[\w.\[\]|]{1,40})?\s{0,3}(?:[:=]|[=!]=)\s{0,3}[rbuRBU]{0,2}['\"]{1,3})"
    r"([^\s'\",;]{8,200})"
)
"""The same in a source: `password = '...'`, `headers["X-Api-Key"] = "..."`, `connect(token="...")`."""

KEY_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,8}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]|-(?!----)){0,20000}(?:-----END [A-Z0-9 ]{1,80}-----)?"
)
KEY_REST = re.compile(r"\A[^-]{0,20000}-----END (?:[A-Z0-9]+ ){0,8}PRIVATE KEY(?: BLOCK)?-----")
"""The end of a key whose beginning was cut off."""

ASSIGNED = re.compile(r"(?<![\w.-])([\w.-]{1,60})(['\"]?\s{0,3}[:=]\s{0,3}['\"]?)([^\s'\",;]{8,200})")
"""A name and its value, as they are shown: `password = …`, `'token': '…'`."""

ASSIGNED_TRACES = (
    "key",
    "token",
    "secret",
    "passw",
    "pwd",
    "passphrase",
    "credential",
    "auth",
    "bearer",
    "dsn",
    "conn",
    "cookie",
    "session",
)
"""What stands in names of credentials, in lower case."""


def _without_value(found: re.Match[str]) -> str:
    name, between, value = found.groups()
    return f"{name}{between}{MARK.format('a credential')}" if _named_like_one(name, value) else found[0]


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
        found = (value for name, value in os.environ.items() if _named_like_one(name, value))
        _known = (dict(now), frozenset(found))
    return _known[1]


def _in_container(value: Any) -> str | None:
    """The first credential among the texts of a container and of those in it, as far as they are small."""
    open_containers, seen = [(value, "")], 0
    while open_containers and seen < MOST_MEMBERS:
        container, within = open_containers.pop()
        if len(container) > LARGEST_CONTAINER:
            continue
        seen += len(container) + 1
        entries = container.items() if type(container) is dict else enumerate(container)
        open_containers += [(item, f"{within}[{key!r}]") for key, item in entries if type(item) in CONTAINERS]
        found = _in_dict(container) if type(container) is dict else _in_list(container)
        if found is not None:
            why, at = found
            return f"{why} (at {within}[{at!r}])"
    return None


def _in_dict(entries: dict[Any, Any]) -> tuple[str, Any] | None:
    """The first entry that is a credential, by its key or its shape: why, and where."""
    for key, item in entries.items():
        if type(item) in (str, bytes) and type(key) is str:
            why = is_secret(key, item) or shape_of(f"{key}: {_text(item)}")
            if why is not None:
                return why, key
    return None


def _in_list(members: Collection[Any]) -> tuple[str, Any] | None:
    """The first member that has the shape of a credential: why, and where."""
    texts = [
        (at, _text(item) or "")
        for at, item in enumerate(members)
        if type(item) in (str, bytes) and SHORTEST_SHAPE <= len(item) <= LONGEST_MEMBER
    ]
    # One look at all of them is much cheaper than one at each.
    lowered = "\n".join([text for _, text in texts]).lower()
    if not any(trace in lowered for trace in TRACES):
        return None
    return next(((why, at) for at, text in texts if (why := shape_of(text)) is not None), None)


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


def _entropy(text: str) -> float:
    """Bits a character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
