"""Every word through every interface: the magic, the command, the Python API, and JSON, in one kernel's session.

The table of docs/guide/interfaces.md says how; the crate clew-cli generates it. Movers are asked with `--dry-run`
here, so that each interface finds the same session; what they do is tested elsewhere (tests/shell, tests/cases, tests/journeys).
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from pathlib import Path

import pytest
from harness import Kernel, Typed

from clew import result_builder, results

GUIDE = Path(__file__).parents[2] / "docs"
SESSION = "__import__('clew').session()"


@dataclass(frozen=True)
class Row:
    """One word: how it is typed, how a program asks, and the class of what a program gets."""

    word: str
    typed: str
    api: str
    kind: str
    exits: tuple[int, ...] = (0,)


def rows() -> Iterator[Row]:
    """The rows of docs/guide/interfaces.md, which the commands declare (`CommandInfo.calls` in Rust)."""
    pattern = r"^\| `([a-z -]+)` \| `%clew ([^`]+)` \| `clew ([^`]+)` \| `s\.(.+?)` → `(\w+)` \|"
    page = (GUIDE / "guide/interfaces.md").read_text()
    for word, magic, native, api, kind in re.findall(pattern, page, re.MULTILINE):
        assert magic == native, word
        yield Row(word, magic, api, kind, EXITS.get(word, (0,)))


EXITS = {"doctor": (0, 1)}
"""What a terminal may end with, where it is not 0: `doctor` finds things to mend in an environment of tests."""
TABLE = list(rows())
LATER = ["panel"]
"""Words that are to come: every interface says so in one line."""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Three runs and an undo."""
    home = tmp_path_factory.mktemp("home")
    notebook = home / "work/n.ipynb"
    notebook.parent.mkdir()
    notebook.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    with Kernel(home=home, notebook=notebook) as kernel:
        kernel.queue(["x = [1]", "x.append(2)", "y = x"])
        kernel.settle()
        kernel.clew("undo").raised()
        kernel.clew("tag first 2").raised()
        kernel.clew("remote add lab lab").raised()
        for folder in ("project", "environment/bin"):
            (kernel.cwd / folder).mkdir(parents=True)
        (kernel.cwd / "environment/bin/python").symlink_to(sys.executable)
        yield kernel


def typed(kernel: Kernel, row: Row) -> Typed:
    return kernel.terminal(*row.typed.split())


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.word)
def test_the_magic_answers(kernel: Kernel, row: Row) -> None:
    reply = kernel.clew(row.typed).raised()
    assert reply.text.strip() and "Error:" not in reply.stderr, reply


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.word)
def test_the_command_answers(kernel: Kernel, row: Row) -> None:
    found = typed(kernel, row)
    assert found.exit in row.exits and found.out.strip(), found


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.word)
def test_a_program_gets_an_object(kernel: Kernel, row: Row) -> None:
    assert kernel.value(f"type({SESSION}.{row.api}).__name__") == row.kind


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.word)
def test_json_has_the_fields_that_are_documented(kernel: Kernel, row: Row) -> None:
    word, *rest = row.typed.split()
    words = [word, "--json", *rest]
    answers = [kernel.clew(" ".join(words)).stdout, kernel.terminal(*words).out]
    for answer in map(json.loads, answers):
        assert (answer["schema"], answer["command"]) == (1, row.word.split()[0]), answer
        assert answer["exit"] in row.exits, answer
        missing = set(answer) - {"schema", "command", "exit"} - documented(row.word)
        assert not missing, f"docs/json.md does not tell of {sorted(missing)}"


def test_results_are_made_of_fields_that_are_documented() -> None:
    page = (GUIDE / "json.md").read_text()
    fields = set(re.findall(r"^\| `[^|`]*?(\w+)` \|", page, flags=re.MULTILINE))
    tree = ast.parse(Path(result_builder.__file__).read_text())
    read = {node.slice for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    named = {one for node in ast.walk(tree) if isinstance(node, ast.List) for one in node.elts}
    keys = {node.value for node in read | named if isinstance(node, ast.Constant) and node.value != 0}
    kinds = [kind for kind in vars(results).values() if is_dataclass(kind)]
    places = [key for kind in kinds for _, key, _ in result_builder._fields(kind)]
    keys |= {part for place in places for part in place.split(".") if part}
    # The fields of `Pieces` and of a root are told in words. The others are computed, or of the answer itself.
    told = {"kind", "key", "pieces"} | {"html", "is_optimal", "is_proven", "is_sound"}
    assert keys - fields - told == set(), "docs/json.md has no such field"


@pytest.mark.parametrize("word", LATER)
def test_a_word_to_come_says_so_at_every_door(kernel: Kernel, word: str) -> None:
    words = [word]
    found = kernel.terminal(*words)
    assert found.exit == 2 and "is not available yet" in found.err, found
    assert "is not available yet" in kernel.clew(" ".join(words)).stderr
    assert json.loads(kernel.terminal(*words, "--json").out)["error"]["message"]
    reply = kernel.run(f"{SESSION}.command(*{words!r})")
    assert reply.ename == "UsageError" and "is not available yet" in reply.evalue


def test_a_notebook_is_run_from_a_terminal_only(kernel: Kernel) -> None:
    said = kernel.clew("run other.ipynb").stderr
    assert "`run` starts a kernel of its own" in said and "in a terminal" in said, said


def test_the_table_has_every_word(kernel: Kernel) -> None:
    told = kernel.terminal("--help").out
    words = set(re.findall(r"^ {2,}([a-z][a-z-]+) {2,}\S", told, flags=re.MULTILINE))
    # `serve` speaks with ssh over its own pipes: no interface has an answer of it. `clone` makes a folder, once.
    listed = {row.word.split()[0] for row in TABLE} | set(LATER) | {"help", "serve", "clone", "watch", "run"}
    assert words - listed == set() and listed - words <= {"help"}, (words, listed)


def documented(word: str) -> set[str]:
    """Fields that docs/json.md gives a word's answer."""
    page = (GUIDE / "json.md").read_text()
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    fields: set[str] = set()
    for row in rows:
        names = set(re.findall(r"`([^`]+)`", row[1]))
        if word in names or (word in ("branch", "tag") and word in names):
            fields |= set(re.findall(r"`(\w+)`", "|".join(row[2:])))
    if word == "show":
        fields |= {field for row in rows for field in re.findall(r"`(\w+)`", row[1])}
    return fields
