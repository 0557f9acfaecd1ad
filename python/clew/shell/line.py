"""Splits the line after `%clew` into words."""

from __future__ import annotations

import re
import shlex

#: Words that end in an expression, which is taken as it was typed: quotes and brackets mean what they mean in Python.
ASKING = frozenset(["eval", "bisect"])
#: Their options that a word follows.
WITH_VALUE = frozenset(["--store", "--history", "--kernel", "--from", "--to"])


def split(line: str) -> list[str]:
    """The words of a line. Raises ValueError where a quote is not closed."""
    word = line.split(maxsplit=1)[:1]
    return _asked(line) if word and word[0] in ASKING else shlex.split(line, comments=True)


def _asked(line: str) -> list[str]:
    """`eval REV EXPR`, `bisect [--from REV] EXPR`: options and the revision, then `--` and the rest in one word."""
    words: list[str] = []
    rest = line
    plain = 2 if line.split(maxsplit=1)[0] == "eval" else 1
    while rest.strip() and (plain or rest.lstrip().startswith("--")):
        word, rest = _first(rest)
        if word == "--":
            break
        words.append(word)
        if word in WITH_VALUE:
            value, rest = _first(rest)
            words.append(value)
        elif not word.startswith("--"):
            plain -= 1
    expression = rest.strip()
    at_end = re.search(r"\s--json$", expression)
    if at_end:
        words.append("--json")
        expression = expression[: at_end.start()].rstrip()
    # A whole expression in quotes is typed as a shell wants it; as a text of its own it would be no question.
    quoted = re.fullmatch(r"""(["'])((?:(?!\1).)+)\1""", expression)
    if quoted:
        expression = quoted[2]
    return [*words, "--", expression] if expression else words


def _first(text: str) -> tuple[str, str]:
    """The first word, which quotes may hold together, and what comes after it."""
    found = re.match(r"""\s*("[^"]*"|'[^']*'|\S+)""", text)
    if found is None:
        return "", ""
    return found[1].strip("\"'"), text[found.end() :]
